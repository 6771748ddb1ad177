"""The training v1 kinds as data: where their replicas stand, what their pods are called, who leads, what is assumed.

Facts from github.com/kubeflow/training-operator v1.9.3, pkg/apis/kubeflow.org/v1 (MXJob: v1.8, its last release).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

from console.demo.client import Object


@dataclass(frozen=True, slots=True)
class TrainingKind:
    """One kind of `kubeflow.org/v1` training job."""

    kind: str
    plural: str
    replicas_field: str  # the map in spec
    container: str  # the container the operator looks at
    port_name: str
    port: int
    restart_policy: str  # of a replica that names none
    types: tuple[str, ...]  # replica types in the order the operator walks them
    leaders: tuple[str, ...]  # types that, where present, decide alone
    env: str  # which environment the pods get: a key of training_env.ENVIRONMENTS
    success: str  # "leader", "first worker" or "all workers" where there is no leader

    @property
    def operator_name(self) -> str:
        """The value of the `operator-name` label, such as `pytorchjob-controller`."""
        return f"{self.kind.lower()}-controller"

    @property
    def path(self) -> str:
        """The collection over all namespaces."""
        return f"/apis/kubeflow.org/v1/{self.plural}"


KINDS: tuple[TrainingKind, ...] = (
    TrainingKind(
        kind="PyTorchJob",
        plural="pytorchjobs",
        replicas_field="pytorchReplicaSpecs",
        container="pytorch",
        port_name="pytorchjob-port",
        port=23456,
        restart_policy="OnFailure",
        types=("Master", "Worker"),
        leaders=("Master",),
        env="torch",
        success="all workers",
    ),
    TrainingKind(
        kind="TFJob",
        plural="tfjobs",
        replicas_field="tfReplicaSpecs",
        container="tensorflow",
        port_name="tfjob-port",
        port=2222,
        restart_policy="Never",
        types=("Chief", "Evaluator", "Master", "PS", "Worker"),
        leaders=("Chief", "Master"),
        env="tensorflow",
        success="first worker",
    ),
    TrainingKind(
        kind="MPIJob",
        plural="mpijobs",
        replicas_field="mpiReplicaSpecs",
        container="mpi",
        port_name="mpi-port",
        port=9999,
        restart_policy="Never",
        types=("Launcher", "Worker"),
        leaders=("Launcher",),
        env="mpi",
        success="leader",
    ),
    TrainingKind(
        kind="XGBoostJob",
        plural="xgboostjobs",
        replicas_field="xgbReplicaSpecs",
        container="xgboost",
        port_name="xgboostjob-port",
        port=9999,
        restart_policy="Never",
        types=("Master", "Worker"),
        leaders=("Master",),
        env="xgboost",
        success="leader",
    ),
    TrainingKind(
        kind="JAXJob",
        plural="jaxjobs",
        replicas_field="jaxReplicaSpecs",
        container="jax",
        port_name="jaxjob-port",
        port=6666,
        restart_policy="Never",
        types=("Worker",),
        leaders=(),
        env="jax",
        success="all workers",
    ),
    TrainingKind(
        kind="PaddleJob",
        plural="paddlejobs",
        replicas_field="paddleReplicaSpecs",
        container="paddle",
        port_name="master",
        port=36543,
        restart_policy="OnFailure",
        types=("Master", "Worker"),
        leaders=("Master",),
        env="paddle",
        success="all workers",
    ),
    TrainingKind(
        kind="MXJob",
        plural="mxjobs",
        replicas_field="mxReplicaSpecs",
        container="mxnet",
        port_name="mxjob-port",
        port=9091,
        restart_policy="Never",
        types=("Scheduler", "Server", "Worker", "TunerTracker", "TunerServer", "Tuner"),
        leaders=("Scheduler",),
        env="mxnet",
        success="leader",
    ),
)

BY_KIND: Mapping[str, TrainingKind] = {kind.kind: kind for kind in KINDS}


def replica_specs(kind: TrainingKind, job: Object) -> dict[str, Object]:
    """Replica type to its spec, in the operator's order; types the kind does not know are left out."""
    specs = job.get("spec", {}).get(kind.replicas_field) or {}
    by_lower = {str(name).lower(): spec for name, spec in specs.items()}
    return {name: by_lower[name.lower()] for name in kind.types if by_lower.get(name.lower()) is not None}


def leader(kind: TrainingKind, specs: Mapping[str, Object]) -> str | None:
    """The replica type that decides for the job, or None where workers do."""
    return next((name for name in kind.leaders if name in specs), None)


def is_leading(kind: TrainingKind, specs: Mapping[str, Object], replica_type: str, index: int) -> bool:
    """Whether this replica carries the label `job-role: master`."""
    first = leader(kind, specs)
    if first is not None:
        return replica_type in kind.leaders
    return replica_type == "Worker" and index == 0


def with_defaults(kind: TrainingKind, job: Object) -> Object:
    """A copy of the job with what the operator assumes filled in: replicas, restart policies, ports, clean-up."""
    job = copy.deepcopy(job)
    spec = job.setdefault("spec", {})
    policy = spec.get("runPolicy") or {}
    if kind.kind == "MPIJob" and "cleanPodPolicy" in spec:
        policy.setdefault("cleanPodPolicy", spec["cleanPodPolicy"])
    policy.setdefault("cleanPodPolicy", "None")
    spec["runPolicy"] = policy
    specs = replica_specs(kind, job)
    for name, replica in specs.items():
        replica.setdefault("replicas", 0 if kind.kind == "MPIJob" and name == "Worker" else 1)
        if not replica.get("restartPolicy"):
            replica["restartPolicy"] = kind.restart_policy
        if kind.env != "mpi":
            _default_port(kind, replica)
    spec[kind.replicas_field] = specs
    if kind.kind == "PyTorchJob":
        _default_elasticity(spec, specs)
    return job


def port_of(kind: TrainingKind, replica: Object) -> int:
    """The port replicas of this type listen on for their peers."""
    for container in _containers(replica):
        if container.get("name") == kind.container:
            for port in container.get("ports") or []:
                if port.get("name") == kind.port_name:
                    return int(port["containerPort"])
    return kind.port


def _containers(replica: Object) -> list[Object]:
    return list(replica.get("template", {}).get("spec", {}).get("containers") or [])


def _default_port(kind: TrainingKind, replica: Object) -> None:
    containers = _containers(replica)
    if not containers:
        return
    container = next((each for each in containers if each.get("name") == kind.container), containers[0])
    ports = container.setdefault("ports", [])
    if not any(port.get("name") == kind.port_name for port in ports):
        ports.append({"name": kind.port_name, "containerPort": kind.port, "protocol": "TCP"})


def _default_elasticity(spec: Object, specs: Mapping[str, Object]) -> None:
    elastic = spec.get("elasticPolicy")
    if elastic is not None:
        workers = specs.get("Worker", {}).get("replicas", 1)
        least, most = elastic.get("minReplicas"), elastic.get("maxReplicas")
        elastic["minReplicas"] = least if least is not None else most if most is not None else workers
        elastic["maxReplicas"] = most if most is not None else least if least is not None else workers
    if elastic is None or elastic.get("nProcPerNode") is None:
        spec.setdefault("nprocPerNode", "auto")
