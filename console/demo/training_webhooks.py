"""The validating webhooks of the training operator v1.9: what they refuse, in their words.

Follows github.com/kubeflow/training-operator pkg/webhooks; MPIJob has no webhook there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from console.demo.failures import ApiFailure

if TYPE_CHECKING:
    from console.demo.records import Object
    from console.demo.resources import ResourceType

_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_NAME_RULE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_MANAGERS = ("kubeflow.org/training-operator", "kueue.x-k8s.io/multikueue")


@dataclass(frozen=True, slots=True)
class _Job:
    kind: str
    replicas: str  # the field of spec that maps roles to replica specs
    container: str
    roles: tuple[str, ...] = ()  # empty: any
    one_master: bool = False  # a Master has to have exactly one replica
    needs_master: bool = False
    quoted: bool = False  # the container name is written in quotes


_JOBS = {
    "pytorchjobs": _Job("pytorchjob", "pytorchReplicaSpecs", "pytorch", ("Master", "Worker"), one_master=True),
    "tfjobs": _Job("tfjob", "tfReplicaSpecs", "tensorflow"),
    "xgboostjobs": _Job(
        "xgboostjob", "xgbReplicaSpecs", "xgboost", ("Master", "Worker"), one_master=True, needs_master=True
    ),
    "jaxjobs": _Job("jaxjob", "jaxReplicaSpecs", "jax", ("Worker",)),
    "paddlejobs": _Job("paddlejob", "paddleReplicaSpecs", "paddle", ("Master", "Worker"), quoted=True),
}


def validate_job(rt: ResourceType, obj: Object, old: Object | None) -> list[str]:
    """Warnings for a training job's write; ApiFailure 403 where the webhook denies it. Other kinds pass."""
    if rt.group != "kubeflow.org" or rt.version != "v1" or rt.plural not in _JOBS:
        return []
    job = _JOBS[rt.plural]
    warnings, faults = [], list(_faults(job, obj, old))
    spec = obj.get("spec") or {}
    elastic = spec.get("elasticPolicy") or {}
    if rt.plural == "pytorchjobs" and "elasticPolicy" in spec:
        if "Worker" not in (spec.get(job.replicas) or {}):
            faults.append(
                "spec.pytorchReplicaSpecs[Worker]: Required value: must be configured if elastic policy is used"
            )
        if elastic.get("nProcPerNode") is not None:
            warnings.append("spec.elasticPolicy.nProcPerNode is deprecated, use spec.nprocPerNode instead")
            if spec.get("nprocPerNode") is not None:
                faults.append("spec.elasticPolicy.nProcPerNode: Forbidden: must not be used with spec.nprocPerNode")
    if faults:
        text = faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]"
        name = f"validator.{job.kind}.training-operator.kubeflow.org"
        raise ApiFailure(403, "Forbidden", f'admission webhook "{name}" denied the request: {text}')
    return warnings


def _faults(job: _Job, obj: Object, old: Object | None) -> Iterator[str]:
    name = obj["metadata"].get("name", "")
    rules = ["must be no more than 63 characters"] if len(name) > 63 else []
    rules += [] if _NAME.fullmatch(name) else [_NAME_RULE]
    if rules:
        yield f'metadata.name: Invalid value: "{name}": should match: {",".join(rules)}'
    spec = obj.get("spec") or {}
    if job.kind != "jaxjob":
        yield from _manager_faults(spec, (old or {}).get("spec") or {}, old is not None)
    path = f"spec.{job.replicas}"
    replicas = spec.get(job.replicas)
    if replicas is None:
        yield f"{path}: Required value: must be required"
    for role, replica in sorted((replicas or {}).items()):
        yield from _role_faults(job, f"{path}[{role}]", role, replica or {})
    if job.kind == "tfjob" and sum(role in ("Chief", "Master") for role in replicas or {}) > 1:
        yield f"{path}: Forbidden: must not have more than 1 Chief or Master role"
    if job.needs_master and "Master" not in (replicas or {}):
        yield f"{path}[Master]: Required value: must be present"


def _manager_faults(spec: dict[str, Any], old: dict[str, Any], update: bool) -> Iterator[str]:
    now = (spec.get("runPolicy") or {}).get("managedBy")
    before = (old.get("runPolicy") or {}).get("managedBy")
    if update and now != before:
        shown = f'"{now}"' if now is not None else "null"
        yield f"spec.runPolicy.managedBy: Invalid value: {shown}: field is immutable"
    if now is not None and now not in _MANAGERS:
        supported = ", ".join(f'"{manager}"' for manager in _MANAGERS)
        yield f'spec.runPolicy.managedBy: Unsupported value: "{now}": supported values: {supported}'


def _role_faults(job: _Job, path: str, role: str, replica: dict[str, Any]) -> Iterator[str]:
    if job.roles and role not in job.roles:
        supported = ", ".join(f'"{name}"' for name in job.roles)
        yield f'{path}: Unsupported value: "{role}": supported values: {supported}'
    containers_path = f"{path}.template.spec.containers"
    containers = ((replica.get("template") or {}).get("spec") or {}).get("containers") or []
    if not containers:
        yield f"{containers_path}: Required value: must be specified"
    for index, container in enumerate(containers):
        if not container.get("image"):
            yield f"{containers_path}[{index}].image: Required value: must be required"
    if not any(container.get("name") == job.container for container in containers):
        name = f'"{job.container}"' if job.quoted else job.container
        yield f"{containers_path}: Required value: must have at least one container with name {name}"
    count = replica.get("replicas")
    if job.one_master and role == "Master":
        if count != 1:
            yield f"{path}.replicas: Forbidden: must be 1"
    elif job.kind == "pytorchjob" and count is not None and count < 1:
        yield f"{path}.replicas: Forbidden: must be at least 1"
