"""TrainJobs of Trainer v2: only Suspended, Complete and Failed are conditions, the rest is derived.

kubeflow/trainer pkg/apis/trainer/v1alpha1. jobsStatus counts Jobs; how many nodes run is counted from pods.
"""

from __future__ import annotations

import sys

from console.kinds import devices, jobrow
from console.kinds.base import Join, Kind
from console.kinds.devices import Container, Resources
from console.kinds.jobrow import QUEUE_LABEL, JobRow, Role
from console.kinds.meta import Condition, ObjectMeta, Slim, base_fields, controller, seconds, true_condition
from console.kinds.pods import PodRow


class RuntimeRef(Slim):
    """spec.runtimeRef."""

    name: str = ""
    kind: str = ""


class Trainer(Slim):
    """spec.trainer."""

    num_nodes: int | None = None
    resources_per_node: Resources | None = None


class TrainSpec(Slim):
    """spec of a TrainJob."""

    runtime_ref: RuntimeRef | None = None
    trainer: Trainer | None = None
    suspend: bool | None = None


class JobStatus(Slim):
    """One entry of status.jobsStatus."""

    name: str = ""
    ready: int = 0
    succeeded: int = 0
    failed: int = 0
    active: int = 0
    suspended: int = 0


class TrainStatus(Slim):
    """status of a TrainJob."""

    conditions: list[Condition] | None = None
    jobs_status: list[JobStatus] | None = None


class TrainJob(Slim):
    """A TrainJob."""

    metadata: ObjectMeta
    spec: TrainSpec | None = None
    status: TrainStatus | None = None


_TRAINERS = ("node", "launcher")


def phase(status: TrainStatus, suspend: bool) -> tuple[str, Condition | None]:
    """(phase, the condition behind it) in the order of the trainer's rules."""
    for kind, word in (("Failed", "Failed"), ("Complete", "Succeeded"), ("Suspended", "Suspended")):
        told = true_condition(status.conditions, kind)
        if told is not None:
            return word, told
    jobs = status.jobs_status or ()
    if any(job.ready > 0 for job in jobs if job.name in _TRAINERS):
        return "Running", None
    if suspend and not any(job.active for job in jobs):
        return "Suspended", None
    if any(job.active > 0 for job in jobs if job.name not in _TRAINERS):
        return "Initializing", None
    if any(job.active > 0 for job in jobs):
        return "Pending", None
    return "Creating", None


def train_row(job: TrainJob) -> JobRow:
    """A TrainJob to its row, before any join."""
    meta = job.metadata
    spec = job.spec or TrainSpec()
    status = job.status or TrainStatus()
    word, told = phase(status, bool(spec.suspend))
    trainer = spec.trainer or Trainer()
    labels = meta.labels or {}
    owner_kind, owner = controller(meta.owner_references)
    asked: devices.Devices = ()
    known = trainer.resources_per_node is not None and trainer.num_nodes is not None
    if known:
        each = devices.need((Container(resources=trainer.resources_per_node),), ())
        asked = devices.shared(devices.times(each, trainer.num_nodes or 0))
    finished = told is not None and word in ("Failed", "Succeeded")
    restarted = resumed_at(status.conditions)
    return JobRow(
        **base_fields(meta),  # type: ignore[arg-type]
        kind="TrainJob",
        declared=word,
        phase=word,
        reason=(told.message or told.reason) if told is not None and word == "Failed" else "",
        suspend=bool(spec.suspend),
        queue=sys.intern(labels.get(QUEUE_LABEL, "")),
        kueue=QUEUE_LABEL in labels,
        roles=(Role("node", trainer.num_nodes, None, 0, 0),),
        devices=asked,
        gpus=devices.total(asked) if known else None,
        wanted=trainer.num_nodes,
        running=0 if word in ("Suspended", "Creating", "Pending", "Initializing") else None,
        succeeded=(trainer.num_nodes or 0) if word == "Succeeded" else 0,
        failed=0,
        started=0.0 if word in ("Suspended", "Creating") else restarted or seconds(meta.creation_timestamp),
        finished=seconds(told.last_transition_time) if finished and told is not None else 0.0,
        owner_kind=owner_kind,
        owner=owner,
        deleting=meta.deletion_timestamp is not None,
        since=seconds(told.last_transition_time) if told is not None else 0.0,
    )


def resumed_at(conditions: list[Condition] | None) -> float:
    """When the job was last resumed: the transition of Suspended to False; 0.0 where it never was suspended."""
    for entry in conditions or ():
        if entry.type == "Suspended" and entry.status == "False":
            return seconds(entry.last_transition_time)
    return 0.0


def _pod_key(pod: PodRow) -> str:
    return f"{pod.namespace}/{pod.job}:TrainJob" if pod.job_kind == "JobSet" else ""


KIND = Kind(
    name="trainjobs",
    kind="TrainJob",
    group="trainer.kubeflow.org",
    versions=("v1alpha1",),
    title="TrainJobs",
    aliases=("tj",),
    decode=TrainJob,
    row=train_row,
    health=jobrow.job_health,
    columns=jobrow.COLUMNS,
    extras=jobrow.EXTRAS,
    joins=(Join("pods", _pod_key), jobrow.WORKLOADS),
    join=jobrow.join_pods,
    opens="replicas",
)
