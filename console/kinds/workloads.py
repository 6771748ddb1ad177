"""Kueue Workloads: what waits for quota, why, and which job it stands for (kueue.x-k8s.io, v1beta1 and v1beta2)."""

from __future__ import annotations

import sys

from console.kinds import cells, devices
from console.kinds.base import Column, Health, Kind, State
from console.kinds.devices import Devices, PodTemplate
from console.kinds.meta import (
    Condition,
    ObjectMeta,
    Slim,
    base_fields,
    condition,
    controller,
    seconds,
    true_condition,
)
from console.live.source import Row


class PodSet(Slim):
    """One entry of spec.podSets."""

    count: int = 1
    template: PodTemplate | None = None


class PriorityRef(Slim):
    """spec.priorityClassRef of v1beta2."""

    name: str = ""


class WorkloadSpec(Slim):
    """spec of a Workload."""

    queue_name: str = ""
    priority: int | None = None
    priority_class_name: str = ""
    priority_class_ref: PriorityRef | None = None
    active: bool | None = None
    pod_sets: list[PodSet] | None = None


class Admission(Slim):
    """status.admission."""

    cluster_queue: str = ""


class WorkloadStatus(Slim):
    """status of a Workload."""

    conditions: list[Condition] | None = None
    admission: Admission | None = None


class Workload(Slim):
    """A Workload."""

    metadata: ObjectMeta
    spec: WorkloadSpec | None = None
    status: WorkloadStatus | None = None


class WorkloadRow(Row, gc=False):
    """A Workload as a row."""

    queue: str
    cluster_queue: str
    active: bool
    admitted: bool
    word: str  # Pending, QuotaReserved, Admitted, Evicted, Finished, Deactivated
    reason: str  # of the condition that keeps it waiting
    message: str
    priority: int | None
    priority_class: str
    pods: int
    devices: Devices
    owner_kind: str
    owner: str
    since: float


def workload_row(workload: Workload) -> WorkloadRow:
    """A Workload to its row."""
    spec = workload.spec or WorkloadSpec()
    status = workload.status or WorkloadStatus()
    conditions = status.conditions
    admitted = true_condition(conditions, "Admitted")
    finished = true_condition(conditions, "Finished")
    evicted = true_condition(conditions, "Evicted")
    reserved = condition(conditions, "QuotaReserved")
    active = spec.active is not False
    told: Condition | None
    if finished is not None:
        word, told = "Finished", finished
    elif not active:
        word, told = "Deactivated", evicted
    elif admitted is not None:
        word, told = "Admitted", None
    elif reserved is not None and reserved.status == "True":
        word, told = "QuotaReserved", condition(conditions, "Admitted")
    elif evicted is not None and (reserved is None or reserved.status != "True"):
        word, told = "Evicted", evicted
    else:
        word, told = "Pending", reserved
    asked: dict[str, int] = {}
    for entry in spec.pod_sets or ():
        pod = entry.template.spec if entry.template else None
        if pod is not None:
            for name, number in devices.times(devices.need(pod.containers, pod.init_containers), entry.count).items():
                asked[name] = asked.get(name, 0) + number
    owner_kind, owner = controller(workload.metadata.owner_references)
    return WorkloadRow(
        **base_fields(workload.metadata),  # type: ignore[arg-type]
        queue=sys.intern(spec.queue_name),
        cluster_queue=sys.intern(status.admission.cluster_queue if status.admission else ""),
        active=active,
        admitted=admitted is not None or finished is not None,
        word=word,
        reason=told.reason if told else "",
        message=told.message if told else "",
        priority=spec.priority,
        priority_class=spec.priority_class_name or (spec.priority_class_ref.name if spec.priority_class_ref else ""),
        pods=sum(entry.count for entry in spec.pod_sets or ()),
        devices=devices.shared(asked),
        owner_kind=owner_kind,
        owner=owner,
        since=seconds(told.last_transition_time) if told else 0.0,
    )


_STATES = {
    "Admitted": State.RUNNING,
    "QuotaReserved": State.WAITING,
    "Pending": State.WAITING,
    "Evicted": State.WARN,
    "Deactivated": State.WARN,
}


def health(row: WorkloadRow, now: float) -> Health:
    """A Workload's state."""
    if row.word == "Finished":
        return Health(State.BAD if row.reason == "Failed" else State.DONE, row.word, row.message)
    return Health(_STATES[row.word], row.word, row.message or row.reason)


KIND = Kind(
    name="workloads",
    kind="Workload",
    group="kueue.x-k8s.io",
    versions=("v1beta2", "v1beta1"),
    title="Workloads",
    aliases=("wl",),
    decode=Workload,
    row=workload_row,
    health=health,
    columns=(
        cells.NAMESPACE,
        cells.NAME,
        cells.state("STATUS", "status", health),
        cells.field("QUEUE", "queue", priority=1),
        cells.field("CLUSTER QUEUE", "cluster_queue", priority=5),
        Column("JOB", "job", lambda row, now: f"{row.owner_kind}/{row.owner}" if row.owner else None, priority=4),
        Column("GPUS", "gpus", lambda row, now: devices.total(row.devices), text=cells.count, right=True),
        cells.field("PODS", "pods", right=True, priority=5),
        cells.field("PRIORITY", "priority", right=True, priority=3),
        cells.AGE,
        cells.field("MESSAGE", "message", priority=6, limit=120),
    ),
    extras=(cells.field("", "reason"), cells.field("", "priority_class"), *cells.EXTRAS),
)
