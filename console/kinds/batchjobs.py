"""Batch Jobs, named `jobs.batch` because `jobs` means training jobs; STATUS and COMPLETIONS are kubectl's."""

from __future__ import annotations

from console.kinds import cells, devices
from console.kinds.base import Column, Health, Kind, State
from console.kinds.devices import Devices, PodTemplate
from console.kinds.meta import Condition, ObjectMeta, Slim, base_fields, controller, seconds, true_condition
from console.live.source import Row


class JobSpec(Slim):
    """spec of a Job."""

    parallelism: int | None = None
    completions: int | None = None
    suspend: bool = False
    template: PodTemplate | None = None


class JobStatus(Slim):
    """status of a Job."""

    active: int = 0
    ready: int | None = None
    succeeded: int = 0
    failed: int = 0
    start_time: str | None = None
    completion_time: str | None = None
    conditions: list[Condition] | None = None


class Job(Slim):
    """A batch/v1 Job."""

    metadata: ObjectMeta
    spec: JobSpec | None = None
    status: JobStatus | None = None


class BatchRow(Row, gc=False):
    """A batch Job as a row."""

    word: str
    reason: str
    completions: str
    active: int
    ready: int | None
    succeeded: int
    failed: int
    devices: Devices  # of one pod
    parallelism: int
    started: float
    finished: float
    owner_kind: str
    owner: str
    since: float


_WORDS = (
    ("Complete", "Complete"),
    ("Failed", "Failed"),
    ("", "Terminating"),
    ("Suspended", "Suspended"),
    ("FailureTarget", "FailureTarget"),
    ("SuccessCriteriaMet", "SuccessCriteriaMet"),
)


def _word(job: Job, status: JobStatus) -> tuple[str, Condition | None]:
    """The STATUS of printJob (k8s.io/kubernetes pkg/printers/internalversion), and its condition."""
    for kind, word in _WORDS:
        if not kind:
            if job.metadata.deletion_timestamp is not None:
                return word, None
            continue
        told = true_condition(status.conditions, kind)
        if told is not None:
            return word, told
    return "Running", None


def batch_row(job: Job) -> BatchRow:
    """A batch Job to its row."""
    spec = job.spec or JobSpec()
    status = job.status or JobStatus()
    word, told = _word(job, status)
    parallelism = 1 if spec.parallelism is None else spec.parallelism
    if spec.completions is not None:
        completions = f"{status.succeeded}/{spec.completions}"
    else:
        completions = f"{status.succeeded}/1" + (f" of {parallelism}" if parallelism > 1 else "")
    pod = spec.template.spec if spec.template else None
    owner_kind, owner = controller(job.metadata.owner_references)
    ended = seconds(told.last_transition_time) if told is not None and word == "Failed" else 0.0
    return BatchRow(
        **base_fields(job.metadata),  # type: ignore[arg-type]
        word=word,
        reason=(told.message or told.reason) if told is not None and word in ("Failed", "FailureTarget") else "",
        completions=completions,
        active=status.active,
        ready=status.ready,
        succeeded=status.succeeded,
        failed=status.failed,
        devices=devices.need(pod.containers, pod.init_containers) if pod else (),
        parallelism=parallelism,
        started=seconds(status.start_time),
        finished=seconds(status.completion_time) or ended,
        owner_kind=owner_kind,
        owner=owner,
        since=seconds(told.last_transition_time) if told is not None else seconds(status.start_time),
    )


_STATES = {"Complete": State.DONE, "SuccessCriteriaMet": State.DONE, "Failed": State.BAD, "FailureTarget": State.BAD}


def health(row: BatchRow, now: float) -> Health:
    """A batch Job's state: kubectl's STATUS; running without a ready pod is waiting."""
    if row.word == "Running":
        return Health(
            State.WAITING if row.ready == 0 else State.WARN if row.failed else State.RUNNING, row.word, row.reason
        )
    return Health(_STATES.get(row.word, State.WAITING), row.word, row.reason)


def _duration(row: BatchRow, now: float) -> int | None:
    return int(max(0.0, (row.finished or now) - row.started)) if row.started else None


KIND = Kind(
    name="jobs.batch",
    kind="Job",
    group="batch",
    versions=("v1",),
    plural="jobs",
    title="Batch jobs",
    aliases=("batchjobs", "bj"),
    decode=Job,
    row=batch_row,
    health=health,
    opens="pods",
    columns=(
        cells.NAMESPACE,
        cells.NAME,
        cells.state("STATUS", "status", health),
        cells.field("COMPLETIONS", "completions", priority=1),
        Column("ACTIVE", "active", lambda row, now: row.active, text=cells.count, right=True, priority=3),
        Column("FAILED", "failed", lambda row, now: row.failed, text=cells.count, right=True, priority=3),
        Column(
            "GPUS",
            "gpus",
            lambda row, now: devices.total(row.devices) * row.parallelism,
            text=cells.count,
            right=True,
            priority=2,
        ),
        Column("DURATION", "duration", _duration, text=cells.lasting, right=True, ticks=True, priority=4, width=8),
        cells.AGE,
        cells.field("REASON", "reason", priority=5, limit=120),
        Column("OWNER", "owner", lambda row, now: f"{row.owner_kind}/{row.owner}" if row.owner else None, wide=True),
    ),
    extras=cells.EXTRAS,
)
