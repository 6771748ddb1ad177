"""Pods: the row of a pod, with kubectl's STATUS, restarts, GPUs asked, the job it works for and the true reason.

STATUS, READY and RESTARTS follow printPod of k8s.io/kubernetes pkg/printers/internalversion/printers.go (v1.34).
"""

from __future__ import annotations

import sys

import msgspec

from console.clock import age
from console.kinds import cells, devices
from console.kinds.base import Column, Health, Kind, State
from console.kinds.devices import Container, Devices
from console.kinds.meta import Condition, OwnerReference, Slim, controller, seconds
from console.kinds.podstatus import PodStatus, Told, initialise, read_containers
from console.live.source import Row


class PodLabels(Slim):
    """The labels that say what a pod works for (field guide: training v1, JobSet, Job, Argo, Katib, notebooks)."""

    training_job: str = msgspec.field(name="training.kubeflow.org/job-name", default="")
    training_operator: str = msgspec.field(name="training.kubeflow.org/operator-name", default="")
    training_role: str = msgspec.field(name="training.kubeflow.org/replica-type", default="")
    training_index: str = msgspec.field(name="training.kubeflow.org/replica-index", default="")
    old_job: str = msgspec.field(name="job-name", default="")  # training before v1.4, and batch Jobs
    old_role: str = msgspec.field(name="replica-type", default="")
    old_index: str = msgspec.field(name="replica-index", default="")
    jobset: str = msgspec.field(name="jobset.sigs.k8s.io/jobset-name", default="")
    jobset_role: str = msgspec.field(name="jobset.sigs.k8s.io/replicatedjob-name", default="")
    jobset_index: str = msgspec.field(name="jobset.sigs.k8s.io/job-index", default="")
    batch_job: str = msgspec.field(name="batch.kubernetes.io/job-name", default="")
    batch_index: str = msgspec.field(name="batch.kubernetes.io/job-completion-index", default="")
    workflow: str = msgspec.field(name="workflows.argoproj.io/workflow", default="")
    notebook: str = msgspec.field(name="notebook-name", default="")
    template_hash: str = msgspec.field(name="pod-template-hash", default="")
    isvc: str = msgspec.field(name="serving.kserve.io/inferenceservice", default="")


class PodMeta(Slim):
    """Metadata of a pod; annotations are skipped, they are the largest part of it."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: PodLabels | None = None
    owner_references: list[OwnerReference] | None = None


class PodSpec(Slim):
    """The spec's parts a row needs."""

    node_name: str = ""
    containers: list[Container] | None = None
    init_containers: list[Container] | None = None


class Pod(Slim):
    """A pod, slim."""

    metadata: PodMeta
    spec: PodSpec | None = None
    status: PodStatus | None = None


class PodRow(Row, gc=False):
    """A pod as a row; retained by the thousand, so strings repeat by reference."""

    phase: str  # status.phase
    word: str  # kubectl's STATUS
    why: str  # the true reason where the pod is not fine: scheduler's text, waiting or exit message
    ready: int  # containers
    total: int
    restarts: int
    restarted: float  # when the last restart happened, seconds; 0.0 unknown
    node: str
    ip: str
    devices: Devices
    containers: tuple[str, ...]
    owner_kind: str
    owner: str
    job_kind: str  # kind of what it works for: PyTorchJob, JobSet, Job, Notebook, Deployment, ...; or ""
    job: str
    role: str  # worker, master, node, launcher, ... lower case
    index: int  # within the role; -1 unknown
    since: float  # when the present state began; 0.0 unknown
    started: float  # status.startTime
    finished: float  # last container's end, where the pod is finished
    scheduled: bool  # bound to a node, or no longer asking
    deleting: bool

    @property
    def gpus(self) -> int:
        """Accelerators asked, whole and slices alike."""
        return devices.total(self.devices)

    @property
    def active(self) -> bool:
        """Whether it holds what it asked for: bound or asking, and not finished."""
        return self.phase != "Succeeded" and self.phase != "Failed"


_NO_SPEC = PodSpec()
_NO_STATUS = PodStatus()
_NO_LABELS = PodLabels()

_OPERATORS = {
    f"{kind.lower()}-controller": kind
    for kind in ("PyTorchJob", "TFJob", "MPIJob", "XGBoostJob", "PaddleJob", "JAXJob", "MXJob")
}

_names: dict[tuple[str, ...], tuple[str, ...]] = {}


def _shared_names(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(_names) > 4096:
        _names.clear()
    return _names.setdefault(names, names)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else -1


def _works_for(labels: PodLabels, owner_kind: str, owner: str) -> tuple[str, str, str, int]:
    """(kind, name, role, index) of what the pod works for."""
    if labels.training_job or (labels.old_job and labels.old_role):
        kind = _OPERATORS.get(labels.training_operator, owner_kind)
        role = labels.training_role or labels.old_role
        index = labels.training_index or labels.old_index
        return kind, labels.training_job or labels.old_job, role.lower(), _number(index)
    if labels.jobset:
        return "JobSet", labels.jobset, labels.jobset_role, _number(labels.batch_index or labels.jobset_index)
    if labels.workflow:
        return "Workflow", labels.workflow, "", -1
    if labels.batch_job or owner_kind == "Job":
        return "Job", labels.batch_job or labels.old_job or owner, "", _number(labels.batch_index)
    if labels.notebook:
        return "Notebook", labels.notebook, "", -1
    if labels.isvc:
        return "InferenceService", labels.isvc, "", -1
    if owner_kind == "ReplicaSet" and labels.template_hash and owner.endswith(f"-{labels.template_hash}"):
        return "Deployment", owner[: -len(labels.template_hash) - 1], "", -1
    return "", "", "", -1


def pod_row(pod: Pod) -> PodRow:
    """One pod to its row."""
    meta = pod.metadata
    spec = pod.spec or _NO_SPEC
    status = pod.status or _NO_STATUS
    told = Told(status.reason or status.phase)
    scheduling: Condition | None = None
    initialized = False
    for entry in status.conditions or ():
        if entry.type == "PodScheduled":
            scheduling = entry
            if entry.reason == "SchedulingGated":
                told.word = "SchedulingGated"
        elif entry.type == "Initialized":
            initialized = entry.status == "True"

    containers = spec.containers or ()
    names = tuple([sys.intern(container.name) for container in containers])
    sidecars = {c.name for c in spec.init_containers or () if c.restart_policy == "Always"}
    restarts, restarted, initialising = 0, 0.0, False
    if status.init_container_statuses:
        initialising, restarts, restarted = initialise(told, status, len(spec.init_containers or ()), sidecars)
    if not initialising or initialized:
        told.restarts, told.restarted = restarts, restarted
        read_containers(told, status)

    deleting = meta.deletion_timestamp is not None
    if deleting and status.reason == "NodeLost":
        told.word = "Unknown"
    elif deleting and status.phase != "Succeeded" and status.phase != "Failed":
        told.word = "Terminating"
        told.since = seconds(meta.deletion_timestamp)

    if status.message:
        # What befell the pod as a whole (eviction, node shutdown) is the cause; how its containers ended follows.
        befell = f"{status.reason}: {status.message.strip()}" if status.reason != told.word else status.message.strip()
        told.why = f"{befell.removeprefix(': ')} ({told.why})" if told.why else befell.removeprefix(": ")
    if scheduling is not None and scheduling.status == "False" and not spec.node_name:
        told.why = scheduling.message.strip() or scheduling.reason
        told.since = seconds(scheduling.last_transition_time)
    owner_kind, owner = controller(meta.owner_references)
    job_kind, job, role, index = _works_for(meta.labels or _NO_LABELS, owner_kind, owner)
    intern = sys.intern
    finished = status.phase == "Succeeded" or status.phase == "Failed"
    return PodRow(
        namespace=intern(meta.namespace),
        name=meta.name,
        uid=meta.uid,
        version=meta.resource_version,
        created=seconds(meta.creation_timestamp),
        phase=intern(status.phase),
        word=intern(told.word),
        why=told.why,
        ready=told.ready,
        total=len(containers) + len(sidecars),
        restarts=told.restarts,
        restarted=told.restarted,
        node=intern(spec.node_name),
        ip=status.pod_ip,
        devices=devices.need(spec.containers, spec.init_containers),
        containers=_shared_names(names),
        owner_kind=owner_kind,
        owner=owner,
        job_kind=intern(job_kind),
        job=intern(job),
        role=intern(role),
        index=index,
        since=told.since or seconds(status.start_time),
        started=seconds(status.start_time),
        finished=told.finished if finished else 0.0,
        scheduled=bool(spec.node_name) or finished,
        deleting=deleting,
    )


_WAITING = frozenset({"Pending", "ContainerCreating", "PodInitializing", "SchedulingGated", "Terminating"})


def pod_health(row: PodRow, now: float) -> Health:
    """A pod's state: its word is kubectl's STATUS."""
    word = row.word
    if word == "Running":
        return Health(State.RUNNING if row.ready >= row.total else State.WARN, word, row.why)
    if row.phase == "Succeeded":
        return Health(State.DONE, word, row.why)
    if row.phase == "Failed":
        return Health(State.BAD, word, row.why)
    if word in _WAITING or (word.startswith("Init:") and word[5:6].isdecimal()):
        return Health(State.WAITING, word, row.why)
    if word in ("Unknown", "NotReady", "Completed"):
        return Health(State.WARN, word, row.why)
    return Health(State.BAD, word, row.why)


def _restarts(row: PodRow, now: float) -> str:
    if row.restarts and row.restarted:
        return f"{row.restarts} ({age(now - row.restarted)} ago)"
    return str(row.restarts)


KIND = Kind(
    name="pods",
    kind="Pod",
    group="",
    versions=("v1",),
    title="Pods",
    aliases=("po",),
    decode=Pod,
    row=pod_row,
    health=pod_health,
    opens="logs",
    columns=(
        cells.NAMESPACE,
        cells.NAME,
        Column("READY", "ready", lambda row, now: f"{row.ready}/{row.total}", priority=1),
        cells.state("STATUS", "status", pod_health),
        Column("RESTARTS", "restarts", lambda row, now: row.restarts, shown=_restarts, priority=2),
        Column("GPUS", "gpus", lambda row, now: row.gpus, text=cells.count, right=True, priority=2),
        cells.AGE,
        Column("NODE", "node", lambda row, now: row.node or None, priority=3),
        Column("JOB", "job", lambda row, now: row.job or None, priority=4),
        Column("IP", "ip", lambda row, now: row.ip or None, wide=True, priority=6),
        Column("OWNER", "owner", lambda row, now: f"{row.owner_kind}/{row.owner}" if row.owner else None, wide=True),
        Column("REASON", "reason", lambda row, now: row.why or None, priority=5, limit=120),
    ),
    extras=(
        Column("", "role", lambda row, now: row.role or None),
        Column("", "index", lambda row, now: row.index if row.index >= 0 else None),
        Column("", "job_kind", lambda row, now: row.job_kind or None),
        Column("", "phase", lambda row, now: row.phase),
        Column("", "containers", lambda row, now: list(row.containers)),
        Column("", "gpu_resources", lambda row, now: dict(row.devices)),
        *cells.EXTRAS,
    ),
)
