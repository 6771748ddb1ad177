"""One-line charts as text: a sparkline and the GPUs of a node, with and without characters beyond ASCII.

Pure functions; a missing value is a blank cell, never a zero.
"""

from __future__ import annotations

from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-=+*#@"


def sparkline(
    values: Sequence[float | None], width: int, *, low: float = 0.0, high: float = 100.0, ascii_only: bool = False
) -> str:
    """The newest values in `width` cells, the newest at the right; each cell is the mean of what falls in it.

    Values at or below `low` draw the lowest mark, at or above `high` the highest; None draws a blank.
    """
    if width <= 0:
        return ""
    marks = _ASCII if ascii_only else _BLOCKS
    span = (high - low) or 1.0
    drawn = []
    for value in _squeeze(values, width):
        if value is None:
            drawn.append(" ")
        else:
            step = int((value - low) / span * len(marks))
            drawn.append(marks[min(max(step, 0), len(marks) - 1)])
    return "".join(drawn).rjust(width)


def _squeeze(values: Sequence[float | None], width: int) -> list[float | None]:
    """At most `width` values: neighbours averaged where there are more."""
    count = len(values)
    if count <= width:
        return list(values)
    squeezed: list[float | None] = []
    for cell in range(width):
        part = [v for v in values[cell * count // width : (cell + 1) * count // width] if v is not None]
        squeezed.append(sum(part) / len(part) if part else None)
    return squeezed


def slots(used: int, free: int, unhealthy: int, *, limit: int = 16) -> str:
    """GPUs of a node as one character each: `#` used, `.` free, `x` unhealthy; counted when there are too many."""
    if used + free + unhealthy > limit:
        return f"#{used} .{free}" + (f" x{unhealthy}" if unhealthy else "")
    return "#" * used + "." * free + "x" * unhealthy
