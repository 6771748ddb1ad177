"""What keeps nodes honest: heartbeats, readiness, taints, and the pods that must leave a node."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import ClassVar

from console import errors
from console.clock import parse_time
from console.demo.client import Object
from console.demo.controllers.base import Cluster, Controller, condition, path_of, with_condition
from console.demo.controllers.kubelet import is_simulated
from console.demo.controllers.matching import tolerated
from console.demo.informer import key_of
from console.demo.needs import is_finished

HEARTBEAT = 40.0  # seconds between two renewals of a node's Lease
GRACE = 100.0  # seconds without one before a node counts as lost
_NODE_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_CONDITIONS = {
    "MemoryPressure": ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    "DiskPressure": ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    "PIDPressure": ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
}


class Heartbeats(Controller):
    """The part of the kubelets that says their nodes are alive: a Lease each, and Ready when it was not."""

    name: ClassVar[str] = "kubelet"
    agent: ClassVar[str] = "kubelet"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._nodes = self.watch("/api/v1/nodes")
        self._renewed: dict[str, float] = {}

    async def reconcile(self, key: str) -> None:
        """One node's heartbeat; the next one is planned by it."""
        node = self._nodes.get(key)
        if node is None or not is_simulated(node):
            return
        await self._declare(node)
        due = self._due(key)
        if due > 0:
            self.queue.add_after(key, due)
            return
        self._renewed[key] = self.cluster.clock()
        await self._renew(node)
        self.queue.add_after(key, HEARTBEAT)

    def _due(self, key: str) -> float:
        return self._renewed.get(key, -math.inf) + HEARTBEAT - 1.0 - self.cluster.clock()

    async def _declare(self, node: Object) -> None:
        ready = condition(node, "Ready")
        if ready is not None and ready["status"] == "True":
            return
        if ready is not None and ready["status"] == "False" and ready.get("reason") != "NodeStatusUnknown":
            return  # whoever made the node says what is wrong with it
        status, now = node.get("status") or {}, self.cluster.now()
        conditions = status.get("conditions") or []
        told = {kind: ("False", *words) for kind, words in _CONDITIONS.items()}
        told["Ready"] = ("True", "KubeletReady", "kubelet is posting ready status")
        for kind, (value, reason, message) in told.items():
            new = {"type": kind, "status": value, "reason": reason, "message": message, "lastHeartbeatTime": now}
            conditions = with_condition(conditions, new, now=now)
        await self.client.patch_status(path_of(node, "nodes"), node, {**status, "conditions": conditions})
        self.events.normal(node, "NodeReady", f"Node {key_of(node)} status is now: NodeReady", host=key_of(node))

    async def _renew(self, node: Object) -> None:
        name = node["metadata"]["name"]
        now = datetime.fromtimestamp(self.cluster.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        try:
            await self.client.merge_patch(f"{_NODE_LEASES}/{name}", {"spec": {"renewTime": now}})
        except errors.NotFound:
            owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": node["metadata"]["uid"]}
            lease = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": name, "namespace": "kube-node-lease", "ownerReferences": [owner]},
                "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": now},
            }
            await self.client.create(_NODE_LEASES, lease)


class NodeLifecycle(Controller):
    """Marks lost nodes, keeps condition taints, and lets pods go that do not tolerate a NoExecute taint."""

    name: ClassVar[str] = "node-controller"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._nodes = self.watch("/api/v1/nodes")
        self._leases = self.watch(
            "/apis/coordination.k8s.io/v1/leases",
            lambda lease: (lease["metadata"]["name"],) if lease["metadata"]["namespace"] == "kube-node-lease" else (),
        )
        self._pods = self.read("/api/v1/pods")
        self._pods.add_index("node", lambda pod: (pod["spec"].get("nodeName") or "",))
        self._pods.subscribe(self._pod_changed)
        self._began = cluster.clock()

    def _pod_changed(self, before: Object | None, after: Object | None) -> None:
        if before is None and after is not None and after["spec"].get("nodeName"):
            self.queue.add(after["spec"]["nodeName"])

    async def reconcile(self, key: str) -> None:
        """One node: its readiness, its taints, its pods."""
        node = self._nodes.get(key)
        if node is None:
            await self._collect(key)
            return
        node = await self._check_readiness(node)
        node = await self._check_taints(node)
        await self._evict(node)
        if not is_simulated(node):
            ready = condition(node, "Ready")
            if ready is not None and ready["status"] != "True":
                await self._mark_pods(node)

    async def _collect(self, name: str) -> None:
        for pod in self._pods.by_index("node", name):
            self.cluster.report(f"{self.name}: {key_of(pod)} is on a node that is gone")
            await self.client.delete(path_of(pod, "pods"), grace=0, uid=pod["metadata"]["uid"])

    async def _check_readiness(self, node: Object) -> Object:
        key, now = key_of(node), self.cluster.clock()
        lease = self._leases.get(f"kube-node-lease/{key}")
        renewed = parse_time(lease["spec"].get("renewTime")) if lease is not None else None
        silent = now - max(self._began, renewed or 0.0)
        ready = condition(node, "Ready")
        if silent < GRACE:
            self.queue.add_after(key, GRACE - silent + 1.0)
            return node
        if ready is not None and ready["status"] == "Unknown":
            return node
        status, at = node.get("status") or {}, self.cluster.now()
        conditions = status.get("conditions") or []
        for kind in ("Ready", *_CONDITIONS):
            new = {
                "type": kind,
                "status": "Unknown",
                "reason": "NodeStatusUnknown",
                "message": "Kubelet stopped posting node status.",
            }
            conditions = with_condition(conditions, new, now=at)
        node = await self.client.patch_status(path_of(node, "nodes"), node, {**status, "conditions": conditions})
        self.events.normal(node, "NodeNotReady", f"Node {key} status is now: NodeNotReady")
        return node

    async def _check_taints(self, node: Object) -> Object:
        spec = node.get("spec") or {}
        old = spec.get("taints") or []
        wanted = wanted_taints(node)
        managed = {taint["key"] for taint in old if taint["key"].startswith("node.kubernetes.io/")} & MANAGED
        kept = [
            taint
            for taint in old
            if taint["key"] not in managed
            or (taint["key"], taint["effect"]) in {(t["key"], t["effect"]) for t in wanted}
        ]
        have = {(taint["key"], taint["effect"]) for taint in kept}
        now = self.cluster.now()
        kept += [{**taint, "timeAdded": now} for taint in wanted if (taint["key"], taint["effect"]) not in have]
        if kept == old:
            return node
        patch: Object = {
            "metadata": {"resourceVersion": node["metadata"]["resourceVersion"]},
            "spec": {"taints": kept or None},
        }
        return await self.client.merge_patch(path_of(node, "nodes"), patch)

    async def _evict(self, node: Object) -> None:
        taints = [taint for taint in (node.get("spec") or {}).get("taints") or () if taint["effect"] == "NoExecute"]
        if not taints:
            return
        now = self.cluster.clock()
        for pod in self._pods.by_index("node", key_of(node)):
            if pod["metadata"].get("deletionTimestamp") or is_finished(pod):
                continue
            leave = leaves_at(pod, taints, now)
            if leave <= now:
                await self._let_go(pod)
            elif leave < math.inf:
                self.queue.add_after(key_of(node), leave - now + 0.5)

    async def _let_go(self, pod: Object) -> None:
        status = pod.get("status") or {}
        new = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint",
        }
        conditions = with_condition(status.get("conditions") or (), new, now=self.cluster.now())
        await self.client.merge_patch(f"{path_of(pod, 'pods')}/status", {"status": {"conditions": conditions}})
        self.events.normal(pod, "TaintManagerEviction", f"Marking for deletion Pod {key_of(pod)}")
        await self.client.delete(path_of(pod, "pods"), uid=pod["metadata"]["uid"])

    async def _mark_pods(self, node: Object) -> None:
        for pod in self._pods.by_index("node", key_of(node)):
            ready = condition(pod, "Ready")
            if ready is None or ready["status"] != "True":
                continue
            status = pod["status"]
            conditions = with_condition(
                status["conditions"], {"type": "Ready", "status": "False"}, now=self.cluster.now()
            )
            await self.client.patch_status(path_of(pod, "pods"), pod, {**status, "conditions": conditions})
            self.events.warning(pod, "NodeNotReady", "Node is not ready")


MANAGED = frozenset(
    f"node.kubernetes.io/{name}"
    for name in ("not-ready", "unreachable", "unschedulable", "memory-pressure", "disk-pressure", "pid-pressure")
)


def wanted_taints(node: Object) -> list[Object]:
    """The taints the node's conditions and its cordon call for."""
    keys: list[tuple[str, str]] = []
    ready = condition(node, "Ready")
    if ready is not None and ready["status"] != "True":
        name = "unreachable" if ready["status"] == "Unknown" else "not-ready"
        keys += [(name, "NoSchedule"), (name, "NoExecute")]
    if (node.get("spec") or {}).get("unschedulable"):
        keys.append(("unschedulable", "NoSchedule"))
    for kind, name in (("MemoryPressure", "memory"), ("DiskPressure", "disk"), ("PIDPressure", "pid")):
        found = condition(node, kind)
        if found is not None and found["status"] == "True":
            keys.append((f"{name}-pressure", "NoSchedule"))
    return [{"key": f"node.kubernetes.io/{name}", "effect": effect} for name, effect in keys]


def leaves_at(pod: Object, taints: list[Object], now: float) -> float:
    """When the pod has to leave its node because of NoExecute taints; infinite for never."""
    earliest = math.inf
    for taint in taints:
        toleration = tolerated(taint, pod["spec"].get("tolerations") or ())
        if toleration is None:
            return now
        seconds = toleration.get("tolerationSeconds")
        if seconds is not None:
            earliest = min(earliest, (parse_time(taint.get("timeAdded")) or now) + max(0, seconds))
    return earliest
