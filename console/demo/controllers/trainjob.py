"""What to do about one TrainJob: its JobSet, its few conditions, its progress.

A TrainJob has no Created and no Running condition (field guide, section 2.1). Facts from github.com/kubeflow/trainer
v2.1.0, pkg/controller/trainjob_controller.go. The decision is a pure function.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

from console.clock import format_time, parse_time
from console.demo.client import Object
from console.demo.controllers import trainjob_render
from console.demo.controllers.base import with_condition
from console.demo.controllers.plan import Change, Creation, Note, Plan, holds
from console.demo.controllers.trainer_progress import report

MANAGER = "trainer.kubeflow.org/trainjob-controller"
GROUP = "trainer.kubeflow.org/v1alpha1"


def runtime_path(trainjob: Object) -> str:
    """Where the runtime of a TrainJob is served; empty when the reference is not one the trainer knows."""
    reference, namespace = trainjob["spec"]["runtimeRef"], trainjob["metadata"]["namespace"]
    if reference.get("apiGroup", "trainer.kubeflow.org") != "trainer.kubeflow.org":
        return ""
    kind = reference.get("kind", "ClusterTrainingRuntime")
    if kind == "ClusterTrainingRuntime":
        return f"/apis/{GROUP}/clustertrainingruntimes/{reference['name']}"
    return (
        f"/apis/{GROUP}/namespaces/{namespace}/trainingruntimes/{reference['name']}"
        if kind == "TrainingRuntime"
        else ""
    )


def decide(
    trainjob: Object, runtime: Object | None, jobset: Object | None, companions: Mapping[str, Object], now: float
) -> Plan:
    """The plan for one TrainJob; `companions` maps a plural to what an MPI runtime needs and is there already."""
    if trainjob["spec"].get("managedBy") not in (None, "", MANAGER):
        return Plan()
    plan, at = Plan(), format_time(now)
    before = trainjob.get("status") or {}
    status: Object = copy.deepcopy(before)
    conditions = list(status.get("conditions") or [])
    if holds(conditions, "Complete"):
        return plan
    failed = next((each for each in conditions if each["type"] == "Failed"), None)
    if failed is not None and failed.get("reason") == "DeadlineExceeded":
        return plan
    # A change of the spec may lead out of Failed: it is found anew each time, and keeps its time while it lasts.
    conditions = [each for each in conditions if each is not failed]
    failed_at = failed["lastTransitionTime"] if failed else at
    if runtime is None:
        reference = trainjob["spec"]["runtimeRef"]
        if not runtime_path(trainjob):
            message = f"unsupported runtime: {reference.get('kind', '')}.{reference.get('apiGroup', '')}"
            conditions = _with(conditions, "Failed", True, "TrainingRuntimeNotSupported", message, failed_at)
        else:
            what = "clustertrainingruntimes" if "clustertraining" in runtime_path(trainjob) else "trainingruntimes"
            error = f'{what}.trainer.kubeflow.org "{reference["name"]}" not found'
            message = f"TrainJob resources reconciliation failed: {error}"
            plan.events.append(Note("Warning", "TrainJobResourcesCreationFailed", message))
    else:
        _render(plan, trainjob, runtime, jobset, companions)
    if trainjob["spec"].get("suspend"):
        conditions = _with(conditions, "Suspended", True, "Suspended", "TrainJob is suspended", at)
    elif holds(conditions, "Suspended"):
        conditions = _with(conditions, "Suspended", False, "Resumed", "TrainJob is resumed", at)
    if jobset is not None:
        conditions = _follow(jobset, status, conditions)
        reported = report(trainjob, jobset, now)
        if reported is not None:
            status["trainerStatus"], wait = reported
            plan.look_again(wait)
    conditions = _deadline(plan, trainjob, conditions, now)
    if conditions:
        status["conditions"] = conditions
    else:
        status.pop("conditions", None)
    if status != before:
        plan.status = status
    return plan


def _render(
    plan: Plan, trainjob: Object, runtime: Object, jobset: Object | None, companions: Mapping[str, Object]
) -> None:
    """Create the JobSet, or bring it up to date while either of the two is suspended."""
    namespace = trainjob["metadata"]["namespace"]
    for plural, wanted in trainjob_render.mpi_companions(trainjob, runtime):
        if plural not in companions:
            plan.create.append(Creation(f"/api/v1/namespaces/{namespace}/{plural}", wanted, refused=_refused()))
    collection = f"/apis/jobset.x-k8s.io/v1alpha2/namespaces/{namespace}/jobsets"
    if jobset is None:
        plan.create.append(Creation(collection, trainjob_render.jobset(trainjob, runtime), refused=_refused()))
        return
    suspended = bool(trainjob["spec"].get("suspend"))
    if suspended != bool(jobset["spec"].get("suspend")):
        plan.change.append(Change(f"{collection}/{jobset['metadata']['name']}", {"spec": {"suspend": suspended}}))
    elif suspended:
        wanted = trainjob_render.jobset(trainjob, runtime)["spec"]["replicatedJobs"]
        if _differs(jobset["spec"]["replicatedJobs"], wanted):
            patch = {"spec": {"replicatedJobs": wanted}}
            plan.change.append(Change(f"{collection}/{jobset['metadata']['name']}", patch))


def _refused() -> Note:
    return Note("Warning", "TrainJobResourcesCreationFailed", "TrainJob resources reconciliation failed: {error}")


def _differs(present: object, wanted: object) -> bool:
    """Whether `wanted` asks for anything `present` lacks; what the server filled in beside it is no difference."""
    if isinstance(wanted, dict) and isinstance(present, dict):
        return any(_differs(present.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(present, list):
        return len(wanted) != len(present) or any(_differs(old, new) for old, new in zip(present, wanted, strict=True))
    return wanted != present and not (not wanted and present is None)


def _follow(jobset: Object, status: Object, conditions: list[Object]) -> list[Object]:
    """The JobSet's end becomes the TrainJob's, and its counts the TrainJob's `jobsStatus`."""
    theirs = jobset.get("status") or {}
    for kind, own in (("Completed", "Complete"), ("Failed", "Failed")):
        ended = next((c for c in theirs.get("conditions") or [] if c["type"] == kind and c["status"] == "True"), None)
        if ended is not None:
            since = ended["lastTransitionTime"]
            conditions = _with(conditions, own, True, ended["reason"], ended.get("message", ""), since)
    if theirs.get("replicatedJobsStatus"):
        status["jobsStatus"] = [dict(each) for each in theirs["replicatedJobsStatus"]]
    return conditions


def _deadline(plan: Plan, trainjob: Object, conditions: list[Object], now: float) -> list[Object]:
    """`activeDeadlineSeconds` (v2.2) counts from the creation, or from the last resumption."""
    seconds = trainjob["spec"].get("activeDeadlineSeconds")
    if (
        seconds is None
        or holds(conditions, "Complete")
        or holds(conditions, "Failed")
        or trainjob["spec"].get("suspend")
    ):
        return conditions
    resumed = next((each for each in conditions if each["type"] == "Suspended"), None)
    since = resumed["lastTransitionTime"] if resumed else trainjob["metadata"].get("creationTimestamp")
    remaining = (parse_time(since) or now) + float(seconds) - now
    if remaining > 0:
        plan.look_again(remaining)
        return conditions
    namespace, name = trainjob["metadata"]["namespace"], trainjob["metadata"]["name"]
    plan.change.append(
        Change(f"/apis/jobset.x-k8s.io/v1alpha2/namespaces/{namespace}/jobsets/{name}", {"spec": {"suspend": True}})
    )
    message = "TrainJob exceeded its deadline"
    return _with(conditions, "Failed", True, "DeadlineExceeded", message, format_time(now))


def _with(conditions: list[Object], kind: str, value: bool, reason: str, message: str, at: str) -> list[Object]:
    new = {"type": kind, "status": "True" if value else "False", "reason": reason, "message": message}
    return with_condition(conditions, new, now=at)
