"""The columns of the replica board: a missing figure is a blank cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from console.clock import age
from console.kinds.base import Column, Health
from screens.widgets.chart import sparkline

if TYPE_CHECKING:
    from console.telemetry.figures import GpuSample
    from console.telemetry.replicas import ReplicaRow

_SPARK = 10  # cells of the sparkline


def replica_health(row: ReplicaRow, now: float) -> Health:
    """A replica's state is its pod's."""
    return Health(row.state, row.word, row.why)


def _mean(figure: Callable[[GpuSample], float | None]) -> Callable[[ReplicaRow, float], float | None]:
    return lambda row, now: row.figures.mean(figure) if row.figures is not None else None


def _total(figure: Callable[[GpuSample], float | None]) -> Callable[[ReplicaRow, float], float | None]:
    return lambda row, now: row.figures.total(figure) if row.figures is not None else None


def _memory(row: ReplicaRow, now: float) -> float | None:
    if row.figures is None:
        return None
    used = row.figures.total(lambda gpu: gpu.memory_used)
    room = row.figures.total(lambda gpu: gpu.memory_total)
    return 100 * used / room if used is not None and room else None


def _each(row: ReplicaRow, now: float) -> list[str] | None:
    """Utilisation of each GPU, for replicas that have several; `-` where it is missing."""
    gpus = row.figures.gpus if row.figures is not None else ()
    return ["-" if gpu.util is None else f"{gpu.util:.0f}" for gpu in gpus] if len(gpus) > 1 else None


def _whole(unit: str) -> Callable[[float], str]:
    return lambda value: f"{value:.0f}{unit}"


def _what(row: ReplicaRow, now: float) -> str:
    """What needs saying of the replica: the true reason, the mark, else its last log line."""
    if row.why:
        return row.why
    if row.mark:
        return f"{row.mark.upper()}: {row.mark_why}"
    return row.last_line


def columns(*, ascii_only: bool) -> Sequence[Column]:
    """The board's columns, for a terminal with or without characters beyond ASCII."""

    def spark(row: ReplicaRow, now: float) -> str:
        return sparkline(row.history, _SPARK, ascii_only=ascii_only).rstrip() if row.history else ""

    return (
        Column("RANK", "rank", lambda row, now: row.rank, text=lambda rank: f"{rank}", right=True, priority=3, width=4),
        Column("REPLICA", "name", lambda row, now: row.title, priority=0, limit=24),
        Column("STATE", "state", lambda row, now: row.word, priority=0, limit=20),
        Column("GPU%", "util", _mean(lambda gpu: gpu.util), text=_whole("%"), right=True, priority=0, width=4),
        Column(
            "TENS", "tensor", _mean(lambda gpu: gpu.tensor), text=lambda v: f"{v:.2f}", right=True, priority=1, width=4
        ),
        Column("MEM", "memory", _memory, text=_whole("%"), right=True, priority=1, width=4),
        Column("POWER", "power", _total(lambda gpu: gpu.power), text=_whole("W"), right=True, priority=2, width=5),
        Column(
            "TEMP", "temperature", _mean(lambda gpu: gpu.temperature), text=_whole("C"), right=True, priority=4, width=4
        ),
        Column("LAST MIN", "history", lambda row, now: list(row.history), shown=spark, priority=1, width=_SPARK),
        Column("MARK", "mark", lambda row, now: row.mark or None, text=str.upper, priority=0, width=4),
        Column("EACH GPU", "each", _each, text=lambda values: " ".join(map(str, values)), priority=8, limit=32),
        Column(
            "SHARED",
            "shared",
            lambda row, now: (row.figures.shared if row.figures else "") or None,
            wide=True,
            priority=5,
        ),
        Column(
            "RST",
            "restarts",
            lambda row, now: row.restarts,
            text=lambda n: str(n) if n else "",
            right=True,
            priority=6,
            width=3,
        ),
        Column("NODE", "node", lambda row, now: row.node or None, priority=2, limit=24),
        Column(
            "SINCE",
            "since",
            lambda row, now: now - row.since if row.since else None,
            text=age,
            right=True,
            ticks=True,
            priority=6,
            width=6,
        ),
        Column("LAST LINE / WHY", "what", _what, priority=5, limit=160),
    )
