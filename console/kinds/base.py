"""What a kind is: where it is served, how its bytes become rows, its columns and its health word.

A kind is data and pure functions: no clock (now is an argument), no I/O, no markup.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import msgspec

from console.live.source import Row


class State(Enum):
    """How an object is doing. The value is the glyph that precedes the word; colour only repeats it."""

    OK = "ok"
    DONE = "ok "  # finished well: same glyph, drawn quiet
    RUNNING = "~"
    WAITING = "."
    WARN = "!"
    BAD = "x"
    NONE = ""  # a kind without health

    @property
    def glyph(self) -> str:
        """At most two cells of ASCII."""
        return self.value.strip()


@dataclass(frozen=True, slots=True)
class Health:
    """The state of a row and the true word for it: `Running`, `CrashLoopBackOff`, `Pending: 0/5 nodes ...`."""

    state: State
    word: str = ""
    reason: str = ""  # a longer true reason, shown where there is room


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, drawn on screen and printed headless alike."""

    title: str  # header, upper case
    key: str  # stable snake_case key of JSON output
    value: Callable[[Any, float], Any]  # (row, now) -> JSON scalar, list of scalars, or None for absent
    text: Callable[[Any], str] | None = None  # value -> what is shown; default: "" for None, else str(value)
    priority: int = 1  # 0: never dropped; the highest is dropped first when the screen is narrow
    wide: bool = False  # only with -o wide / ctrl-w
    right: bool = False  # aligned right (numbers)
    width: int | None = None  # fixed cells; None: as wide as needed, up to `limit`
    limit: int = 60
    ticks: bool = False  # depends on now (ages): drawn again on the tick, never a reason to re-sort


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource, or (with `members`) several shown as one list."""

    name: str  # plural, the registry's key and the view's name: "pods", "pytorchjobs", "jobs"
    kind: str  # "Pod"
    group: str
    versions: tuple[str, ...]  # readable versions, the preferred first; the first served one is used
    decode: type[msgspec.Struct]  # slim struct of one object
    row: Callable[[Any], Row]  # slim struct -> row
    columns: tuple[Column, ...]
    health: Callable[[Any, float], Health]
    aliases: tuple[str, ...] = ()  # short names and other spellings
    namespaced: bool = True
    title: str = ""  # for people: "Pods"
    members: tuple[str, ...] = ()  # kinds merged into this list ("jobs"); then group, decode and row are unused
    joins: tuple[str, ...] = ()  # kinds whose rows `join` needs ("pods")
    join: Callable[[Any, Mapping[str, Any]], Any] | None = None  # (row, indexes by kind) -> row with joined fields
    opens: str = "describe"  # what enter does: a view name ("replicas", "pods", "namespace", "logs", "describe")
    relations: tuple[Any, ...] = field(default=())
