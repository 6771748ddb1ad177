"""The default scheduler: binds pending pods to nodes by priority, or says why none fits."""

from __future__ import annotations

import asyncio
import heapq
from typing import ClassVar

import httpx

from console import errors
from console.clock import parse_time
from console.demo.client import Object
from console.demo.controllers.base import Cluster, Controller, condition, path_of, with_condition
from console.demo.controllers.placement import (
    NodeLoad,
    Refusal,
    explain,
    explain_early,
    priority_of,
    refusal,
    score,
    victims,
)
from console.demo.informer import key_of
from console.demo.needs import Amounts, holds_resources, is_finished, pod_requests

NAME = "default-scheduler"
RETRY = 2.0  # seconds before a pod is tried again after a failed binding or a change it may profit from


class Scheduler(Controller):
    """Keeps the load of every node and places one pod at a time."""

    name: ClassVar[str] = NAME
    agent: ClassVar[str] = "kube-scheduler"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._nodes: dict[str, NodeLoad] = {}
        self._assumed: dict[str, str] = {}  # pod -> node, until the informer shows the binding
        self._pending: list[tuple[int, float, str]] = []  # heap: most important, then oldest
        self._queued: set[str] = set()
        self._unschedulable: set[str] = set()
        self._wake = asyncio.Event()
        self._pods = self.read("/api/v1/pods")
        self._claims = self.read("/api/v1/persistentvolumeclaims")
        self.read("/api/v1/nodes").subscribe(self._node_changed)
        self._pods.subscribe(self._pod_changed)
        self._claims.subscribe(lambda before, after: self._retry_all())

    async def run(self) -> None:
        """Place pods for ever."""
        for informer in self._needed:
            await informer.synced.wait()
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                key = heapq.heappop(self._pending)[2]
                self._queued.discard(key)
                pod = self._pods.get(key)
                if pod is None or not self._is_mine(pod) or key in self._assumed:
                    continue
                try:
                    await self._place(key, pod)
                except (errors.ConsoleError, httpx.HTTPError) as error:
                    self.cluster.report(f"{self.name}: {key}: {error}")
                    asyncio.get_running_loop().call_later(RETRY, self._enqueue, key)

    # what changed

    def _is_mine(self, pod: Object) -> bool:
        spec = pod["spec"]
        return (
            not spec.get("nodeName")
            and spec.get("schedulerName", NAME) == NAME
            and not pod["metadata"].get("deletionTimestamp")
            and not is_finished(pod)
        )

    def _node_changed(self, before: Object | None, after: Object | None) -> None:
        if after is None:
            assert before is not None
            self._nodes.pop(before["metadata"]["name"], None)
            return
        name = after["metadata"]["name"]
        load = self._nodes.get(name)
        if load is None:
            load = self._nodes[name] = NodeLoad(after)
            for key, pod in self._pods.objects.items():
                if pod["spec"].get("nodeName") == name and holds_resources(pod):
                    load.add(key, pod)
        load.set_node(after)
        if before is None or _placing_facts(before) != _placing_facts(after):
            self._retry_all()

    def _pod_changed(self, before: Object | None, after: Object | None) -> None:
        obj = after or before
        assert obj is not None
        key = key_of(obj)
        node = obj["spec"].get("nodeName")
        load = self._nodes.get(node or "")
        if node or after is None:
            assumed = self._assumed.pop(key, None)
            if assumed and assumed != node and assumed in self._nodes:
                self._nodes[assumed].remove(key)
        if load is not None:
            held = key in load.pods
            if after is not None and holds_resources(after):
                if not held:
                    load.add(key, after)
            elif held:
                load.remove(key)
                self._retry_all()
        if after is None:
            self._unschedulable.discard(key)
        elif self._is_mine(after) and (before is None or _asking(before) != _asking(after)):
            self._enqueue(key)

    def _enqueue(self, key: str) -> None:
        pod = self._pods.get(key)
        if pod is None or key in self._queued:
            return
        self._queued.add(key)
        self._unschedulable.discard(key)
        created = parse_time(pod["metadata"].get("creationTimestamp")) or 0.0
        heapq.heappush(self._pending, (-priority_of(pod), created, key))
        self._wake.set()

    def _retry_all(self) -> None:
        for key in list(self._unschedulable):
            self._enqueue(key)

    # one pod

    async def _place(self, key: str, pod: Object) -> None:
        if gates := pod["spec"].get("schedulingGates"):
            names = ", ".join(gate["name"] for gate in gates)
            await self._say(
                pod, "SchedulingGated", f"Scheduling is blocked due to non-empty scheduling gates: [{names}]"
            )
            return
        loads = list(self._nodes.values())
        if reason := self._claim_problem(pod):
            await self._refuse(key, pod, explain_early(len(loads), reason))
            return
        requests = pod_requests(pod)
        refusals: list[Refusal] = []
        fitting: list[NodeLoad] = []
        for load in loads:
            no = refusal(pod, requests, load, loads)
            if no is None:
                fitting.append(load)
            else:
                refusals.append(no)
        if not loads:
            await self._refuse(key, pod, "no nodes available to schedule pods")
        elif not fitting:
            outcome = await self._preempt(pod, requests, loads, refusals)
            await self._refuse(key, pod, explain(refusals, outcome))
        else:
            best = max(fitting, key=lambda load: (score(requests, load), load.node["metadata"]["name"]))
            await self._bind(key, pod, best)

    async def _bind(self, key: str, pod: Object, load: NodeLoad) -> None:
        metadata, node = pod["metadata"], load.node["metadata"]["name"]
        self._assumed[key] = node
        load.add(key, pod)
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }
        try:
            await self.client.create(f"{path_of(pod, 'pods')}/binding", binding)
        except (errors.ConsoleError, httpx.HTTPError):
            self._assumed.pop(key, None)
            load.remove(key)
            raise
        self.events.normal(pod, "Scheduled", f"Successfully assigned {key} to {node}")

    async def _refuse(self, key: str, pod: Object, message: str) -> None:
        self._unschedulable.add(key)
        before = condition(pod, "PodScheduled")
        await self._say(pod, "Unschedulable", message)
        if before is None or before.get("message") != message:
            self.events.warning(pod, "FailedScheduling", message)

    async def _say(self, pod: Object, reason: str, message: str) -> None:
        new = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
        status = pod.get("status") or {}
        told = condition(pod, "PodScheduled") or {}
        if (told.get("reason"), told.get("message")) == (reason, message):
            return
        conditions = with_condition(status.get("conditions") or (), new, now=self.cluster.now())
        await self.client.patch_status(path_of(pod, "pods"), pod, {**status, "conditions": conditions})

    def _claim_problem(self, pod: Object) -> str:
        namespace = pod["metadata"]["namespace"]
        for volume in pod["spec"].get("volumes") or ():
            name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if volume.get("ephemeral") is not None:
                name = f"{pod['metadata']['name']}-{volume['name']}"
            if not name:
                continue
            claim = self._claims.get(f"{namespace}/{name}")
            if claim is None:
                return f'persistentvolumeclaim "{name}" not found'
            if claim["metadata"].get("deletionTimestamp"):
                return f'persistentvolumeclaim "{name}" is being deleted'
            if (claim.get("status") or {}).get("phase") != "Bound":
                return "pod has unbound immediate PersistentVolumeClaims"
        return ""

    async def _preempt(
        self, pod: Object, requests: Amounts, loads: list[NodeLoad], refusals: list[Refusal]
    ) -> str | None:
        """Make room by deleting pods of lower priority where that costs least; what `explain` is to say of it."""
        if pod["spec"].get("preemptionPolicy") == "Never":
            return "not eligible due to preemptionPolicy=Never."
        if not any(each.curable for each in refusals):
            return None
        nominated = self._nodes.get((pod.get("status") or {}).get("nominatedNodeName") or "")
        if nominated and any(other["metadata"].get("deletionTimestamp") for other, _ in nominated.pods.values()):
            return ""  # its victims are still on their way out
        plans = [(load, chosen) for load in loads if (chosen := victims(pod, requests, load, loads))]
        if not plans:
            return None
        load, chosen = min(plans, key=_cost)
        node = load.node["metadata"]["name"]
        await self.client.merge_patch(f"{path_of(pod, 'pods')}/status", {"status": {"nominatedNodeName": node}})
        for key in chosen:
            await self._evict(load.pods[key][0], pod, node)
        return ""

    async def _evict(self, victim: Object, pod: Object, node: str) -> None:
        status = victim.get("status") or {}
        target = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "PreemptionByScheduler",
            "message": f"{NAME}: preempting to accommodate a higher priority pod",
        }
        conditions = with_condition(status.get("conditions") or (), target, now=self.cluster.now())
        await self.client.merge_patch(f"{path_of(victim, 'pods')}/status", {"status": {"conditions": conditions}})
        self.events.normal(victim, "Preempted", f"Preempted by pod {pod['metadata']['uid']} on node {node}")
        await self.client.delete(path_of(victim, "pods"))


def _cost(plan: tuple[NodeLoad, list[str]]) -> tuple[int, int]:
    load, chosen = plan
    return max(priority_of(load.pods[key][0]) for key in chosen), len(chosen)


def _placing_facts(node: Object) -> tuple[object, ...]:
    spec = node.get("spec") or {}
    return (
        spec.get("unschedulable"),
        spec.get("taints"),
        node["metadata"].get("labels"),
        (node.get("status") or {}).get("allocatable"),
    )


def _asking(pod: Object) -> object:
    return (pod["spec"], pod["metadata"].get("labels"))
