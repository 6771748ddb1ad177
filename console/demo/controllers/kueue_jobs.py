"""How Kueue sees each kind of job: where it is suspended, which pod sets it has, how it is doing.

Facts from the field guide, section 12.5, and sigs.k8s.io/kueue pkg/controller/jobs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from console.demo.client import Object
from console.demo.controllers import training_kinds, trainjob_render
from console.demo.controllers.jobset_jobs import with_defaults as jobset_with_defaults
from console.demo.controllers.plan import holds
from console.demo.controllers.training_kinds import BY_KIND, replica_specs

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
PRIORITY_LABEL = "kueue.x-k8s.io/priority-class"
JOB_UID_LABEL = "kueue.x-k8s.io/job-uid"

COLLECTIONS: Mapping[str, str] = {
    **{kind.kind: kind.path for kind in training_kinds.KINDS if kind.kind != "MXJob"},
    "TrainJob": "/apis/trainer.kubeflow.org/v1alpha1/trainjobs",
    "JobSet": "/apis/jobset.x-k8s.io/v1alpha2/jobsets",
    "Job": "/apis/batch/v1/jobs",
}


def queue_of(job: Object) -> str:
    """The LocalQueue a job asks for; empty for one that Kueue leaves alone or that belongs to another job."""
    meta = job["metadata"]
    if any(each.get("controller") for each in meta.get("ownerReferences") or ()):
        return ""
    return str((meta.get("labels") or {}).get(QUEUE_LABEL, ""))


def is_suspended(job: Object) -> bool:
    """Whether the job is held."""
    policy = job["spec"].get("runPolicy") or {} if job["kind"] in BY_KIND else job["spec"]
    return bool(policy.get("suspend"))


def suspension(job: Object, value: bool, selectors: Mapping[str, Mapping[str, str]] | None = None) -> Object:
    """The merge patch that holds or starts a job; `selectors` maps a pod set to the node selector of its flavor."""
    if job["kind"] not in BY_KIND:
        return {"spec": {"suspend": value}}
    spec: Object = {"runPolicy": {"suspend": value}}
    replicas: Object = {}
    for replica_type in replica_specs(BY_KIND[job["kind"]], job):
        wanted = (selectors or {}).get(replica_type.lower())
        if wanted:
            replicas[replica_type] = {"template": {"spec": {"nodeSelector": dict(wanted)}}}
    if replicas:
        spec[BY_KIND[job["kind"]].replicas_field] = replicas
    return {"spec": spec}


def pod_sets(job: Object, runtime: Object | None = None) -> list[Object]:
    """`spec.podSets` of the job's Workload: name, count and pod template of each kind of pod."""
    kind = job["kind"]
    if kind in BY_KIND:
        specs = replica_specs(BY_KIND[kind], training_kinds.with_defaults(BY_KIND[kind], job))
        return [
            _pod_set(name.lower(), int(spec["replicas"]), spec.get("template") or {}) for name, spec in specs.items()
        ]
    if kind == "Job":
        return [_pod_set("main", int(job["spec"].get("parallelism", 1)), job["spec"]["template"])]
    if kind == "TrainJob":
        if runtime is None:
            return []
        job = trainjob_render.jobset(job, runtime)
    return [
        _pod_set(
            each["name"],
            int(each["replicas"]) * int(each["template"]["spec"]["parallelism"]),
            each["template"]["spec"]["template"],
        )
        for each in jobset_with_defaults(job)["spec"]["replicatedJobs"]
    ]


def _pod_set(name: str, count: int, template: Object) -> Object:
    meta = {key: value for key, value in (template.get("metadata") or {}).items() if key in ("labels", "annotations")}
    return {"name": name, "count": count, "template": {"metadata": meta, "spec": template.get("spec") or {}}}


def finished(job: Object) -> tuple[str, str] | None:
    """(reason, message) of the Workload's Finished condition once the job is over; None before."""
    conditions = (job.get("status") or {}).get("conditions") or []
    for words, reason in ((("Succeeded", "Complete", "Completed"), "Succeeded"), (("Failed",), "Failed")):
        for each in conditions:
            if each["type"] in words and each["status"] == "True":
                return reason, str(each.get("message") or f"Job finished {reason.lower()}")
    return None


def is_running(job: Object) -> bool:
    """Whether every pod the job wants is up, as PodsReady means it."""
    status = job.get("status") or {}
    if job["kind"] in BY_KIND:
        return holds(status.get("conditions") or [], "Running")
    if job["kind"] == "Job":
        return int(status.get("ready", 0)) >= int(job["spec"].get("parallelism", 1))
    counts: Iterable[Object] = status.get("jobsStatus") or status.get("replicatedJobsStatus") or ()
    return any(int(each.get("ready", 0)) > 0 for each in counts)


def workload_name(job: Object) -> str:
    """`<kind>-<job>-<hash>`, as Kueue names Workloads."""
    meta, kind = job["metadata"], job["kind"].lower()
    group = job["apiVersion"].split("/")[0]
    words = f"{meta['name']}\n{meta.get('uid', '')}\n{kind}\n{group}"
    digest = hashlib.sha1(words.encode(), usedforsecurity=False).hexdigest()[:5]
    stem = f"{kind}-{meta['name']}"
    return f"{stem[:57]}-{digest}"
