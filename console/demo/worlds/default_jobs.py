"""The training v1 jobs of the default world: one of every kind, healthy ones and every way to be broken."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from console.demo.client import Object
from console.demo.controllers.behaviours import ANNOTATION
from console.demo.controllers.training_kinds import BY_KIND
from console.demo.worlds.default_nodes import A100, H100, T4
from console.demo.worlds.job_history import submit
from console.demo.worlds.making import Making

HOUR, MINUTE = 3600.0, 60.0
SHARED = "NVIDIA-A10G-SHARED"
TRAINER = "registry.example.com/research/trainer:2.7.1-cuda12.8"
NCCL = (
    "[rank{rank}]:[E{at} ProcessGroupNCCL.cpp:629] [Rank {rank}] Watchdog caught collective operation timeout: "
    "WorkNCCL(SeqNum=64088, OpType=ALLREDUCE, NumelIn=20971520, NumelOut=20971520, Timeout(ms)=1800000) ran for "
    "1800251 milliseconds before timing out.",
    "[rank{rank}]: Traceback (most recent call last):",
    '[rank{rank}]:   File "/workspace/train.py", line 412, in <module>',
    "[rank{rank}]:     main()",
    '[rank{rank}]:   File "/workspace/trainer.py", line 157, in fit',
    "[rank{rank}]:     loss.backward()",
    "[rank{rank}]: torch.distributed.DistBackendError: NCCL error in: /opt/pytorch/torch/csrc/distributed/c10d/"
    "ProcessGroupNCCL.cpp:3356, remote process exited or there was a network error, NCCL version 2.26.2",
    "[rank{rank}]: ncclRemoteError: A call failed possibly due to a network error or a remote process exiting "
    "prematurely.",
)


def replica(
    kind: str,
    count: int,
    *,
    gpus: int = 0,
    resource: str = "nvidia.com/gpu",
    product: str = "",
    behaviour: Mapping[str, object] | None = None,
    restart: str = "OnFailure",
    image: str = TRAINER,
    cpu: str = "8",
    memory: str = "64Gi",
    command: tuple[str, ...] = ("torchrun", "train.py"),
) -> Object:
    """One replica spec."""
    size: Object = {"cpu": cpu, "memory": memory, **({resource: str(gpus)} if gpus else {})}
    shared: Object = {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "32Gi"}}
    spec: Object = {
        "containers": [
            {
                "name": BY_KIND[kind].container,
                "image": image,
                "command": list(command),
                "resources": {"requests": dict(size), "limits": dict(size)},
                "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],
            }
        ],
        "volumes": [shared],
    }
    if product:
        spec["nodeSelector"] = {"nvidia.com/gpu.product": product}
    if resource.startswith("nvidia.com/mig"):
        spec["tolerations"] = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    annotations = {"sidecar.istio.io/inject": "false"}
    if behaviour:
        annotations[ANNOTATION] = msgspec.json.encode(behaviour).decode()
    return {
        "replicas": count,
        "restartPolicy": restart,
        "template": {"metadata": {"annotations": annotations}, "spec": spec},
    }


def job(
    kind: str,
    namespace: str,
    name: str,
    replicas: Mapping[str, Object],
    *,
    labels: Mapping[str, str] | None = None,
    policy: Object | None = None,
    **spec: object,
) -> Object:
    """A job manifest; further keys go into its spec."""
    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "labels": {"team": namespace, **(labels or {})}},
        "spec": {"runPolicy": policy or {}, BY_KIND[kind].replicas_field: dict(replicas), **spec},
    }


def make_jobs(making: Making) -> None:
    """Add every job."""
    _healthy(making)
    _broken(making)
    _over(making)


def _healthy(making: Making) -> None:
    torch = "PyTorchJob"
    pretrain = {
        "run": 30 * HOUR,
        "profile": "training",
        "log": "training",
        "replicas": {"worker-2": {"profile": "straggler"}},
    }
    leader = replica(torch, 1, gpus=8, product=H100, behaviour=pretrain, cpu="96", memory="900Gi")
    crowd = replica(torch, 3, gpus=8, product=H100, behaviour=pretrain, cpu="96", memory="900Gi")
    nodes = {"master-0": "gpu-h-01", "worker-0": "gpu-h-02", "worker-1": "gpu-h-03", "worker-2": "gpu-h-04"}
    submit(making, job(torch, "team-nlp", "llama-70b-pretrain", {"Master": leader, "Worker": crowd}), 9 * HOUR, nodes)

    elastic = replica(
        torch, 2, gpus=1, product="NVIDIA-A10G-SHARED", behaviour={"run": 6 * HOUR}, memory="16Gi", cpu="2"
    )
    bounds = {"rdzvBackend": "c10d", "minReplicas": 1, "maxReplicas": 4, "maxRestarts": 100}
    manifest = job(torch, "team-vision", "resnet-elastic", {"Worker": elastic}, elasticPolicy=bounds)
    submit(making, manifest, 2.3 * HOUR, {"": "gpu-s-01"})

    kind = "TFJob"
    chief = replica(kind, 1, behaviour={"run": 5 * HOUR}, image="registry.example.com/recsys/two-tower:1.9")
    servers = replica(kind, 2, image="registry.example.com/recsys/two-tower:1.9", memory="96Gi")
    workers = replica(kind, 2, gpus=1, product=T4, behaviour={"run": 5 * HOUR}, memory="24Gi", cpu="6")
    nodes = {"chief-0": "cpu-1", "ps-0": "cpu-2", "ps-1": "cpu-3", "": "gpu-t-01"}
    manifest = job(kind, "team-recsys", "two-tower-v7", {"Chief": chief, "PS": servers, "Worker": workers})
    submit(making, manifest, 3.2 * HOUR, nodes)

    kind = "MPIJob"
    launcher = replica(kind, 1, behaviour={"run": 8 * HOUR}, restart="Never", memory="4Gi", cpu="2")
    ranks = replica(kind, 2, gpus=2, product=A100, restart="Never", memory="120Gi", cpu="16", command=("sleep", "365d"))
    nodes = {"launcher": "cpu-2", "": "gpu-a-03"}
    manifest = job(kind, "team-speech", "conformer-hvd", {"Launcher": launcher, "Worker": ranks}, slotsPerWorker=2)
    submit(making, manifest, 4.4 * HOUR, nodes)

    kind = "JAXJob"
    workers = replica(
        kind, 2, gpus=1, product=A100, behaviour={"run": 7 * HOUR}, memory="120Gi", command=("python", "fit.py")
    )
    submit(making, job(kind, "team-speech", "wav2vec-jax", {"Worker": workers}), 1.6 * HOUR, {"": "gpu-a-02"})

    kind = "XGBoostJob"
    master = replica(kind, 1, behaviour={"run": 3 * HOUR}, restart="Never", image="registry.example.com/fraud/xgb:3.1")
    workers = replica(kind, 2, behaviour={"run": 3 * HOUR}, restart="Never", image="registry.example.com/fraud/xgb:3.1")
    manifest = job(kind, "team-fraud", "txn-risk-xgb", {"Master": master, "Worker": workers})
    submit(making, manifest, 50 * MINUTE, {"master-0": "cpu-3", "worker-0": "cpu-1", "worker-1": "cpu-3"})


def _broken(making: Making) -> None:
    torch = "PyTorchJob"
    hang = {"run": 40 * HOUR, "replicas": {"worker-0": {"hang": 5.5 * HOUR - 31 * MINUTE}}}
    leader = replica(torch, 1, gpus=4, product=A100, behaviour=hang, cpu="32", memory="400Gi")
    crowd = replica(torch, 1, gpus=4, product=A100, behaviour=hang, cpu="32", memory="400Gi")
    manifest = job(torch, "team-vision", "vit-22b", {"Master": leader, "Worker": crowd})
    submit(making, manifest, 5.5 * HOUR, {"": "gpu-a-01"})

    greedy = replica(torch, 1, gpus=1, product=SHARED, behaviour={"oom": 95.0}, memory="16Gi", cpu="2")
    submit(making, job(torch, "team-recsys", "dlrm-embeddings", {"Master": greedy}), 1.2 * HOUR, {"": "gpu-s-01"})

    image = "registry.example.com/vision/sam-finetune:v2.1-rc3"
    missing = replica(
        torch,
        1,
        gpus=1,
        resource="nvidia.com/mig-1g.10gb",
        image=image,
        behaviour={"image_error": "not found"},
        memory="16Gi",
    )
    submit(making, job(torch, "team-vision", "sam-finetune", {"Master": missing}), 38 * MINUTE, {"": "gpu-m-01"})

    lost = {"run": 3.1 * HOUR, "exit": 1, "lines": _nccl(making, 1)}
    left = {"run": 3.1 * HOUR + 12, "exit": 1, "lines": _nccl(making, 0)}
    leader = replica(torch, 1, gpus=1, product=A100, behaviour=left, restart="Never", memory="100Gi")
    crowd = replica(torch, 1, gpus=1, product=A100, behaviour=lost, restart="Never", memory="100Gi")
    manifest = job(torch, "team-nlp", "sft-mistral", {"Master": leader, "Worker": crowd})
    submit(making, manifest, 3.8 * HOUR, {"": "gpu-a-02"})


def _nccl(making: Making, rank: int) -> list[str]:
    """A watchdog's last words, some 42 minutes before now."""
    at = datetime.fromtimestamp(making.now - 42 * MINUTE, UTC).strftime("%m%d %H:%M:%S.114")
    return [line.format(rank=rank, at=at) for line in NCCL]


def _over(making: Making) -> None:
    torch = "PyTorchJob"
    leader = replica(torch, 1, gpus=1, product=A100, behaviour={"run": 2.6 * HOUR}, memory="64Gi")
    submit(making, job(torch, "team-fraud", "gnn-fraud", {"Master": leader}), 7.9 * HOUR, {"": "gpu-a-02"})

    kind = "PaddleJob"
    workers = replica(kind, 2, gpus=1, product=A100, behaviour={"run": 1.4 * HOUR}, memory="64Gi")
    submit(making, job(kind, "team-vision", "ocr-paddle", {"Worker": workers}), 3.5 * HOUR, {"": "gpu-a-02"})

    kind = "MXJob"
    roles = {
        name: replica(
            kind, 1, behaviour={"run": 1.1 * HOUR}, restart="Never", image="registry.example.com/legacy/mxnet:1.9"
        )
        for name in ("Scheduler", "Server", "Worker")
    }
    submit(making, job(kind, "team-recsys", "mx-legacy", roles, jobMode="MXTrain"), 26 * HOUR, {"": "cpu-2"})

    leader = replica(torch, 1, gpus=2, product=A100, memory="64Gi")
    held = job(torch, "team-nlp", "eval-suite", {"Master": leader}, policy={"suspend": True})
    submit(making, held, 5.2 * HOUR, {})


def make_waiting_job(making: Making) -> None:
    """A job whose worker finds no free GPUs; the last one, when every other pod has its place."""
    torch = "PyTorchJob"
    leader = replica(torch, 1, gpus=4, product=A100, behaviour={"run": 20 * HOUR}, memory="100Gi")
    crowd = replica(torch, 1, gpus=4, product=A100, behaviour={"run": 20 * HOUR}, memory="100Gi")
    manifest = job(torch, "team-nlp", "base-100", {"Master": leader, "Worker": crowd})
    submit(making, manifest, 2.1 * HOUR, {"master-0": "gpu-a-02"})
