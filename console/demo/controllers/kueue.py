"""A minimal Kueue: a Workload for each queued job, admission by quota, the job held until admitted.

One pass over everything is a pure function of what is there (`cycle`); the controller carries its plans out.
Facts from the field guide, section 12.5.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from console.clock import format_time
from console.demo.client import Object
from console.demo.controllers import kueue_jobs
from console.demo.controllers.base import owner_reference, with_condition
from console.demo.controllers.kueue_quota import Ledger, is_admitted, usage_status
from console.demo.controllers.plan import holds
from console.demo.controllers.trainjob import runtime_path

GROUP = "kueue.x-k8s.io/v1beta2"


@dataclass(slots=True)
class State:
    """Everything Kueue looks at."""

    jobs: Sequence[Object] = ()
    workloads: Sequence[Object] = ()
    cluster_queues: Mapping[str, Object] = field(default_factory=dict)
    local_queues: Mapping[str, Object] = field(default_factory=dict)  # by namespace/name
    flavors: Mapping[str, Object] = field(default_factory=dict)
    runtimes: Mapping[str, Object] = field(default_factory=dict)  # by path, for TrainJobs
    priorities: Mapping[str, int] = field(default_factory=dict)  # WorkloadPriorityClass to value


@dataclass(slots=True)
class Steps:
    """What one pass wants done."""

    create: list[Object] = field(default_factory=list)  # Workloads
    patch: list[tuple[Object, Object]] = field(default_factory=list)  # (job, merge patch)
    status: list[tuple[Object, Object]] = field(default_factory=list)  # (object, whole new status)
    events: list[tuple[Object, str, str, str]] = field(default_factory=list)  # object, type, reason, message


def cycle(state: State, now: float) -> Steps:
    """Look at every job and Workload once, the most important and oldest first."""
    steps, at = Steps(), format_time(now)
    by_job = {(each["metadata"].get("labels") or {}).get(kueue_jobs.JOB_UID_LABEL): each for each in state.workloads}
    ledger = Ledger(state.cluster_queues)
    statuses: dict[str, Object] = {}
    for workload in state.workloads:
        if is_admitted(workload) and not holds(_conditions(workload), "Finished"):
            ledger.take(workload["status"]["admission"]["clusterQueue"], workload["status"]["admission"])
    pending: list[tuple[Object, Object]] = []
    for job in state.jobs:
        if not kueue_jobs.queue_of(job):
            continue
        own = by_job.get(job["metadata"]["uid"])
        over = kueue_jobs.finished(job)
        if own is None:
            if over is None:
                _enqueue(steps, state, job)
        elif over is not None:
            statuses[_key(own)] = _finish(own, over, at)
        elif is_admitted(own) and own["spec"].get("active", True):
            statuses[_key(own)] = _keep_running(steps, state, job, own, at)
        else:
            pending.append((job, own))
    heads_blocked: set[str] = set()
    for job, workload in sorted(pending, key=_rank):
        statuses[_key(workload)] = _try_to_admit(steps, state, ledger, heads_blocked, job, workload, at)
    for workload in state.workloads:
        new = statuses.get(_key(workload))
        if new is not None and new != (workload.get("status") or {}):
            steps.status.append((workload, new))
    _report(steps, state, ledger, statuses, at)
    return steps


def _enqueue(steps: Steps, state: State, job: Object) -> None:
    """Hold a new job and make its Workload."""
    if not kueue_jobs.is_suspended(job):
        steps.patch.append((job, kueue_jobs.suspension(job, True)))
    pod_sets = kueue_jobs.pod_sets(job, state.runtimes.get(runtime_path(job)) if job["kind"] == "TrainJob" else None)
    if not pod_sets:
        return
    meta = job["metadata"]
    wanted = (meta.get("labels") or {}).get(kueue_jobs.PRIORITY_LABEL)
    name = kueue_jobs.workload_name(job)
    spec: Object = {
        "active": True,
        "queueName": kueue_jobs.queue_of(job),
        "priority": state.priorities.get(wanted or "", 0),
        "podSets": pod_sets,
    }
    if wanted:
        spec["priorityClassRef"] = {"group": "kueue.x-k8s.io", "kind": "WorkloadPriorityClass", "name": wanted}
    steps.create.append(
        {
            "apiVersion": GROUP,
            "kind": "Workload",
            "metadata": {
                "name": name,
                "namespace": meta["namespace"],
                "labels": {kueue_jobs.JOB_UID_LABEL: meta["uid"]},
                "ownerReferences": [owner_reference(job)],
            },
            "spec": spec,
        }
    )
    steps.events.append((job, "Normal", "CreatedWorkload", f"Created Workload: {meta['namespace']}/{name}"))


def _finish(workload: Object, over: tuple[str, str], at: str) -> Object:
    status = copy.deepcopy(workload.get("status") or {})
    _set(status, "Finished", True, over[0], over[1], at)
    return status


def _keep_running(steps: Steps, state: State, job: Object, workload: Object, at: str) -> Object:
    """An admitted job runs, whoever held it."""
    status: Object = copy.deepcopy(workload["status"])
    if kueue_jobs.is_suspended(job):
        steps.patch.append((job, kueue_jobs.suspension(job, False, _selectors(state, status["admission"]))))
        queue = status["admission"]["clusterQueue"]
        steps.events.append((job, "Normal", "Started", f"Admitted by clusterQueue {queue}"))
    if kueue_jobs.is_running(job):
        _set(status, "PodsReady", True, "Started", "All pods reached readiness and the workload is running", at)
    elif not holds(status["conditions"], "PodsReady"):
        _set(status, "PodsReady", False, "WaitForStart", "Not all pods are ready or succeeded", at)
    return status


def _try_to_admit(
    steps: Steps, state: State, ledger: Ledger, blocked: set[str], job: Object, workload: Object, at: str
) -> Object:
    status = copy.deepcopy(workload.get("status") or {})
    if not kueue_jobs.is_suspended(job):
        steps.patch.append((job, kueue_jobs.suspension(job, True)))
    if not workload["spec"].get("active", True):
        if status.pop("admission", None) is not None:
            _set(status, "Evicted", True, "Deactivated", "The workload is deactivated", at)
        _set(status, "QuotaReserved", False, "Inadmissible", "The workload is deactivated", at)
        _set(status, "Admitted", False, "NoReservation", "The workload has no reservation", at, add=False)
        return status
    queue, why = _queue_for(state, workload)
    if why:
        _set(status, "QuotaReserved", False, "Inadmissible", why, at)
        return status
    if queue in blocked:
        return status  # behind the head of a StrictFIFO queue: nothing is said
    admission, why = ledger.assign(queue, workload["spec"]["podSets"])
    if admission is None:
        if state.cluster_queues[queue]["spec"].get("queueingStrategy") == "StrictFIFO":
            blocked.add(queue)
        if not _same(status, "QuotaReserved", why):
            steps.events.append((workload, "Warning", "Pending", why))
        _set(status, "QuotaReserved", False, "Pending", why, at)
        return status
    ledger.take(queue, admission)
    status["admission"] = admission
    _set(status, "Evicted", False, "QuotaReserved", f"Previously: quota reserved in {queue}", at, add=False)
    _set(status, "QuotaReserved", True, "QuotaReserved", f"Quota reserved in ClusterQueue {queue}", at)
    _set(status, "Admitted", True, "Admitted", "The workload is admitted", at)
    steps.events.append((workload, "Normal", "QuotaReserved", f"Quota reserved in ClusterQueue {queue}"))
    steps.events.append((workload, "Normal", "Admitted", f"Admitted by ClusterQueue {queue}"))
    return status


def _queue_for(state: State, workload: Object) -> tuple[str, str]:
    """(ClusterQueue, "") or ("", why there is none to go to)."""
    name = workload["spec"].get("queueName", "")
    local = state.local_queues.get(f"{workload['metadata']['namespace']}/{name}")
    if local is None:
        return "", f"LocalQueue {name} doesn't exist"
    queue = local["spec"].get("clusterQueue", "")
    if queue not in state.cluster_queues:
        return "", f"ClusterQueue {queue} doesn't exist"
    if _is_stopped(local):
        return "", f"LocalQueue {name} is inactive"
    if _is_stopped(state.cluster_queues[queue]) or _missing_flavors(state, state.cluster_queues[queue]):
        return "", f"ClusterQueue {queue} is inactive"
    return queue, ""


def _selectors(state: State, admission: Object) -> dict[str, dict[str, str]]:
    """Pod set to the node labels of the flavors it was given."""
    found: dict[str, dict[str, str]] = {}
    for each in admission.get("podSetAssignments") or []:
        labels: dict[str, str] = {}
        for flavor in (each.get("flavors") or {}).values():
            labels.update((state.flavors.get(flavor, {}).get("spec") or {}).get("nodeLabels") or {})
        found[each["name"]] = labels
    return found


def _report(steps: Steps, state: State, ledger: Ledger, statuses: Mapping[str, Object], at: str) -> None:
    """The counts of ClusterQueues and LocalQueues after this pass."""
    counts: dict[str, list[int]] = {}
    for workload in state.workloads:
        conditions = statuses.get(_key(workload), workload.get("status") or {}).get("conditions") or []
        if holds(conditions, "Finished"):
            continue
        local = f"{workload['metadata']['namespace']}/{workload['spec'].get('queueName', '')}"
        cluster = (state.local_queues.get(local, {}).get("spec") or {}).get("clusterQueue", "")
        admitted = holds(conditions, "Admitted")
        for name in (local, cluster):
            mine = counts.setdefault(name, [0, 0])
            mine[1 if admitted else 0] += 1
    for key, queue in [*state.cluster_queues.items(), *state.local_queues.items()]:
        pending, admitted_count = counts.get(key, [0, 0])
        status = copy.deepcopy(queue.get("status") or {})
        status |= {
            "pendingWorkloads": pending,
            "reservingWorkloads": admitted_count,
            "admittedWorkloads": admitted_count,
        }
        if queue["kind"] == "ClusterQueue":
            use = usage_status(queue, ledger.used.get(key, {}))
            status |= {"flavorsReservation": use, "flavorsUsage": use}
            missing = _missing_flavors(state, queue)
            if missing:
                message = f"Can't admit new workloads: references missing ResourceFlavor(s): {','.join(missing)}."
                _set(status, "Active", False, "FlavorNotFound", message, at)
            elif _is_stopped(queue):
                _set(status, "Active", False, "Stopped", "Can't admit new workloads: is stopped.", at)
            else:
                _set(status, "Active", True, "Ready", "Can admit new workloads", at)
        elif queue["spec"].get("clusterQueue") in state.cluster_queues:
            _set(status, "Active", True, "Ready", "Can submit new workloads to localQueue", at)
        else:
            _set(status, "Active", False, "ClusterQueueDoesNotExist", "Can't submit new workloads to clusterQueue", at)
        if status != (queue.get("status") or {}):
            steps.status.append((queue, status))


def _missing_flavors(state: State, queue: Object) -> list[str]:
    names = [each["name"] for group in queue["spec"].get("resourceGroups") or [] for each in group["flavors"]]
    return [name for name in names if name not in state.flavors]


def _is_stopped(queue: Object) -> bool:
    return queue["spec"].get("stopPolicy") in ("Hold", "HoldAndDrain")


def _rank(pair: tuple[Object, Object]) -> tuple[int, str, str]:
    workload = pair[1]
    return (
        -int(workload["spec"].get("priority") or 0),
        workload["metadata"].get("creationTimestamp", ""),
        _key(workload),
    )


def _key(workload: Object) -> str:
    return f"{workload['metadata']['namespace']}/{workload['metadata']['name']}"


def _conditions(obj: Object) -> list[Object]:
    return (obj.get("status") or {}).get("conditions") or []


def _same(status: Object, kind: str, message: str) -> bool:
    return any(each["type"] == kind and each.get("message") == message for each in status.get("conditions") or [])


def _set(status: Object, kind: str, value: bool, reason: str, message: str, at: str, *, add: bool = True) -> None:
    """Set a condition; where not `add`, only one that is there and says otherwise."""
    conditions = status.get("conditions") or []
    if not add and not any(each["type"] == kind and (each["status"] == "True") != value for each in conditions):
        return
    new = {"type": kind, "status": "True" if value else "False", "reason": reason, "message": message}
    status["conditions"] = with_condition(conditions, new, now=at)
