"""Table rows of what runs pods: sets, deployments, jobs, autoscalers and disruption budgets.

Facts: k8s.io/kubernetes pkg/printers/internalversion/printers.go, 1.34.
"""

from __future__ import annotations

from typing import Any

from console.clock import parse_time
from console.demo.cells import (
    containers_cells,
    created,
    human_duration,
    is_true,
    labels_text,
    part,
    selector_text,
    since,
)

Object = dict[str, Any]


def replicas(obj: Object, now: float) -> list[Any]:
    """ReplicaSet and ReplicationController."""
    spec, status = part(obj, "spec"), part(obj, "status")
    selector = spec.get("selector")
    plain = obj.get("kind") == "ReplicationController"
    return [
        obj["metadata"]["name"],
        spec.get("replicas", 0),
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
        created(obj, now),
        *containers_cells(part(spec, "template")),
        labels_text(selector) if plain else selector_text(selector),
    ]


def deployment(obj: Object, now: float) -> list[Any]:
    """Deployment."""
    spec, status = part(obj, "spec"), part(obj, "status")
    return [
        obj["metadata"]["name"],
        f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        created(obj, now),
        *containers_cells(part(spec, "template")),
        selector_text(spec.get("selector"), ""),
    ]


def stateful_set(obj: Object, now: float) -> list[Any]:
    """StatefulSet."""
    spec, status = part(obj, "spec"), part(obj, "status")
    ready = f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}"
    return [obj["metadata"]["name"], ready, created(obj, now), *containers_cells(part(spec, "template"))]


def daemon_set(obj: Object, now: float) -> list[Any]:
    """DaemonSet."""
    spec, status = part(obj, "spec"), part(obj, "status")
    counts = (
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    )
    return [
        obj["metadata"]["name"],
        *(status.get(count, 0) for count in counts),
        labels_text(part(spec, "template", "spec").get("nodeSelector")),
        created(obj, now),
        *containers_cells(part(spec, "template")),
        selector_text(spec.get("selector")),
    ]


def job(obj: Object, now: float) -> list[Any]:
    """Job."""
    spec, status = part(obj, "spec"), part(obj, "status")
    done = status.get("succeeded", 0)
    parallel = spec.get("parallelism") or 0
    if spec.get("completions") is not None:
        completions = f"{done}/{spec['completions']}"
    else:
        completions = f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"
    started, ended = parse_time(status.get("startTime")), parse_time(status.get("completionTime"))
    duration = "" if started is None else human_duration((now if ended is None else ended) - started)
    return [
        obj["metadata"]["name"],
        _job_status(obj),
        completions,
        duration,
        created(obj, now),
        *containers_cells(part(spec, "template")),
        selector_text(spec.get("selector")),
    ]


def _job_status(obj: Object) -> str:
    conditions = part(obj, "status").get("conditions")
    for kind in ("Complete", "Failed"):
        if is_true(conditions, kind):
            return kind
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for kind in ("Suspended", "FailureTarget", "SuccessCriteriaMet"):
        if is_true(conditions, kind):
            return kind
    return "Running"


def cron_job(obj: Object, now: float) -> list[Any]:
    """CronJob."""
    spec, status = part(obj, "spec"), part(obj, "status")
    last = status.get("lastScheduleTime")
    suspend = spec.get("suspend")
    template = part(spec, "jobTemplate", "spec")
    return [
        obj["metadata"]["name"],
        spec.get("schedule", ""),
        spec["timeZone"] if spec.get("timeZone") is not None else "<none>",
        "<unset>" if suspend is None else str(bool(suspend)),
        len(status.get("active") or ()),
        since(last, now) if last else "<none>",
        created(obj, now),
        *containers_cells(part(template, "template")),
        selector_text(template.get("selector")),
    ]


def pod_template(obj: Object, now: float) -> list[Any]:
    """PodTemplate."""
    del now
    template = part(obj, "template")
    labels = labels_text(part(template, "metadata").get("labels"))
    return [obj["metadata"]["name"], *containers_cells(template), labels]


def disruption_budget(obj: Object, now: float) -> list[Any]:
    """PodDisruptionBudget."""
    spec = part(obj, "spec")
    bounds = (str(spec[key]) if spec.get(key) is not None else "N/A" for key in ("minAvailable", "maxUnavailable"))
    allowed = part(obj, "status").get("disruptionsAllowed", 0)
    return [obj["metadata"]["name"], *bounds, allowed, created(obj, now)]


def controller_revision(obj: Object, now: float) -> list[Any]:
    """ControllerRevision."""
    owner = next((o for o in obj["metadata"].get("ownerReferences") or () if o.get("controller")), None)
    name = "<none>"
    if owner:
        group = owner.get("apiVersion", "").rpartition("/")[0]
        kind = f"{owner['kind']}.{group}" if group else owner["kind"]
        name = f"{kind.lower()}/{owner['name']}"
    return [obj["metadata"]["name"], name, obj.get("revision", 0), created(obj, now)]


def autoscaler(obj: Object, now: float) -> list[Any]:
    """HorizontalPodAutoscaler of autoscaling/v2, and of v1 as its conversion shows it."""
    spec, status = part(obj, "spec"), part(obj, "status")
    target = part(spec, "scaleTargetRef")
    low = spec.get("minReplicas")
    return [
        obj["metadata"]["name"],
        f"{target.get('kind', '')}/{target.get('name', '')}",
        _metrics(spec, status),
        "<unset>" if low is None else str(low),
        spec.get("maxReplicas", 0),
        status.get("currentReplicas", 0),
        created(obj, now),
    ]


def _metrics(spec: Object, status: Object) -> str:
    wanted = list(spec.get("metrics") or ())
    current = list(status.get("currentMetrics") or ())
    if spec.get("targetCPUUtilizationPercentage") is not None:
        goal = {"name": "cpu", "target": {"averageUtilization": spec["targetCPUUtilizationPercentage"]}}
        wanted = [{"type": "Resource", "resource": goal}]
        used = status.get("currentCPUUtilizationPercentage")
        current = [] if used is None else [{"resource": {"current": {"averageUtilization": used}}}]
    if not wanted:
        return "<none>"
    shown = [_metric(metric, current[i] if i < len(current) else {}) for i, metric in enumerate(wanted)]
    more = f" + {len(shown) - 2} more..." if len(shown) > 2 else ""
    return ", ".join(shown[:2]) + more


def _metric(metric: Object, measured: Object) -> str:
    kind = metric.get("type", "")
    key = kind[:1].lower() + kind[1:]
    source, now = part(metric, key), part(measured, key, "current")
    target = part(source, "target")
    if kind in ("Resource", "ContainerResource"):
        if target.get("averageValue") is not None:
            return f"{source.get('name')}: {now.get('averageValue', '<unknown>')}/{target['averageValue']}"
        used, goal = now.get("averageUtilization"), target.get("averageUtilization")
        return (
            f"{source.get('name')}: {'<unknown>' if used is None else f'{used}%'}/"
            f"{'<auto>' if goal is None else f'{goal}%'}"
        )
    if kind == "Pods":
        return f"{now.get('averageValue', '<unknown>')}/{target.get('averageValue', '0')}"
    if kind in ("External", "Object"):
        if target.get("averageValue") is not None:
            return f"{now.get('averageValue', '<unknown>')}/{target['averageValue']} (avg)"
        return f"{now.get('value', '<unknown>')}/{target.get('value', '0')}"
    return "<unknown type>"
