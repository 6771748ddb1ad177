"""StatefulSets: pods with names and claims that stay, one after the other."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from console.demo.client import Object
from console.demo.controllers.base import Cluster
from console.demo.controllers.plan import Creation, Deletion, Note, Plan
from console.demo.controllers.planned import PlannedController
from console.demo.controllers.revisions import revise
from console.demo.controllers.templates import (
    REVISION_HASH,
    available_in,
    create_pod,
    delete_pod,
    is_ready,
    pod_from,
)
from console.demo.informer import key_of
from console.demo.needs import is_finished


def ordinal_of(pod: Object) -> int:
    """The number at the end of the pod's name; -1 when there is none."""
    number = pod["metadata"]["name"].rpartition("-")[2]
    return int(number) if number.isdigit() else -1


def plan_statefulset(
    obj: Object, pods: Sequence[Object], revisions: Sequence[Object], has_claim: Callable[[str], bool], now: float
) -> Plan:
    """What to do about a StatefulSet that owns these pods and ControllerRevisions."""
    plan, spec = Plan(), obj["spec"]
    current, update = revise(plan, obj, revisions)
    before = len(plan.create)
    wanted = int(spec.get("replicas", 1))
    start = int((spec.get("ordinals") or {}).get("start") or 0)
    least = float(spec.get("minReadySeconds") or 0)
    by_ordinal = {ordinal_of(pod): pod for pod in pods}
    strategy = spec.get("updateStrategy") or {}
    partition = int((strategy.get("rollingUpdate") or {}).get("partition") or 0) + start
    parallel = spec.get("podManagementPolicy") == "Parallel"

    def fit(pod: Object | None) -> bool:
        return pod is not None and not pod["metadata"].get("deletionTimestamp") and available_in(pod, least, now) == 0

    blocked = False
    for ordinal in range(start, start + wanted):
        pod = by_ordinal.get(ordinal)
        if pod is None:
            _create(plan, obj, ordinal, update if ordinal >= partition else current, has_claim)
        elif is_finished(pod) and not pod["metadata"].get("deletionTimestamp"):
            plan.delete.append(_delete(obj, pod))
        if not fit(pod) and not parallel:
            blocked = True
            break
    surplus = sorted((n for n in by_ordinal if n >= start + wanted or n < start), reverse=True)
    for ordinal in surplus:
        pod = by_ordinal[ordinal]
        if not pod["metadata"].get("deletionTimestamp") and not (blocked and not parallel):
            plan.delete.append(_delete(obj, pod))
        if not parallel:
            blocked = True
            break
    if not blocked and strategy.get("type", "RollingUpdate") == "RollingUpdate" and len(plan.create) == before:
        _update(plan, obj, by_ordinal, range(start + wanted - 1, partition - 1, -1), update, fit)
    plan.status = _status(obj, pods, current, update, wanted, least, now)
    waits = [wait for pod in pods if 0 < (wait := available_in(pod, least, now)) < 1e9]
    if waits:
        plan.look_again(min(waits) + 0.1)
    return plan


def _update(
    plan: Plan,
    obj: Object,
    by_ordinal: Mapping[int, Object],
    ordinals: range,
    update: str,
    fit: Callable[[Object | None], bool],
) -> None:
    for ordinal in ordinals:
        pod = by_ordinal.get(ordinal)
        if pod is None:
            return
        if _revision(pod, update) != update:
            if not pod["metadata"].get("deletionTimestamp"):
                plan.delete.append(_delete(obj, pod))
            return
        if not fit(pod):
            return


def _revision(pod: Object, default: str) -> str:
    """The revision a pod was made of; `default` for one that says nothing."""
    return str((pod["metadata"].get("labels") or {}).get(REVISION_HASH, default))


def _create(plan: Plan, obj: Object, ordinal: int, revision: str, has_claim: Callable[[str], bool]) -> None:
    spec, metadata = obj["spec"], obj["metadata"]
    name = f"{metadata['name']}-{ordinal}"
    pod = pod_from(obj, spec["template"], name=name)
    pod["metadata"]["labels"] |= {
        "statefulset.kubernetes.io/pod-name": name,
        "apps.kubernetes.io/pod-index": str(ordinal),
        REVISION_HASH: revision,
    }
    pod["spec"] |= {"hostname": name} | ({"subdomain": spec["serviceName"]} if spec.get("serviceName") else {})
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes") or ()}
    for template in spec.get("volumeClaimTemplates") or ():
        claim = f"{template['metadata']['name']}-{name}"
        volumes[template["metadata"]["name"]] = {
            "name": template["metadata"]["name"],
            "persistentVolumeClaim": {"claimName": claim},
        }
        if not has_claim(claim):
            _claim(plan, obj, template, claim, name)
    if volumes:
        pod["spec"]["volumes"] = list(volumes.values())
    said = f"create Pod {name} in StatefulSet {metadata['name']}"
    plan.create.append(create_pod(pod, done=f"{said} successful", refused=f"{said} failed error: {{error}}"))


def _claim(plan: Plan, obj: Object, template: Object, claim: str, pod: str) -> None:
    metadata = obj["metadata"]
    manifest = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": claim,
            "namespace": metadata["namespace"],
            "labels": {
                **(template["metadata"].get("labels") or {}),
                **((obj["spec"].get("selector") or {}).get("matchLabels") or {}),
            },
        },
        "spec": copy.deepcopy(template["spec"]),
    }
    said = f"create Claim {claim} Pod {pod} in StatefulSet {metadata['name']}"
    plan.create.append(
        Creation(
            f"/api/v1/namespaces/{metadata['namespace']}/persistentvolumeclaims",
            manifest,
            Note("Normal", "SuccessfulCreate", f"{said} success"),
            Note("Warning", "FailedCreate", f"{said} failed error: {{error}}"),
        )
    )


def _delete(obj: Object, pod: Object) -> Deletion:
    return delete_pod(pod, f"delete Pod {{name}} in StatefulSet {obj['metadata']['name']} successful")


def _status(
    obj: Object, pods: Sequence[Object], current: str, update: str, wanted: int, least: float, now: float
) -> Object:
    old = obj.get("status") or {}
    alive = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    updated = sum(_revision(pod, update) == update for pod in alive)
    ready = sum(map(is_ready, pods))
    available = sum(available_in(pod, least, now) == 0 for pod in pods)
    if updated == wanted and ready == wanted:
        current = update
    status: Object = {
        **({"conditions": old["conditions"]} if old.get("conditions") else {}),
        "observedGeneration": obj["metadata"].get("generation", 1),
        "replicas": len(pods),
        "collisionCount": 0,
        "currentRevision": current,
        "updateRevision": update,
        "availableReplicas": available,
    }
    counts = {
        "readyReplicas": ready,
        "currentReplicas": sum(_revision(pod, current) == current for pod in alive),
        "updatedReplicas": updated,
    }
    return status | {key: value for key, value in counts.items() if value}


class StatefulSets(PlannedController):
    """The statefulset-controller."""

    name: ClassVar[str] = "statefulset-controller"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster, "/apis/apps/v1/statefulsets")
        self._pods = self.watch_owned("/api/v1/pods", "StatefulSet")
        self._claims = self.read("/api/v1/persistentvolumeclaims")
        self._revisions = self.read("/apis/apps/v1/controllerrevisions")

    async def decide(self, obj: Object) -> Plan:
        """The plan for one StatefulSet."""
        uid, namespace = obj["metadata"]["uid"], key_of(obj).partition("/")[0]

        def has_claim(name: str) -> bool:
            return self._claims.get(f"{namespace}/{name}") is not None

        pods, revisions = self._pods.owned_by(uid), self._revisions.owned_by(uid)
        return plan_statefulset(obj, pods, revisions, has_claim, self.cluster.clock())
