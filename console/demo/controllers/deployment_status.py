"""The status of a Deployment: counts, Available and Progressing (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from console.clock import parse_time
from console.demo.client import Object
from console.demo.controllers.base import condition, with_condition


def _sum(sets: Sequence[Object], field: str) -> int:
    return sum(int((each.get("status") or {}).get(field) or 0) for each in sets)


def deployment_status(
    deployment: Object, current: Object | None, sets: Sequence[Object], limits: tuple[int, int], now: str
) -> Object:
    """The whole new status; `current` is the ReplicaSet of the present template, `limits` surge and unavailable."""
    spec, old = deployment["spec"], deployment.get("status") or {}
    wanted = int(spec.get("replicas", 1))
    newest = [current] if current is not None else []
    replicas, ready, available = (_sum(sets, f) for f in ("replicas", "readyReplicas", "availableReplicas"))
    updated = _sum(newest, "replicas")
    status: Object = {"observedGeneration": deployment["metadata"].get("generation", 1)}
    counts = {
        "replicas": replicas,
        "updatedReplicas": updated,
        "readyReplicas": ready,
        "availableReplicas": available,
        "unavailableReplicas": max(0, wanted - available),
    }
    status |= {key: value for key, value in counts.items() if value}
    if old.get("collisionCount"):
        status["collisionCount"] = old["collisionCount"]
    conditions = [each for each in old.get("conditions") or () if each["type"] != "ReplicaFailure"]
    enough = available >= wanted - limits[1]
    met = {
        "type": "Available",
        "status": "True" if enough else "False",
        "reason": "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
        "message": f"Deployment {'has' if enough else 'does not have'} minimum availability.",
    }
    conditions = _set(conditions, met, now)
    progress = _progress(deployment, current, sets, status, old, now)
    if progress is not None:
        conditions = _set(conditions, progress, now, moved=_moved(old, status))
    failing = condition(current or {}, "ReplicaFailure")
    if failing is not None:
        failing = {key: failing[key] for key in ("type", "status", "reason", "message") if key in failing}
        conditions = _set([*conditions, *_kept_failure(old)], failing, now)
    status["conditions"] = conditions
    return status


def _kept_failure(old: Object) -> list[Object]:
    found = condition({"status": old}, "ReplicaFailure")
    return [found] if found is not None else []


def _moved(old: Object, new: Object) -> bool:
    """Whether the roll-out got further, which restarts its deadline."""

    def stage(status: Object) -> tuple[int, int, int, int]:
        replicas, updated = int(status.get("replicas") or 0), int(status.get("updatedReplicas") or 0)
        ready, available = int(status.get("readyReplicas") or 0), int(status.get("availableReplicas") or 0)
        return updated, -(replicas - updated), ready, available

    return any(after > before for before, after in zip(stage(old), stage(new), strict=True))


def _progress(
    deployment: Object, current: Object | None, sets: Sequence[Object], status: Object, old: Object, now: str
) -> Object | None:
    spec, metadata = deployment["spec"], deployment["metadata"]
    wanted = int(spec.get("replicas", 1))
    before = condition({"status": old}, "Progressing")
    if spec.get("paused"):
        return _progressing("Unknown", "DeploymentPaused", "Deployment is paused")
    if before is not None and before.get("reason") == "DeploymentPaused":
        return _progressing("Unknown", "DeploymentResumed", "Deployment is resumed")
    if current is None:
        return _progressing("True", "NewReplicaSetCreated", f'Deployment "{metadata["name"]}" is being rolled out.')
    name = current["metadata"]["name"]
    counts = [int(status.get(key) or 0) for key in ("updatedReplicas", "replicas", "availableReplicas")]
    if counts == [wanted] * 3:
        return _progressing("True", "NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.')
    if before is not None and before.get("reason") == "NewReplicaSetAvailable" and _same_set(before, name):
        return None  # complete once: what happens to its pods later is no roll-out
    if before is None:
        return _progressing("True", "NewReplicaSetCreated", f'Created new replica set "{name}"')
    deadline = float(spec.get("progressDeadlineSeconds") or 600)
    since = parse_time(before.get("lastUpdateTime")) or parse_time(now) or 0.0
    if not _moved(old, status) and (parse_time(now) or 0.0) > since + deadline:
        return _progressing("False", "ProgressDeadlineExceeded", f'ReplicaSet "{name}" has timed out progressing.')
    if before.get("reason") == "ProgressDeadlineExceeded" and not _moved(old, status):
        return None
    return _progressing("True", "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.')


def _same_set(before: Object, name: str) -> bool:
    return f'"{name}"' in before.get("message", "")


def _progressing(status: str, reason: str, message: str) -> Object:
    return {"type": "Progressing", "status": status, "reason": reason, "message": message}


def _set(conditions: list[Object], new: Object, now: str, *, moved: bool = False) -> list[Object]:
    """As with_condition; lastUpdateTime moves when anything said does, or the roll-out got further."""
    before = next((each for each in conditions if each["type"] == new["type"]), None)
    if before is not None and not moved and all(before.get(key) == value for key, value in new.items()):
        return conditions
    return with_condition(conditions, {**new, "lastUpdateTime": now}, now=now)
