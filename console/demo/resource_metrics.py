"""metrics.k8s.io: what nodes and pods use now, as metrics-server gives it to kubectl top."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console.demo.usage import PodUsage, Usages

if TYPE_CHECKING:
    from console.demo.records import Object
    from console.demo.store import Store

_WINDOW = 15
_SYSTEM = (0.18, 1.6 * 2**30)  # cores and bytes a node uses besides its pods


class ResourceMetrics:
    """NodeMetrics and PodMetrics of the moment."""

    def __init__(self, store: Store, usages: Usages) -> None:
        self._store = store
        self._usages = usages

    def list(self, plural: str, namespace: str | None) -> Iterator[Object]:
        """NodeMetrics (`nodes`) or PodMetrics (`pods`), of one namespace or of all."""
        now = self._store.now()
        at = datetime.fromtimestamp(now // _WINDOW * _WINDOW, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        stamp = {"timestamp": at, "window": f"{_WINDOW}s"}
        if plural == "pods":
            for usage in self._usages.all(namespace):
                yield _pod(usage, now, stamp)
        else:
            yield from self._nodes(now, stamp)

    def _nodes(self, now: float, stamp: dict[str, str]) -> Iterator[Object]:
        sums: dict[str, tuple[float, float]] = {}
        for usage in self._usages.all():
            cores, memory = sums.get(usage.node, _SYSTEM)
            cores += sum(each.cpu(now) for each in usage.containers)
            memory += sum(each.working_set(now) or 0.0 for each in usage.containers)
            sums[usage.node] = (cores, memory)
        rt = self._store.resources.find("", "v1", "nodes")
        for record in list(self._store.collection(rt).records()) if rt else ():
            metadata = {"name": record.name, "labels": record.labels, "creationTimestamp": self._store.timestamp()}
            usage_now = _usage(*sums.get(record.name, _SYSTEM))
            yield {**_head("NodeMetrics"), "metadata": metadata, **stamp, "usage": usage_now}


def _pod(usage: PodUsage, now: float, stamp: dict[str, str]) -> Object:
    metadata = {"name": usage.pod, "namespace": usage.namespace, "labels": usage.labels}
    metadata["creationTimestamp"] = stamp["timestamp"]
    containers = [
        {"name": each.name, "usage": _usage(each.cpu(now), each.working_set(now) or 0.0)} for each in usage.containers
    ]
    return {**_head("PodMetrics"), "metadata": metadata, **stamp, "containers": containers}


def _head(kind: str) -> dict[str, str]:
    return {"kind": kind, "apiVersion": "metrics.k8s.io/v1beta1"}


def _usage(cores: float, memory: float) -> dict[str, str]:
    return {"cpu": f"{cores * 1e9:.0f}n", "memory": f"{memory / 1024:.0f}Ki"}
