"""JobSets (jobset.x-k8s.io): their phase, restarts and what all their replicated Jobs ask for."""

from __future__ import annotations

import sys

from console.kinds import devices, jobrow
from console.kinds.base import Join, Kind
from console.kinds.devices import PodTemplate
from console.kinds.jobrow import QUEUE_LABEL, JobRow, Role
from console.kinds.meta import Condition, ObjectMeta, Slim, base_fields, controller, seconds, true_condition
from console.kinds.pods import PodRow


class JobSpec(Slim):
    """spec of a Job template."""

    parallelism: int | None = None
    completions: int | None = None
    template: PodTemplate | None = None


class JobTemplate(Slim):
    """template of a replicated Job."""

    spec: JobSpec | None = None


class ReplicatedJob(Slim):
    """One entry of spec.replicatedJobs."""

    name: str = ""
    replicas: int | None = None
    template: JobTemplate | None = None


class JobSetSpec(Slim):
    """spec of a JobSet."""

    replicated_jobs: list[ReplicatedJob] | None = None
    suspend: bool | None = None


class ReplicatedStatus(Slim):
    """One entry of status.replicatedJobsStatus; it counts Jobs."""

    name: str = ""
    ready: int = 0
    succeeded: int = 0
    failed: int = 0
    active: int = 0


class JobSetStatus(Slim):
    """status of a JobSet."""

    conditions: list[Condition] | None = None
    replicated_jobs_status: list[ReplicatedStatus] | None = None
    restarts: int = 0
    terminal_state: str = ""


class JobSet(Slim):
    """A JobSet."""

    metadata: ObjectMeta
    spec: JobSetSpec | None = None
    status: JobSetStatus | None = None


def phase(status: JobSetStatus, suspend: bool) -> tuple[str, Condition | None]:
    """(phase, the condition behind it)."""
    for kind, word in (
        ("Failed", "Failed"),
        ("Completed", "Succeeded"),
        ("Suspended", "Suspended"),
        ("RestartingJobSet", "Restarting"),
    ):
        told = true_condition(status.conditions, kind)
        if told is not None:
            return word, told
    if status.terminal_state:
        return ("Succeeded" if status.terminal_state == "Completed" else "Failed"), None
    jobs = status.replicated_jobs_status or ()
    if any(job.ready for job in jobs):
        return "Running", None
    if suspend:
        return "Suspended", None
    return ("Pending" if any(job.active for job in jobs) else "Creating"), None


def jobset_row(jobset: JobSet) -> JobRow:
    """A JobSet to its row, before any join."""
    meta = jobset.metadata
    spec = jobset.spec or JobSetSpec()
    status = jobset.status or JobSetStatus()
    word, told = phase(status, bool(spec.suspend))
    roles: list[Role] = []
    asked: dict[str, int] = {}
    for entry in spec.replicated_jobs or ():
        job = (entry.template.spec if entry.template else None) or JobSpec()
        wanted = (1 if entry.replicas is None else entry.replicas) * (1 if job.parallelism is None else job.parallelism)
        roles.append(Role(sys.intern(entry.name), wanted, None, 0, 0))
        pod = job.template.spec if job.template else None
        if pod is not None:
            for resource, count in devices.times(devices.need(pod.containers, pod.init_containers), wanted).items():
                asked[resource] = asked.get(resource, 0) + count
    labels = meta.labels or {}
    owner_kind, owner = controller(meta.owner_references)
    all_asked = devices.shared(asked)
    finished = told is not None and word in ("Failed", "Succeeded")
    return JobRow(
        **base_fields(meta),  # type: ignore[arg-type]
        kind="JobSet",
        declared=word,
        phase=word,
        reason=(told.message or told.reason) if told is not None and word in ("Failed", "Restarting") else "",
        suspend=bool(spec.suspend),
        queue=sys.intern(labels.get(QUEUE_LABEL, "")),
        kueue=QUEUE_LABEL in labels,
        roles=tuple(roles),
        devices=all_asked,
        gpus=devices.total(all_asked),
        wanted=sum(role.wanted or 0 for role in roles),
        running=0 if word in ("Suspended", "Creating", "Pending") else None,
        succeeded=0,
        failed=0,
        started=0.0 if word in ("Suspended", "Creating") else seconds(meta.creation_timestamp),
        finished=seconds(told.last_transition_time) if finished and told is not None else 0.0,
        owner_kind=owner_kind,
        owner=owner,
        deleting=meta.deletion_timestamp is not None,
        restarts=status.restarts,
        since=seconds(told.last_transition_time) if told is not None else 0.0,
    )


def _pod_key(pod: PodRow) -> str:
    return f"{pod.namespace}/{pod.job}:JobSet" if pod.job_kind == "JobSet" else ""


KIND = Kind(
    name="jobsets",
    kind="JobSet",
    group="jobset.x-k8s.io",
    versions=("v1alpha2",),
    title="JobSets",
    aliases=("js",),
    decode=JobSet,
    row=jobset_row,
    health=jobrow.job_health,
    columns=jobrow.COLUMNS,
    extras=jobrow.EXTRAS,
    joins=(Join("pods", _pod_key), jobrow.WORKLOADS),
    join=jobrow.join_pods,
    opens="replicas",
)
