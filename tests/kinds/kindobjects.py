"""Objects as an API server sends them, made by few arguments."""

from __future__ import annotations

import json
from typing import Any

NOW = 1769853600.0  # 2026-01-31T10:00:00Z


def at(seconds_ago: float) -> str:
    from console.clock import format_time

    return format_time(NOW - seconds_ago)


def meta(name: str, namespace: str = "team-a", **more: Any) -> dict[str, Any]:
    base = {"name": name, "uid": f"uid-{name}", "resourceVersion": "100", "creationTimestamp": at(3600)}
    if namespace:
        base["namespace"] = namespace
    return base | more


def container(name: str = "main", gpus: int = 0, **more: Any) -> dict[str, Any]:
    resources = {"limits": {"nvidia.com/gpu": str(gpus), "cpu": "8"}} if gpus else {}
    return {"name": name, "image": "example/train:1", "resources": resources} | more


def pod(
    name: str,
    namespace: str = "team-a",
    *,
    phase: str = "Running",
    node: str = "gpu-1",
    gpus: int = 0,
    statuses: list[dict[str, Any]] | None = None,
    labels: dict[str, str] | None = None,
    owner: tuple[str, str] | None = None,
    conditions: list[dict[str, Any]] | None = None,
    spec: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
    **metadata: Any,
) -> dict[str, Any]:
    if statuses is None and phase == "Running":
        statuses = [{"name": "main", "ready": True, "restartCount": 0, "state": {"running": {"startedAt": at(600)}}}]
    references = (
        [{"apiVersion": "v1", "kind": owner[0], "name": owner[1], "controller": True, "uid": "u"}] if owner else []
    )
    return {
        "metadata": meta(name, namespace, labels=labels or {}, ownerReferences=references, **metadata),
        "spec": {"nodeName": node, "containers": [container(gpus=gpus)]} | (spec or {}),
        "status": {
            "phase": phase,
            "startTime": at(3000),
            "conditions": conditions or [],
            "containerStatuses": statuses or [],
        }
        | (status or {}),
    }


def unschedulable(name: str, message: str, seconds_ago: float = 1800, **more: Any) -> dict[str, Any]:
    told = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": message,
        "lastTransitionTime": at(seconds_ago),
    }
    return pod(name, phase="Pending", node="", conditions=[told], **more)


def crashing(name: str, **more: Any) -> dict[str, Any]:
    status = {
        "name": "main",
        "ready": False,
        "restartCount": 7,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": at(120)}},
    }
    return pod(name, statuses=[status], **more)


def worker(job: str, index: int, role: str = "worker", **more: Any) -> dict[str, Any]:
    labels = {
        "training.kubeflow.org/job-name": job,
        "training.kubeflow.org/operator-name": "pytorchjob-controller",
        "training.kubeflow.org/replica-type": role,
        "training.kubeflow.org/replica-index": str(index),
    }
    make = more.pop("make", pod)
    return make(f"{job}-{role}-{index}", labels=labels, owner=("PyTorchJob", job), **more)


def condition(kind: str, status: str = "True", **more: Any) -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": kind, "message": "", "lastTransitionTime": at(600)} | more


def pytorchjob(
    name: str,
    *,
    conditions: list[dict[str, Any]] | None = None,
    master: int = 1,
    workers: int = 2,
    gpus: int = 1,
    statuses: dict[str, Any] | None = None,
    suspend: bool = False,
    **metadata: Any,
) -> dict[str, Any]:
    template = {"spec": {"containers": [container("pytorch", gpus)]}}
    return {
        "metadata": meta(name, **metadata),
        "spec": {
            "runPolicy": {"suspend": suspend},
            "pytorchReplicaSpecs": {
                "Master": {"replicas": master, "template": template},
                "Worker": {"replicas": workers, "template": template},
            },
        },
        "status": {
            "conditions": conditions,
            "replicaStatuses": statuses,
            "startTime": at(1200),
        },
    }


def trainjob(name: str, *, nodes: int | None = 2, jobs: Any = None, conditions: Any = None, **more: Any):
    trainer: dict[str, Any] = {} if nodes is None else {"numNodes": nodes}
    if more.pop("resources", True):
        trainer["resourcesPerNode"] = {"limits": {"nvidia.com/gpu": 8}}
    return {
        "metadata": meta(name, labels=more.pop("labels", {})),
        "spec": {"trainer": trainer, "runtimeRef": {"name": "torch-distributed"}, **more},
        "status": {"jobsStatus": jobs or [], "conditions": conditions or []},
    }


def node(
    name: str,
    *,
    gpus: int = 8,
    capacity: int | None = None,
    ready: str = "True",
    labels: dict[str, str] | None = None,
    conditions: list[dict[str, Any]] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    return {
        "metadata": meta(name, "", labels={"nvidia.com/gpu.product": "NVIDIA-H100", **(labels or {})}),
        "spec": spec,
        "status": {
            "allocatable": {"cpu": "96", "memory": "1Ti", "nvidia.com/gpu": str(gpus)},
            "capacity": {"cpu": "96", "memory": "1Ti", "nvidia.com/gpu": str(gpus if capacity is None else capacity)},
            "conditions": [
                {"type": "Ready", "status": ready, "message": "kubelet stopped posting", "lastTransitionTime": at(900)},
                *(conditions or []),
            ],
            "nodeInfo": {"kubeletVersion": "v1.34.3"},
        },
    }


def row(kind: Any, item: dict[str, Any]) -> Any:
    from console.kinds.decoding import KindSource

    return KindSource(kind, kind.versions[0]).row(json.dumps(item).encode())
