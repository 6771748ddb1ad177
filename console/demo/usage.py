"""What running containers use: CPU and memory as smooth, seeded functions of time since they started.

The same figures stand behind metrics.k8s.io and Prometheus, so that they agree.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.clock import parse_time
from console.demo.amounts import parse_amounts
from console.demo.pod_containers import status_of

if TYPE_CHECKING:
    from console.demo.records import Object, Record
    from console.demo.store import Store

_SWAY = 0.25  # of the mean, either way
_WARM_UP = 240.0  # seconds until the working set has grown to its level
_NO_REQUEST = (0.05, 128 * 2.0**20)  # cores, bytes


@dataclass(frozen=True, slots=True)
class ContainerUsage:
    """One container's figures from `started` (seconds since 1970) on."""

    name: str
    started: float
    cores: float
    memory: float
    period: float
    phase: float

    def cpu(self, t: float) -> float:
        """Cores in use; 0 before the start."""
        if t < self.started:
            return 0.0
        return self.cores * (1 + _SWAY * math.sin(self._angle(t)))

    def cpu_seconds(self, t: float) -> float | None:
        """Cores over time since the start: a counter."""
        if t < self.started:
            return None
        turn = self.period / (2 * math.pi)
        swayed = _SWAY * turn * (math.cos(self._angle(self.started)) - math.cos(self._angle(t)))
        return self.cores * (t - self.started + swayed)

    def working_set(self, t: float) -> float | None:
        """Bytes in use."""
        if t < self.started:
            return None
        grown = 1 - 0.85 * math.exp(-(t - self.started) / _WARM_UP)
        return self.memory * grown * (1 + 0.03 * math.sin(self._angle(t)))

    def _angle(self, t: float) -> float:
        return 2 * math.pi * t / self.period + self.phase


@dataclass(frozen=True, slots=True)
class PodUsage:
    """The running containers of a pod."""

    namespace: str
    pod: str
    node: str
    labels: dict[str, str]
    containers: tuple[ContainerUsage, ...]


def pod_usage(pod: Object) -> PodUsage:
    """What the containers use that run now."""
    metadata, spec = pod["metadata"], pod.get("spec") or {}
    found = []
    sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    for container in (*(spec.get("containers") or ()), *sidecars):
        running = ((status_of(pod, container["name"]) or {}).get("state") or {}).get("running")
        started = parse_time((running or {}).get("startedAt"))
        if started is not None:
            found.append(_container(container, started, metadata.get("uid", metadata["name"])))
    return PodUsage(
        metadata.get("namespace", ""),
        metadata["name"],
        spec.get("nodeName", ""),
        metadata.get("labels") or {},
        tuple(found),
    )


def _container(container: Object, started: float, uid: str) -> ContainerUsage:
    resources = container.get("resources") or {}
    asked = {**parse_amounts(resources.get("limits")), **parse_amounts(resources.get("requests"))}
    seed = zlib.crc32(f"{uid}/{container['name']}".encode())
    share = 0.35 + (seed & 0xFF) / 255 * 0.5
    cores = float(asked["cpu"].value) if "cpu" in asked else _NO_REQUEST[0]
    memory = float(asked["memory"].value) if "memory" in asked else _NO_REQUEST[1]
    held = 0.45 + (seed >> 8 & 0xFF) / 255 * 0.4
    return ContainerUsage(
        container["name"],
        started,
        cores * share,
        memory * held,
        240.0 + (seed >> 16 & 0xFF),
        (seed >> 24 & 0xFF) / 255 * 2 * math.pi,
    )


class Usages:
    """The usage of every running pod, read anew only where a pod changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[tuple[str, str], tuple[int, PodUsage]] = {}

    def all(self, namespace: str | None = None) -> Iterator[PodUsage]:
        """Pods with running containers, of one namespace or of all."""
        rt = self._store.resources.find("", "v1", "pods")
        if rt is None:
            return
        phase = next(index for index, (label, _) in enumerate(rt.selectable) if label == "status.phase")
        collection = self._store.collection(rt)
        for record in list(collection.records(namespace)):
            if record.fields[phase] == "Running":
                usage = self._of(record)
                if usage.containers:
                    yield usage
        if namespace is None and len(self._known) > 2 * len(collection):
            self._known = {key: known for key, known in self._known.items() if collection.get(*key)}

    def _of(self, record: Record) -> PodUsage:
        known = self._known.get(record.key)
        if known is None or known[0] != record.version:
            known = self._known[record.key] = (record.version, pod_usage(record.decode()))
        return known[1]
