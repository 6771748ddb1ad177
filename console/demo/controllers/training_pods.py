"""The pods and services a training v1 job wants, as manifests.

Facts from github.com/kubeflow/training-operator v1.9.3, pkg/controller.v1/common/{pod,service}.go and
pytorch/initcontainer.go.
"""

from __future__ import annotations

import copy

from console.demo.client import Object
from console.demo.controllers.base import owner_reference
from console.demo.controllers.training_env import environment, replica_name
from console.demo.controllers.training_kinds import TrainingKind, is_leading, replica_specs
from console.demo.controllers.training_status import LABEL, labels

INIT_IMAGE = "alpine:3.10"
INIT_TRIES = 100


def pod(kind: TrainingKind, job: Object, replica_type: str, index: int) -> Object:
    """The pod of one replica of a defaulted job."""
    specs = replica_specs(kind, job)
    replica = specs[replica_type]
    template = copy.deepcopy(replica.get("template") or {})
    spec = template.get("spec") or {}
    meta = template.get("metadata") or {}
    marks = replica_labels(kind, job, replica_type, index)
    if is_leading(kind, specs, replica_type, index):
        marks[f"{LABEL}job-role"] = "master"
    spec["restartPolicy"] = pod_restart_policy(replica)
    extra = environment(kind, job, replica_type, index)
    for container in spec.get("containers") or []:
        if extra and (kind.kind != "TFJob" or container.get("name") == kind.container):
            container["env"] = [*(container.get("env") or []), *copy.deepcopy(extra)]
    if kind.kind == "PyTorchJob" and replica_type == "Worker" and "Master" in specs:
        waits = wait_for_master(replica_name(job["metadata"]["name"], "Master", 0))
        spec["initContainers"] = [*(spec.get("initContainers") or []), waits]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": replica_name(job["metadata"]["name"], replica_type, index),
            "namespace": job["metadata"]["namespace"],
            "labels": {**(meta.get("labels") or {}), **marks},
            **({"annotations": meta["annotations"]} if meta.get("annotations") else {}),
            "ownerReferences": [owner_reference(job)],
        },
        "spec": spec,
    }


def service(kind: TrainingKind, job: Object, replica_type: str, index: int) -> Object:
    """The headless service that gives one replica its name."""
    marks = replica_labels(kind, job, replica_type, index)
    replica = replica_specs(kind, job)[replica_type]
    containers = replica.get("template", {}).get("spec", {}).get("containers") or []
    ports = [
        {"name": port.get("name", ""), "port": port["containerPort"]}
        for container in containers
        if container.get("name") == kind.container
        for port in container.get("ports") or []
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": replica_name(job["metadata"]["name"], replica_type, index),
            "namespace": job["metadata"]["namespace"],
            "labels": marks,
            "ownerReferences": [owner_reference(job)],
        },
        "spec": {"clusterIP": "None", "selector": marks, "ports": ports},
    }


def replica_labels(kind: TrainingKind, job: Object, replica_type: str, index: int) -> dict[str, str]:
    """The labels of one replica's pod and service."""
    return {**labels(kind, job["metadata"]["name"], replica_type), f"{LABEL}replica-index": str(index)}


def pod_restart_policy(replica: Object) -> str:
    """What the pods get: `ExitCode` is the operator's own and becomes `Never`."""
    policy = str(replica["restartPolicy"])
    return "Never" if policy == "ExitCode" else policy


def wait_for_master(address: str) -> Object:
    """The init container of a worker: it resolves the master's name, or fails after `INIT_TRIES` tries."""
    script = (
        f"err=1;for i in $(seq {INIT_TRIES}); do if nslookup {address}; then err=0 && break; fi;"
        "echo waiting for master; sleep 2; done; exit $err"
    )
    return {
        "name": "init-pytorch",
        "image": INIT_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "resources": {"limits": {"cpu": "100m", "memory": "20Mi"}, "requests": {"cpu": "50m", "memory": "10Mi"}},
        "command": ["sh", "-c", script],
    }
