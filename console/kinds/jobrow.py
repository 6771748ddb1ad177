"""The row all training jobs share, and what their pods and their place in a queue make of it.

Conditions do not count pending pods, and Running follows the master: only the pods tell how many replicas run and why
the others do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from console.kinds import cells, devices
from console.kinds.base import Column, Health, Join, State
from console.kinds.devices import Devices
from console.kinds.pods import PodRow
from console.kinds.workloads import WorkloadRow
from console.live.source import Row

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"


class Role(msgspec.Struct, gc=False, frozen=True):
    """One replica type: how many are wanted and what its controller last counted; None where it does not say."""

    name: str  # lower case: master, worker, node
    wanted: int | None
    running: int | None
    succeeded: int
    failed: int


class JobRow(Row, gc=False):
    """A training job. Fields after `clear` are filled by the join; None there means not known."""

    kind: str  # PyTorchJob, TrainJob, JobSet, ...
    declared: str  # the phase by conditions alone
    phase: str
    reason: str  # the true reason where it is not simply running or finished well
    suspend: bool  # spec asks for suspension
    queue: str  # Kueue LocalQueue, or the scheduling queue
    kueue: bool  # carries Kueue's queue label
    roles: tuple[Role, ...]
    devices: Devices  # all accelerators asked by all replicas
    gpus: int | None
    wanted: int | None
    running: int | None
    succeeded: int
    failed: int
    started: float
    finished: float
    owner_kind: str
    owner: str
    deleting: bool
    clear: bool = True  # nothing in its pods contradicts the phase
    pending: int | None = None
    restarts: int | None = None
    since: float = 0.0  # when the present phase began; 0.0 unknown
    held: int | None = None  # accelerators of pods bound to nodes

    @property
    def key(self) -> str:
        """Unique across all training kinds, which share lists: `namespace/name:Kind`."""
        return f"{self.namespace}/{self.name}:{self.kind}"

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.phase == "Failed" or self.phase == "Succeeded"


def trouble(pods: Sequence[PodRow]) -> str:
    """The first true reason among pods that are not fine: those that failed, then those that crash, then those that
    wait; a sentence naming the pod, or "" where none says why."""
    worst: tuple[int, float, str] | None = None
    for pod in pods:
        if pod.word in ("Running", "Completed") and pod.ready >= pod.total:
            continue
        if pod.phase == "Succeeded" or (pod.word == "Running" and not pod.why):
            continue
        rank = 0 if pod.phase == "Failed" else 2 if pod.phase == "Pending" and not pod.restarts else 1
        sentence = f"{pod.name} {pod.word}: {pod.why}" if pod.why else f"{pod.name} {pod.word}"
        candidate = (rank, pod.since or pod.created, sentence)
        if worst is None or candidate < worst:
            worst = candidate
    return worst[2] if worst else ""


def queued(row: JobRow, workloads: Sequence[WorkloadRow] | None) -> tuple[bool, str]:
    """(whether a suspended job waits for its turn, why): by its Workload, by its queue label where none is known."""
    if workloads is None:
        return row.kueue, f"waits in queue {row.queue}" if row.kueue else ""
    for workload in workloads:
        if not workload.active:
            return False, f"Workload {workload.name} is deactivated: {workload.message or workload.reason}"
        if not workload.admitted:
            return True, workload.message or f"waits in queue {workload.queue or row.queue}"
    return False, ""


def join_pods(row: JobRow, joined: Mapping[str, Sequence[Any] | None]) -> JobRow:
    """The row with what its pods and its Workload say."""
    pods: Sequence[PodRow] | None = joined.get("pods")
    made: JobRow = msgspec.structs.replace(row)
    if row.phase == "Suspended":
        waits, why = queued(row, joined.get("workloads"))
        if waits:
            made.phase = "Queued"
        made.reason = why or row.reason
    if pods is None:
        return made
    mine = [pod for pod in pods if pod.role not in _HELPING]
    made.pending = sum(pod.phase == "Pending" for pod in mine)
    made.restarts = (row.restarts or 0) + sum(pod.restarts for pod in pods)
    made.held = sum(pod.gpus for pod in pods if pod.node and pod.active)
    if row.kind in ("TrainJob", "JobSet"):
        _count_nodes(made, mine)
    if row.phase in ("Suspended", "Succeeded"):
        return made
    if row.declared in ("", "Created") and made.pending:
        made.phase = "Pending"
    evidence = trouble(pods)
    if not evidence:
        return made
    made.clear = False
    lacking = (made.wanted or 0) - (made.running or 0) - made.succeeded
    if row.phase == "Running" and lacking > 0:
        made.reason = f"{lacking} of {made.wanted} not running: {evidence}"
    else:
        made.reason = evidence
    return made


_HELPING = ("dataset-initializer", "model-initializer")


def _count_nodes(row: JobRow, pods: Sequence[PodRow]) -> None:
    """Pods are what is counted for JobSets: their own status counts Jobs, each of which may have many pods."""
    row.running = sum(pod.phase == "Running" for pod in pods)
    row.succeeded = sum(pod.phase == "Succeeded" for pod in pods)
    row.failed = sum(pod.phase == "Failed" for pod in pods)
    if row.phase == "Succeeded":
        row.succeeded = max(row.succeeded, row.wanted or 0)  # its pods may be gone
    if row.wanted is None and pods:
        row.wanted = len(pods)
    if row.gpus is None and pods:
        counts: dict[str, int] = {}
        for pod in pods:
            for resource, count in pod.devices:
                counts[resource] = counts.get(resource, 0) + count
        row.devices = devices.shared(counts)
        row.gpus = devices.total(row.devices)


_STATES = {
    "Failed": State.BAD,
    "Succeeded": State.DONE,
    "Running": State.RUNNING,
    "Initializing": State.RUNNING,
    "Restarting": State.WARN,
}


def job_health(row: JobRow, now: float) -> Health:
    """A job's state: its word is the derived phase."""
    if row.deleting and not row.over:
        return Health(State.WAITING, "Terminating", row.reason)
    state = _STATES.get(row.phase, State.WAITING)
    if state is State.RUNNING and not row.clear:
        state = State.WARN
    return Health(state, row.phase, row.reason)


def replicas_text(row: JobRow) -> str:
    """`running/wanted`, of a finished job `succeeded/wanted`, with the failed ones named."""
    done = row.succeeded if row.phase == "Succeeded" else row.running
    text = f"{'-' if done is None else done}/{'-' if row.wanted is None else row.wanted}"
    return f"{text} {row.failed} failed" if row.failed else text


def _duration(row: JobRow, now: float) -> int | None:
    return int(max(0.0, (row.finished or now) - row.started)) if row.started else None


def pod_job_key(pod: PodRow) -> str:
    """Key of the v1 job, or the JobSet, a pod works for."""
    return f"{pod.namespace}/{pod.job}:{pod.job_kind}" if pod.job else ""


def workload_job_key(workload: WorkloadRow) -> str:
    """Key of the job a Kueue Workload stands for."""
    return f"{workload.namespace}/{workload.owner}:{workload.owner_kind}" if workload.owner else ""


PODS = Join("pods", pod_job_key)
WORKLOADS = Join("workloads", workload_job_key)

COLUMNS = (
    cells.NAMESPACE,
    cells.NAME,
    cells.field("KIND", "kind", priority=3),
    cells.state("PHASE", "phase", job_health),
    Column("REPLICAS", "replicas", lambda row, now: replicas_text(row), priority=1),
    Column("GPUS", "gpus", lambda row, now: row.gpus, text=cells.count, right=True, priority=1),
    Column("RESTARTS", "restarts", lambda row, now: row.restarts, text=cells.count, right=True, priority=4),
    cells.field("QUEUE", "queue", priority=5, limit=24),
    cells.AGE,
    Column("DURATION", "duration", _duration, text=cells.lasting, right=True, ticks=True, priority=6, width=8),
    cells.field("REASON", "reason", priority=7, limit=120),
)
EXTRAS = (
    cells.field("", "wanted"),
    cells.field("", "running"),
    cells.field("", "pending"),
    cells.field("", "succeeded"),
    cells.field("", "failed"),
    Column("", "gpu_resources", lambda row, now: dict(row.devices)),
    Column(
        "",
        "roles",
        lambda row, now: [
            {"role": r.name, "wanted": r.wanted, "running": r.running, "succeeded": r.succeeded, "failed": r.failed}
            for r in row.roles
        ],
    ),
    *cells.EXTRAS,
)
