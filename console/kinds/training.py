"""Training jobs of every kind: the row they share and the phase that is true, by conditions, pods and queue.

The rules are the training operator's and the trainer's: conditions do not count pending pods, Running follows the
master, a running TrainJob may have no condition at all. The six v1 kinds differ only in the name of their replica map
(kubeflow/training-operator pkg/apis/kubeflow.org/v1); the MPI operator's v2beta1 has the same shape.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from console.kinds import devices
from console.kinds.base import Kind
from console.kinds.devices import PodTemplate
from console.kinds.jobrow import COLUMNS, EXTRAS, PODS, QUEUE_LABEL, WORKLOADS, JobRow, Role, job_health, join_pods
from console.kinds.meta import Condition, ObjectMeta, Slim, base_fields, controller, seconds


class RunPolicy(Slim):
    """spec.runPolicy."""

    suspend: bool | None = None
    scheduling_policy: SchedulingPolicy | None = None


class SchedulingPolicy(Slim):
    """spec.runPolicy.schedulingPolicy."""

    queue: str = ""


class ReplicaSpec(Slim):
    """One entry of a replica map."""

    replicas: int | None = None
    template: PodTemplate | None = None


Replicas = dict[str, ReplicaSpec | None]


class TrainingSpec(Slim):
    """spec of any v1 training kind: one of the maps is there."""

    run_policy: RunPolicy | None = None
    pytorch_replica_specs: Replicas | None = None
    tf_replica_specs: Replicas | None = None
    mpi_replica_specs: Replicas | None = None
    xgb_replica_specs: Replicas | None = None
    jax_replica_specs: Replicas | None = None
    paddle_replica_specs: Replicas | None = None
    mx_replica_specs: Replicas | None = None

    def replicas(self) -> Replicas:
        """The replica map, whatever its name."""
        return (
            self.pytorch_replica_specs
            or self.tf_replica_specs
            or self.mpi_replica_specs
            or self.xgb_replica_specs
            or self.jax_replica_specs
            or self.paddle_replica_specs
            or self.mx_replica_specs
            or {}
        )


class ReplicaStatus(Slim):
    """One entry of status.replicaStatuses; absent counts are zero, and pending pods are in none of them."""

    active: int = 0
    succeeded: int = 0
    failed: int = 0


class TrainingStatus(Slim):
    """status of any v1 training kind."""

    conditions: list[Condition] | None = None
    replica_statuses: dict[str, ReplicaStatus | None] | None = None
    start_time: str | None = None
    completion_time: str | None = None


class TrainingJob(Slim):
    """Any v1 training job."""

    metadata: ObjectMeta
    spec: TrainingSpec | None = None
    status: TrainingStatus | None = None


_ENDS = ("Failed", "Succeeded", "Suspended")


def condition_phase(conditions: Sequence[Condition] | None, suspend: bool) -> tuple[str, Condition | None]:
    """(phase, the condition that says so) of a v1 job by its conditions alone; "" where there is none."""
    true = [entry for entry in conditions or () if entry.status == "True"]
    for end in _ENDS:
        for entry in true:
            if entry.type == end:
                return end, entry
    if suspend and not any(entry.type in ("Running", "Restarting") for entry in true):
        return "Suspended", None
    for kinds in (("Restarting", "Running"), ("Created",)):
        for entry in reversed(true):
            if entry.type in kinds:
                return entry.type, entry
    return "", None


def training_row(kind: str, job: TrainingJob) -> JobRow:
    """A v1 training job to its row, before any join."""
    meta = job.metadata
    spec = job.spec or TrainingSpec()
    status = job.status or TrainingStatus()
    policy = spec.run_policy or RunPolicy()
    phase, told = condition_phase(status.conditions, bool(policy.suspend))
    statuses = {name: entry for name, entry in (status.replica_statuses or {}).items() if entry is not None}
    roles: list[Role] = []
    asked: dict[str, int] = {}
    for name, replica in spec.replicas().items():
        wanted = 1 if replica is None or replica.replicas is None else replica.replicas
        counted = statuses.get(name, ReplicaStatus())
        roles.append(Role(sys.intern(name.lower()), wanted, counted.active, counted.succeeded, counted.failed))
        pod = replica.template.spec if replica is not None and replica.template is not None else None
        if pod is not None:
            for resource, count in devices.times(devices.need(pod.containers, pod.init_containers), wanted).items():
                asked[resource] = asked.get(resource, 0) + count
    labels = meta.labels or {}
    owner_kind, owner = controller(meta.owner_references)
    all_asked = devices.shared(asked)
    queue = labels.get(QUEUE_LABEL, "") or (policy.scheduling_policy.queue if policy.scheduling_policy else "")
    return JobRow(
        **base_fields(meta),  # type: ignore[arg-type]
        kind=kind,
        declared=sys.intern(phase),
        phase=sys.intern(phase or "Pending"),
        reason=_said(phase, told),
        suspend=bool(policy.suspend),
        queue=sys.intern(queue),
        kueue=QUEUE_LABEL in labels,
        roles=tuple(roles),
        devices=all_asked,
        gpus=devices.total(all_asked),
        wanted=sum(role.wanted or 0 for role in roles),
        running=sum(role.running or 0 for role in roles),
        succeeded=sum(role.succeeded for role in roles),
        failed=sum(role.failed for role in roles),
        started=seconds(status.start_time),
        finished=seconds(status.completion_time),
        owner_kind=owner_kind,
        owner=owner,
        deleting=meta.deletion_timestamp is not None,
        since=seconds(told.last_transition_time) if told else 0.0,
    )


def _said(phase: str, told: Condition | None) -> str:
    if not phase:
        return "no status yet: no controller has picked it up"
    if told is not None and phase in ("Failed", "Restarting"):
        return told.message or told.reason
    return ""


def training_kind(name: str, kind: str, *, versions: tuple[str, ...] = ("v1",), aliases: tuple[str, ...]) -> Kind:
    """The Kind of one v1 training resource of group kubeflow.org."""
    return Kind(
        name=name,
        kind=kind,
        group="kubeflow.org",
        versions=versions,
        title=f"{kind}s",
        aliases=aliases,
        decode=TrainingJob,
        row=lambda job: training_row(kind, job),
        health=job_health,
        columns=COLUMNS,
        extras=EXTRAS,
        joins=(PODS, WORKLOADS),
        join=join_pods,
        opens="replicas",
    )
