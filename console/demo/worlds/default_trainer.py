"""Trainer v2 in the default world: the stock runtimes, and TrainJobs that run, wait, failed and are held."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from console.clock import parse_time
from console.demo.client import Object
from console.demo.controllers import jobset, trainjob
from console.demo.controllers.base import owner_reference
from console.demo.controllers.behaviours import ANNOTATION
from console.demo.controllers.trainjob_render import ANCESTOR
from console.demo.worlds.default_nodes import DAY
from console.demo.worlds.job_history import admit
from console.demo.worlds.making import Making
from console.demo.worlds.naming import suffix

HOUR, MINUTE = 3600.0, 60.0
IMAGE = "registry.example.com/pytorch/pytorch:2.9.1-cuda12.8-cudnn9-runtime"
BATCH = "batch.kubernetes.io/"


def make_runtimes(making: Making) -> None:
    """The ClusterTrainingRuntimes of a stock installation."""
    initializers = ("dataset-initializer", "model-initializer")
    for name, framework, policy, steps in (
        ("torch-distributed", "torch", {"numNodes": 1, "torch": {}}, ()),
        ("torch-no-restart", "torch", {"numNodes": 1, "torch": {}}, ()),
        ("jax-distributed", "jax", {"numNodes": 1}, ()),
        ("xgboost-distributed", "xgboost", {"numNodes": 1}, ()),
        ("torchtune-llama3.2-1b", "torchtune", {"numNodes": 1, "torch": {}}, initializers),
    ):
        making.add(_runtime(name, framework, policy, steps), 40 * DAY)


def make_train_jobs(making: Making) -> None:
    """Every TrainJob with its JobSet, Jobs and pods."""
    size = {"nvidia.com/mig-3g.40gb": "1"}
    running = _job("team-nlp", "sft-llama-3b", "torch-distributed", 2, size, {"run": 3 * HOUR})
    submit(making, running, 1.9 * HOUR, {"": "gpu-m-01"})

    failing = {"run": 260, "exit": 1, "lines": list(SHAPES)}
    failed = _job("team-recsys", "ranker-v2", "torch-no-restart", 1, {"nvidia.com/gpu": "1"}, failing)
    submit(making, failed, 2.4 * HOUR, {"": "gpu-s-01"})

    done = _job("team-fraud", "embed-job", "torch-distributed", 1, {"cpu": "8"}, {"run": 1.3 * HOUR})
    submit(making, done, 6.1 * HOUR, {"": "cpu-1"})

    held = _job("team-fraud", "graph-refresh", "torch-distributed", 2, {"nvidia.com/gpu": "1"}, {}, suspend=True)
    submit(making, held, 3.0 * HOUR, {})

    steps = {"containers": {"dataset-initializer": {"run": 25 * MINUTE}, "model-initializer": {"run": 25 * MINUTE}}}
    begun = _job("team-speech", "asr-tune", "torchtune-llama3.2-1b", 1, {"nvidia.com/gpu": "1"}, steps)
    begun["spec"]["initializer"] = {
        "dataset": {"storageUri": "hf://example/calls"},
        "model": {"storageUri": "hf://example/speech-1b"},
    }
    submit(making, begun, 4 * MINUTE, {"": "cpu-3"})


SHAPES = (
    "Traceback (most recent call last):",
    '  File "/workspace/rank.py", line 88, in <module>',
    "    loss = model(batch)",
    "RuntimeError: mat1 and mat2 shapes cannot be multiplied (4096x384 and 512x1)",
)


def submit(making: Making, job: Object, ago: float, places: Mapping[str, str]) -> None:
    """Add a TrainJob submitted `ago` seconds before now and everything made of it."""
    making.add(job, ago)
    runtime = next(
        each
        for each in making.objects
        if each["kind"] == "ClusterTrainingRuntime" and each["metadata"]["name"] == job["spec"]["runtimeRef"]["name"]
    )
    sets: list[Object] = []
    jobs: list[Object] = []
    service = False
    late = ago - 30
    for moment in (ago, ago - 1, late, 0.0, 0.0, 0.0):
        plan = trainjob.decide(job, runtime, sets[0] if sets else None, {}, making.now - moment)
        if plan.status is not None:
            job["status"] = plan.status
        sets += [making.add(each.manifest, moment) for each in plan.create]
        inner = jobset.decide(sets[0], jobs, service, _moment(making, jobs, moment))
        for creation in inner.create:
            made = making.add(creation.manifest, moment)
            service = service or made["kind"] == "Service"
            if made["kind"] == "Job":
                jobs.append(made)
                _run(making, made, moment, places)
        if inner.status is not None:
            sets[0]["status"] = inner.status


def _moment(making: Making, jobs: list[Object], ago: float) -> float:
    """When the JobSet's controller saw the last of its Jobs end; `ago` while none has."""
    ends = [parse_time(each["lastTransitionTime"]) for job in jobs for each in job["status"].get("conditions") or ()]
    times = [end for end in ends if end is not None]
    return max(times) if times else making.now - ago


def _run(making: Making, job: Object, ago: float, places: Mapping[str, str]) -> None:
    """The pods of an indexed Job, and its status after they lived."""
    spec, meta = job["spec"], job["metadata"]
    uid, count = meta["uid"], int(spec["parallelism"])
    marks = {
        f"{BATCH}controller-uid": uid,
        f"{BATCH}job-name": meta["name"],
        "controller-uid": uid,
        "job-name": meta["name"],
    }
    spec.setdefault("backoffLimit", 0)
    spec["selector"] = {"matchLabels": {f"{BATCH}controller-uid": uid}}
    template = spec["template"]
    template["metadata"]["labels"] = {**template["metadata"]["labels"], **marks}
    if spec.get("suspend"):
        suspended = {
            "type": "Suspended",
            "status": "True",
            "reason": "JobSuspended",
            "message": "Job suspended",
            "lastProbeTime": making.time(ago),
            "lastTransitionTime": making.time(ago),
        }
        job["status"] = {"ready": 0, "terminating": 0, "uncountedTerminatedPods": {}, "conditions": [suspended]}
        return
    pods = []
    for index in range(count):
        pod: Object = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{meta['name']}-{index}-{suffix(5, uid, str(index))}",
                "generateName": f"{meta['name']}-{index}-",
                "namespace": meta["namespace"],
                "labels": {**template["metadata"]["labels"], f"{BATCH}job-completion-index": str(index)},
                "annotations": {**template["metadata"]["annotations"], f"{BATCH}job-completion-index": str(index)},
                "ownerReferences": [owner_reference(job)],
                "finalizers": [f"{BATCH}job-tracking"],
            },
            "spec": {**template["spec"], "hostname": f"{meta['name']}-{index}"},
        }
        pod["spec"]["containers"] = [
            {**each, "env": [*(each.get("env") or []), {"name": "JOB_COMPLETION_INDEX", "value": str(index)}]}
            for each in template["spec"]["containers"]
        ]
        admit(pod)
        pods.append(making.add(pod, ago))
    making.live_together([(pod, places[""]) for pod in pods], ago - 1)
    _finish(making, job, pods, ago)


def _finish(making: Making, job: Object, pods: list[Object], ago: float) -> None:
    phases = [pod["status"]["phase"] for pod in pods]
    status: Object = {"startTime": making.time(ago), "terminating": 0, "uncountedTerminatedPods": {}}
    active = sum(phase in ("Pending", "Running") for phase in phases)
    ready = sum(
        any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"]["conditions"])
        for pod in pods
    )
    failed, succeeded = phases.count("Failed"), phases.count("Succeeded")
    status |= {"active": active} if active else {}
    status["ready"] = ready
    status |= {"failed": failed} if failed else {}
    if succeeded:
        status |= {"succeeded": succeeded, "completedIndexes": _indexes(phases)}
    over = max((_ended(pod) for pod in pods if pod["status"]["phase"] in ("Failed", "Succeeded")), default="")
    if failed:
        said = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
        status["conditions"] = [_over("FailureTarget", *said, over), _over("Failed", *said, over)]
    elif succeeded == len(phases):
        said = ("CompletionsReached", "Reached expected number of succeeded pods")
        status["conditions"] = [_over("SuccessCriteriaMet", *said, over), _over("Complete", *said, over)]
        status["completionTime"] = over
    for pod in pods:
        if pod["status"]["phase"] in ("Failed", "Succeeded"):
            del pod["metadata"]["finalizers"]
    job["status"] = status


def _over(kind: str, reason: str, message: str, at: str) -> Object:
    return {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastProbeTime": at,
        "lastTransitionTime": at,
    }


def _ended(pod: Object) -> str:
    return str(pod["status"]["containerStatuses"][0]["state"]["terminated"]["finishedAt"])


def _indexes(phases: list[str]) -> str:
    done = [index for index, phase in enumerate(phases) if phase == "Succeeded"]
    return f"{done[0]}-{done[-1]}" if len(done) > 1 else str(done[0])


def _job(
    namespace: str,
    name: str,
    runtime: str,
    nodes: int,
    size: Mapping[str, object],
    behaviour: Mapping[str, object],
    *,
    suspend: bool = False,
) -> Object:
    resources = {"cpu": "4", "memory": "24Gi", **size}
    pod: Object = {"spec": {}}
    if any("mig" in key for key in size):
        pod["spec"]["tolerations"] = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    if behaviour:
        pod["metadata"] = {"annotations": {ANNOTATION: msgspec.json.encode(behaviour).decode()}}
    steps = ["dataset-initializer", "model-initializer", "node"] if "torchtune" in runtime else ["node"]
    jobs = [{"name": step, "template": {"spec": {"template": pod}}} for step in steps]
    patch = {"manager": "example.com/research", "trainingRuntimeSpec": {"template": {"spec": {"replicatedJobs": jobs}}}}
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": name, "namespace": namespace, "labels": {"team": namespace}},
        "spec": {
            "runtimeRef": {"apiGroup": "trainer.kubeflow.org", "kind": "ClusterTrainingRuntime", "name": runtime},
            "suspend": suspend,
            "managedBy": "trainer.kubeflow.org/trainjob-controller",
            "trainer": {
                "numNodes": nodes,
                "image": IMAGE,
                "command": ["torchrun", "train.py"],
                "resourcesPerNode": {"requests": dict(resources), "limits": dict(resources)},
            },
            "runtimePatches": [patch],
        },
    }


def _runtime(name: str, framework: str, policy: Object, steps: tuple[str, ...]) -> Object:
    jobs: list[Object] = []
    for step in (*steps, "node"):
        image = IMAGE if step == "node" else f"registry.example.com/kubeflow/trainer/{step}:v2.1.0"
        ancestor = "trainer" if step == "node" else step
        replicated: Object = {
            "name": step,
            "template": {
                "metadata": {"labels": {ANCESTOR: ancestor}},
                "spec": {"template": {"spec": {"containers": [{"name": step, "image": image}]}}},
            },
        }
        if step == "node" and steps:
            replicated["dependsOn"] = [{"name": each, "status": "Complete"} for each in steps]
        if name == "torch-no-restart":
            replicated["template"]["spec"] |= {"backoffLimit": 0}
            replicated["template"]["spec"]["template"]["spec"]["restartPolicy"] = "Never"
        jobs.append(replicated)
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "ClusterTrainingRuntime",
        "metadata": {"name": name, "labels": {"trainer.kubeflow.org/framework": framework}},
        "spec": {"mlPolicy": policy, "template": {"spec": {"replicatedJobs": jobs}}},
    }
