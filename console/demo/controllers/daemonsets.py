"""DaemonSets: a pod on every node that suits it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from console.demo.client import Object
from console.demo.controllers.base import Cluster
from console.demo.controllers.placement import may_stay, suits
from console.demo.controllers.plan import Plan
from console.demo.controllers.planned import PlannedController
from console.demo.controllers.revisions import revise
from console.demo.controllers.templates import (
    REVISION_HASH,
    available_in,
    create_pod,
    delete_pod,
    is_ready,
    pod_from,
    resolve_share,
)
from console.demo.needs import is_finished

_TOLERATED = (
    ("not-ready", "NoExecute"),
    ("unreachable", "NoExecute"),
    ("disk-pressure", "NoSchedule"),
    ("memory-pressure", "NoSchedule"),
    ("pid-pressure", "NoSchedule"),
    ("unschedulable", "NoSchedule"),
)


def node_of(pod: Object) -> str:
    """The node a daemon's pod is for, bound or not."""
    if pod["spec"].get("nodeName"):
        return str(pod["spec"]["nodeName"])
    affinity = ((pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    ) or {}
    for term in affinity.get("nodeSelectorTerms") or ():
        for each in term.get("matchFields") or ():
            return str(each["values"][0])
    return ""


def daemon_pod(obj: Object, node: str, revision: str) -> Object:
    """The pod for a node: pinned to it, tolerating what nodes in trouble carry."""
    pod = pod_from(obj, obj["spec"]["template"], prefix=f"{obj['metadata']['name']}-")
    pod["metadata"]["labels"][REVISION_HASH] = revision
    spec = pod["spec"]
    affinity = dict(spec.get("affinity") or {})
    node_affinity = dict(affinity.get("nodeAffinity") or {})
    pin = {"key": "metadata.name", "operator": "In", "values": [node]}
    terms = (node_affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or [{}]
    pinned = [{**term, "matchFields": [pin]} for term in terms]
    node_affinity["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": pinned}
    spec["affinity"] = {**affinity, "nodeAffinity": node_affinity}
    extra = [
        {"key": f"node.kubernetes.io/{name}", "operator": "Exists", "effect": effect} for name, effect in _TOLERATED
    ]
    spec["tolerations"] = [*(spec.get("tolerations") or ()), *extra]
    return pod


def plan_daemonset(
    obj: Object, pods: Sequence[Object], nodes: Iterable[Object], revisions: Sequence[Object], now: float
) -> Plan:
    """What to do about a DaemonSet that owns these pods."""
    plan, spec = Plan(), obj["spec"]
    _, update = revise(plan, obj, revisions)
    least = float(spec.get("minReadySeconds") or 0)
    by_node: dict[str, list[Object]] = {}
    for pod in pods:
        by_node.setdefault(node_of(pod), []).append(pod)
    wanted: list[str] = []
    misplaced = 0
    for node in nodes:
        name = node["metadata"]["name"]
        wished = daemon_pod(obj, name, update)
        if suits(wished, node) or (by_node.get(name) and may_stay(wished, node)):
            wanted.append(name)
        else:
            misplaced += len(by_node.get(name, ()))
            plan.delete += [delete_pod(pod) for pod in by_node.get(name, ()) if not _going(pod)]
    for name in wanted:
        present = by_node.get(name, [])
        plan.delete += [delete_pod(pod) for pod in present if is_finished(pod) and not _going(pod)]
        if not present:
            plan.create.append(create_pod(daemon_pod(obj, name, update)))
    current = [pod for name in wanted for pod in by_node.get(name, ())[:1]]
    available = [pod for pod in current if not _going(pod) and available_in(pod, least, now) == 0]
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type", "RollingUpdate") == "RollingUpdate":
        share = (strategy.get("rollingUpdate") or {}).get("maxUnavailable")
        budget = resolve_share(share, len(wanted), up=True, default=1) - (len(wanted) - len(available))
        outdated = [pod for pod in current if not _is_current(pod, update) and not _going(pod)]
        broken = [pod for pod in outdated if pod not in available]
        rest = [pod for pod in outdated if pod in available]
        plan.delete += [delete_pod(pod) for pod in [*broken, *rest[: max(0, budget)]]]
    plan.status = {
        **({"conditions": c} if (c := (obj.get("status") or {}).get("conditions")) else {}),
        "observedGeneration": obj["metadata"].get("generation", 1),
        "desiredNumberScheduled": len(wanted),
        "currentNumberScheduled": len(current),
        "numberMisscheduled": misplaced,
        "numberReady": sum(map(is_ready, current)),
    }
    counts = {
        "updatedNumberScheduled": sum(_is_current(pod, update) for pod in current),
        "numberAvailable": len(available),
        "numberUnavailable": len(wanted) - len(available),
    }
    plan.status |= {key: value for key, value in counts.items() if value}
    return plan


def _going(pod: Object) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def _is_current(pod: Object, update: str) -> bool:
    return bool((pod["metadata"].get("labels") or {}).get(REVISION_HASH, update) == update)


class DaemonSets(PlannedController):
    """The daemonset-controller."""

    name: ClassVar[str] = "daemonset-controller"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster, "/apis/apps/v1/daemonsets")
        self._pods = self.watch_owned("/api/v1/pods", "DaemonSet")
        self._revisions = self.read("/apis/apps/v1/controllerrevisions")
        self._nodes = self.read("/api/v1/nodes")
        self._nodes.subscribe(self._node_changed)

    def _node_changed(self, before: Object | None, after: Object | None) -> None:
        if before is None or after is None or _facts(before) != _facts(after):
            for key in self.objects.objects:
                self.queue.add(key)

    async def decide(self, obj: Object) -> Plan:
        """The plan for one DaemonSet."""
        uid = obj["metadata"]["uid"]
        nodes = list(self._nodes.objects.values())
        return plan_daemonset(obj, self._pods.owned_by(uid), nodes, self._revisions.owned_by(uid), self.cluster.clock())


def _facts(node: Object) -> tuple[object, object]:
    return node["metadata"].get("labels"), (node.get("spec") or {}).get("taints")
