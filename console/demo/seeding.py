"""A cluster of any size that stands still: nodes with GPUs and the pods of training jobs, put straight into the store.

It is what large lists, tables and watches are measured on.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zlib import crc32

from console.clock import format_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console.demo.records import Object
    from console.demo.store import Store

NAMESPACES = 20
_JOB_SIZE = 8  # pods of a job
_NODE_GPUS = 8
_IMAGE = "registry.example/research/trainer:2.7.1-cuda12.8"
_ENV = (
    ("PYTHONUNBUFFERED", "1"),
    ("MASTER_PORT", "23456"),
    ("PET_MASTER_PORT", "23456"),
    ("PET_NPROC_PER_NODE", "1"),
    ("PET_NNODES", str(_JOB_SIZE)),
    ("WORLD_SIZE", str(_JOB_SIZE)),
    ("NCCL_DEBUG", "INFO"),
    ("NCCL_IB_DISABLE", "0"),
    ("NCCL_SOCKET_IFNAME", "eth0"),
    ("HF_HOME", "/cache/hf"),
    ("OMP_NUM_THREADS", "8"),
)
_ARGUMENTS = ["--config=configs/llama-8b.yaml", "--precision=bf16", "--checkpoint-every=500", "--resume=auto"]
_NOTE = "nightly fine-tune of the team; read its run book before deleting anything of this job, then tell the team"


def seed(store: Store, pods: int, *, seed: int = 0) -> None:
    """Load `pods` training pods in 20 namespaces and the nodes they run on, eight GPUs a node."""
    random = Random(seed)
    for obj in (*_namespaces(random, store.now()), *_nodes(random, store.now(), -(-pods // _NODE_GPUS))):
        store.load(obj)
    for number in range(pods):
        store.load(_pod(random, store.now(), number))


def _uid(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))


def _namespaces(random: Random, now: float) -> Iterator[Object]:
    for number in range(NAMESPACES):
        name = f"team-{number:02d}"
        labels = {"app.kubernetes.io/part-of": "kubeflow-profile", "kubernetes.io/metadata.name": name}
        metadata = {"name": name, "uid": _uid(random), "creationTimestamp": format_time(now - 40 * 86400)}
        yield {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {**metadata, "labels": labels},
            "spec": {"finalizers": ["kubernetes"]},
            "status": {"phase": "Active"},
        }


def _nodes(random: Random, now: float, count: int) -> Iterator[Object]:
    for number in range(count):
        name = f"gpu-{number:04d}"
        size = {"cpu": "96", "memory": "1056Gi", "pods": "110", "nvidia.com/gpu": str(_NODE_GPUS)}
        since = format_time(now - 40 * 86400)
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastTransitionTime": since}
        yield {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": name,
                "uid": _uid(random),
                "creationTimestamp": since,
                "labels": {
                    "kubernetes.io/hostname": name,
                    "kubernetes.io/os": "linux",
                    "kubernetes.io/arch": "amd64",
                    "node.kubernetes.io/instance-type": "a3-highgpu-8g",
                    "topology.kubernetes.io/zone": f"zone-{number % 3}",
                    "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
                    "nvidia.com/gpu.count": str(_NODE_GPUS),
                    "nvidia.com/gpu.memory": "81559",
                },
            },
            "spec": {"taints": [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]},
            "status": {
                "capacity": size,
                "allocatable": size,
                "conditions": [{**ready, "message": "kubelet is posting ready status", "lastHeartbeatTime": since}],
                "addresses": [
                    {"type": "InternalIP", "address": _address(128, number)},
                    {"type": "Hostname", "address": name},
                ],
                "nodeInfo": {
                    "kubeletVersion": "v1.34.3",
                    "containerRuntimeVersion": "containerd://2.1.4",
                    "osImage": "Ubuntu 24.04.3 LTS",
                    "kernelVersion": "6.8.0-79-generic",
                    "architecture": "amd64",
                    "operatingSystem": "linux",
                },
            },
        }


def _address(second: int, number: int) -> str:
    return f"10.{second}.{number // 250 % 250}.{number % 250 + 1}"


def _pod(random: Random, now: float, number: int) -> Object:
    job_number, index = divmod(number, _JOB_SIZE)
    namespace, job = f"team-{job_number % NAMESPACES:02d}", f"llama-ft-{job_number:05d}"
    role, replica = ("master", 0) if index == 0 else ("worker", index - 1)
    created = format_time(now - random.randrange(60, 86400))
    phase = "Running" if number % 17 else random.choice(("Pending", "Failed", "Succeeded"))
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{job}-{role}-{replica}",
            "namespace": namespace,
            "uid": _uid(random),
            "creationTimestamp": created,
            "generation": 1,
            "labels": _labels(namespace, job, role, replica),
            "annotations": {
                "sidecar.istio.io/inject": "false",
                "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
                "owner-note": _NOTE,
            },
            "ownerReferences": [
                {
                    "apiVersion": "kubeflow.org/v1",
                    "kind": "PyTorchJob",
                    "name": job,
                    "uid": str(UUID(int=crc32(job.encode()) << 64 | job_number, version=4)),
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": _spec(namespace, job, index, number),
        "status": _status(random, number, phase, created),
    }


def _labels(namespace: str, job: str, role: str, replica: int) -> dict[str, str]:
    prefix = "training.kubeflow.org"
    return {
        f"{prefix}/job-name": job,
        f"{prefix}/operator-name": "pytorchjob-controller",
        f"{prefix}/replica-index": str(replica),
        f"{prefix}/replica-type": role,
        **({f"{prefix}/job-role": "master"} if role == "master" else {}),
        "team": namespace,
        "app": job,
    }


def _spec(namespace: str, job: str, index: int, number: int) -> dict[str, Any]:
    master = f"{job}-master-0"
    given = {
        "MASTER_ADDR": master,
        "PET_MASTER_ADDR": master,
        "RANK": index,
        "PET_NODE_RANK": index,
        "WANDB_PROJECT": job,
        "DATA_BUCKET": f"gs://corpus-{namespace}/shards",
    }
    size = {"cpu": "11", "memory": "120Gi", "nvidia.com/gpu": "1", "ephemeral-storage": "20Gi"}
    wait = {
        "name": "init-pytorch",
        "image": "alpine:3.20",
        "command": ["sh", "-c", f"until nslookup {master}; do sleep 2; done"],
        "resources": {"limits": {"cpu": "100m", "memory": "20Mi"}, "requests": {"cpu": "50m", "memory": "10Mi"}},
    }
    messages = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}
    accelerators = {
        "key": "nvidia.com/gpu.product",
        "operator": "In",
        "values": ["NVIDIA-H100-80GB-HBM3", "NVIDIA-A100-SXM4-80GB"],
    }
    terms = {"nodeSelectorTerms": [{"matchExpressions": [accelerators]}]}
    return {
        "restartPolicy": "OnFailure",
        "serviceAccountName": "default-editor",
        "serviceAccount": "default-editor",
        "nodeName": f"gpu-{number // _NODE_GPUS:04d}",
        "schedulerName": "default-scheduler",
        "dnsPolicy": "ClusterFirst",
        "terminationGracePeriodSeconds": 30,
        "securityContext": {},
        "priority": 0,
        "preemptionPolicy": "PreemptLowerPriority",
        "enableServiceLinks": True,
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}},
        **({"initContainers": [{**wait, "imagePullPolicy": "IfNotPresent", **messages}]} if index else {}),
        "containers": [
            {
                "name": "pytorch",
                "image": _IMAGE,
                "imagePullPolicy": "IfNotPresent",
                "command": ["torchrun", "train.py"],
                "args": _ARGUMENTS,
                "env": [{"name": name, "value": str(value)} for name, value in (*_ENV, *given.items())],
                "ports": [{"containerPort": 23456, "name": "pytorchjob-port", "protocol": "TCP"}],
                "resources": {"limits": size, "requests": size},
                "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}, {"name": "cache", "mountPath": "/cache"}],
                **messages,
            }
        ],
        "volumes": [
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "64Gi"}},
            {"name": "cache", "emptyDir": {}},
        ],
    }


def _status(random: Random, number: int, phase: str, at: str) -> dict[str, Any]:
    running = phase == "Running"
    restarts = 0 if number % 23 else 3
    finished = {"startedAt": at, "finishedAt": at, "containerID": f"containerd://{random.getrandbits(256):064x}"}
    state: dict[str, Any] = {"running": {"startedAt": at}}
    if phase == "Pending":
        state = {"waiting": {"reason": "ContainerCreating"}}
    elif not running:
        failed = phase == "Failed"
        state = {"terminated": {**finished, "exitCode": int(failed), "reason": "Error" if failed else "Completed"}}
    last = {"terminated": {**finished, "exitCode": 137, "reason": "OOMKilled"}} if restarts else {}
    kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    return {
        "phase": phase,
        "qosClass": "Burstable",
        "startTime": at,
        "hostIP": _address(128, number // _NODE_GPUS),
        "podIP": _address(64, number),
        "podIPs": [{"ip": _address(64, number)}],
        "conditions": [
            {
                "type": kind,
                "status": "True" if running or kind == "PodScheduled" else "False",
                "lastProbeTime": None,
                "lastTransitionTime": at,
            }
            for kind in kinds
        ],
        "containerStatuses": [
            {
                "name": "pytorch",
                "image": _IMAGE,
                "imageID": f"{_IMAGE.partition(':')[0]}@sha256:{crc32(_IMAGE.encode()):064x}",
                "containerID": f"containerd://{random.getrandbits(256):064x}",
                "ready": running,
                "started": running,
                "restartCount": restarts,
                "state": state,
                "lastState": last,
            }
        ],
    }
