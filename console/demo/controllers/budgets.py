"""PodDisruptionBudgets: how many pods may be evicted now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from console.demo.client import Object
from console.demo.controllers.base import Cluster, Controller, path_of, with_condition
from console.demo.controllers.matching import labels_of, matches
from console.demo.controllers.templates import is_active, is_ready, resolve_share
from console.demo.informer import controller_of, key_of

_SCALES = {
    "ReplicaSet": "/apis/apps/v1/replicasets",
    "StatefulSet": "/apis/apps/v1/statefulsets",
}


def budget_status(budget: Object, pods: Sequence[Object], expected: int, now: str) -> Object:
    """The status of a budget that covers these pods, of which there should be `expected`."""
    spec, old = budget["spec"], budget.get("status") or {}
    healthy = sum(is_ready(pod) and is_active(pod) for pod in pods)
    if spec.get("minAvailable") is not None:
        desired = resolve_share(spec["minAvailable"], expected, up=True)
    else:
        desired = expected - resolve_share(spec.get("maxUnavailable"), expected, up=True, default=1)
    allowed = max(0, healthy - max(0, desired)) if expected else 0
    condition = {
        "type": "DisruptionAllowed",
        "status": "True" if allowed else "False",
        "reason": "SufficientPods" if allowed else "InsufficientPods",
        "message": "",
        "observedGeneration": budget["metadata"].get("generation", 1),
    }
    return {
        **old,
        "observedGeneration": budget["metadata"].get("generation", 1),
        "expectedPods": expected,
        "currentHealthy": healthy,
        "desiredHealthy": max(0, desired),
        "disruptionsAllowed": allowed,
        "conditions": with_condition(old.get("conditions") or (), condition, now=now),
    }


class Budgets(Controller):
    """The disruption controller."""

    name: ClassVar[str] = "controllermanager"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._budgets = self.watch("/apis/policy/v1/poddisruptionbudgets")
        self._scales = {kind: self.read(path) for kind, path in _SCALES.items()}
        self._pods = self.read("/api/v1/pods")
        self._pods.subscribe(self._pod_changed)

    def _pod_changed(self, before: Object | None, after: Object | None) -> None:
        pod = after or before
        assert pod is not None
        if before is not None and after is not None and _facts(before) == _facts(after):
            return
        for budget in self._budgets.in_namespace(pod["metadata"]["namespace"]):
            if matches(budget["spec"].get("selector"), labels_of(pod)):
                self.queue.add(key_of(budget))

    async def reconcile(self, key: str) -> None:
        """One budget."""
        budget = self._budgets.get(key)
        if budget is None:
            return
        namespace, selector = budget["metadata"]["namespace"], budget["spec"].get("selector")
        pods = [
            pod for pod in self._pods.in_namespace(namespace) if matches(selector, labels_of(pod)) and is_active(pod)
        ]
        status = budget_status(budget, pods, self._expected(namespace, pods), self.cluster.now())
        await self.client.patch_status(path_of(budget, "poddisruptionbudgets"), budget, status)

    def _expected(self, namespace: str, pods: Sequence[Object]) -> int:
        owners: dict[str, int] = {}
        alone = 0
        for pod in pods:
            owner = controller_of(pod)
            scales = self._scales.get(owner["kind"]) if owner is not None else None
            scale = scales.get(f"{namespace}/{owner['name']}") if scales is not None and owner is not None else None
            if scale is None:
                alone += 1
            else:
                owners[scale["metadata"]["uid"]] = int(scale["spec"].get("replicas", 1))
        return alone + sum(owners.values())


def _facts(pod: Object) -> tuple[bool, bool]:
    return is_ready(pod), is_active(pod)
