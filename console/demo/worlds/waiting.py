"""Why a pod of a seeded world waits: what the scheduler would say of it, given everything else that is there."""

from __future__ import annotations

from collections.abc import Iterable

from console.demo.client import Object
from console.demo.controllers.placement import NodeLoad, explain, refusal
from console.demo.needs import holds_resources, pod_requests


def why_pending(objects: Iterable[Object], pod: Object) -> str:
    """The scheduler's message; empty when some node would take the pod."""
    loads: dict[str, NodeLoad] = {}
    pods = []
    for obj in objects:
        if obj["kind"] == "Node":
            loads[obj["metadata"]["name"]] = load = NodeLoad(obj)
            load.set_node(obj)
        elif obj["kind"] == "Pod" and "status" in obj and holds_resources(obj):
            pods.append(obj)
    for other in pods:
        key = f"{other['metadata']['namespace']}/{other['metadata']['name']}"
        loads[other["spec"]["nodeName"]].add(key, other)
    nodes = list(loads.values())
    refusals = [refusal(pod, pod_requests(pod), load, nodes) for load in nodes]
    reasons = [each for each in refusals if each is not None]
    return explain(reasons) if len(reasons) == len(nodes) else ""
