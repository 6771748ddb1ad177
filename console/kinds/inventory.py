"""Where the GPUs are: totals and lines by node, by namespace and by job, from rows alone.

Figures that nobody measured are None, never 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from console.kinds.jobrow import JobRow
from console.kinds.nodes import NodeRow, pod_node
from console.kinds.pods import PodRow
from console.kinds.podtrouble import Owner, owner_of
from console.kinds.tenancy import TenantRow


@dataclass(frozen=True, slots=True)
class Use:
    """What telemetry says of one pod's GPUs."""

    util: float | None = None  # mean over its GPUs, 0 to 100
    idle: float | None = None  # seconds since it last computed; None: it computes, or nobody knows


Readings = Mapping[str, Use]  # by pod key


@dataclass(frozen=True, slots=True)
class Idle:
    """GPUs that are held and do nothing."""

    gpus: int
    seconds: float  # of the longest
    pods: tuple[str, ...]  # keys, the longest idle first
    owners: tuple[str, ...]  # namespaces, without repetition


@dataclass(frozen=True, slots=True)
class NodeLine:
    """One node with GPUs."""

    node: str
    model: str
    status: str
    total: int  # allocatable and unhealthy together
    used: int | None
    free: int | None  # that the scheduler may give
    blocked: int | None  # free, but the node is cordoned or not ready
    unhealthy: int
    pods: int | None
    taints: tuple[str, ...]
    util: float | None
    idle: Idle | None
    troubles: tuple[str, ...] = ()  # what is measured to be wrong with its GPUs, the worst first


@dataclass(frozen=True, slots=True)
class NamespaceLine:
    """One namespace that holds or asks GPUs."""

    namespace: str
    owner: str
    used: int
    pending: int  # asked by pods that are not bound
    quota_used: int | None
    quota: int | None
    pods: int
    util: float | None
    idle: Idle | None


@dataclass(frozen=True, slots=True)
class JobLine:
    """One job, or one pod without a job, that holds or asks GPUs."""

    namespace: str
    kind: str
    name: str
    used: int
    pending: int
    pods: int
    nodes: tuple[str, ...]
    util: float | None
    idle: Idle | None


@dataclass(frozen=True, slots=True)
class Totals:
    """The whole cluster; None where pods, or telemetry, are not known."""

    total: int
    used: int | None
    free: int | None
    blocked: int | None
    unhealthy: int
    unhealthy_nodes: tuple[str, ...]
    pending: int | None
    largest_free: int | None  # most free GPUs on one node: what the largest pod may ask
    idle: Idle | None


def _mean(pods: Iterable[PodRow], readings: Readings | None) -> float | None:
    """Mean utilisation a GPU, of the pods that have a figure."""
    busy, gpus = 0.0, 0
    for pod in pods:
        use = (readings or {}).get(pod.key)
        if use is not None and use.util is not None:
            busy += use.util * pod.gpus
            gpus += pod.gpus
    return busy / gpus if gpus else None


def idle_of(pods: Iterable[PodRow], readings: Readings | None, least: float) -> Idle | None:
    """The pods idle for at least that many seconds; None without readings, or where idleness was not followed."""
    if readings is None:
        return None
    found = []
    unknown = False
    for pod in pods:
        use = readings.get(pod.key)
        if use is None:
            continue
        if use.idle is None:
            unknown = unknown or use.util == 0
        elif use.idle >= least:
            found.append((use.idle, pod))
    if unknown and not found:
        return None
    found.sort(key=lambda entry: (-entry[0], entry[1].key))
    return Idle(
        gpus=sum(pod.gpus for _, pod in found),
        seconds=found[0][0] if found else 0.0,
        pods=tuple(pod.key for _, pod in found),
        owners=tuple(dict.fromkeys(pod.namespace for _, pod in found)),
    )


def _holding(pods: Iterable[PodRow]) -> list[PodRow]:
    return [pod for pod in pods if pod.devices and pod_node(pod)]


def _asking(pods: Iterable[PodRow]) -> list[PodRow]:
    return [pod for pod in pods if pod.devices and pod.active and not pod.node]


def by_node(
    nodes: Iterable[NodeRow],
    pods: Sequence[PodRow] = (),
    readings: Readings | None = None,
    *,
    idle_after: float = 3600.0,
) -> list[NodeLine]:
    """Nodes that have, or should have, GPUs, by name."""
    on: defaultdict[str, list[PodRow]] = defaultdict(list)
    for pod in _holding(pods):
        on[pod.node].append(pod)
    lines = []
    for node in nodes:
        total = node.gpus + node.unhealthy
        if not total:
            continue
        here = on.get(node.name, [])
        lines.append(
            NodeLine(
                node=node.name,
                model=node.model,
                status=node.word,
                total=total,
                used=node.used,
                free=node.free if node.usable or node.free is None else 0,
                blocked=None if node.free is None else 0 if node.usable else node.free,
                unhealthy=node.unhealthy,
                pods=None if node.used is None else len(here),
                taints=node.taints,
                util=_mean(here, readings),
                idle=idle_of(here, readings, idle_after),
            )
        )
    return sorted(lines, key=lambda line: line.node)


def by_namespace(
    pods: Sequence[PodRow],
    namespaces: Iterable[TenantRow] = (),
    readings: Readings | None = None,
    *,
    idle_after: float = 3600.0,
) -> list[NamespaceLine]:
    """Namespaces that hold or ask GPUs, the largest holder first."""
    tenants = {row.name: row for row in namespaces}
    groups: defaultdict[str, tuple[list[PodRow], list[PodRow]]] = defaultdict(lambda: ([], []))
    for pod in _holding(pods):
        groups[pod.namespace][0].append(pod)
    for pod in _asking(pods):
        groups[pod.namespace][1].append(pod)
    lines = []
    for name, (holding, asking) in groups.items():
        tenant = tenants.get(name)
        lines.append(
            NamespaceLine(
                namespace=name,
                owner=tenant.owner if tenant else "",
                used=sum(pod.gpus for pod in holding),
                pending=sum(pod.gpus for pod in asking),
                quota_used=tenant.quota_used if tenant else None,
                quota=tenant.quota_hard if tenant else None,
                pods=len(holding),
                util=_mean(holding, readings),
                idle=idle_of(holding, readings, idle_after),
            )
        )
    return sorted(lines, key=lambda line: (-line.used, line.namespace))


def by_job(
    pods: Sequence[PodRow],
    jobs: Iterable[JobRow] = (),
    readings: Readings | None = None,
    *,
    idle_after: float = 3600.0,
) -> list[JobLine]:
    """Jobs, services and single pods that hold or ask GPUs, the largest holder first."""
    train_jobs = {Owner("JobSet", row.namespace, row.name) for row in jobs if row.kind == "TrainJob"}
    groups: defaultdict[Owner, tuple[list[PodRow], list[PodRow]]] = defaultdict(lambda: ([], []))
    for pod in _holding(pods):
        groups[owner_of(pod)][0].append(pod)
    for pod in _asking(pods):
        groups[owner_of(pod)][1].append(pod)
    lines = []
    for owner, (holding, asking) in groups.items():
        lines.append(
            JobLine(
                namespace=owner.namespace,
                kind="TrainJob" if owner in train_jobs else owner.kind,
                name=owner.name,
                used=sum(pod.gpus for pod in holding),
                pending=sum(pod.gpus for pod in asking),
                pods=len(holding) + len(asking),
                nodes=tuple(sorted({pod.node for pod in holding})),
                util=_mean(holding, readings),
                idle=idle_of(holding, readings, idle_after),
            )
        )
    return sorted(lines, key=lambda line: (-line.used, -line.pending, line.namespace, line.name))


def totals(
    nodes: Iterable[NodeRow],
    pods: Sequence[PodRow] | None = None,
    readings: Readings | None = None,
    *,
    idle_after: float = 3600.0,
) -> Totals:
    """The cluster's sums; `pods` None where they are not known."""
    lines = by_node(nodes, pods or (), readings, idle_after=idle_after)
    known = [line for line in lines if line.used is not None]
    complete = len(known) == len(lines)
    return Totals(
        total=sum(line.total for line in lines),
        used=sum(line.used or 0 for line in lines) if complete else None,
        free=sum(line.free or 0 for line in lines) if complete else None,
        blocked=sum(line.blocked or 0 for line in lines) if complete else None,
        unhealthy=sum(line.unhealthy for line in lines),
        unhealthy_nodes=tuple(line.node for line in lines if line.unhealthy),
        pending=None if pods is None else sum(pod.gpus for pod in _asking(pods)),
        largest_free=max((line.free or 0 for line in lines), default=0) if complete else None,
        idle=None if pods is None else idle_of(_holding(pods), readings, idle_after),
    )
