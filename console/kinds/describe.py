"""An object in words, as `kubectl describe` lays it out: pure lines, clean and without credentials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from console.clock import age, parse_time
from console.kinds.describepods import container_lines, volume_lines
from console.kinds.events import EventRow
from console.kinds.manifest import LAST_APPLIED, fold_applied, masked
from console.kinds.pods import PodRow
from console.kinds.relations import owners, pod_spec
from console.text import clean, fit

_LABEL = 24


def describe(
    manifest: Mapping[str, Any],
    now: float,
    *,
    events: Sequence[EventRow] | None = None,
    pods: Sequence[PodRow] | None = None,
    events_denied: str = "",
    state: str = "",
    reason: str = "",
) -> list[str]:
    """Lines that describe an object.

    `events` and `pods` are those of the object, None where they are not known; `events_denied` says why. `state` and
    `reason` are the health of its row. Sensitive values are masked always: YAML shows them on request.
    """
    safe = masked(fold_applied(dict(manifest)))
    kind = str(safe.get("kind", ""))
    lines = _metadata(safe, now)
    if state:
        lines.append(_pair("Status", state))
    if reason:
        lines.append(_pair("Reason", reason))
    if kind == "Pod":
        lines += _pod(safe, now)
    elif kind == "Node":
        lines += _node(safe)
    elif "data" in safe and kind in ("Secret", "ConfigMap"):
        lines += _data(safe)
    else:
        lines += _highlights("Spec", safe.get("spec"))
        spec = pod_spec(safe)
        if spec:
            lines += ["Pod Template:", *(f"  {line}" for line in container_lines(spec, {}, now))]
        lines += _highlights("Status", safe.get("status"), skip=("conditions",))
    lines += _conditions(safe, now)
    if pods is not None:
        lines += _pods(pods, now)
    lines += _events(events, events_denied, now)
    return [clean(line) for line in lines]


def _pair(label: str, value: Any) -> str:
    return f"{label + ':':<{_LABEL}} {value}"


def _maps(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _map_lines(label: str, value: Any) -> list[str]:
    if not isinstance(value, dict) or not value:
        return [_pair(label, "<none>")]
    pairs = [f"{key}={text}" if label == "Labels" else f"{key}: {text}" for key, text in sorted(value.items())]
    return [_pair(label, pairs[0]), *(" " * (_LABEL + 1) + pair for pair in pairs[1:])]


def _metadata(manifest: Mapping[str, Any], now: float) -> list[str]:
    metadata = manifest.get("metadata") or {}
    lines = [_pair("Name", metadata.get("name", ""))]
    if metadata.get("namespace"):
        lines.append(_pair("Namespace", metadata["namespace"]))
    lines.append(_pair("Kind", f"{manifest.get('kind', '')}  {manifest.get('apiVersion', '')}"))
    lines += _map_lines("Labels", metadata.get("labels"))
    annotations = {k: v for k, v in (metadata.get("annotations") or {}).items() if k != LAST_APPLIED}
    lines += _map_lines("Annotations", annotations)
    created = parse_time(metadata.get("creationTimestamp"))
    if created:
        lines.append(_pair("Created", f"{metadata['creationTimestamp']}  ({age(now - created)} ago)"))
    if metadata.get("deletionTimestamp"):
        lines.append(_pair("Deleting since", metadata["deletionTimestamp"]))
        lines.append(_pair("Finalizers", ", ".join(map(str, metadata.get("finalizers") or ())) or "<none>"))
    chain = [f"{link.kind}/{link.name}" for link in owners(manifest)]
    if chain:
        lines.append(_pair("Owned by", ", ".join(chain)))
    return lines


def _pod(manifest: Mapping[str, Any], now: float) -> list[str]:
    spec = manifest.get("spec") or {}
    status = manifest.get("status") or {}
    lines = [
        _pair("Node", spec.get("nodeName") or "<none>"),
        _pair("IP", status.get("podIP") or "<none>"),
        _pair("Service Account", spec.get("serviceAccountName") or "<none>"),
        _pair("Priority", f"{spec.get('priority', 0)}  {spec.get('priorityClassName', '')}".rstrip()),
        _pair("QoS Class", status.get("qosClass") or "<none>"),
        _pair("Restart Policy", spec.get("restartPolicy") or "Always"),
    ]
    if status.get("message"):
        lines.append(_pair("Message", status["message"]))
    lines += _map_lines("Node-Selectors", spec.get("nodeSelector"))
    tolerations = [_toleration(entry) for entry in _maps(spec.get("tolerations"))]
    lines.append(_pair("Tolerations", tolerations[0] if tolerations else "<none>"))
    lines += [" " * (_LABEL + 1) + text for text in tolerations[1:]]
    return [*lines, *container_lines(spec, status, now), *volume_lines(spec)]


def _toleration(entry: Mapping[str, Any]) -> str:
    text = str(entry.get("key", ""))
    if entry.get("value"):
        text += f"={entry['value']}"
    if entry.get("effect"):
        text += f":{entry['effect']}"
    if entry.get("operator") == "Exists" and not entry.get("value"):
        text += " op=Exists"
    if entry.get("tolerationSeconds") is not None:
        text += f" for {entry['tolerationSeconds']}s"
    return text


def _node(manifest: Mapping[str, Any]) -> list[str]:
    spec = manifest.get("spec") or {}
    status = manifest.get("status") or {}
    taints = [
        f"{taint.get('key')}{'=' + str(taint['value']) if taint.get('value') else ''}:{taint.get('effect')}"
        for taint in _maps(spec.get("taints"))
    ]
    lines = [_pair("Unschedulable", str(bool(spec.get("unschedulable"))).lower())]
    lines.append(_pair("Taints", taints[0] if taints else "<none>"))
    lines += [" " * (_LABEL + 1) + taint for taint in taints[1:]]
    for entry in _maps(status.get("addresses")):
        lines.append(_pair(str(entry.get("type")), entry.get("address")))
    info = status.get("nodeInfo") or {}
    for key, label in (
        ("kubeletVersion", "Kubelet"),
        ("osImage", "OS Image"),
        ("kernelVersion", "Kernel"),
        ("containerRuntimeVersion", "Container Runtime"),
    ):
        if info.get(key):
            lines.append(_pair(label, info[key]))
    capacity, allocatable = status.get("capacity") or {}, status.get("allocatable") or {}
    rows = [
        (name, str(capacity.get(name, "")), str(allocatable.get(name, "")))
        for name in sorted({*capacity, *allocatable})
    ]
    return [*lines, "Resources:", *_table(("RESOURCE", "CAPACITY", "ALLOCATABLE"), rows)]


def _data(manifest: Mapping[str, Any]) -> list[str]:
    data = manifest.get("data")
    lines = [_pair("Type", manifest["type"])] if manifest.get("type") else []
    lines.append("Data:")
    for key, value in sorted(data.items()) if isinstance(data, dict) else ():
        text = str(value)
        many = text.splitlines()
        if len(many) > 1:
            lines += [f"  {key}:", *(f"    {line}" for line in many)]
        else:
            lines.append(f"  {key}: {text}")
    return lines


def _highlights(title: str, value: Any, skip: Sequence[str] = ()) -> list[str]:
    if not isinstance(value, dict) or not value:
        return []
    return [f"{title}:", *_tree({key: part for key, part in value.items() if key not in skip}, 1)]


_HEAVY = frozenset({"template", "managedFields", "nodes", "storedTemplates", "storedWorkflowTemplateSpec", "templates"})


def _tree(value: Any, depth: int) -> list[str]:
    """Nested values indented; pod templates, which are described by themselves, and node maps only counted."""
    pad = "  " * depth
    lines = []
    for key, part in value.items():
        if key in _HEAVY and isinstance(part, dict | list):
            size = f"{len(part)} entries" if key != "template" else "below" if depth < 8 else "..."
            lines.append(f"{pad}{key}: ({size})")
        elif isinstance(part, dict) and part:
            lines += [f"{pad}{key}:", *(_tree(part, depth + 1) if depth < 6 else [f"{pad}  ..."])]
        elif isinstance(part, list) and any(isinstance(entry, dict) for entry in part):
            lines.append(f"{pad}{key}:")
            for entry in part[:20]:
                inner = _tree(entry, depth + 1) if isinstance(entry, dict) and depth < 6 else [f"{pad}  {entry}"]
                lines += [f"{pad}- {line.strip()}" if number == 0 else line for number, line in enumerate(inner)]
            if len(part) > 20:
                lines.append(f"{pad}  ... {len(part) - 20} more")
        else:
            text = ", ".join(map(str, part)) if isinstance(part, list) else "" if part is None else str(part)
            lines.append(f"{pad}{key}: {text}")
    return lines


def _conditions(manifest: Mapping[str, Any], now: float) -> list[str]:
    status = manifest.get("status")
    conditions = _maps(status.get("conditions")) if isinstance(status, dict) else []
    if not conditions:
        return []
    rows = []
    for entry in conditions:
        at = parse_time(entry.get("lastTransitionTime"))
        rows.append(
            (
                str(entry.get("type", "")),
                str(entry.get("status", "")),
                age(now - at) if at else "",
                str(entry.get("reason", "")),
                str(entry.get("message", "")),
            )
        )
    return ["Conditions:", *_table(("TYPE", "STATUS", "SINCE", "REASON", "MESSAGE"), rows)]


def _pods(pods: Sequence[PodRow], now: float) -> list[str]:
    if not pods:
        return ["Pods:                    <none>"]
    rows = [
        (
            pod.name,
            f"{pod.role} {pod.index}" if pod.role and pod.index >= 0 else pod.role,
            f"{pod.ready}/{pod.total}",
            pod.word,
            str(pod.restarts),
            str(pod.gpus or ""),
            pod.node,
            age(now - pod.created) if pod.created else "",
            pod.why,
        )
        for pod in pods
    ]
    return ["Pods:", *_table(("NAME", "ROLE", "READY", "STATUS", "RESTARTS", "GPUS", "NODE", "AGE", "REASON"), rows)]


def _events(events: Sequence[EventRow] | None, denied: str, now: float) -> list[str]:
    if events is None:
        return [_pair("Events", f"not known{': ' + denied if denied else ''}")]
    if not events:
        return [_pair("Events", "<none>")]
    rows = []
    for event in sorted(events, key=lambda event: event.last):
        seen = age(now - event.last)
        if event.count > 1:
            seen += f" (x{event.count} over {age(now - event.first)})"
        rows.append((event.type, event.reason, seen, event.origin, event.message))
    return ["Events:", *_table(("TYPE", "REASON", "AGE", "FROM", "MESSAGE"), rows)]


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Columns as wide as they need; the last one is not padded."""
    clean_rows = [[clean(cell) for cell in row] for row in rows]
    widths = [max(len(title), *(len(row[i]) for row in clean_rows)) for i, title in enumerate(titles)]
    return [
        "  " + "  ".join([*(fit(cell, widths[i]) for i, cell in enumerate(row[:-1])), row[-1]]).rstrip()
        for row in (list(titles), *clean_rows)
    ]
