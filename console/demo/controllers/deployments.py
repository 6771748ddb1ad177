"""Deployments: a ReplicaSet a template, and the rolling change from one to the next."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, ClassVar

from console.clock import parse_time
from console.demo.client import Object
from console.demo.controllers.base import Cluster, condition, owner_reference, path_of
from console.demo.controllers.deployment_status import deployment_status
from console.demo.controllers.plan import Change, Creation, Deletion, Note, Plan
from console.demo.controllers.planned import PlannedController
from console.demo.controllers.templates import HASH, resolve_share, same_template, template_hash

REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MOST = "deployment.kubernetes.io/max-replicas"
_OWN = frozenset({REVISION, HISTORY, DESIRED, MOST, "kubectl.kubernetes.io/last-applied-configuration"})


def _revision(obj: Object) -> int:
    text = (obj["metadata"].get("annotations") or {}).get(REVISION, "0")
    return int(text) if text.isdigit() else 0


def _replicas(obj: Object) -> int:
    return int(obj["spec"].get("replicas", 1))


def _available(replicaset: Object) -> int:
    return int((replicaset.get("status") or {}).get("availableReplicas") or 0)


def limits(deployment: Object) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) in pods."""
    strategy = deployment["spec"].get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return 0, 0
    rolling, wanted = strategy.get("rollingUpdate") or {}, _replicas(deployment)
    surge = resolve_share(rolling.get("maxSurge"), wanted, up=True, default="25%")
    unavailable = resolve_share(rolling.get("maxUnavailable"), wanted, up=False, default="25%")
    return surge, 1 if surge == 0 and unavailable == 0 else min(unavailable, wanted)


def plan_deployment(deployment: Object, replicasets: Sequence[Object], now: str, busy: bool) -> Plan:
    """What to do about a Deployment that owns these ReplicaSets.

    `busy` says whether pods of older ReplicaSets are still there: Recreate waits for them.
    """
    plan, spec = Plan(), deployment["spec"]
    sets = sorted(
        replicasets, key=lambda each: (each["metadata"].get("creationTimestamp", ""), each["metadata"]["name"])
    )
    current = next((each for each in sets if same_template(each["spec"]["template"], spec["template"])), None)
    old = [each for each in sets if each is not current]
    scaling = _Scaling(deployment, plan)
    if spec.get("paused"):
        _spread(scaling, current, old)
    else:
        revision = max((_revision(each) for each in old), default=0) + 1
        if current is None:
            recreate = (spec.get("strategy") or {}).get("type") == "Recreate"
            scaling.create(revision, 0 if recreate and (busy or any(map(_replicas, old))) else None, old)
            if recreate:
                for each in old:
                    scaling.to(each, 0)
        else:
            scaling.renumber(current, max(_revision(current), revision))
            _roll(scaling, current, old, busy)
        _clean_up(plan, deployment, old)
    plan.status = deployment_status(deployment, current, sets, limits(deployment), now)
    _await_deadline(plan, deployment, now)
    return plan


class _Scaling:
    """Writes scale changes into a plan."""

    def __init__(self, deployment: Object, plan: Plan) -> None:
        self.deployment = deployment
        self.plan = plan
        self.wanted = _replicas(deployment)
        self.surge, self.unavailable = limits(deployment)
        self.bounds = {DESIRED: str(self.wanted), MOST: str(self.wanted + self.surge)}

    def to(self, replicaset: Object, replicas: int) -> None:
        """Set the size of a ReplicaSet."""
        metadata, before = replicaset["metadata"], _replicas(replicaset)
        annotations = metadata.get("annotations") or {}
        fresh = all(annotations.get(key) == value for key, value in self.bounds.items()) or (before == replicas == 0)
        if before == replicas and fresh:
            return
        patch: Object = {"metadata": {"annotations": self.bounds}, "spec": {"replicas": replicas}}
        self.plan.change.append(Change(path_of(replicaset, "replicasets"), patch))
        if before != replicas:
            self._note("up" if replicas > before else "down", metadata["name"], before, replicas)

    def create(self, revision: int, replicas: int | None, old: Sequence[Object]) -> None:
        """Make the ReplicaSet of the present template."""
        metadata, spec = self.deployment["metadata"], self.deployment["spec"]
        digest = template_hash(spec["template"])
        if replicas is None:
            total = sum(map(_replicas, old))
            replicas = min(self.wanted, max(0, self.wanted + self.surge - total))
        template: dict[str, Any] = copy.deepcopy(spec["template"])
        inner = template["metadata"] = template.get("metadata") or {}
        labels = inner["labels"] = {**(inner.get("labels") or {}), HASH: digest}
        selector = copy.deepcopy(spec.get("selector") or {})
        selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH: digest}
        kept = {key: value for key, value in (metadata.get("annotations") or {}).items() if key not in _OWN}
        name = f"{metadata['name']}-{digest}"
        manifest = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": name,
                "namespace": metadata["namespace"],
                "labels": labels,
                "annotations": {**kept, REVISION: str(revision), **self.bounds},
                "ownerReferences": [owner_reference(self.deployment)],
            },
            "spec": {"replicas": replicas, "selector": selector, "template": template}
            | ({"minReadySeconds": spec["minReadySeconds"]} if spec.get("minReadySeconds") else {}),
        }
        path = f"/apis/apps/v1/namespaces/{metadata['namespace']}/replicasets"
        refused = Note("Warning", "ReplicaSetCreateError", f'Failed to create new replica set "{name}": {{error}}')
        self.plan.create.append(Creation(path, manifest, None, refused))
        if replicas:
            self._note("up", name, 0, replicas)
        self._number(revision)

    def renumber(self, current: Object, revision: int) -> None:
        """Give the present ReplicaSet the highest revision: it may be an old one rolled back to."""
        if _revision(current) != revision:
            annotations = current["metadata"].get("annotations") or {}
            past = [part for part in (annotations.get(HISTORY), annotations.get(REVISION)) if part]
            patch: Object = {"metadata": {"annotations": {REVISION: str(revision), HISTORY: ",".join(past) or None}}}
            self.plan.change.append(Change(path_of(current, "replicasets"), patch))
        self._number(revision)

    def _number(self, revision: int) -> None:
        if _revision(self.deployment) != revision:
            patch: Object = {"metadata": {"annotations": {REVISION: str(revision)}}}
            self.plan.change.append(Change(path_of(self.deployment, "deployments"), patch))

    def _note(self, way: str, name: str, before: int, after: int) -> None:
        text = f"Scaled {way} replica set {name} from {before} to {after}"
        self.plan.events.append(Note("Normal", "ScalingReplicaSet", text))


def _spread(scaling: _Scaling, current: Object | None, old: Sequence[Object]) -> None:
    """Scaling while paused: the difference goes to the newest ReplicaSet that has pods."""
    active = [each for each in [*old, *([current] if current else [])] if _replicas(each)]
    target = current if current is not None and (_replicas(current) or not active) else active[-1] if active else None
    if target is not None:
        others = sum(_replicas(each) for each in active if each is not target)
        scaling.to(target, max(0, scaling.wanted - others))


def _roll(scaling: _Scaling, current: Object, old: Sequence[Object], busy: bool) -> None:
    """One step of the way from old ReplicaSets to the present one."""
    old = [each for each in old if _replicas(each)]
    wanted = scaling.wanted
    if not old and not ((scaling.deployment["spec"].get("strategy") or {}).get("type") == "Recreate" and busy):
        scaling.to(current, wanted)
        return
    if (scaling.deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
        for each in old:
            scaling.to(each, 0)
        return
    total = _replicas(current) + sum(map(_replicas, old))
    if _replicas(current) > wanted:
        scaling.to(current, wanted)
    elif _replicas(current) < wanted and total < wanted + scaling.surge:
        scaling.to(current, _replicas(current) + min(wanted + scaling.surge - total, wanted - _replicas(current)))
        return
    _shrink_old(scaling, current, old, total)


def _shrink_old(scaling: _Scaling, current: Object, old: Sequence[Object], total: int) -> None:
    least = scaling.wanted - scaling.unavailable
    spare = total - least - (_replicas(current) - _available(current))
    sizes = {each["metadata"]["name"]: _replicas(each) for each in old}
    for each in old:  # first pods that are not available anyway
        unhealthy = min(max(0, spare), max(0, _replicas(each) - _available(each)))
        sizes[each["metadata"]["name"]] -= unhealthy
        spare -= unhealthy
    spare = min(spare, _available(current) + sum(map(_available, old)) - least)
    for each in old:
        fewer = min(max(0, spare), sizes[each["metadata"]["name"]])
        sizes[each["metadata"]["name"]] -= fewer
        spare -= fewer
    for each in old:
        scaling.to(each, sizes[each["metadata"]["name"]])


def _clean_up(plan: Plan, deployment: Object, old: Sequence[Object]) -> None:
    keep = deployment["spec"].get("revisionHistoryLimit", 10)
    empty = [each for each in old if not _replicas(each) and not (each.get("status") or {}).get("replicas")]
    surplus = sorted(empty, key=_revision)[: max(0, len(old) - int(keep))]
    plan.delete += [Deletion(path_of(each, "replicasets")) for each in surplus]


def _await_deadline(plan: Plan, deployment: Object, now: str) -> None:
    assert plan.status is not None
    progressing = condition({"status": plan.status}, "Progressing")
    if progressing is not None and progressing.get("reason") in ("ReplicaSetUpdated", "NewReplicaSetCreated"):
        since = parse_time(progressing.get("lastUpdateTime")) or parse_time(now) or 0.0
        deadline = float(deployment["spec"].get("progressDeadlineSeconds") or 600)
        plan.look_again(since + deadline + 1 - (parse_time(now) or 0.0))


class Deployments(PlannedController):
    """The deployment-controller."""

    name: ClassVar[str] = "deployment-controller"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster, "/apis/apps/v1/deployments")
        self._sets = self.watch_owned("/apis/apps/v1/replicasets", "Deployment")
        self._pods = self.read("/api/v1/pods")

    async def decide(self, obj: Object) -> Plan:
        """The plan for one Deployment."""
        sets = self._sets.owned_by(obj["metadata"]["uid"])
        template = obj["spec"]["template"]
        old = [each for each in sets if not same_template(each["spec"]["template"], template)]
        busy = any(self._pods.owned_by(each["metadata"]["uid"]) for each in old)
        plan = plan_deployment(obj, sets, self.cluster.now(), busy)
        if busy and (obj["spec"].get("strategy") or {}).get("type") == "Recreate":
            plan.look_again(1.0)
        return plan
