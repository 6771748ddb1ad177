"""The order of a table: which rows are shown, sorted how, where the cursor stands, which rows are marked. Pure.

Rows stay where they are (a board's mapping); only their keys are kept here, so 10,000 rows cost little.
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

_DIGITS = re.compile(r"\d+")
_MANY = 64  # changed rows from which sorting once is cheaper than placing each


def natural(text: str) -> str:
    """A string that sorts `worker-2` before `worker-10`."""
    return _DIGITS.sub(lambda found: found.group().zfill(8), text)


def ranked(value: Any) -> tuple[int, Any]:
    """Any cell value as something that sorts with every other: numbers, then texts, absent last."""
    if value is None or value == "":
        return (2, 0)
    if isinstance(value, bool | int | float):
        return (0, value)
    if isinstance(value, list | tuple):
        return (1, natural(",".join(map(str, value))))
    return (1, natural(str(value)))


def by_name(key: str, row: Any) -> str:
    """The order a table has before anybody sorts it."""
    return natural(key)


class Rows:
    """Sorted, filtered keys over a mapping of rows, with a cursor that stays on its object."""

    def __init__(self) -> None:
        self.source: Mapping[str, Any] = {}
        self.order: list[str] = []
        self.cursor = 0  # index into `order`
        self.settled = False  # whether a person has moved the cursor: before that it stays on the first row
        self.marks: set[str] = set()
        self._rank: Callable[[str, Any], Any] = by_name
        self._accept: Callable[[str, Any], bool] | None = None
        self._descending = False
        self._ranks: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self.order)

    @property
    def current(self) -> str:
        """The key under the cursor; "" where there is no row."""
        return self.order[self.cursor] if self.cursor < len(self.order) else ""

    def reset(self, source: Mapping[str, Any]) -> None:
        """Take another mapping of rows; the cursor stays on its key where that is still there."""
        self.source = source
        self.rebuild()

    def sort(self, rank: Callable[[str, Any], Any], descending: bool = False) -> None:
        """Sort by another rank; the cursor stays on its object."""
        self._rank, self._descending = rank, descending
        self.rebuild()

    def filter(self, accept: Callable[[str, Any], bool] | None) -> None:
        """Show only accepted rows (None: all)."""
        self._accept = accept
        self.rebuild()

    def rebuild(self) -> None:
        """Sort everything again."""
        held = self.current
        accept, rank = self._accept, self._rank
        if accept is None:
            self._ranks = {key: rank(key, row) for key, row in self.source.items()}
        else:
            self._ranks = {key: rank(key, row) for key, row in self.source.items() if accept(key, row)}
        self._sort()
        self._hold(held)
        if self.marks:
            self.marks &= self.source.keys()

    def apply(self, upserted: Collection[str], removed: Collection[str]) -> bool:
        """Take changed rows; returns whether any row moved, came or went."""
        held, before = self.current, self.cursor
        leaving: list[str] = []
        coming: list[str] = []
        for key in removed:
            self.marks.discard(key)
            if key in self._ranks:
                leaving.append(key)
        for key in upserted:
            row = self.source.get(key)
            shown = row is not None and (self._accept is None or self._accept(key, row))
            known = key in self._ranks
            if not shown:
                if known:
                    leaving.append(key)
                continue
            rank = self._rank(key, row)
            if known and self._ranks[key] == rank:
                continue
            if known:
                leaving.append(key)
            coming.append(key)
            if known and len(upserted) <= _MANY:
                self._take_out(key)
            self._ranks[key] = rank
        if not leaving and not coming:
            return False
        self._move(leaving, coming, many=len(upserted) + len(removed) > _MANY)
        self._hold(held, before)
        return True

    def _move(self, leaving: Iterable[str], coming: list[str], *, many: bool) -> None:
        arriving = set(coming)
        if many:
            for key in leaving:
                if key not in arriving:
                    self._ranks.pop(key, None)
            self._sort()
            return
        for key in leaving:
            if key not in arriving:
                self._take_out(key)
                self._ranks.pop(key, None)
        for key in coming:
            if self._descending:
                self.order.insert(len(self.order) - self._place_from_end(key), key)
            else:
                insort(self.order, key, key=self._place)

    def _place(self, key: str) -> tuple[Any, str]:
        return (self._ranks[key], key)

    def _place_from_end(self, key: str) -> int:
        return bisect_left(_Reversed(self.order), self._place(key), key=self._place)

    def index(self, key: str) -> int | None:
        """Where a key stands; None where it is not shown."""
        if key not in self._ranks:
            return None
        place = self._place(key)
        if self._descending:
            found = len(self.order) - 1 - bisect_left(_Reversed(self.order), place, key=self._place)
        else:
            found = bisect_left(self.order, place, key=self._place)
        return found if 0 <= found < len(self.order) and self.order[found] == key else None

    def _take_out(self, key: str) -> None:
        found = self.index(key)
        if found is not None:
            del self.order[found]

    def _sort(self) -> None:
        self.order = sorted(self._ranks, key=self._place, reverse=self._descending)

    def _hold(self, key: str, before: int | None = None) -> None:
        """Put the cursor back on its object; where that has gone, on the row that took its place."""
        if not self.settled:
            self.cursor = 0
            return
        found = self.index(key) if key else None
        if found is not None:
            self.cursor = found
        else:
            self.cursor = max(0, min(self.cursor if before is None else before, len(self.order) - 1))

    def move(self, steps: int) -> None:
        """Move the cursor, stopping at both ends."""
        self.place(self.cursor + steps)

    def place(self, index: int) -> None:
        """Put the cursor on an index, or on the nearest there is."""
        self.settled = True
        self.cursor = max(0, min(index, len(self.order) - 1))

    def find(self, key: str) -> bool:
        """Put the cursor on a key; False where it is not shown."""
        found = self.index(key)
        if found is None:
            return False
        self.place(found)
        return True

    def mark(self) -> None:
        """Mark the row under the cursor, or take its mark away."""
        if self.current:
            self.marks ^= {self.current}

    def mark_range(self) -> None:
        """Mark from the nearest marked row above (or below) to the cursor."""
        marked = [index for index, key in enumerate(self.order) if key in self.marks]
        above = [index for index in marked if index <= self.cursor]
        start = above[-1] if above else (marked[0] if marked else self.cursor)
        low, high = sorted((start, self.cursor))
        self.marks.update(self.order[low : high + 1])

    def chosen(self) -> list[str]:
        """The marked rows in order, or the one under the cursor."""
        if self.marks:
            return [key for key in self.order if key in self.marks]
        return [self.current] if self.current else []


class _Reversed:
    """A list read from its end, without a copy."""

    __slots__ = ("_items",)

    def __init__(self, items: list[str]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> str:
        return self._items[-1 - index]
