"""Nodes: readiness, taints and pressure, and their GPUs: allocatable, used, free and unhealthy.

Free is what the scheduler sees: allocatable less the need of every pod bound to the node and not finished.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from console.kinds import cells, devices
from console.kinds.base import Column, Health, Join, Kind, State
from console.kinds.devices import Devices
from console.kinds.meta import Condition, ObjectMeta, Slim, amount, base_fields, seconds
from console.kinds.pods import PodRow
from console.live.source import Row
from console.quantity import format_bytes, format_cores


class Taint(Slim):
    """One taint."""

    key: str = ""
    value: str = ""
    effect: str = ""


class NodeSpec(Slim):
    """spec of a node."""

    unschedulable: bool = False
    taints: list[Taint] | None = None


class NodeInfo(Slim):
    """status.nodeInfo."""

    kubelet_version: str = ""
    os_image: str = ""
    kernel_version: str = ""
    container_runtime_version: str = ""


class Address(Slim):
    """One address."""

    type: str = ""
    address: str = ""


Quantities = dict[str, str | float]


class NodeStatus(Slim):
    """status of a node."""

    capacity: Quantities | None = None
    allocatable: Quantities | None = None
    conditions: list[Condition] | None = None
    node_info: NodeInfo | None = None
    addresses: list[Address] | None = None


class Node(Slim):
    """A node."""

    metadata: ObjectMeta
    spec: NodeSpec | None = None
    status: NodeStatus | None = None


class NodeRow(Row, gc=False):
    """A node as a row; `used`, `free` and `pods` are None where the pods are not known."""

    word: str  # kubectl's STATUS
    ready: bool | None  # None: the Ready condition is Unknown or absent
    why: str
    cordoned: bool
    roles: tuple[str, ...]
    taints: tuple[str, ...]
    pressure: tuple[str, ...]
    capacity: Devices
    allocatable: Devices
    unhealthy: int  # in capacity but not allocatable; all of them where the device plugin is gone
    model: str
    gpu_memory: int  # MiB of one GPU, 0 unknown
    version_text: str
    ip: str
    os_image: str
    kernel: str
    runtime: str
    cpu: float
    memory: float
    instance: str
    zone: str
    since: float  # when readiness last changed
    deleting: bool
    used_devices: Devices = ()
    used: int | None = None
    free: int | None = None
    pods: int | None = None

    @property
    def gpus(self) -> int:
        """Allocatable accelerators."""
        return devices.total(self.allocatable)

    @property
    def usable(self) -> bool:
        """Whether the scheduler may put an ordinary pod here."""
        return bool(self.ready) and not self.cordoned


_MODEL_LABELS = ("nvidia.com/gpu.product", "cloud.google.com/gke-accelerator", "amd.com/gpu.product-name")
_INSTANCE_LABELS = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")


def _first(labels: Mapping[str, str], keys: Sequence[str]) -> str:
    return sys.intern(next((labels[key] for key in keys if labels.get(key)), ""))


def _roles(labels: Mapping[str, str]) -> tuple[str, ...]:
    found = {
        key.removeprefix("node-role.kubernetes.io/") for key in labels if key.startswith("node-role.kubernetes.io/")
    }
    if labels.get("kubernetes.io/role"):
        found.add(labels["kubernetes.io/role"])
    return tuple(sorted(found - {""}))


def _unhealthy(capacity: dict[str, int], allocatable: dict[str, int], labels: Mapping[str, str]) -> int:
    missing = sum(max(0, count - allocatable.get(name, 0)) for name, count in capacity.items())
    promised = labels.get("nvidia.com/gpu.count", "")
    if not sum(capacity.values()) and promised.isdecimal():
        return int(promised)
    return missing


def node_row(node: Node) -> NodeRow:
    """A node to its row, before any join."""
    meta = node.metadata
    labels = meta.labels or {}
    spec = node.spec or NodeSpec()
    status = node.status or NodeStatus()
    info = status.node_info or NodeInfo()
    word, why, ready, since = "Unknown", "no Ready condition", None, 0.0
    pressure = []
    for entry in status.conditions or ():
        if entry.type == "Ready":
            ready = {"True": True, "False": False}.get(entry.status)
            word = "Ready" if ready else "NotReady"
            why = "" if ready else entry.message or entry.reason
            since = seconds(entry.last_transition_time)
        elif entry.status == "True":
            pressure.append(sys.intern(entry.type))
            why = why or entry.message
    capacity, allocatable = devices.of_map(status.capacity), devices.of_map(status.allocatable)
    memory = labels.get("nvidia.com/gpu.memory", "")
    return NodeRow(
        **base_fields(meta),  # type: ignore[arg-type]
        word=f"{word},SchedulingDisabled" if spec.unschedulable else word,
        ready=ready,
        why=why,
        cordoned=spec.unschedulable,
        roles=_roles(labels),
        taints=tuple(
            sys.intern(f"{taint.key}={taint.value}:{taint.effect}" if taint.value else f"{taint.key}:{taint.effect}")
            for taint in spec.taints or ()
        ),
        pressure=tuple(pressure),
        capacity=devices.shared(capacity),
        allocatable=devices.shared(allocatable),
        unhealthy=_unhealthy(capacity, allocatable, labels),
        model=_first(labels, _MODEL_LABELS),
        gpu_memory=int(memory) if memory.isdecimal() else 0,
        version_text=sys.intern(info.kubelet_version),
        ip=next((entry.address for entry in status.addresses or () if entry.type == "InternalIP"), ""),
        os_image=sys.intern(info.os_image),
        kernel=sys.intern(info.kernel_version),
        runtime=sys.intern(info.container_runtime_version),
        cpu=amount((status.allocatable or {}).get("cpu")),
        memory=amount((status.allocatable or {}).get("memory")),
        instance=_first(labels, _INSTANCE_LABELS),
        zone=_first(labels, ("topology.kubernetes.io/zone",)),
        since=since,
        deleting=meta.deletion_timestamp is not None,
    )


def join_pods(row: NodeRow, joined: Mapping[str, Sequence[Any] | None]) -> NodeRow:
    """The row with the use its pods make of it."""
    pods: Sequence[PodRow] | None = joined.get("pods")
    if pods is None:
        return row
    used: dict[str, int] = {}
    for pod in pods:
        for name, count in pod.devices:
            used[name] = used.get(name, 0) + count
    made: NodeRow = msgspec.structs.replace(row)
    made.pods = len(pods)
    made.used_devices = devices.shared(used)
    made.used = sum(used.values())
    made.free = sum(max(0, count - used.get(name, 0)) for name, count in row.allocatable)
    return made


def pod_node(pod: PodRow) -> str:
    """The node a pod holds resources on: bound and not finished, also while terminating."""
    return pod.node if pod.active else ""


def node_health(row: NodeRow, now: float) -> Health:
    """A node's state: kubectl's STATUS, with pressure and lost GPUs as reasons."""
    if not row.ready:
        return Health(State.BAD, row.word, row.why)
    if row.unhealthy:
        return Health(State.WARN, row.word, f"{row.unhealthy} of {row.unhealthy + row.gpus} GPUs are not allocatable")
    if row.pressure:
        return Health(State.WARN, row.word, ", ".join(row.pressure) + (f": {row.why}" if row.why else ""))
    if row.cordoned:
        return Health(State.WAITING, row.word, "cordoned")
    return Health(State.OK, row.word)


def _with_gpus(name: str) -> Any:
    """A figure that only means something where there are GPUs."""

    def value(row: NodeRow, now: float) -> int | None:
        found: int | None = getattr(row, name)
        return found if row.gpus or row.capacity or row.unhealthy else None

    return value


PODS = Join("pods", pod_node, whole=True)

KIND = Kind(
    name="nodes",
    kind="Node",
    group="",
    versions=("v1",),
    title="Nodes",
    aliases=("no",),
    namespaced=False,
    decode=Node,
    row=node_row,
    health=node_health,
    joins=(PODS,),
    join=join_pods,
    opens="pods",
    columns=(
        cells.NAME,
        cells.state("STATUS", "status", node_health),
        cells.field("ROLES", "roles", text=",".join, priority=6, limit=20),
        Column("GPUS", "gpus", _with_gpus("gpus"), right=True, priority=1),
        Column("USED", "gpus_used", _with_gpus("used"), right=True, priority=1),
        Column("FREE", "gpus_free", _with_gpus("free"), right=True, priority=1),
        Column("UNHEALTHY", "gpus_unhealthy", _with_gpus("unhealthy"), text=cells.count, right=True, priority=2),
        cells.field("MODEL", "gpu_model", "model", priority=4, limit=28),
        Column("PODS", "pods", lambda row, now: row.pods, right=True, priority=5),
        cells.AGE,
        cells.field("VERSION", "version", "version_text", priority=6),
        cells.field("TAINTS", "taints", text=",".join, priority=7),
        cells.field("PRESSURE", "pressure", text=",".join, priority=3),
        Column("CPU", "cpu", lambda row, now: row.cpu, text=format_cores, right=True, wide=True),
        Column("MEMORY", "memory", lambda row, now: row.memory, text=format_bytes, right=True, wide=True),
        cells.field("INSTANCE", "instance_type", "instance", wide=True),
        cells.field("ZONE", "zone", wide=True),
        cells.field("INTERNAL-IP", "internal_ip", "ip", wide=True),
        cells.field("OS-IMAGE", "os_image", wide=True),
        cells.field("KERNEL", "kernel", wide=True),
        cells.field("RUNTIME", "container_runtime", "runtime", wide=True),
    ),
    extras=(
        Column("", "cordoned", lambda row, now: row.cordoned),
        Column("", "gpu_resources", lambda row, now: dict(row.allocatable)),
        *cells.EXTRAS,
    ),
)
