"""Series that say what the objects of the cluster say (kube-state-metrics), and what containers use (cAdvisor).

Names and labels follow kube-state-metrics 2.16 and the kubelet; the objects' present is shown for all of a pod's life.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from console.clock import parse_time
from console.demo.amounts import parse_amounts
from console.demo.metrics import Labels, Value
from console.demo.usage import ContainerUsage, Usages

if TYPE_CHECKING:
    from console.demo.records import Object
    from console.demo.store import Store

_OTHER = re.compile(r"[^a-zA-Z0-9_]")
_PHASES = ("Pending", "Succeeded", "Failed", "Unknown", "Running")
_BYTES = ("memory", "ephemeral-storage", "storage")
Figure = tuple[Labels, float]


def _unit(resource: str) -> str:
    if resource == "cpu":
        return "core"
    return "byte" if resource in _BYTES or resource.startswith("hugepages-") else "integer"


def _resource_labels(resource: str) -> Labels:
    return {"resource": _OTHER.sub("_", resource), "unit": _unit(resource)}


def _node_amounts(field: str) -> Callable[[Object], Iterator[Figure]]:
    def figures(node: Object) -> Iterator[Figure]:
        for name, amount in parse_amounts((node.get("status") or {}).get(field)).items():
            yield {"node": node["metadata"]["name"], **_resource_labels(name)}, float(amount.value)

    return figures


def _node_conditions(node: Object) -> Iterator[Figure]:
    for condition in (node.get("status") or {}).get("conditions") or ():
        for status in ("true", "false", "unknown"):
            labels = {"node": node["metadata"]["name"], "condition": condition["type"], "status": status}
            yield labels, float(condition.get("status", "").lower() == status)


def _node_unschedulable(node: Object) -> Iterator[Figure]:
    cordoned = bool((node.get("spec") or {}).get("unschedulable"))
    yield {"node": node["metadata"]["name"]}, float(cordoned)


def _pod_labels(pod: Object) -> Labels:
    metadata = pod["metadata"]
    return {"namespace": metadata.get("namespace", ""), "pod": metadata["name"], "uid": metadata.get("uid", "")}


def _pod_info(pod: Object) -> Iterator[Figure]:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    owner: dict[str, Any] = next((o for o in pod["metadata"].get("ownerReferences") or () if o.get("controller")), {})
    yield (
        {
            **_pod_labels(pod),
            "node": spec.get("nodeName", ""),
            "host_ip": status.get("hostIP", ""),
            "pod_ip": status.get("podIP", ""),
            "created_by_kind": owner.get("kind", ""),
            "created_by_name": owner.get("name", ""),
            "priority_class": spec.get("priorityClassName", ""),
        },
        1.0,
    )


def _pod_phase(pod: Object) -> Iterator[Figure]:
    now = (pod.get("status") or {}).get("phase", "Pending")
    for phase in _PHASES:
        yield {**_pod_labels(pod), "phase": phase}, float(phase == now)


def _container_amounts(field: str) -> Callable[[Object], Iterator[Figure]]:
    def figures(pod: Object) -> Iterator[Figure]:
        spec = pod.get("spec") or {}
        for container in spec.get("containers") or ():
            for name, amount in parse_amounts((container.get("resources") or {}).get(field)).items():
                labels = {"container": container["name"], "node": spec.get("nodeName", ""), **_resource_labels(name)}
                yield {**_pod_labels(pod), **labels}, float(amount.value)

    return figures


def _statuses(pod: Object) -> Iterator[tuple[Labels, dict[str, Any]]]:
    for status in (pod.get("status") or {}).get("containerStatuses") or ():
        yield {**_pod_labels(pod), "container": status["name"]}, status


def _restarts(pod: Object) -> Iterator[Figure]:
    for labels, status in _statuses(pod):
        yield labels, float(status.get("restartCount") or 0)


def _waiting(pod: Object) -> Iterator[Figure]:
    for labels, status in _statuses(pod):
        reason = ((status.get("state") or {}).get("waiting") or {}).get("reason")
        if reason:
            yield {**labels, "reason": reason}, 1.0


def _last_terminated(pod: Object) -> Iterator[Figure]:
    for labels, status in _statuses(pod):
        state = (status.get("lastState") or {}).get("terminated") or (status.get("state") or {}).get("terminated")
        if state and state.get("reason"):
            yield {**labels, "reason": state["reason"]}, 1.0


def _ready(pod: Object) -> Iterator[Figure]:
    for labels, status in _statuses(pod):
        yield labels, float(bool(status.get("ready")))


_FAMILIES: dict[str, tuple[str, Callable[[Object], Iterator[Figure]]]] = {
    "kube_node_status_allocatable": ("nodes", _node_amounts("allocatable")),
    "kube_node_status_capacity": ("nodes", _node_amounts("capacity")),
    "kube_node_status_condition": ("nodes", _node_conditions),
    "kube_node_spec_unschedulable": ("nodes", _node_unschedulable),
    "kube_pod_info": ("pods", _pod_info),
    "kube_pod_status_phase": ("pods", _pod_phase),
    "kube_pod_container_resource_requests": ("pods", _container_amounts("requests")),
    "kube_pod_container_resource_limits": ("pods", _container_amounts("limits")),
    "kube_pod_container_status_restarts_total": ("pods", _restarts),
    "kube_pod_container_status_ready": ("pods", _ready),
    "kube_pod_container_status_waiting_reason": ("pods", _waiting),
    "kube_pod_container_status_last_terminated_reason": ("pods", _last_terminated),
}


class KubeState:
    """kube-state-metrics, computed from the store when asked. Figures of one object are kept until it changes."""

    def __init__(self, store: Store, target: Labels | None = None) -> None:
        """`target` are labels of the scrape, such as job, put on every series that does not say otherwise."""
        self._store = store
        self._target = target or {"job": "kube-state-metrics"}
        self._known: dict[str, dict[tuple[str, str], tuple[int, float, list[Figure]]]] = {}

    def names(self) -> Iterable[str]:
        """The metrics."""
        return _FAMILIES

    def series(self, name: str, at_from: float, at_to: float) -> Iterable[tuple[Labels, Value]]:
        """The series of one metric, each from its object's creation on."""
        family = _FAMILIES.get(name)
        if family is None:
            return
        plural, figures = family
        rt = self._store.resources.find("", "v1", plural)
        if rt is None:
            return
        known, current = self._known.get(name, {}), {}
        for record in list(self._store.collection(rt).records()):
            kept = known.get(record.key)
            if kept is None or kept[0] != record.version:
                obj = record.decode()
                created = parse_time(obj["metadata"].get("creationTimestamp")) or 0.0
                kept = (record.version, created, list(figures(obj)))
            current[record.key] = kept
            for labels, value in kept[2]:
                if kept[1] <= at_to:
                    yield {**self._target, **labels}, _since(kept[1], value)
        self._known[name] = current


def _since(created: float, value: float) -> Value:
    return lambda t: value if t >= created else None


class ContainerMetrics:
    """The kubelet's cAdvisor figures of running containers."""

    def __init__(self, usages: Usages) -> None:
        self._usages = usages

    def names(self) -> Iterable[str]:
        """The metrics."""
        return _CONTAINER

    def series(self, name: str, at_from: float, at_to: float) -> Iterable[tuple[Labels, Value]]:
        """One series a running container."""
        figure = _CONTAINER.get(name)
        if figure is None:
            return
        for pod in self._usages.all():
            about = {"namespace": pod.namespace, "pod": pod.pod, "node": pod.node, "job": "kubelet"}
            about["metrics_path"] = "/metrics/cadvisor"
            for container in pod.containers:
                if container.started <= at_to:
                    yield {**about, "container": container.name}, figure(container)


_CONTAINER: dict[str, Callable[[ContainerUsage], Value]] = {
    "container_cpu_usage_seconds_total": lambda usage: usage.cpu_seconds,
    "container_memory_working_set_bytes": lambda usage: usage.working_set,
}
