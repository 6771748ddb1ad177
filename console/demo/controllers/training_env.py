"""The environment each training v1 kind gives its pods, so that the replicas find one another.

Facts from github.com/kubeflow/training-operator v1.9.3, pkg/controller.v1/*/envvar.go, tensorflow.go, xgboost.go
(MXJob: v1.8, mxnet.go).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from console.demo.client import Object
from console.demo.controllers.training_kinds import TrainingKind, port_of, replica_specs

Env = list[dict[str, Any]]


def replica_name(job: str, replica_type: str, index: int) -> str:
    """The name of a replica's pod and of its service."""
    return f"{job}-{replica_type.lower()}-{index}".replace("/", "-")


def environment(kind: TrainingKind, job: Object, replica_type: str, index: int) -> Env:
    """What is appended to the environment of a replica's containers."""
    return ENVIRONMENTS[kind.env](kind, job, replica_type, index)


def _value(name: str, value: object) -> dict[str, Any]:
    return {"name": name, "value": str(value)}


def _total(specs: Mapping[str, Object]) -> int:
    return sum(int(spec["replicas"]) for spec in specs.values())


def _torch(kind: TrainingKind, job: Object, replica_type: str, index: int) -> Env:
    name, spec, specs = job["metadata"]["name"], job["spec"], replica_specs(kind, job)
    env = [_value("PYTHONUNBUFFERED", 1)]
    total = _total(specs)
    processes = str(spec.get("nprocPerNode", "1"))
    if "Master" in specs:
        address, port = replica_name(name, "Master", 0), port_of(kind, specs["Master"])
        rank = index + 1 if replica_type == "Worker" else index
        env += [
            _value("MASTER_PORT", port),
            _value("PET_MASTER_PORT", port),
            _value("MASTER_ADDR", address),
            _value("PET_MASTER_ADDR", address),
            _value("WORLD_SIZE", total * (int(processes) if processes.isdigit() else 1)),
            _value("RANK", rank),
            _value("PET_NODE_RANK", rank),
        ]
    if spec.get("nprocPerNode") is not None:
        env.append(_value("PET_NPROC_PER_NODE", processes))
    elastic = spec.get("elasticPolicy")
    return env + (_elastic(kind, name, elastic, specs) if elastic is not None else [_value("PET_NNODES", total)])


def _elastic(kind: TrainingKind, name: str, policy: Object, specs: Mapping[str, Object]) -> Env:
    host = policy.get("rdzvHost") or replica_name(name, "Worker", 0)
    port = policy.get("rdzvPort") or port_of(kind, specs.get("Worker", {}))
    env = [
        _value("PET_RDZV_ENDPOINT", f"{host}:{port}"),
        _value("PET_RDZV_BACKEND", policy.get("rdzvBackend") or "c10d"),
        _value("PET_NNODES", f"{policy['minReplicas']}:{policy['maxReplicas']}"),
    ]
    for field, variable in (
        ("maxRestarts", "PET_MAX_RESTARTS"),
        ("nProcPerNode", "PET_NPROC_PER_NODE"),
        ("rdzvId", "PET_RDZV_ID"),
    ):
        if policy.get(field) is not None:
            env.append(_value(variable, policy[field]))
    if policy.get("rdzvConf"):
        pairs = ",".join(f"{pair['key']}={pair['value']}" for pair in policy["rdzvConf"])
        env.append(_value("PET_RDZV_CONF", pairs))
    if policy.get("standalone"):
        env.append(_value("PET_STANDALONE", ""))
    return env


def _tensorflow(kind: TrainingKind, job: Object, replica_type: str, index: int) -> Env:
    specs = replica_specs(kind, job)
    if _total(specs) == 1:
        return []  # a local job finds nobody
    name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
    cluster = {
        each.lower(): [
            f"{replica_name(name, each, i)}.{namespace}.svc:{port_of(kind, spec)}" for i in range(int(spec["replicas"]))
        ]
        for each, spec in specs.items()
    }
    role = replica_type.lower()
    task = {"type": role, "index": index}
    if job["spec"].get("enableDynamicWorker"):
        servers = cluster.get("ps", []) if role == "worker" else [cluster[role][index]] if role == "ps" else []
        workers = {str(index): cluster["worker"][index]} if role == "worker" else {}
        config: Object = {"cluster": {"worker": workers, "ps": servers}, "task": task}
    else:
        config = {"cluster": cluster, "task": task, "environment": "cloud"}
    return [_value("TF_CONFIG", json.dumps(config, separators=(",", ":")))]


def _xgboost(kind: TrainingKind, job: Object, replica_type: str, index: int) -> Env:
    name, specs = job["metadata"]["name"], replica_specs(kind, job)
    total, master = _total(specs), specs.get("Master", {})
    rank = index + int(master.get("replicas", 1)) if replica_type == "Worker" else index
    env = [
        _value("MASTER_PORT", port_of(kind, master)),
        _value("MASTER_ADDR", replica_name(name, "Master", 0)),
        _value("WORLD_SIZE", total),
        _value("RANK", rank),
        _value("PYTHONUNBUFFERED", 1),
    ]
    if total > 1:
        workers = ",".join(replica_name(name, "Worker", i) for i in range(total - 1))
        env += [_value("WORKER_PORT", port_of(kind, specs.get("Worker", {}))), _value("WORKER_ADDRS", workers)]
    return env


def _jax(kind: TrainingKind, job: Object, replica_type: str, index: int) -> Env:
    name, specs = job["metadata"]["name"], replica_specs(kind, job)
    return [
        _value("PYTHONUNBUFFERED", 1),
        _value("COORDINATOR_PORT", port_of(kind, specs.get("Worker", {}))),
        _value("COORDINATOR_ADDRESS", replica_name(name, "Worker", 0)),
        _value("NUM_PROCESSES", _total(specs)),
        _value("PROCESS_ID", index),
    ]


def _paddle(kind: TrainingKind, job: Object, replica_type: str, index: int) -> Env:
    name, specs = job["metadata"]["name"], replica_specs(kind, job)
    first = "Master" if "Master" in specs else "Worker"
    port = port_of(kind, specs[first])
    env: Env = [
        _value("PYTHONUNBUFFERED", 1),
        _value("PADDLE_JOB_ID", name),
        _value("PADDLE_NNODES", _total(specs)),
    ]
    if replica_type == first and index == 0:
        own_address = {"fieldRef": {"fieldPath": "status.podIP"}}
        env += [
            {"name": "POD_IP_DUMMY", "valueFrom": own_address},
            _value("PADDLE_MASTER", f"$(POD_IP_DUMMY):{port}"),
        ]
    else:
        env.append(_value("PADDLE_MASTER", f"{replica_name(name, first, 0)}:{port}"))
    if "Master" in specs:
        env.append(_value("PADDLE_SERVER_NUM" if replica_type == "Master" else "PADDLE_TRAINER_NUM", 1))
    return env


def _mxnet(kind: TrainingKind, job: Object, replica_type: str, index: int) -> Env:
    name, specs = job["metadata"]["name"], replica_specs(kind, job)
    cluster = {
        each.lower(): [
            {"url": replica_name(name, each, i), "port": port_of(kind, spec)} for i in range(int(spec["replicas"]))
        ]
        for each, spec in specs.items()
    }
    config = {"cluster": cluster, "labels": {}, "task": {"type": replica_type.lower(), "index": index}}
    env = [_value("MX_CONFIG", json.dumps(config, separators=(",", ":")))]
    root = cluster.get("scheduler") or [{"url": "", "port": ""}]
    env += [
        _value("DMLC_PS_ROOT_PORT", root[0]["port"]),
        _value("DMLC_PS_ROOT_URI", root[0]["url"]),
        _value("DMLC_NUM_SERVER", len(cluster.get("server", []))),
        _value("DMLC_NUM_WORKER", len(cluster.get("worker", []))),
        _value("DMLC_ROLE", replica_type.lower()),
        _value("DMLC_USE_KUBERNETES", 1),
    ]
    if replica_type == "Worker":
        env.append(_value("DMLC_WORKER_ID", index))
    return env


def _nothing(kind: TrainingKind, job: Object, replica_type: str, index: int) -> Env:
    return []


ENVIRONMENTS: Mapping[str, Callable[[TrainingKind, Object, str, int], Env]] = {
    "torch": _torch,
    "tensorflow": _tensorflow,
    "xgboost": _xgboost,
    "jax": _jax,
    "paddle": _paddle,
    "mxnet": _mxnet,
    "mpi": _nothing,  # training_mpi gives launcher and workers theirs
}
