"""Kueue in the default world: flavors, queues, and the jobs that were admitted, wait, or can never be."""

from __future__ import annotations

from console.demo.client import Object
from console.demo.controllers.kueue import GROUP, State, cycle
from console.demo.worlds.default_jobs import HOUR, MINUTE, job, replica
from console.demo.worlds.default_nodes import DAY, T4
from console.demo.worlds.job_history import submit
from console.demo.worlds.making import Making

QUEUED = ("team-speech", "team-recsys", "team-robotics")


def make_queues(making: Making) -> None:
    """Add queues and queued jobs."""
    labels = {"nvidia.com/gpu.product": T4}
    making.add({**_kueue("ResourceFlavor", "t4"), "spec": {"nodeLabels": labels}}, 30 * DAY)
    making.add({**_kueue("ResourceFlavor", "default"), "spec": {}}, 30 * DAY)
    gpus: Object = {"name": "t4", "resources": [{"name": "nvidia.com/gpu", "nominalQuota": "4"}]}
    rest: Object = {
        "name": "default",
        "resources": [{"name": "cpu", "nominalQuota": "400"}, {"name": "memory", "nominalQuota": "4Ti"}],
    }
    spec: Object = {
        "namespaceSelector": {},
        "queueingStrategy": "BestEffortFIFO",
        "stopPolicy": "None",
        "preemption": {"withinClusterQueue": "Never", "reclaimWithinCohort": "Never"},
        "resourceGroups": [
            {"coveredResources": ["nvidia.com/gpu"], "flavors": [gpus]},
            {"coveredResources": ["cpu", "memory"], "flavors": [rest]},
        ],
    }
    queue = making.add({**_kueue("ClusterQueue", "gpu-cq"), "spec": spec}, 30 * DAY)
    locals_: list[Object] = []
    for namespace in QUEUED:
        local = _kueue("LocalQueue", "gpu")
        local["metadata"]["namespace"] = namespace
        locals_.append(making.add({**local, "spec": {"clusterQueue": "gpu-cq", "stopPolicy": "None"}}, 24 * DAY))
    making.add({**_kueue("WorkloadPriorityClass", "urgent"), "value": 1000, "description": "paged work"}, 30 * DAY)
    _queue_jobs(making, queue, locals_)


def _queue_jobs(making: Making, queue: Object, locals_: list[Object]) -> None:
    label = {"kueue.x-k8s.io/queue-name": "gpu"}
    torch = "PyTorchJob"

    def wants(gpus: int, hours: float) -> Object:
        return replica(torch, 1, gpus=gpus, behaviour={"run": hours * HOUR}, memory="32Gi", cpu="6")

    admitted = job(torch, "team-speech", "tts-vits", {"Master": wants(2, 6)}, labels=label)
    admitted["spec"]["pytorchReplicaSpecs"]["Master"]["template"]["spec"]["nodeSelector"] = {
        "nvidia.com/gpu.product": T4
    }
    submit(making, admitted, 2.6 * HOUR, {"": "gpu-t-01"})
    waiting = job(torch, "team-recsys", "ctr-sweep", {"Master": wants(8, 1)}, labels=label, policy={"suspend": True})
    submit(making, waiting, 1.1 * HOUR, {})
    behind = job(
        torch, "team-robotics", "grasp-policy", {"Master": wants(4, 1)}, labels=label, policy={"suspend": True}
    )
    submit(making, behind, 22 * MINUTE, {})
    state = State(
        cluster_queues={"gpu-cq": queue},
        local_queues={f"{each['metadata']['namespace']}/gpu": each for each in locals_},
        flavors={each["metadata"]["name"]: each for each in making.objects if each["kind"] == "ResourceFlavor"},
    )
    for one, ago in ((admitted, 2.6 * HOUR), (waiting, 1.1 * HOUR), (behind, 22 * MINUTE)):
        state.jobs = [*state.jobs, one]
        _settle(making, state, ago)


def _settle(making: Making, state: State, ago: float) -> None:
    """Run passes until Kueue has nothing more to do about a job that came `ago` seconds before now."""
    for _ in range(4):
        steps = cycle(state, making.now - ago + 2)
        state.workloads = [*state.workloads, *(making.add(workload, ago - 1) for workload in steps.create)]
        for obj, status in steps.status:
            obj["status"] = status
        for obj, kind, reason, message in steps.events:
            making.event(obj, kind, reason, message, ago=ago - 2, component="kueue")


def _kueue(kind: str, name: str) -> Object:
    return {"apiVersion": GROUP, "kind": kind, "metadata": {"name": name}}
