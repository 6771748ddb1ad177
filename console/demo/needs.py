"""What a pod asks of a node: effective requests over containers, sidecars, init containers and overhead (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from console.demo.client import Object
from console.quantity import parse_quantity

Amounts = dict[str, float]  # resource name to base units (cores, bytes, devices)

FINISHED = ("Succeeded", "Failed")


@lru_cache(maxsize=4096)
def amount(quantity: str) -> float:
    """A quantity in base units; nonsense counts as nothing, as the API server should have refused it."""
    try:
        return parse_quantity(quantity)
    except ValueError:
        return 0.0


def amounts(resources: Mapping[str, object] | None) -> Amounts:
    """A map of quantities in base units."""
    return {name: amount(str(quantity)) for name, quantity in (resources or {}).items()}


def container_requests(container: Object) -> Amounts:
    """Requests of one container; a limit stands in where no request is given."""
    resources = container.get("resources") or {}
    return {**amounts(resources.get("limits")), **amounts(resources.get("requests"))}


def pod_requests(pod: Object) -> Amounts:
    """What the scheduler counts for the pod.

    As in k8s.io/component-helpers/resource: the sum of containers and sidecars, or more where an ordinary init
    container together with the sidecars started before it needs more; plus overhead.
    """
    spec = pod["spec"]
    running: Amounts = {}
    for container in spec.get("containers") or ():
        _add(running, container_requests(container))
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.get("initContainers") or ():
        own = container_requests(container)
        if container.get("restartPolicy") == "Always":
            _add(sidecars, own)
            own = {}
        else:
            _add(own, sidecars)
        for name, value in own.items():
            peak[name] = max(peak.get(name, 0.0), value)
    _add(running, sidecars)
    for name, value in peak.items():
        running[name] = max(running.get(name, 0.0), value)
    _add(running, amounts(spec.get("overhead")))
    return running


def _add(total: Amounts, more: Amounts) -> None:
    for name, value in more.items():
        total[name] = total.get(name, 0.0) + value


def holds_resources(pod: Object) -> bool:
    """Whether the pod occupies its node: bound and not finished (also while it terminates)."""
    return bool(pod["spec"].get("nodeName")) and (pod.get("status") or {}).get("phase") not in FINISHED


def is_finished(pod: Object) -> bool:
    """Whether the pod Succeeded or Failed."""
    return (pod.get("status") or {}).get("phase") in FINISHED
