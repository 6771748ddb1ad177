"""What is broken or stuck, whose, and since when: one ranked list from the rows of boards.

Every sentence is what an object, its pods or its events say; nothing is guessed. A job speaks for its pods and a
deployment for its replicas, so one trouble is one line.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from console.kinds.base import State
from console.kinds.events import EventRow
from console.kinds.experiments import ExperimentRow
from console.kinds.inferenceservices import ServiceRow
from console.kinds.inferenceservices import health as service_health
from console.kinds.jobrow import JobRow, trouble
from console.kinds.nodes import NodeRow
from console.kinds.notebooks import NotebookRow
from console.kinds.notebooks import health as notebook_health
from console.kinds.pods import PodRow
from console.kinds.podtrouble import GRACE, RECENT, Owner, owner_of, pod_trouble
from console.kinds.pvcs import ClaimRow
from console.kinds.replicated import ReplicatedRow
from console.kinds.tenancy import TenantRow
from console.kinds.workflows import WorkflowRow

EVENT_RECENT = 3600.0


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that wants a look."""

    severity: State  # BAD or WARN
    view: str  # the kind's registry name, to open it
    kind: str
    namespace: str
    name: str
    since: float  # seconds since 1970; 0.0 unknown
    what: str
    owner: str  # of the namespace, where known
    gpus: int = 0  # concerned
    count: int = 1  # objects this line speaks for

    @property
    def key(self) -> str:
        """Stable between refreshes."""
        return f"{self.kind}/{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Facts:
    """Rows by kind; what is left out is simply not judged."""

    pods: Iterable[PodRow] = ()
    jobs: Iterable[JobRow] = ()
    nodes: Iterable[NodeRow] = ()
    deployments: Iterable[ReplicatedRow] = ()
    statefulsets: Iterable[ReplicatedRow] = ()
    daemonsets: Iterable[ReplicatedRow] = ()
    claims: Iterable[ClaimRow] = ()
    experiments: Iterable[ExperimentRow] = ()
    services: Iterable[ServiceRow] = ()
    notebooks: Iterable[NotebookRow] = ()
    workflows: Iterable[WorkflowRow] = ()
    events: Sequence[EventRow] = ()
    namespaces: Iterable[TenantRow] = ()


def attention(facts: Facts, now: float) -> list[Item]:
    """The ranked list: failures before warnings, the newest first within each."""
    owners = {row.name: row.owner for row in facts.namespaces if row.owner}
    refused = _refusals(facts.events, now)
    pods: defaultdict[Owner, list[PodRow]] = defaultdict(list)
    for pod in facts.pods:
        pods[owner_of(pod)].append(pod)
    items = [
        *_jobs(facts.jobs, pods, refused, now),
        *_replicated(facts, pods, refused, now),
        *_notebooks(facts.notebooks, pods, now),
        *_services(facts.services, pods, now),
        *_workflows(facts.workflows, pods, now),
        *_pods(pods, now),
        *_nodes(facts.nodes, facts.events),
        *_claims(facts.claims, facts.events, now),
        *_experiments(facts.experiments, now),
    ]
    owned = [
        Item(
            i.severity,
            i.view,
            i.kind,
            i.namespace,
            i.name,
            i.since,
            i.what,
            owners.get(i.namespace, ""),
            i.gpus,
            i.count,
        )
        for i in items
    ]
    return sorted(owned, key=lambda item: (item.severity is not State.BAD, -item.since, item.key))


def running_jobs(jobs: Iterable[JobRow]) -> list[JobRow]:
    """Jobs that run, those with most GPUs first."""
    found = [job for job in jobs if job.phase in ("Running", "Restarting", "Initializing")]
    return sorted(found, key=lambda job: (-(job.gpus or 0), job.created, job.key))


def _item(
    severity: State, view: str, kind: str, row: object, since: float, what: str, gpus: int = 0, count: int = 1
) -> Item:
    namespace: str = getattr(row, "namespace")  # noqa: B009 - rows of several kinds
    name: str = getattr(row, "name")  # noqa: B009
    return Item(severity, view, kind, namespace, name, since, what, "", gpus, count)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Pods of an object that could not be created."""

    message: str  # the newest
    last: float
    first: float  # of the earliest event that is still there


def _refusals(events: Sequence[EventRow], now: float) -> dict[tuple[str, str, str], Refusal]:
    """What events say of pods that could not be created, by (kind, namespace, name) of their owner."""
    found: dict[tuple[str, str, str], Refusal] = {}
    for event in events:
        if event.type == "Warning" and event.reason in _CREATE_FAILED and now - event.last < EVENT_RECENT:
            key = (event.regarding_kind, event.regarding_namespace, event.regarding)
            before = found.get(key, Refusal(event.message, event.last, event.first))
            newest = event if event.last >= before.last else before
            found[key] = Refusal(newest.message, newest.last, min(before.first, event.first))
    return found


_CREATE_FAILED = frozenset({"FailedCreate", "FailedCreatePod", "TrainJobResourcesCreationFailed", "JobCreationFailed"})


def _pods_word(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"


Pods = Mapping[Owner, Sequence[PodRow]]
Refused = Mapping[tuple[str, str, str], Refusal]


def _jobs(jobs: Iterable[JobRow], pods: dict[Owner, list[PodRow]], refused: Refused, now: float) -> Iterable[Item]:
    for job in jobs:
        mine = pods.pop(Owner(job.kind, job.namespace, job.name), [])
        if job.kind == "TrainJob":
            mine += pods.pop(Owner("JobSet", job.namespace, job.name), [])
        item = _job(job, mine, refused, now)
        if item is not None:
            yield item


def _job(job: JobRow, pods: list[PodRow], refused: Refused, now: float) -> Item | None:
    gpus = job.gpus or 0
    if job.deleting or job.phase in ("Succeeded", "Suspended"):
        return None
    if job.phase == "Failed":
        ended = job.finished or job.since or job.created
        if now - ended > RECENT:
            return None
        evidence = trouble(pods)
        what = evidence or job.reason or "Failed"
        return _item(State.BAD, "jobs", job.kind, job, ended, what, gpus)
    if job.phase == "Queued":
        if not any(word in job.reason for word in _NEVER):
            return None
        return _item(State.WARN, "jobs", job.kind, job, job.since or job.created, job.reason, gpus)
    event = refused.get((job.kind, job.namespace, job.name)) or refused.get(("JobSet", job.namespace, job.name))
    lacking = (job.wanted or 0) - len(pods)
    if event is not None and lacking > 0:
        return _item(
            State.BAD, "jobs", job.kind, job, event.first, f"{_pods_word(lacking)} rejected: {event.message}", gpus
        )
    troubles = [found for pod in pods if (found := pod_trouble(pod, now)) is not None]
    if troubles:
        worst = min(troubles, key=lambda found: (found.severity is not State.BAD, found.since))
        many = len(troubles)
        what = worst.sentence if many == 1 else f"{many} of {len(pods)} replicas: {worst.sentence}"
        return _item(worst.severity, "jobs", job.kind, job, worst.since, what, gpus, many)
    waits = job.phase in ("Pending", "Created", "Creating", "Restarting")
    if waits and not pods and now - job.created > GRACE:
        what = job.reason or f"{job.phase}, and it has no pods"
        return _item(State.WARN, "jobs", job.kind, job, job.created, what, gpus)
    return None


_NEVER = (
    "doesn't exist",
    "is inactive",
    "NoMatchingFlavor",
    "ExceedsMaxQuota",
    "exceeds max",
    "insufficient quota",
    "no matching",
    "can never",
    "deactivated",
)


def _replicated(facts: Facts, pods: dict[Owner, list[PodRow]], refused: Refused, now: float) -> Iterable[Item]:
    kinds = (
        ("deployments", "Deployment", facts.deployments),
        ("statefulsets", "StatefulSet", facts.statefulsets),
        ("daemonsets", "DaemonSet", facts.daemonsets),
    )
    sets = {
        (namespace, name.rpartition("-")[0]): event
        for (k, namespace, name), event in refused.items()
        if k == "ReplicaSet"
    }
    for view, kind, rows in kinds:
        for row in rows:
            mine = pods.pop(Owner(kind, row.namespace, row.name), [])
            gpus = sum(pod.gpus for pod in mine)
            grouped = _grouped(view, kind, row, mine, now)
            if grouped is not None:
                yield grouped
                continue
            event = refused.get((kind, row.namespace, row.name))
            if event is None and kind == "Deployment":
                event = sets.get((row.namespace, row.name))
            if row.deleting or row.ready >= row.wanted:
                continue
            severity = State.WARN if row.ready else State.BAD
            if event is not None:
                what = f"{row.wanted - row.ready} of {_pods_word(row.wanted)} rejected: {event.message}"
                yield _item(severity, view, kind, row, event.first, what, gpus, row.wanted - row.ready)
            elif row.stuck or (row.reason and now - (row.since or row.created) > GRACE):
                what = f"{row.ready}/{row.wanted} ready: {row.reason}"
                yield _item(severity, view, kind, row, row.since or row.created, what, gpus)


def _grouped(view: str, kind: str, row: object, pods: Sequence[PodRow], now: float) -> Item | None:
    """One line for the troubled pods of one owner."""
    troubles = [found for pod in pods if (found := pod_trouble(pod, now)) is not None]
    if not troubles:
        return None
    worst = min(troubles, key=lambda found: (found.severity is not State.BAD, found.since))
    many = len(troubles)
    what = worst.sentence if many == 1 else f"{many} pods {worst.word}: {worst.reason or worst.sentence}"
    return _item(worst.severity, view, kind, row, worst.since, what, sum(pod.gpus for pod in pods), many)


def _notebooks(rows: Iterable[NotebookRow], pods: dict[Owner, list[PodRow]], now: float) -> Iterable[Item]:
    for row in rows:
        mine = pods.pop(Owner("Notebook", row.namespace, row.name), [])
        grouped = _grouped("notebooks", "Notebook", row, mine, now)
        if grouped is not None:
            yield grouped
            continue
        health = notebook_health(row, now)
        if health.state is State.BAD:
            yield _item(State.BAD, "notebooks", "Notebook", row, row.created, f"{row.word}: {row.why}".rstrip(": "))


def _services(rows: Iterable[ServiceRow], pods: dict[Owner, list[PodRow]], now: float) -> Iterable[Item]:
    for row in rows:
        mine = pods.pop(Owner("InferenceService", row.namespace, row.name), [])
        gpus = sum(pod.gpus for pod in mine)
        health = service_health(row, now)
        if health.state in (State.BAD, State.WARN) and now - (row.since or row.created) > GRACE:
            what = health.reason or health.word
            yield _item(
                health.state, "inferenceservices", "InferenceService", row, row.since or row.created, what, gpus
            )
            continue
        grouped = _grouped("inferenceservices", "InferenceService", row, mine, now)
        if grouped is not None:
            yield grouped


def _workflows(rows: Iterable[WorkflowRow], pods: dict[Owner, list[PodRow]], now: float) -> Iterable[Item]:
    for row in rows:
        mine = pods.pop(Owner("Workflow", row.namespace, row.name), [])
        if row.phase in ("Failed", "Error"):
            ended = row.finished or row.created
            if now - ended < RECENT:
                what = trouble(mine) or row.message or row.phase
                yield _item(State.BAD, "workflows", "Workflow", row, ended, what)
        elif row.phase not in ("Succeeded",):
            grouped = _grouped("workflows", "Workflow", row, mine, now)
            if grouped is not None:
                yield grouped


_VIEWS = {
    "PyTorchJob": "jobs",
    "TrainJob": "jobs",
    "JobSet": "jobsets",
    "Job": "jobs.batch",
    "Deployment": "deployments",
    "StatefulSet": "statefulsets",
    "DaemonSet": "daemonsets",
    "ReplicaSet": "replicasets",
    "Workflow": "workflows",
    "Notebook": "notebooks",
    "InferenceService": "inferenceservices",
}


def _pods(pods: Pods, now: float) -> Iterable[Item]:
    """What no other rows spoke for, by owner."""
    for owner, mine in pods.items():
        if owner.kind == "Pod":
            for pod in mine:
                found = pod_trouble(pod, now)
                if found is not None:
                    what = f"{found.word}: {found.reason}" if found.reason else found.word
                    yield _item(found.severity, "pods", "Pod", pod, found.since, what, pod.gpus)
            continue
        grouped = _grouped(_VIEWS.get(owner.kind, "pods"), owner.kind, owner, mine, now)
        if grouped is not None:
            yield grouped


def _nodes(rows: Iterable[NodeRow], events: Sequence[EventRow]) -> Iterable[Item]:
    for row in rows:
        if not row.ready:
            yield _item(State.BAD, "nodes", "Node", row, row.since, f"{row.word}: {row.why}".rstrip(": "), row.gpus)
        elif row.unhealthy or row.pressure:
            warned = _last_warning(row, events)
            said = f"; last warning: {warned.message}" if warned else ""
            since = warned.first if warned else 0.0
            if row.unhealthy:
                what = f"{row.unhealthy} of {row.unhealthy + row.gpus} GPUs are not allocatable{said}"
                yield _item(State.BAD, "nodes", "Node", row, since, what, row.unhealthy)
            else:
                what = ", ".join(row.pressure) + (f": {row.why}" if row.why else "") + said
                yield _item(State.WARN, "nodes", "Node", row, since, what, row.gpus)


def _last_warning(node: NodeRow, events: Sequence[EventRow]) -> EventRow | None:
    about = [e for e in events if e.type == "Warning" and e.regarding_kind == "Node" and e.regarding == node.name]
    return max(about, key=lambda event: event.last, default=None)


def _claims(rows: Iterable[ClaimRow], events: Sequence[EventRow], now: float) -> Iterable[Item]:
    pending = {row.key: row for row in rows if row.phase in ("Pending", "Lost") and now - row.created > GRACE}
    if not pending:
        return
    said: dict[str, EventRow] = {}
    for event in events:
        key = f"{event.regarding_namespace}/{event.regarding}"
        about = event.regarding_kind == "PersistentVolumeClaim" and key in pending
        if about and (key not in said or said[key].last < event.last):
            said[key] = event
    for key, row in pending.items():
        found = said.get(key)
        if found is not None and found.reason == "WaitForFirstConsumer":
            continue
        severity = State.BAD if row.phase == "Lost" else State.WARN
        what = f"{row.phase}: {found.message}" if found is not None else f"{row.phase}, no event says why"
        yield _item(severity, "persistentvolumeclaims", "PersistentVolumeClaim", row, row.created, what)


def _experiments(rows: Iterable[ExperimentRow], now: float) -> Iterable[Item]:
    for row in rows:
        if row.word == "Failed" and now - (row.finished or row.since) < RECENT:
            yield _item(
                State.BAD, "experiments", "Experiment", row, row.finished or row.since, row.message or row.reason
            )
        elif row.without_metric and row.word not in ("Succeeded", "Failed"):
            what = f"{row.without_metric} trials without a metric"
            yield _item(State.WARN, "experiments", "Experiment", row, row.started or row.created, what)
