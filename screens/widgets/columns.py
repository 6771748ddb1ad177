"""How wide each column of a table is drawn, and which are left out where the screen is narrow. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from console.kinds.base import Column
from console.text import cells, fit

STATE_KEYS = ("state", "status", "phase", "ready", "condition", "health")
_LEAST = 8  # cells that a column which is never dropped keeps
_SHORT = 26  # cells a name keeps before the columns next to it go
_DEAR = 2  # up to this priority a column is worth a cut name
_LONG = 44  # cells from which a name is rather cut in its middle than another column left out
_SQUEEZED = 12  # cells below which a text column is rather dropped than cut


@dataclass(frozen=True, slots=True)
class Slot:
    """One drawn column: its place among the columns and its width in cells."""

    position: int
    width: int


def drawn_columns(columns: Sequence[Column], *, wide: bool, one_namespace: bool) -> list[int]:
    """Positions of the columns that may be drawn at all, in order."""
    return [
        position
        for position, column in enumerate(columns)
        if column.title and (wide or not column.wide) and not (one_namespace and column.key == "namespace")
    ]


def state_column(columns: Sequence[Column]) -> int | None:
    """The position of the column that holds the state's word: the first by name that is never dropped."""
    named = [position for position, column in enumerate(columns) if column.key in STATE_KEYS]
    kept = [position for position in named if columns[position].priority == 0]
    return next(iter(kept or named), None)


def measure(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> list[int]:
    """Cells each column needs: for its title and the texts given."""
    needed = [len(column.title) for column in columns]
    for row in rows:
        for position, text in enumerate(row):
            if len(text) >= needed[position] or not text.isascii():
                needed[position] = max(needed[position], cells(text))
    return needed


def lay_out(
    columns: Sequence[Column],
    allowed: Sequence[int],
    needed: Sequence[int],
    width: int,
    *,
    gap: int = 2,
    skip: int = 0,
) -> list[Slot]:
    """The columns drawn in `width` cells.

    Very long names are cut first; then the columns of the highest priority number are cut, then go, until the rest
    fits. Before columns of priority 1 and 2 go, those of priority 0 are cut, which always stay. `skip` leaves out that
    many of the columns which may be dropped, from the left: scrolling sideways.
    """
    kept = list(allowed)
    droppable = [position for position in kept if columns[position].priority > 0]
    for position in droppable[: min(skip, max(0, len(droppable) - 1))]:
        kept.remove(position)
    widths = {position: _wanted(columns[position], needed[position]) for position in kept}
    over = sum(widths.values()) + gap * (len(kept) - 1) - width
    for position in kept:
        if columns[position].priority == 0 and over > 0 and widths[position] > _LONG:
            cut = min(over, widths[position] - _LONG)
            widths[position] -= cut
            over -= cut
    while (over := sum(widths[p] for p in kept) + gap * (len(kept) - 1) - width) > 0:
        candidates = [p for p in kept if columns[p].priority > 0]
        if not candidates:
            break
        least = max(candidates, key=lambda p: (columns[p].priority, p))
        if columns[least].priority <= _DEAR:
            wide = [p for p in kept if columns[p].priority == 0 and widths[p] > _SHORT]
            if wide:
                longest = max(wide, key=lambda p: widths[p])
                widths[longest] -= min(over, widths[longest] - _SHORT)
                continue
        floor = max(_SQUEEZED, len(columns[least].title) + 1)
        if columns[least].width is None and not columns[least].right and widths[least] - floor >= over:
            widths[least] -= over
        else:
            kept.remove(least)
    spare = width - sum(widths[p] for p in kept) - gap * max(0, len(kept) - 1)
    if spare < 0:
        _shrink(kept, widths, -spare)
    elif spare:
        _grow(columns, kept, widths, needed, spare)
    return [Slot(position, widths[position]) for position in kept]


def _wanted(column: Column, needed: int) -> int:
    if column.width is not None:
        return max(column.width, len(column.title))
    return min(needed, max(column.limit, len(column.title)))


def _shrink(kept: Sequence[int], widths: dict[int, int], excess: int) -> None:
    """Cut the widest first, none below what still tells something."""
    while excess > 0:
        widest = max(kept, key=lambda p: widths[p])
        if widths[widest] <= _LEAST:
            return
        widths[widest] -= 1
        excess -= 1


def _grow(
    columns: Sequence[Column], kept: Sequence[int], widths: dict[int, int], needed: Sequence[int], spare: int
) -> None:
    """Give what is left to columns that were cut at their limit, the most important first."""
    for position in sorted(kept, key=lambda p: (columns[p].priority, p)):
        if columns[position].width is None and widths[position] < needed[position]:
            more = min(spare, needed[position] - widths[position])
            widths[position] += more
            spare -= more


def cut_name(text: str, width: int) -> str:
    """A name in `width` cells, cut in its middle: names differ at their ends."""
    if cells(text) <= width or width < 16 or not text.isascii():
        return fit(text, width)
    tail = width // 3
    return f"{text[: width - tail - 1]}~{text[-tail:]}"
