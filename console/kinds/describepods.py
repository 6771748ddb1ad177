"""Containers and volumes of a pod in words, as `kubectl describe pod` lays them out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.clock import age, parse_time


def _maps(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def container_lines(spec: Mapping[str, Any], status: Mapping[str, Any], now: float) -> list[str]:
    """Init containers and containers with their states; `status` is empty for a template."""
    lines = []
    for title, part, statuses in (
        ("Init Containers", "initContainers", "initContainerStatuses"),
        ("Containers", "containers", "containerStatuses"),
        ("Ephemeral Containers", "ephemeralContainers", "ephemeralContainerStatuses"),
    ):
        containers = _maps(spec.get(part))
        if not containers:
            continue
        known = {entry.get("name"): entry for entry in _maps(status.get(statuses))}
        lines.append(f"{title}:")
        for container in containers:
            lines += _container(container, known.get(container.get("name"), {}), now)
    return lines


def _container(container: Mapping[str, Any], status: Mapping[str, Any], now: float) -> list[str]:
    lines = [f"  {container.get('name', '')}:", f"    Image:          {container.get('image', '')}"]
    for label, key in (("Command", "command"), ("Args", "args")):
        if container.get(key):
            lines.append(f"    {label + ':':<15} {' '.join(map(str, container[key]))}")
    ports = [f"{port.get('containerPort')}/{port.get('protocol', 'TCP')}" for port in _maps(container.get("ports"))]
    if ports:
        lines.append(f"    Ports:          {', '.join(ports)}")
    if status:
        lines += _state("State", status.get("state"), now)
        if status.get("lastState"):
            lines += _state("Last State", status.get("lastState"), now)
        lines.append(f"    Ready:          {status.get('ready', False)}")
        lines.append(f"    Restart Count:  {status.get('restartCount', 0)}")
    resources = container.get("resources") or {}
    for label, key in (("Limits", "limits"), ("Requests", "requests")):
        amounts = resources.get(key)
        if isinstance(amounts, dict) and amounts:
            lines.append(f"    {label + ':':<15} {', '.join(f'{name} {amounts[name]}' for name in sorted(amounts))}")
    for label, key in (("Liveness", "livenessProbe"), ("Readiness", "readinessProbe"), ("Startup", "startupProbe")):
        if isinstance(container.get(key), dict):
            lines.append(f"    {label + ':':<15} {_probe(container[key])}")
    environment = _maps(container.get("env"))
    if environment:
        lines.append("    Environment:")
        lines += [f"      {entry.get('name')}: {_value(entry)}" for entry in environment]
    mounts = _maps(container.get("volumeMounts"))
    if mounts:
        lines.append("    Mounts:")
        for mount in mounts:
            how = "ro" if mount.get("readOnly") else "rw"
            lines.append(f"      {mount.get('mountPath')} from {mount.get('name')} ({how})")
    return lines


def _probe(probe: Mapping[str, Any]) -> str:
    for kind in ("httpGet", "tcpSocket", "grpc", "exec"):
        part = probe.get(kind)
        if isinstance(part, dict):
            what = " ".join(map(str, part.get("command", ()))) or f"{part.get('path', '')} port {part.get('port', '')}"
            return f"{kind} {what.strip()} every {probe.get('periodSeconds', 10)}s"
    return "set"


def _value(entry: Mapping[str, Any]) -> str:
    origin = entry.get("valueFrom")
    if not isinstance(origin, dict):
        return str(entry.get("value", ""))
    for kind, part in origin.items():
        if isinstance(part, dict):
            name = part.get("name") or part.get("fieldPath") or part.get("resource") or ""
            return f"<{kind} {name}{' ' + str(part['key']) if part.get('key') else ''}>"
    return "<set elsewhere>"


def _state(label: str, state: Any, now: float) -> list[str]:
    if not isinstance(state, dict) or not state:
        return [f"    {label + ':':<15} Waiting"]
    kind, part = next(iter(state.items()))
    part = part if isinstance(part, dict) else {}
    lines = [f"    {label + ':':<15} {kind.capitalize()}"]
    for key in ("reason", "message", "exitCode", "signal"):
        if part.get(key) not in (None, ""):
            title = "Exit Code" if key == "exitCode" else key.capitalize()
            lines.append(f"      {title + ':':<13} {part[key]}")
    for key, title in (("startedAt", "Started"), ("finishedAt", "Finished")):
        at = parse_time(part.get(key))
        if at:
            lines.append(f"      {title + ':':<13} {part[key]}  ({age(now - at)} ago)")
    return lines


def volume_lines(spec: Mapping[str, Any]) -> list[str]:
    """Volumes with their source."""
    volumes = _maps(spec.get("volumes"))
    lines = ["Volumes:"] if volumes else []
    for volume in volumes:
        source = next((key for key in volume if key != "name"), "")
        part = volume.get(source)
        details = (
            ", ".join(f"{key} {value}" for key, value in part.items() if isinstance(value, str | int | bool))
            if isinstance(part, dict)
            else ""
        )
        lines.append(f"  {volume.get('name')}: {source} {details}".rstrip())
    return lines
