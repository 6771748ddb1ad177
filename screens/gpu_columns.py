"""The columns of the GPU board, by what its lines stand for: a node, a namespace or a job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from console.clock import age
from console.kinds.base import Column, Health, State
from screens.widgets.chart import slots


def _field(title: str, key: str, *, priority: int = 1, right: bool = False, limit: int = 60) -> Column:
    return Column(title, key, lambda line, now: getattr(line, key), priority=priority, right=right, limit=limit)


def _count(title: str, key: str, *, priority: int = 1) -> Column:
    """A count; zero and unknown are both blank only where zero says nothing."""
    return Column(title, key, lambda line, now: getattr(line, key), text=str, priority=priority, right=True)


def _some(title: str, key: str, *, priority: int = 1) -> Column:
    return Column(
        title,
        key,
        lambda line, now: getattr(line, key),
        text=lambda n: str(n) if n else "",
        priority=priority,
        right=True,
    )


def _percent(value: float) -> str:
    return f"{value:.0f}%"


def _idle(line: Any, now: float) -> list[object] | None:
    idle = line.idle
    return [idle.gpus, idle.seconds, list(idle.owners)] if idle is not None and idle.gpus else None


def _idle_text(owners: bool) -> Callable[[Any], str]:
    def text(value: Any) -> str:
        gpus, seconds, names = value
        return f"{gpus} for {age(seconds)}" + (f" {', '.join(names)}" if owners else "")

    return text


_UTIL = Column("GPU%", "util", lambda line, now: line.util, text=_percent, right=True, priority=1, width=4)


def _map(line: Any, now: float) -> str | None:
    """GPUs of a node as one character each; None where it is not known who uses them."""
    if line.used is None:
        return None
    return slots(line.used, line.total - line.used - line.unhealthy, line.unhealthy)


COLUMNS: dict[str, tuple[Column, ...]] = {
    "node": (
        Column("NODE", "name", lambda line, now: line.node, priority=0, limit=40),
        Column("STATE", "state", lambda line, now: line.status, priority=0, limit=26),
        Column("GPUS", "map", _map, priority=1, limit=18),
        _count("ALL", "total", priority=3),
        _count("USED", "used"),
        _count("FREE", "free", priority=0),
        _some("UNHEALTHY", "unhealthy", priority=1),
        _some("BLOCKED", "blocked", priority=2),
        _UTIL,
        Column("IDLE, HELD BY", "idle", _idle, text=_idle_text(owners=True), priority=2, limit=40),
        Column(
            "TROUBLE", "troubles", lambda line, now: list(line.troubles) or None, text="; ".join, priority=2, limit=48
        ),
        _field("MODEL", "model", priority=4, limit=32),
        Column("TAINTS", "taints", lambda line, now: list(line.taints) or None, priority=6, limit=48),
    ),
    "namespace": (
        Column("NAMESPACE", "name", lambda line, now: line.namespace, priority=0, limit=40),
        _count("USED", "used", priority=0),
        _some("WAITED FOR", "pending"),
        Column("QUOTA", "quota", lambda line, now: line.quota, text=str, right=True, priority=1),
        _count("PODS", "pods", priority=3),
        _UTIL,
        Column("IDLE", "idle", _idle, text=_idle_text(owners=False), priority=1, limit=24),
        _field("OWNER", "owner", priority=4, limit=40),
    ),
    "job": (
        _field("NAMESPACE", "namespace", priority=1, limit=30),
        Column("NAME", "name", lambda line, now: line.name, priority=0, limit=50),
        _field("KIND", "kind", priority=2, limit=20),
        _count("USED", "used", priority=0),
        _some("WAITED FOR", "pending", priority=1),
        _count("PODS", "pods", priority=4),
        _UTIL,
        Column("IDLE", "idle", _idle, text=_idle_text(owners=False), priority=1, limit=24),
        Column("NODES", "nodes", lambda line, now: list(line.nodes) or None, priority=5, limit=60),
    ),
}


def health_of(line: Any, now: float) -> Health:
    """A line with unhealthy or idle GPUs is marked; a node that gives none is, too."""
    if getattr(line, "unhealthy", 0):
        return Health(State.BAD, "unhealthy")
    if getattr(line, "troubles", ()):
        return Health(State.WARN, line.troubles[0])
    if line.idle is not None and line.idle.gpus:
        return Health(State.WARN, "idle")
    if getattr(line, "blocked", 0) or getattr(line, "pending", 0):
        return Health(State.WAITING, "waiting")
    return Health(State.NONE)
