"""Serving, tuning and pipelines in the default world: objects that nothing here drives, with a status all the same.

Their shapes follow the components' own objects (field guide, sections 3, 4 and 8).
"""

from __future__ import annotations

from itertools import pairwise

from console.demo.client import Object
from console.demo.controllers.base import owner_reference
from console.demo.worlds.default_jobs import HOUR, MINUTE, SHARED
from console.demo.worlds.default_nodes import DAY
from console.demo.worlds.default_workloads import make_deployment
from console.demo.worlds.job_history import admit
from console.demo.worlds.making import Making
from console.demo.worlds.naming import number, suffix


def make_serving(making: Making) -> None:
    """Add an InferenceService with its pods, an Experiment with Trials, and Workflows."""
    _inference_service(making)
    _experiment(making)
    _workflow(making, "team-recsys", "daily-features", 74 * MINUTE, ("extract", "featurize", "publish"), failed="")
    _workflow(making, "team-fraud", "score-backfill", 5.4 * HOUR, ("load", "score", "report"), failed="score")


def _inference_service(making: Making) -> None:
    namespace, name, ago = "team-fraud", "fraud-scorer", 12 * DAY
    uri, at = "s3://models/fraud/scorer/v14", making.time(ago)
    size: Object = {"cpu": "2", "memory": "8Gi", "nvidia.com/gpu": "1"}
    service = making.add(
        {
            "apiVersion": "serving.kserve.io/v1beta1",
            "kind": "InferenceService",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "annotations": {"serving.kserve.io/deploymentMode": "RawDeployment"},
                "finalizers": ["inferenceservice.finalizers"],
            },
            "spec": {
                "predictor": {
                    "minReplicas": 1,
                    "maxReplicas": 3,
                    "model": {
                        "modelFormat": {"name": "triton"},
                        "protocolVersion": "v2",
                        "runtime": "kserve-tritonserver",
                        "storageUri": uri,
                        "resources": {"requests": dict(size), "limits": dict(size)},
                    },
                    "nodeSelector": {"nvidia.com/gpu.product": SHARED},
                }
            },
            "status": {
                "deploymentMode": "RawDeployment",
                "observedGeneration": 1,
                "url": f"http://{name}-{namespace}.example.com",
                "address": {"url": f"http://{name}-predictor.{namespace}.svc.cluster.local"},
                "components": {"predictor": {"url": f"http://{name}-predictor-{namespace}.example.com"}},
                "conditions": [
                    {"type": kind, "status": "True", "lastTransitionTime": at}
                    for kind in ("IngressReady", "PredictorReady", "Ready")
                ],
                "modelStatus": {
                    "copies": {"failedCopies": 0, "totalCopies": 1},
                    "states": {"activeModelState": "Loaded", "targetModelState": "Loaded"},
                    "transitionStatus": "UpToDate",
                },
            },
        },
        ago,
    )
    labels = {
        "app": f"isvc.{name}-predictor",
        "component": "predictor",
        "serving.kserve.io/inferenceservice": name,
    }
    template: Object = {
        "metadata": {"labels": labels},
        "spec": {
            "nodeSelector": {"nvidia.com/gpu.product": SHARED},
            "containers": [
                {
                    "name": "kserve-container",
                    "image": "registry.example.com/nvidia/tritonserver:25.06-py3",
                    "args": ["tritonserver", "--model-store=/mnt/models"],
                    "resources": {"requests": dict(size), "limits": dict(size)},
                }
            ],
        },
    }
    first = len(making.objects)
    pod_at = make_deployment(making, namespace, f"{name}-predictor", {"app": labels["app"]}, template, 1, ago)
    making.objects[first]["metadata"]["ownerReferences"] = [owner_reference(service)]
    pod = pod_at(0)
    admit(pod)
    making.live(pod, "gpu-s-01", 3 * DAY)
    making.add(pod, 3 * DAY)


def _experiment(making: Making) -> None:
    namespace, name, ago = "team-vision", "resnet-hpo", 7.1 * HOUR
    trials = [(f"{name}-{suffix(8, name, str(index))}", index) for index in range(6)]
    objective: Object = {
        "type": "maximize",
        "goal": 0.93,
        "objectiveMetricName": "val_accuracy",
        "metricStrategies": [{"name": "val_accuracy", "value": "max"}],
    }
    parameter = {"name": "lr", "parameterType": "double", "feasibleSpace": {"min": "0.0001", "max": "0.1"}}
    running, done = [trials[-1][0]], [each for each, _ in trials[:-1]]
    best = max(trials[:-1], key=lambda trial: _accuracy(trial[0]))
    experiment = making.add(
        {
            "apiVersion": "kubeflow.org/v1beta1",
            "kind": "Experiment",
            "metadata": {"name": name, "namespace": namespace, "finalizers": ["update-prometheus-metrics"]},
            "spec": {
                "objective": objective,
                "algorithm": {"algorithmName": "bayesianoptimization"},
                "parameters": [parameter],
                "parallelTrialCount": 1,
                "maxTrialCount": 20,
                "maxFailedTrialCount": 3,
                "resumePolicy": "Never",
                "metricsCollectorSpec": {"collector": {"kind": "StdOut"}},
                "trialTemplate": {
                    "primaryContainerName": "training-container",
                    "trialParameters": [{"name": "learningRate", "reference": "lr"}],
                    "trialSpec": {
                        "apiVersion": "batch/v1",
                        "kind": "Job",
                        "spec": {
                            "template": {
                                "spec": {
                                    "restartPolicy": "Never",
                                    "containers": [
                                        {
                                            "name": "training-container",
                                            "image": "registry.example.com/vision/resnet:4.2",
                                            "command": ["python", "hpo.py", "--lr=${trialParameters.learningRate}"],
                                        }
                                    ],
                                }
                            }
                        },
                    },
                },
            },
            "status": {
                "startTime": making.time(ago),
                "lastReconcileTime": making.time(30),
                "conditions": _stages(making, "Experiment", ago, ("Created", "Running")),
                "currentOptimalTrial": {
                    "bestTrialName": best[0],
                    "parameterAssignments": [{"name": "lr", "value": _rate(best[0])}],
                    "observation": {"metrics": [_metric(best[0])]},
                },
                "runningTrialList": running,
                "succeededTrialList": done,
                "trials": len(trials),
                "trialsRunning": 1,
                "trialsSucceeded": len(done),
            },
        },
        ago,
    )
    making.add(
        {
            "apiVersion": "kubeflow.org/v1beta1",
            "kind": "Suggestion",
            "metadata": {"name": name, "namespace": namespace, "ownerReferences": [owner_reference(experiment)]},
            "spec": {
                "algorithm": {"algorithmName": "bayesianoptimization"},
                "requests": len(trials),
                "resumePolicy": "Never",
            },
            "status": {
                "startTime": making.time(ago),
                "suggestionCount": len(trials),
                "suggestions": [
                    {"name": each, "parameterAssignments": [{"name": "lr", "value": _rate(each)}]} for each, _ in trials
                ],
                "conditions": _stages(making, "Suggestion", ago, ("Created", "DeploymentReady", "Running")),
            },
        },
        ago,
    )
    for each, index in trials:
        _trial(making, experiment, each, ago - 60 - index * HOUR, over=each in done)


def _trial(making: Making, experiment: Object, name: str, ago: float, *, over: bool) -> None:
    words = ("Created", "Running", "Succeeded") if over else ("Created", "Running")
    status: Object = {"startTime": making.time(ago), "conditions": _stages(making, "Trial", ago, words)}
    if over:
        status |= {"completionTime": making.time(ago - 52 * MINUTE), "observation": {"metrics": [_metric(name)]}}
    spec = experiment["spec"]
    making.add(
        {
            "apiVersion": "kubeflow.org/v1beta1",
            "kind": "Trial",
            "metadata": {
                "name": name,
                "namespace": experiment["metadata"]["namespace"],
                "labels": {"katib.kubeflow.org/experiment": experiment["metadata"]["name"]},
                "ownerReferences": [owner_reference(experiment)],
            },
            "spec": {
                "objective": spec["objective"],
                "parameterAssignments": [{"name": "lr", "value": _rate(name)}],
                "primaryContainerName": "training-container",
                "metricsCollector": {"collector": {"kind": "StdOut"}},
                "runSpec": {
                    "apiVersion": "batch/v1",
                    "kind": "Job",
                    "metadata": {"name": name, "namespace": experiment["metadata"]["namespace"]},
                    "spec": spec["trialTemplate"]["trialSpec"]["spec"],
                },
                "successCondition": 'status.conditions.#(type=="Complete")#|#(status=="True")#',
                "failureCondition": 'status.conditions.#(type=="Failed")#|#(status=="True")#',
            },
            "status": status,
        },
        ago,
    )


def _stages(making: Making, kind: str, ago: float, words: tuple[str, ...]) -> list[Object]:
    """Katib's conditions: the newest last, Running false once something follows it."""
    found = []
    for index, word in enumerate(words):
        at = making.time(ago - index * 20 if index < 2 else ago - 52 * MINUTE)
        said = f"{kind} is {'created' if word == 'Created' else 'running' if word == 'Running' else word.lower()}"
        holds = word != "Running" or index == len(words) - 1
        found.append(
            {
                "type": word,
                "status": "True" if holds else "False",
                "reason": word if word.startswith(("Deployment", kind)) else f"{kind}{word}",
                "message": said,
                "lastUpdateTime": at,
                "lastTransitionTime": at,
            }
        )
    return found


def _accuracy(trial: str) -> float:
    return 0.86 + number(600, "accuracy", trial) / 10000


def _rate(trial: str) -> str:
    return f"{0.0001 * 10 ** (number(300, 'rate', trial) / 100):.6f}"


def _metric(trial: str) -> Object:
    value = _accuracy(trial)
    return {
        "name": "val_accuracy",
        "latest": f"{value - 0.003:.4f}",
        "max": f"{value:.4f}",
        "min": f"{value - 0.4:.4f}",
    }


def _workflow(making: Making, namespace: str, name: str, ago: float, steps: tuple[str, ...], *, failed: str) -> None:
    full = f"{name}-{suffix(5, namespace, name)}"
    root = full
    nodes: dict[str, Object] = {}
    phase, message = ("Failed", f"child '{full}.{failed}' failed") if failed else ("Succeeded", "")
    children, at = [], ago - 2
    for step in steps:
        node = f"{full}-{number(10**10, full, step)}"
        children.append(node)
        state = "Failed" if step == failed else "Omitted" if failed and step == steps[-1] else "Succeeded"
        nodes[node] = {
            "id": node,
            "name": f"{full}.{step}",
            "displayName": step,
            "type": "Skipped" if state == "Omitted" else "Pod",
            "templateName": step,
            "templateScope": f"local/{full}",
            "boundaryID": root,
            "phase": state,
            "startedAt": making.time(at),
            "finishedAt": making.time(at - 600),
            "progress": "0/1" if state == "Failed" else "1/1",
            **({"message": "OOMKilled (exit code 137)"} if state == "Failed" else {}),
        }
        at -= 610
    for earlier, later in pairwise(children):
        nodes[earlier]["children"] = [later]
    nodes[root] = {
        "id": root,
        "name": full,
        "displayName": full,
        "type": "DAG",
        "templateName": "main",
        "templateScope": f"local/{full}",
        "phase": phase,
        "startedAt": making.time(ago),
        "finishedAt": making.time(at),
        "progress": f"{len(steps) - 2 * bool(failed)}/{len(steps)}",
        "children": children[:1],
    }
    image = "registry.example.com/pipelines/steps:5.0"
    templates: list[Object] = [
        {"name": step, "container": {"name": "", "image": image, "command": ["python", f"{step}.py"]}} for step in steps
    ]
    tasks = [
        {"name": step, "template": step, **({"dependencies": [steps[index - 1]]} if index else {})}
        for index, step in enumerate(steps)
    ]
    making.add(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {
                "name": full,
                "generateName": f"{name}-",
                "namespace": namespace,
                "labels": {
                    "workflows.argoproj.io/completed": "true",
                    "workflows.argoproj.io/phase": phase,
                    "pipeline/runid": f"{number(16**8, full):08x}-0000-4000-8000-{number(16**12, full, 'run'):012x}",
                },
            },
            "spec": {"entrypoint": "main", "templates": [{"name": "main", "dag": {"tasks": tasks}}, *templates]},
            "status": {
                "phase": phase,
                "startedAt": making.time(ago),
                "finishedAt": making.time(at),
                "progress": nodes[root]["progress"],
                "nodes": nodes,
                **({"message": message} if message else {}),
            },
        },
        ago,
    )
