"""Columns that many kinds share, and the texts of their values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from console.clock import age, format_time
from console.kinds.base import Column, Health


def count(value: Any) -> str:
    """A number where zero says nothing worth a glance: blank for 0 and None."""
    return str(value) if value else ""


def yes(value: Any) -> str:
    """A flag: `yes` or blank."""
    return "yes" if value else ""


def lasting(value: float | None) -> str:
    """Seconds as kubectl writes durations; blank for None."""
    return "" if value is None else age(value)


def since(at: float, now: float) -> int | None:
    """Whole seconds from a time until now; None where the time is unknown."""
    return max(0, int(now - at)) if at else None


def state(title: str, key: str, health: Callable[[Any, float], Health]) -> Column:
    """The column of the true word; the glyph before it is the table's to draw."""
    return Column(title, key, lambda row, now: health(row, now).word, priority=0, limit=28)


def field(title: str, key: str, name: str | None = None, **options: Any) -> Column:
    """A column that shows one field of the row as it is; "" is absent."""
    attribute = name or key

    def value(row: Any, now: float) -> Any:
        found = getattr(row, attribute)
        return None if found == "" or found == () else found

    return Column(title, key, value, **options)


def moment(title: str, key: str, name: str, **options: Any) -> Column:
    """A column that shows how long ago a time of the row was."""
    return Column(
        title, key, lambda row, now: since(getattr(row, name), now), text=lasting, right=True, ticks=True, **options
    )


NAMESPACE = Column("NAMESPACE", "namespace", lambda row, now: row.namespace, priority=1, limit=30)
NAME = Column("NAME", "name", lambda row, now: row.name, priority=0, limit=63)
AGE = Column(
    "AGE", "age", lambda row, now: since(row.created, now), text=lasting, right=True, priority=2, ticks=True, width=6
)
EXTRAS = (
    Column("", "uid", lambda row, now: row.uid),
    Column("", "created", lambda row, now: format_time(row.created) if row.created else None),
)
