"""The batch Jobs and the headless Service a JobSet wants, as manifests.

Facts from sigs.k8s.io/jobset v0.10.1, pkg/controllers/jobset_controller.go and pkg/webhooks/jobset_webhook.go.
"""

from __future__ import annotations

import copy
import hashlib

from console.demo.client import Object
from console.demo.controllers.base import owner_reference

LABEL = "jobset.sigs.k8s.io/"
RESTARTS = f"{LABEL}restart-attempt"


def with_defaults(jobset: Object) -> Object:
    """A copy with what JobSet's webhook fills in: policies, indexed completion, host names, one replica."""
    jobset = copy.deepcopy(jobset)
    spec = jobset.setdefault("spec", {})
    spec.setdefault("successPolicy", {"operator": "All"})
    spec.setdefault("startupPolicy", {"startupPolicyOrder": "AnyOrder"})
    network = spec.setdefault("network", {})
    network.setdefault("enableDNSHostnames", True)
    network.setdefault("publishNotReadyAddresses", True)
    for replicated in spec.get("replicatedJobs") or []:
        replicated.setdefault("replicas", 1)
        replicated.setdefault("groupName", "default")
        job = replicated.setdefault("template", {}).setdefault("spec", {})
        job.setdefault("completionMode", "Indexed")
        job.setdefault("parallelism", 1)
        job.setdefault("completions", job["parallelism"])
        pod = job.setdefault("template", {}).setdefault("spec", {})
        pod.setdefault("restartPolicy", "OnFailure")
    return jobset


def job_name(jobset: Object, replicated: str, index: int) -> str:
    """`<jobset>-<replicated job>-<index>`."""
    return f"{jobset['metadata']['name']}-{replicated}-{index}"


def job(jobset: Object, replicated: Object, index: int, restarts: int) -> Object:
    """One Job of a replicated job of a defaulted JobSet, in restart attempt `restarts`."""
    template = copy.deepcopy(replicated["template"])
    meta, spec = template.get("metadata") or {}, template["spec"]
    marks = _marks(jobset, replicated, index, restarts)
    pod = spec["template"]
    pod_meta = pod.setdefault("metadata", {})
    for each in (meta, pod_meta):
        each["labels"] = {**(each.get("labels") or {}), **marks}
        each["annotations"] = {**(each.get("annotations") or {}), **marks}
    if jobset["spec"]["network"]["enableDNSHostnames"]:
        pod["spec"]["subdomain"] = subdomain(jobset)
    spec["suspend"] = bool(jobset["spec"].get("suspend"))
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(jobset, replicated["name"], index),
            "namespace": jobset["metadata"]["namespace"],
            "labels": meta["labels"],
            "annotations": meta["annotations"],
            "ownerReferences": [owner_reference(jobset)],
        },
        "spec": spec,
    }


def subdomain(jobset: Object) -> str:
    """The name of the headless Service that gives the pods their host names."""
    return str(jobset["spec"]["network"].get("subdomain") or jobset["metadata"]["name"])


def service(jobset: Object) -> Object:
    """The headless Service."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": subdomain(jobset),
            "namespace": jobset["metadata"]["namespace"],
            "ownerReferences": [owner_reference(jobset)],
        },
        "spec": {
            "clusterIP": "None",
            "selector": {f"{LABEL}jobset-name": jobset["metadata"]["name"]},
            "publishNotReadyAddresses": bool(jobset["spec"]["network"]["publishNotReadyAddresses"]),
        },
    }


def _marks(jobset: Object, replicated: Object, index: int, restarts: int) -> dict[str, str]:
    """The labels, which JobSet repeats as annotations."""
    spec, meta, name = jobset["spec"], jobset["metadata"], replicated["name"]
    before, before_in_group, total, in_group = 0, 0, 0, 0
    seen = False
    for each in spec["replicatedJobs"]:
        seen = seen or each["name"] == name
        same_group = each["groupName"] == replicated["groupName"]
        total += int(each["replicas"])
        in_group += int(each["replicas"]) if same_group else 0
        if not seen:
            before += int(each["replicas"])
            before_in_group += int(each["replicas"]) if same_group else 0
    own_name = job_name(jobset, name, index)
    marks = {
        "jobset-name": meta["name"],
        "jobset-uid": meta.get("uid", ""),
        "replicatedjob-name": name,
        "restart-attempt": str(restarts),
        "replicatedjob-replicas": str(replicated["replicas"]),
        "global-replicas": str(total),
        "job-index": str(index),
        "job-key": hashlib.sha1(f"{meta['namespace']}/{own_name}".encode(), usedforsecurity=False).hexdigest(),
        "job-global-index": str(before + index),
        "group-name": replicated["groupName"],
        "group-replicas": str(in_group),
        "job-group-index": str(before_in_group + index),
    }
    coordinator = spec.get("coordinator")
    if coordinator:
        marks["coordinator"] = (
            f"{meta['name']}-{coordinator['replicatedJob']}-{coordinator.get('jobIndex', 0)}"
            f"-{coordinator.get('podIndex', 0)}.{subdomain(jobset)}"
        )
    return {f"{LABEL}{key}": value for key, value in marks.items()}
