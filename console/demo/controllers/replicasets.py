"""ReplicaSets: as many pods of a template as asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from console import errors
from console.demo.client import Object
from console.demo.controllers.base import Cluster, path_of, with_condition
from console.demo.controllers.plan import Plan
from console.demo.controllers.planned import PlannedController
from console.demo.controllers.templates import (
    available_in,
    create_pod,
    delete_pod,
    deletion_order,
    is_active,
    is_ready,
    pod_from,
)

BURST = 100  # pods created or deleted in one go


def plan_replicaset(replicaset: Object, pods: Sequence[Object], now: float) -> Plan:
    """What to do about a ReplicaSet that owns these pods."""
    plan, spec, metadata = Plan(), replicaset["spec"], replicaset["metadata"]
    wanted = int(spec.get("replicas", 1))
    active = [pod for pod in pods if is_active(pod)]
    least = float(spec.get("minReadySeconds") or 0)
    for _ in range(min(BURST, wanted - len(active))):
        pod = pod_from(replicaset, spec["template"], prefix=f"{metadata['name']}-")
        plan.create.append(create_pod(pod))
    if len(active) > wanted:
        plan.delete += [
            delete_pod(pod) for pod in sorted(active, key=deletion_order)[: min(BURST, len(active) - wanted)]
        ]
    waits = [available_in(pod, least, now) for pod in active]
    plan.status = {
        **{key: value for key, value in (replicaset.get("status") or {}).items() if key == "conditions"},
        "replicas": len(active),
        "observedGeneration": metadata.get("generation", 1),
    }
    labels = (spec["template"].get("metadata") or {}).get("labels") or {}
    labelled = sum(labels.items() <= (pod["metadata"].get("labels") or {}).items() for pod in active)
    for key, value in (
        ("fullyLabeledReplicas", labelled),
        ("readyReplicas", sum(map(is_ready, active))),
        ("availableReplicas", sum(wait == 0 for wait in waits)),
    ):
        if value:
            plan.status[key] = value
    later = [wait for wait in waits if 0 < wait < math.inf]
    if later:
        plan.look_again(min(later) + 0.1)
    return plan


class ReplicaSets(PlannedController):
    """The replicaset-controller."""

    name: ClassVar[str] = "replicaset-controller"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster, "/apis/apps/v1/replicasets")
        self._pods = self.watch_owned("/api/v1/pods", "ReplicaSet")

    async def decide(self, obj: Object) -> Plan:
        """The plan for one ReplicaSet."""
        return plan_replicaset(obj, self._pods.owned_by(obj["metadata"]["uid"]), self.cluster.clock())

    async def carry_out(self, obj: Object, plan: Plan) -> None:
        """Carry out, and keep the condition ReplicaFailure up to date."""
        try:
            await super().carry_out(obj, plan)
        except errors.ApiError as error:
            if plan.create:
                await self._condition(obj, {"reason": "FailedCreate", "message": error.message, "status": "True"})
            raise
        if any(each["type"] == "ReplicaFailure" for each in (obj.get("status") or {}).get("conditions") or ()):
            await self._condition(obj, None)

    async def _condition(self, obj: Object, failure: Object | None) -> None:
        current = self.objects.get(f"{obj['metadata']['namespace']}/{obj['metadata']['name']}")
        if current is None:
            return
        status = dict(current.get("status") or {})
        conditions = status.get("conditions") or []
        if failure is not None:
            new = {"type": "ReplicaFailure", **failure}
            status["conditions"] = with_condition(conditions, new, now=self.cluster.now())
        else:
            status["conditions"] = [each for each in conditions if each["type"] != "ReplicaFailure"]
        await self.client.patch_status(path_of(current, self.plural), current, status)
