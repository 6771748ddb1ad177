"""CronJobs: a Job each time the schedule comes round."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import ClassVar

from console.clock import format_time, parse_time
from console.demo.client import Object
from console.demo.controllers.base import Cluster, is_true, owner_reference, path_of
from console.demo.controllers.plan import Creation, Deletion, Note, Plan
from console.demo.controllers.planned import PlannedController
from console.demo.controllers.schedules import Schedule, parse_schedule


def _is_over(job: Object) -> bool:
    return is_true(job, "Complete") or is_true(job, "Failed")


def due_time(schedule: Schedule, since: float, now: float) -> float | None:
    """The latest time the schedule came round in (since, now]; None when it did not."""
    latest = None
    for _ in range(200):
        following = schedule.after(since)
        if following is None or following > now:
            return latest
        latest = since = following
    return latest


def plan_cronjob(obj: Object, jobs: Sequence[Object], now: float) -> Plan:
    """What to do about a CronJob that owns these Jobs."""
    plan, spec, metadata = Plan(), obj["spec"], obj["metadata"]
    status: Object = dict(obj.get("status") or {})
    active = [job for job in jobs if not _is_over(job)]
    _note_finished(plan, status, jobs)
    _trim(plan, spec, jobs)
    try:
        schedule = parse_schedule(spec["schedule"], spec.get("timeZone") or "")
    except ValueError as error:
        plan.events.append(
            Note("Warning", "UnparseableSchedule", f"unparseable schedule: {spec['schedule']} : {error}")
        )
        plan.status = status
        return plan
    since = parse_time(status.get("lastScheduleTime")) or parse_time(metadata.get("creationTimestamp")) or now
    deadline = spec.get("startingDeadlineSeconds")
    due = due_time(schedule, max(since, now - deadline) if deadline is not None else since, now)
    if due is not None and not spec.get("suspend"):
        _start(plan, obj, active, due, status)
    if active or status.get("active"):
        status["active"] = [_reference(job) for job in active]
        if not active:
            del status["active"]
    following = schedule.after(now)
    if following is not None and not spec.get("suspend"):
        plan.look_again(following - now + 0.2)
    plan.status = status
    return plan


def _start(plan: Plan, obj: Object, active: Sequence[Object], due: float, status: Object) -> None:
    spec, metadata = obj["spec"], obj["metadata"]
    policy = spec.get("concurrencyPolicy", "Allow")
    if active and policy == "Forbid":
        plan.events.append(Note("Normal", "JobAlreadyActive", "Not starting job because prior execution is running"))
        return
    if policy == "Replace":
        for job in active:
            done = Note("Normal", "SuccessfulDelete", f"Deleted job {job['metadata']['name']}")
            plan.delete.append(Deletion(path_of(job, "jobs"), done))
    name = f"{metadata['name']}-{int(due // 60)}"
    template = copy.deepcopy(spec["jobTemplate"])
    given = template.get("metadata") or {}
    manifest = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": dict(given.get("labels") or {}),
            "annotations": {
                **(given.get("annotations") or {}),
                "batch.kubernetes.io/cronjob-scheduled-timestamp": format_time(due),
            },
            "ownerReferences": [owner_reference(obj)],
        },
        "spec": template["spec"],
    }
    plan.create.append(
        Creation(
            f"/apis/batch/v1/namespaces/{metadata['namespace']}/jobs",
            manifest,
            Note("Normal", "SuccessfulCreate", f"Created job {name}"),
            Note("Warning", "FailedCreate", "Error creating job: {error}"),
        )
    )
    status["lastScheduleTime"] = format_time(due)


def _note_finished(plan: Plan, status: Object, jobs: Sequence[Object]) -> None:
    known = {each.get("uid") for each in status.get("active") or ()}
    for job in jobs:
        if job["metadata"]["uid"] in known and _is_over(job):
            kind = "Complete" if is_true(job, "Complete") else "Failed"
            text = f"Saw completed job: {job['metadata']['name']}, condition: {kind}"
            plan.events.append(Note("Normal", "SawCompletedJob", text))
        ended = (job.get("status") or {}).get("completionTime")
        if ended and ended > status.get("lastSuccessfulTime", ""):
            status["lastSuccessfulTime"] = ended


def _trim(plan: Plan, spec: Object, jobs: Sequence[Object]) -> None:
    for kind, field, default in (
        ("Complete", "successfulJobsHistoryLimit", 3),
        ("Failed", "failedJobsHistoryLimit", 1),
    ):
        over = sorted(
            (job for job in jobs if is_true(job, kind)), key=lambda job: str(job["metadata"]["creationTimestamp"])
        )
        for job in over[: max(0, len(over) - int(spec.get(field, default)))]:
            done = Note("Normal", "SuccessfulDelete", f"Deleted job {job['metadata']['name']}")
            plan.delete.append(Deletion(path_of(job, "jobs"), done))


def _reference(job: Object) -> Object:
    metadata = job["metadata"]
    reference = {"apiVersion": "batch/v1", "kind": "Job", "name": metadata["name"], "namespace": metadata["namespace"]}
    return reference | {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}


class CronJobs(PlannedController):
    """The cronjob-controller."""

    name: ClassVar[str] = "cronjob-controller"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster, "/apis/batch/v1/cronjobs")
        self._jobs = self.watch_owned("/apis/batch/v1/jobs", "CronJob")

    async def decide(self, obj: Object) -> Plan:
        """The plan for one CronJob."""
        return plan_cronjob(obj, self._jobs.owned_by(obj["metadata"]["uid"]), self.cluster.clock())
