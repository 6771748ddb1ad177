"""The replicas of one training job: a row each, with rank, true state and GPU figures, and what they say together.

Pure: job, pods and readings in, rows out. A replica whose pod does not exist is a row too. A replica without figures is
never judged, and no judgement is made from fewer than two replicas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import msgspec

from console.kinds.base import State
from console.kinds.jobrow import JobRow
from console.kinds.pods import PodRow, pod_health
from console.live.source import Row
from console.telemetry.figures import PodGpus, Reading, mean, total

IDLE = 5.0  # percent below which a GPU does no work worth the name
BUSY = 20.0  # percent the others must reach before one of them is called idle
SLOW = 0.7  # share of the others' median below which a replica lags
NO_TENSOR = 0.01  # tensor activity that is none
SPIN = 90.0  # percent that, without tensor activity, is waiting in a busy loop

_ORDER = (
    "master",
    "chief",
    "launcher",
    "scheduler",
    "dataset-initializer",
    "model-initializer",
    "node",
    "worker",
    "server",
    "ps",
    "evaluator",
)
_RANKED = {"PyTorchJob", "XGBoostJob", "PaddleJob"}  # rank 0 is the master's where there is one
_WORKERS = {"JAXJob", "MPIJob", "TrainJob", "JobSet"}  # ranks are the indexes of the working role


class ReplicaRow(Row, gc=False):
    """One replica. `figures` is None where no source has any for it."""

    role: str
    index: int  # within the role; -1 unknown
    rank: int | None  # of the process group; None where the framework has none
    pod: str  # "" where the pod does not exist
    node: str
    container: str
    state: State
    word: str
    why: str
    restarts: int
    gpus: int
    figures: PodGpus | None
    history: tuple[float | None, ...]  # utilisation in percent, oldest first
    mark: str  # "idle", "slow" or ""
    mark_why: str
    last_line: str
    since: float

    @property
    def title(self) -> str:
        """`worker-6`."""
        return f"{self.role}-{self.index}" if self.index >= 0 else (self.role or self.name)


@dataclass(frozen=True, slots=True)
class Rollup:
    """What the replicas' figures say of the job; None where no replica has the figure."""

    util: float | None = None
    low: float | None = None
    high: float | None = None
    tensor: float | None = None
    memory: float | None = None  # 0 to 1
    power: float | None = None  # W
    measured: int = 0  # replicas with a utilisation
    verdict: str = ""  # one sentence where the figures together mean something is wrong

    @property
    def spread(self) -> float | None:
        """Points between the busiest and the least busy replica."""
        return None if self.high is None or self.low is None else self.high - self.low


def rank_of(job_kind: str, roles: Sequence[str], role: str, index: int) -> int | None:
    """The rank of a replica in its process group, as the training operator sets RANK; None where there is none."""
    if index < 0:
        return None
    if job_kind in _RANKED:
        if role == "master":
            return 0
        return index + (1 if "master" in roles else 0) if role == "worker" else None
    if job_kind in _WORKERS:
        return index if role in ("worker", "node") else None
    return None


def replica_rows(
    job: JobRow,
    pods: Sequence[PodRow],
    reading: Reading,
    history: Mapping[str, Sequence[float | None]],
    last_lines: Mapping[str, str],
    now: float,
) -> list[ReplicaRow]:
    """A row a replica, in the order of roles and indexes; `history` and `last_lines` are by `namespace/pod`."""
    roles = [role.name for role in job.roles]
    newest: dict[tuple[str, int, str], PodRow] = {}
    for pod in pods:
        place = (pod.role, pod.index, "" if pod.index >= 0 else pod.name)
        known = newest.get(place)
        if known is None or (known.active, known.created) < (pod.active, pod.created):
            newest[place] = pod  # a pod that took another's place stands for the replica
    rows = [
        _present(job, pod, roles, reading.pods.get(pod.key), history.get(pod.key, ()), last_lines.get(pod.key, ""), now)
        for pod in newest.values()
    ]
    rows += _absent(job, roles, {(role, index) for role, index, _ in newest})
    rows.sort(
        key=lambda row: (_ORDER.index(row.role) if row.role in _ORDER else len(_ORDER), row.role, row.index, row.name)
    )
    return _judged(rows)


def _present(
    job: JobRow,
    pod: PodRow,
    roles: Sequence[str],
    figures: PodGpus | None,
    history: Sequence[float | None],
    last_line: str,
    now: float,
) -> ReplicaRow:
    health = pod_health(pod, now)
    return ReplicaRow(
        namespace=pod.namespace,
        name=pod.name,
        uid=pod.uid,
        version=pod.version,
        created=pod.created,
        role=pod.role,
        index=pod.index,
        rank=rank_of(job.kind, roles, pod.role, pod.index),
        pod=pod.name,
        node=pod.node,
        container=pod.containers[0] if pod.containers else "",
        state=health.state,
        word=health.word,
        why=pod.why,
        restarts=pod.restarts,
        gpus=pod.gpus,
        figures=figures,
        history=tuple(history),
        mark="",
        mark_why="",
        last_line=last_line,
        since=pod.since or pod.created,
    )


def _absent(job: JobRow, roles: Sequence[str], there: set[tuple[str, int]]) -> list[ReplicaRow]:
    """Rows of replicas that are wanted and have no pod, unless the job has ended or is held back."""
    if job.over or job.phase in ("Suspended", "Queued"):
        return []
    return [
        ReplicaRow(
            namespace=job.namespace,
            name=f"{job.name}-{role.name}-{index}",
            uid="",
            version="",
            created=0.0,
            role=role.name,
            index=index,
            rank=rank_of(job.kind, roles, role.name, index),
            pod="",
            node="",
            container="",
            state=State.WAITING,
            word="no pod",
            why=job.reason,
            restarts=0,
            gpus=0,
            figures=None,
            history=(),
            mark="",
            mark_why="",
            last_line="",
            since=job.since,
        )
        for role in job.roles
        for index in range(role.wanted or 0)
        if (role.name, index) not in there
    ]


def _lately(row: ReplicaRow) -> float | None:
    """Utilisation over the last samples, so that one dip is no judgement."""
    known = [value for value in row.history[-6:] if value is not None]
    if len(known) >= 3:
        return sum(known) / len(known)
    return row.figures.util if row.figures is not None else None


def _judged(rows: Sequence[ReplicaRow]) -> list[ReplicaRow]:
    """Mark the replica that does nothing, or clearly less than the others."""
    working = [(row, _lately(row)) for row in rows if row.state is State.RUNNING and row.figures is not None]
    measured = [(row, util) for row, util in working if util is not None]
    marks: dict[str, tuple[str, str]] = {}
    for row, util in measured if len(measured) > 1 else ():
        others = median(value for other, value in measured if other is not row)
        if util < IDLE and others >= BUSY:
            marks[row.key] = "idle", f"{util:.0f} % while the others' median is {others:.0f} %"
        elif others >= BUSY and util < SLOW * others:
            marks[row.key] = "slow", f"{util:.0f} % against the others' median of {others:.0f} %"
        else:
            lag = _tensor_lag(row, [other for other, _ in measured if other is not row])
            if lag:
                marks[row.key] = "slow", lag
    return [
        msgspec.structs.replace(row, mark=marks[row.key][0], mark_why=marks[row.key][1]) if row.key in marks else row
        for row in rows
    ]


def _tensor_lag(row: ReplicaRow, others: Sequence[ReplicaRow]) -> str:
    own = row.figures.tensor if row.figures is not None else None
    known = [other.figures.tensor for other in others if other.figures is not None and other.figures.tensor is not None]
    if own is None or not known:
        return ""
    usual = median(known)
    if usual < 10 * NO_TENSOR or own >= SLOW * usual:
        return ""
    return f"tensor cores {own:.2f} against the others' median of {usual:.2f}"


def rollup(rows: Sequence[ReplicaRow]) -> Rollup:
    """The figures of all replicas that have some."""
    figures = [row.figures for row in rows if row.figures is not None]
    utils = [found.util for found in figures if found.util is not None]
    used = total([found.total(lambda gpu: gpu.memory_used) for found in figures])
    room = total([found.total(lambda gpu: gpu.memory_total) for found in figures])
    tensor = mean([found.tensor for found in figures])
    return Rollup(
        util=mean(utils),
        low=min(utils, default=None),
        high=max(utils, default=None),
        tensor=tensor,
        memory=used / room if used is not None and room else None,
        power=total([found.total(lambda gpu: gpu.power) for found in figures]),
        measured=len(utils),
        verdict=_verdict(utils, tensor, rows),
    )


def _verdict(utils: Sequence[float], tensor: float | None, rows: Sequence[ReplicaRow]) -> str:
    if not utils:
        return ""
    idle = [row.title for row in rows if row.mark == "idle"]
    if idle:
        return f"{', '.join(idle)} does nothing while the others are busy"
    if max(utils) < IDLE:
        return "no GPU of this job is working"
    if min(utils) >= SPIN and tensor is not None and tensor < NO_TENSOR:
        return "every GPU is busy but no tensor core computes: the ranks may be waiting for each other"
    slow = [row.title for row in rows if row.mark == "slow"]
    return f"{', '.join(slow)} lags behind the others" if slow else ""
