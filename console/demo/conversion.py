"""Objects from the version they are stored in to the version asked for, and back.

Custom resources change their apiVersion only (conversion strategy None). Of the built-in types two have versions
of different shape: HorizontalPodAutoscaler, and Event, which lives in two groups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from console.demo.resources import ResourceType

Object = dict[str, Any]


def convert(obj: Object, rt: ResourceType) -> Object:
    """The object in the version of `rt`; the same dictionary where it already is, else a shallow copy."""
    if obj.get("apiVersion") == rt.api_version:
        return obj
    came_from = obj.get("apiVersion")
    changed = {**obj, "apiVersion": rt.api_version, "kind": rt.kind}
    if rt.plural == "events" and not rt.crd:
        return _new_event(changed) if rt.group == "events.k8s.io" else _core_event(changed)
    if rt.plural == "horizontalpodautoscalers" and came_from:
        return _autoscaler_v1(changed) if rt.version == "v1" else _autoscaler_v2(changed)
    return changed


_EVENT_NAMES = (  # core/v1, events.k8s.io/v1 (pkg/apis/events/v1/conversion.go)
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
)


def _new_event(obj: Object) -> Object:
    names = dict(_EVENT_NAMES)
    return {names.get(key, key): value for key, value in obj.items()}


def _core_event(obj: Object) -> Object:
    names = {new: old for old, new in _EVENT_NAMES}
    return {names.get(key, key): value for key, value in obj.items()}


def _autoscaler_v2(obj: Object) -> Object:
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    target = spec.pop("targetCPUUtilizationPercentage", None)
    if target is not None:
        resource = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": target}}
        spec["metrics"] = [{"type": "Resource", "resource": resource}]
    current = status.pop("currentCPUUtilizationPercentage", None)
    if current is not None:
        figure = {"name": "cpu", "current": {"averageUtilization": current}}
        status["currentMetrics"] = [{"type": "Resource", "resource": figure}]
    return _rebuilt(obj, spec, status)


def _autoscaler_v1(obj: Object) -> Object:
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    for metric in spec.pop("metrics", None) or ():
        target = metric.get("resource", {}).get("target", {}).get("averageUtilization")
        if metric.get("resource", {}).get("name") == "cpu" and target is not None:
            spec["targetCPUUtilizationPercentage"] = target
    for metric in status.pop("currentMetrics", None) or ():
        figure = metric.get("resource", {}).get("current", {}).get("averageUtilization")
        if metric.get("resource", {}).get("name") == "cpu" and figure is not None:
            status["currentCPUUtilizationPercentage"] = figure
    status.pop("conditions", None)
    spec.pop("behavior", None)
    return _rebuilt(obj, spec, status)


def _rebuilt(obj: Object, spec: Object, status: Object) -> Object:
    return {**obj, "spec": spec, **({"status": status} if status or "status" in obj else {})}
