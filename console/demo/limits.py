"""LimitRange: default requests and limits for containers, and the bounds on containers, pods and claims.

Follows the limitranger admission of k8s.io/kubernetes 1.34.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from console.demo.amounts import ZERO, Amount, Amounts, parse_amounts
from console.demo.failures import forbidden
from console.demo.quotas import pod_amounts

if TYPE_CHECKING:
    from console.demo.records import Object
    from console.demo.resources import ResourceType
    from console.demo.store import Store


def apply_defaults(store: Store, pod: Object, namespace: str) -> None:
    """Give the containers of a new pod what they do not ask for."""
    for limit_range in _ranges(store, namespace):
        defaults = _container_defaults(limit_range)
        if not any(defaults):
            continue
        defaulted = []
        for field, word in (("containers", "container"), ("initContainers", "init container")):
            for container in pod["spec"].get(field) or ():
                defaulted += [f"{what} for {word} {container.get('name')}" for what in _fill(container, *defaults)]
        if defaulted:
            annotations = pod["metadata"].setdefault("annotations", {})
            annotations["kubernetes.io/limit-ranger"] = f"LimitRanger plugin set: {'; '.join(defaulted)}"


def _container_defaults(limit_range: Object) -> tuple[dict[str, str], dict[str, str]]:
    requests: dict[str, str] = {}
    limits: dict[str, str] = {}
    for item in (limit_range.get("spec") or {}).get("limits") or ():
        if item.get("type") == "Container":
            # As LimitRange itself is defaulted: a max is the default limit, and that or a min the default request.
            default = {**(item.get("max") or {}), **(item.get("default") or {})}
            limits |= default
            requests |= {**(item.get("min") or {}), **default, **(item.get("defaultRequest") or {})}
    return requests, limits


def _fill(container: Object, requests: dict[str, str], limits: dict[str, str]) -> list[str]:
    """Set what is missing; returns `cpu, memory request` and the like for what was set."""
    resources = container.setdefault("resources", {})
    done = []
    for field, values in (("requests", requests), ("limits", limits)):
        missing = sorted(name for name in values if name not in (resources.get(field) or {}))
        for name in missing:
            resources.setdefault(field, {})[name] = values[name]
        if missing:
            done.append(f"{', '.join(missing)} {field[:-1]}")
    return done


def check_limits(store: Store, rt: ResourceType, obj: Object, namespace: str) -> None:
    """ApiFailure 403 where a new pod or claim is outside the bounds of its namespace."""
    claim = rt.storage_key == ("", "persistentvolumeclaims")
    faults: list[str] = []
    for limit_range in _ranges(store, namespace):
        for item in (limit_range.get("spec") or {}).get("limits") or ():
            for requests, limits in _subjects(obj, item.get("type", ""), claim):
                faults += _faults(item, requests, None if claim else limits)
    if faults:
        why = faults[0] if len(faults) == 1 else f"[{', '.join(dict.fromkeys(faults))}]"
        raise forbidden(rt, obj["metadata"].get("name", ""), why)


def _subjects(obj: Object, kind: str, claim: bool) -> Iterator[tuple[Amounts, Amounts]]:
    spec = obj.get("spec") or {}
    if claim:
        if kind == "PersistentVolumeClaim":
            yield parse_amounts((spec.get("resources") or {}).get("requests")), {}
    elif kind == "Container":
        for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
            resources = container.get("resources") or {}
            yield parse_amounts(resources.get("requests")), parse_amounts(resources.get("limits"))
    elif kind == "Pod":
        yield pod_amounts(spec, "requests"), pod_amounts(spec, "limits")


def _faults(item: dict[str, Any], requests: Amounts, limits: Amounts | None) -> Iterator[str]:
    kind = item["type"]
    for name, least in parse_amounts(item.get("min")).items():
        asked = requests.get(name)
        if asked is None:
            yield f"minimum {name} usage per {kind} is {least}.  No request is specified"
        elif asked.value < least.value:
            yield f"minimum {name} usage per {kind} is {least}, but request is {asked}"
        elif limits and name in limits and limits[name].value < least.value:
            yield f"minimum {name} usage per {kind} is {least}, but limit is {limits[name]}"
    for name, most in parse_amounts(item.get("max")).items():
        yield from _above(name, most, kind, requests, limits)
    for name, most in parse_amounts(item.get("maxLimitRequestRatio")).items():
        yield from _ratio(name, most, kind, requests.get(name, ZERO), (limits or {}).get(name, ZERO))


def _above(name: str, most: Amount, kind: str, requests: Amounts, limits: Amounts | None) -> Iterator[str]:
    start = f"maximum {name} usage per {kind} is {most}"
    asked = requests.get(name)
    if limits is None:
        if asked is None:
            yield f"{start}.  No request is specified"
        elif asked.value > most.value:
            yield f"{start}, but request is {asked}"
    elif name not in limits:
        yield f"{start}.  No limit is specified"
    elif limits[name].value > most.value:
        yield f"{start}, but limit is {limits[name]}"
    elif asked is not None and asked.value > most.value:
        yield f"{start}, but request is {asked}"


def _ratio(name: str, most: Amount, kind: str, request: Amount, limit: Amount) -> Iterator[str]:
    start = f"{name} max limit to request ratio per {kind} is {most}"
    if not request.value:
        yield f"{start}, but no request is specified or request is 0"
    elif not limit.value:
        yield f"{start}, but no limit is specified or limit is 0"
    elif limit.value / request.value > most.value:
        yield f"{start}, but provided ratio is {float(limit.value / request.value):f}"


def _ranges(store: Store, namespace: str) -> Iterator[Object]:
    rt = store.resources.find("", "v1", "limitranges")
    return store.items(rt, namespace) if rt and store.collection(rt).count(namespace) else iter(())
