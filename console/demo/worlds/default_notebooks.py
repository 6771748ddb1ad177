"""Notebooks of the default world: some idle on GPUs for hours, one stopped, one that cannot be created for quota."""

from __future__ import annotations

from console.demo.client import Object
from console.demo.controllers import notebooks, training
from console.demo.controllers.base import owner_reference
from console.demo.controllers.training_kinds import BY_KIND
from console.demo.worlds.default_jobs import HOUR, MINUTE, SHARED, job, replica
from console.demo.worlds.default_nodes import A100
from console.demo.worlds.job_history import admit
from console.demo.worlds.making import Making
from console.demo.worlds.naming import suffix

CUDA = "registry.example.com/kubeflow/notebook-servers/jupyter-pytorch-cuda-full:v1.10.0"
PLAIN = "registry.example.com/kubeflow/notebook-servers/jupyter-scipy:v1.10.0"


def make_notebooks(making: Making) -> None:
    """Add every notebook, and the job that a quota keeps from starting."""
    _notebook(making, "team-vision", "lab-ana", "gpu-a-02", 33 * HOUR, gpus=1, product=A100, idle=9.2 * HOUR)
    _notebook(making, "team-speech", "phonemes", "gpu-a-03", 52 * HOUR, gpus=2, product=A100, idle=26 * HOUR)
    _notebook(making, "team-recsys", "nb-rec", "gpu-s-01", 5 * HOUR, gpus=1, product=SHARED, idle=12 * MINUTE)
    _notebook(making, "team-fraud", "eda", "cpu-1", 7 * HOUR, idle=40 * MINUTE)
    _notebook(making, "team-nlp", "prompt-lab", "", 120 * HOUR, gpus=1, product=A100, idle=49 * HOUR)
    _over_quota(making)


def _notebook(
    making: Making, namespace: str, name: str, node: str, ago: float, *, gpus: int = 0, product: str = "", idle: float
) -> None:
    size: Object = {"cpu": "4", "memory": "16Gi", **({"nvidia.com/gpu": str(gpus)} if gpus else {})}
    claim = f"{name}-workspace"
    annotations = {
        "notebooks.kubeflow.org/server-type": "jupyter",
        "notebooks.kubeflow.org/last-activity": making.time(idle),
        "notebooks.kubeflow.org/last_activity_check_timestamp": making.time(40),
    }
    if not node:
        annotations[notebooks.STOPPED] = making.time(idle - HOUR)
    spec: Object = {
        "serviceAccountName": "default-editor",
        "containers": [
            {
                "name": name,
                "image": CUDA if gpus else PLAIN,
                "resources": {"requests": dict(size), "limits": dict(size)},
                "volumeMounts": [{"name": claim, "mountPath": "/home/jovyan"}],
            }
        ],
        "volumes": [{"name": claim, "persistentVolumeClaim": {"claimName": claim}}],
        **({"nodeSelector": {"nvidia.com/gpu.product": product}} if product else {}),
    }
    notebook = making.add(
        {
            "apiVersion": "kubeflow.org/v1",
            "kind": "Notebook",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": {"app": name, "access-ml-pipeline": "true"},
                "annotations": annotations,
            },
            "spec": {"template": {"spec": spec}},
        },
        ago,
    )
    _claim(making, namespace, claim, ago)
    stateful_set = making.add(notebooks.stateful_set_of(notebook), ago)
    making.add(notebooks.service_of(notebook), ago)
    revision = f"{name}-{suffix(10, namespace, name)}"
    count = 1 if node else 0
    marks = ("currentReplicas", "readyReplicas", "updatedReplicas")
    stateful_set["status"] = {
        "replicas": count,
        "availableReplicas": count,
        "observedGeneration": 1,
        "collisionCount": 0,
        "currentRevision": revision,
        "updateRevision": revision,
        **(dict.fromkeys(marks, count) if count else {}),
    }
    pod = _pod(stateful_set, revision, spec=stateful_set["spec"]["template"]) if node else None
    if pod is not None:
        making.live(pod, node, ago - 2)
        making.add(pod, ago - 1)
    notebook["status"] = notebooks.status_of(notebook, stateful_set, pod)


def _pod(stateful_set: Object, revision: str, *, spec: Object) -> Object:
    meta = stateful_set["metadata"]
    name = f"{meta['name']}-0"
    labels = {
        **spec["metadata"]["labels"],
        "controller-revision-hash": revision,
        "statefulset.kubernetes.io/pod-name": name,
        "apps.kubernetes.io/pod-index": "0",
    }
    pod: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "generateName": f"{meta['name']}-",
            "namespace": meta["namespace"],
            "labels": labels,
            "ownerReferences": [owner_reference(stateful_set)],
        },
        "spec": {**spec["spec"], "hostname": name, "subdomain": meta["name"]},
    }
    admit(pod)
    return pod


def _claim(making: Making, namespace: str, name: str, ago: float) -> None:
    volume = f"pvc-{suffix(12, namespace, name)}"
    making.add(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": namespace, "finalizers": ["kubernetes.io/pvc-protection"]},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "50Gi"}},
                "storageClassName": "fast",
                "volumeMode": "Filesystem",
                "volumeName": volume,
            },
            "status": {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "50Gi"}},
        },
        ago,
    )
    making.add(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": volume, "finalizers": ["kubernetes.io/pv-protection"]},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "capacity": {"storage": "50Gi"},
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "name": name,
                    "namespace": namespace,
                    "uid": making.objects[-1]["metadata"]["uid"],
                },
                "csi": {"driver": "csi.example.com", "volumeHandle": volume},
                "persistentVolumeReclaimPolicy": "Delete",
                "storageClassName": "fast",
                "volumeMode": "Filesystem",
            },
            "status": {"phase": "Bound"},
        },
        ago,
    )


def _over_quota(making: Making) -> None:
    """A job whose pods the quota rejects: created, and nothing else."""
    ago, kind = 17 * MINUTE, BY_KIND["PyTorchJob"]
    wanted = replica(kind.kind, 1, gpus=8, product=A100, memory="400Gi", cpu="32")
    made = making.add(job(kind.kind, "team-fraud", "ring-detector", {"Master": wanted}), ago)
    plan = training.decide(kind, made, (), (), {}, making.now - ago)
    made["status"] = plan.status
    message = (
        'Error creating: pods "ring-detector-master-0" is forbidden: exceeded quota: kf-resource-quota, requested: '
        "requests.nvidia.com/gpu=8, used: requests.nvidia.com/gpu=1, limited: requests.nvidia.com/gpu=8"
    )
    making.event(
        made,
        "Warning",
        "FailedCreatePod",
        message,
        ago=20,
        first=ago - 1,
        count=23,
        component=kind.operator_name,
    )
