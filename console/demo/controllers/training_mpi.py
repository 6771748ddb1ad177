"""What an MPIJob v1 needs beside pods: the hosts file and scripts, the launcher's right to exec, its own pod shape.

Facts from github.com/kubeflow/training-operator v1.9.3, pkg/controller.v1/mpi/mpijob_controller.go.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

from console.demo.client import Object
from console.demo.controllers.base import owner_reference
from console.demo.controllers.training_kinds import TrainingKind, replica_specs
from console.demo.controllers.training_pods import pod_restart_policy
from console.demo.controllers.training_status import LABEL, labels

DELIVERY_IMAGE = "ghcr.io/kubeflow/training-v1/kubectl-delivery:latest"
CONFIG_MOUNT, KUBECTL_MOUNT = "/etc/mpi", "/opt/kube"
CONFIG_VOLUME, KUBECTL_VOLUME = "mpi-job-config", "mpi-job-kubectl"
KUBEXEC, HOSTFILE, DISCOVER = "kubexec.sh", "hostfile", "discover_hosts.sh"


def companions(job: Object, running: Sequence[str]) -> list[tuple[str, Object]]:
    """(plural, manifest) of the ConfigMap, ServiceAccount, Role and RoleBinding; `running` names running workers."""
    name, specs = job["metadata"]["name"], job["spec"]["mpiReplicaSpecs"]
    workers = [f"{name}-worker-{i}" for i in range(_workers(specs))]
    account = _account(job)
    launcher = f"{name}-launcher"
    return [
        ("serviceaccounts", _owned(job, account, "v1", "ServiceAccount")),
        ("configmaps", {**_owned(job, f"{name}-config", "v1", "ConfigMap"), "data": config_data(job, running)}),
        (
            "roles",
            {
                **_owned(job, launcher, "rbac.authorization.k8s.io/v1", "Role"),
                "rules": [
                    {"verbs": ["get", "list", "watch"], "apiGroups": [""], "resources": ["pods"]},
                    {"verbs": ["create"], "apiGroups": [""], "resources": ["pods/exec"], "resourceNames": workers},
                ],
            },
        ),
        (
            "rolebindings",
            {
                **_owned(job, launcher, "rbac.authorization.k8s.io/v1", "RoleBinding"),
                "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": job["metadata"]["namespace"]}],
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": launcher},
            },
        ),
    ]


def config_data(job: Object, running: Sequence[str]) -> dict[str, str]:
    """The ConfigMap's files: the hosts, the remote shell, and the workers that run now."""
    name, spec = job["metadata"]["name"], job["spec"]
    slots = spec.get("slotsPerWorker") or 1
    on_gpu = uses_gpu(spec["mpiReplicaSpecs"].get("Launcher") or {})
    hosts = [f"{name}-launcher"] if on_gpu else []
    hosts += [f"{name}-worker-{i}" for i in range(_workers(spec["mpiReplicaSpecs"]))]
    container = f" --container {spec['mainContainer']}" if spec.get("mainContainer") else ""
    shell = (
        f"#!/bin/sh\nset -x\nPOD_NAME=$1\nshift\n{KUBECTL_MOUNT}/kubectl exec ${{POD_NAME}}{container}"
        ' -- /bin/sh -c "$*"'
    )
    discover = "#!/bin/sh" + (f"\necho {name}-launcher:{slots}\n" if on_gpu else "")
    discover += "".join(f"\necho {pod}:{slots}" for pod in sorted(running))
    return {HOSTFILE: "".join(f"{host} slots={slots}\n" for host in hosts), KUBEXEC: shell, DISCOVER: discover}


def launcher_pod(kind: TrainingKind, job: Object) -> Object:
    """The launcher's pod: the job's own account, kubectl delivered by an init container, the hosts file mounted."""
    replica = replica_specs(kind, job)["Launcher"]
    template = copy.deepcopy(replica.get("template") or {})
    spec = template.setdefault("spec", {})
    namespace = job["metadata"]["namespace"]
    spec.setdefault("serviceAccountName", f"{job['metadata']['name']}-launcher")
    size = {"cpu": "100m", "memory": "512Mi", "ephemeral-storage": "5Gi"}
    mounts = [
        {"name": KUBECTL_VOLUME, "mountPath": KUBECTL_MOUNT},
        {"name": CONFIG_VOLUME, "mountPath": CONFIG_MOUNT},
    ]
    delivery = {
        "name": "kubectl-delivery",
        "image": DELIVERY_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": "TARGET_DIR", "value": KUBECTL_MOUNT}, {"name": "NAMESPACE", "value": namespace}],
        "volumeMounts": copy.deepcopy(mounts),
        "resources": {"limits": dict(size), "requests": dict(size)},
    }
    spec["initContainers"] = [*(spec.get("initContainers") or []), delivery]
    main = spec["containers"][0]
    given = {each["name"] for each in main.get("env") or []}
    extra = {
        "OMPI_MCA_plm_rsh_agent": f"{CONFIG_MOUNT}/{KUBEXEC}",
        "OMPI_MCA_orte_default_hostfile": f"{CONFIG_MOUNT}/{HOSTFILE}",
    }
    if not uses_gpu(replica):
        extra |= {"NVIDIA_VISIBLE_DEVICES": "", "NVIDIA_DRIVER_CAPABILITIES": ""}
    for variable, value in (
        ("I_MPI_HYDRA_BOOTSTRAP", "rsh"),
        ("I_MPI_HYDRA_BOOTSTRAP_EXEC", f"{CONFIG_MOUNT}/{KUBEXEC}"),
    ):
        if variable not in given:
            extra[variable] = value
    main["env"] = [*(main.get("env") or []), *({"name": key, "value": value} for key, value in extra.items())]
    main["volumeMounts"] = [*(main.get("volumeMounts") or []), *mounts]
    items = [
        {"key": KUBEXEC, "path": KUBEXEC, "mode": 0o555},
        {"key": HOSTFILE, "path": HOSTFILE, "mode": 0o444},
        {"key": DISCOVER, "path": DISCOVER, "mode": 0o555},
    ]
    spec["volumes"] = [*(spec.get("volumes") or []), {"name": KUBECTL_VOLUME, "emptyDir": {}}, _files(job, items)]
    spec["restartPolicy"] = pod_restart_policy(replica)
    marks = {**labels(kind, job["metadata"]["name"], "Launcher"), f"{LABEL}job-role": "master"}
    return _pod(job, template, f"{job['metadata']['name']}-launcher", marks)


def worker_pod(kind: TrainingKind, job: Object, index: int) -> Object:
    """A worker's pod: it sleeps unless told otherwise; the launcher runs its ranks there through exec."""
    replica = replica_specs(kind, job)["Worker"]
    template = copy.deepcopy(replica.get("template") or {})
    spec = template.setdefault("spec", {})
    main = spec["containers"][0]
    if not main.get("command"):
        main["command"], main["args"] = ["sleep"], ["365d"]
    main["volumeMounts"] = [*(main.get("volumeMounts") or []), {"name": CONFIG_VOLUME, "mountPath": CONFIG_MOUNT}]
    spec["volumes"] = [*(spec.get("volumes") or []), _files(job, [{"key": KUBEXEC, "path": KUBEXEC, "mode": 0o555}])]
    spec["restartPolicy"] = pod_restart_policy(replica)
    marks = {**labels(kind, job["metadata"]["name"], "Worker"), f"{LABEL}replica-index": str(index)}
    return _pod(job, template, f"{job['metadata']['name']}-worker-{index}", marks)


def uses_gpu(replica: Object) -> bool:
    """Whether any container of the replica is limited in some GPU resource."""
    containers = replica.get("template", {}).get("spec", {}).get("containers") or []
    return any("gpu" in key for each in containers for key in (each.get("resources", {}).get("limits") or {}))


def _workers(specs: Mapping[str, Object]) -> int:
    return int((specs.get("Worker") or {}).get("replicas", 0))


def _account(job: Object) -> str:
    launcher = job["spec"]["mpiReplicaSpecs"].get("Launcher") or {}
    own = launcher.get("template", {}).get("spec", {}).get("serviceAccountName")
    return str(own or f"{job['metadata']['name']}-launcher")


def _files(job: Object, items: list[Object]) -> Object:
    return {"name": CONFIG_VOLUME, "configMap": {"name": f"{job['metadata']['name']}-config", "items": items}}


def _owned(job: Object, name: str, api_version: str, kind: str) -> Object:
    meta = job["metadata"]
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": meta["namespace"],
            "labels": {"app": meta["name"]},
            "ownerReferences": [owner_reference(job)],
        },
    }


def _pod(job: Object, template: Object, name: str, marks: dict[str, str]) -> Object:
    meta = template.get("metadata") or {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": job["metadata"]["namespace"],
            "labels": {**(meta.get("labels") or {}), **marks},
            **({"annotations": meta["annotations"]} if meta.get("annotations") else {}),
            "ownerReferences": [owner_reference(job)],
        },
        "spec": template["spec"],
    }
