"""Accelerators as resources: which resource names are GPUs and how many a pod needs.

The need of a pod is that of the scheduler (k8s.io/component-helpers resource.PodRequests): containers and sidecars
together, or an init container with the sidecars before it, whichever is more. A limit alone is also the request.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from console.kinds.meta import Slim, amount

Devices = tuple[tuple[str, int], ...]  # ((resource name, count), ...), sorted by name

_EXACT = frozenset(
    {
        "nvidia.com/gpu",
        "nvidia.com/gpu.shared",
        "amd.com/gpu",
        "google.com/tpu",
        "habana.ai/gaudi",
        "gpu.intel.com/i915",
    }
)
_known: dict[str, bool] = {"cpu": False, "memory": False, "ephemeral-storage": False, "nvidia.com/gpu": True}
_shared: dict[Devices, Devices] = {}


class Resources(Slim):
    """requests and limits of a container."""

    requests: dict[str, str | float] | None = None
    limits: dict[str, str | float] | None = None


class Container(Slim):
    """What is read of a container of a pod template."""

    name: str = ""
    image: str = ""
    restart_policy: str = ""  # Always on an init container makes it a sidecar
    resources: Resources | None = None


class PodSpec(Slim):
    """What is read of a pod template's spec."""

    containers: list[Container] | None = None
    init_containers: list[Container] | None = None


class PodTemplate(Slim):
    """A pod template."""

    spec: PodSpec | None = None


def is_device(resource: str) -> bool:
    """Whether a resource name (without `requests.`) is a GPU, a MIG slice or another accelerator."""
    answer = _known.get(resource)
    if answer is None:
        answer = resource in _EXACT or resource.startswith("nvidia.com/mig-")
        if len(_known) < 1024:
            _known[resource] = answer
    return answer


def of_map(resources: dict[str, str | float] | None) -> dict[str, int]:
    """The accelerators in a resource map such as a node's allocatable."""
    return {name: int(amount(value)) for name, value in (resources or {}).items() if is_device(name)}


def shared(counts: dict[str, int]) -> Devices:
    """Counts as a tuple that equal rows share; zero counts are left out."""
    devices = tuple(sorted((sys.intern(name), count) for name, count in counts.items() if count))
    if len(_shared) > 4096:
        _shared.clear()
    return _shared.setdefault(devices, devices)


def total(devices: Devices) -> int:
    """How many accelerators of any name."""
    if len(devices) == 1:
        return devices[0][1]
    return sum(count for _, count in devices)


def _asked(container: Container) -> dict[str, int]:
    """Requests and limits of an accelerator are equal wherever both are given, so the first found will do."""
    asked: dict[str, int] = {}
    resources = container.resources
    if resources is not None:
        for amounts in (resources.limits, resources.requests):
            if amounts and not asked:
                for name, value in amounts.items():
                    if is_device(name):
                        asked[name] = whole(value)
    return asked


def whole(value: str | float) -> int:
    """A count of devices."""
    return int(value) if isinstance(value, str) and value.isdecimal() else int(amount(value))


def need(containers: Sequence[Container] | None, init_containers: Sequence[Container] | None) -> Devices:
    """The accelerators one pod of these containers needs."""
    together: dict[str, int] = {}
    for container in containers or ():
        for name, count in _asked(container).items():
            together[name] = together.get(name, 0) + count
    sidecars: dict[str, int] = {}
    largest: dict[str, int] = {}
    for container in init_containers or ():
        asked = _asked(container)
        if container.restart_policy == "Always":
            for name, count in asked.items():
                sidecars[name] = sidecars.get(name, 0) + count
        else:
            for name, count in asked.items():
                largest[name] = max(largest.get(name, 0), count + sidecars.get(name, 0))
    for name, count in sidecars.items():
        together[name] = together.get(name, 0) + count
    for name, count in largest.items():
        together[name] = max(together.get(name, 0), count)
    return shared(together) if together else ()


def times(devices: Devices, factor: int) -> dict[str, int]:
    """The accelerators of `factor` equal pods."""
    return {name: count * factor for name, count in devices}
