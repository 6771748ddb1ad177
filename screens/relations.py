"""Which pods belong to an object, and which object a row leads up to, asked of one row at a time. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Belongs = Callable[[Any], bool]

# Kinds whose pods can be told from the pods' own rows.
OWNERS = frozenset(
    {"Node", "Job", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Workflow", "Notebook", "InferenceService"}
    | {"JobSet", "TrainJob", "Trial", "PyTorchJob", "TFJob", "MPIJob", "XGBoostJob", "PaddleJob", "JAXJob", "MXJob"}
)


def belongs_to(kind: str, namespace: str, name: str) -> Belongs:
    """Whether a pod row belongs to an object: by its node, the job its labels name, or its owner."""
    from console.kinds.relations import pods_of

    if kind == "Node":
        return lambda pod: bool(pod.node == name)
    if kind == "Trial":  # what a trial runs has its name
        return lambda pod: pod.namespace == namespace and name in (pod.job, pod.owner)
    return lambda pod: bool(pods_of(kind, namespace, name, (pod,)))


def owner_of(row: Any) -> tuple[str, str]:
    """(Kind, name) a row leads up to: the job a pod works for, else its owner; empty where the row names none."""
    for kind, name in (("job_kind", "job"), ("owner_kind", "owner")):
        if getattr(row, kind, "") and getattr(row, name, ""):
            return getattr(row, kind), getattr(row, name)
    return "", ""
