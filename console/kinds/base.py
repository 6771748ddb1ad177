"""What a kind is: where it is served, how its bytes become rows, its columns and its health word.

A kind is data and pure functions: no clock (now is an argument), no I/O, no markup.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import msgspec

from console.live.source import Row
from console.text import clean


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
    shown: Callable[[Any, float], str] | None = None  # (row, now) -> text, where the text needs more than the value

    def cell(self, row: Any, now: float) -> str:
        """What a table shows of a row, without control characters."""
        if self.shown is not None:
            return clean(self.shown(row, now))
        value = self.value(row, now)
        if value is None:
            return ""
        if self.text is not None:
            return clean(self.text(value))
        return clean(",".join(map(str, value)) if isinstance(value, list | tuple) else str(value))


@dataclass(frozen=True, slots=True)
class Join:
    """Rows of another kind that a row's figures are made of: a node's pods, a job's pods."""

    kind: str  # name in the registry: "pods"
    key: Callable[[Any], str]  # joined row -> key of the row it belongs to; "" where it belongs to none
    whole: bool = False  # rows of some namespaces only would make false figures: then they are not known


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource, or (with `members`) several shown as one list."""

    name: str  # the registry's key and the view's name, unique: "pods", "pytorchjobs", "jobs", "jobs.batch"
    kind: str  # "Pod"
    group: str
    versions: tuple[str, ...]  # readable versions, the preferred first; the first served one is used
    decode: type[msgspec.Struct]  # slim struct of one object; every field but `metadata` has a default
    row: Callable[[Any], Row]  # slim struct -> row
    columns: tuple[Column, ...]
    health: Callable[[Any, float], Health]
    aliases: tuple[str, ...] = ()  # short names and other spellings
    namespaced: bool = True
    plural: str = ""  # the resource in the path, where it is not the name
    title: str = ""  # for people: "Pods"
    members: tuple[str, ...] = ()  # kinds merged into this list ("jobs"); then decode and row are unused
    joins: tuple[Join, ...] = ()  # rows of other kinds that `join` needs
    join: Callable[[Any, Mapping[str, Sequence[Any] | None]], Any] | None = None
    # (row, its joined rows by kind; None: not known) -> row with joined fields, a copy where something differs
    opens: str = "describe"  # what enter does: a view name ("replicas", "pods", "namespace", "logs", "describe")
    extras: tuple[Column, ...] = ()  # printed as JSON only
    sort: str = ""  # key of the column a list is sorted by before anybody sorts it; "": by name
    table: bool = False  # read through the server's own table; its columns are learnt with the first page

    @property
    def resource(self) -> str:
        """The plural of the path: `jobs` of the kind named `jobs.batch`."""
        return self.plural or self.name

    @property
    def qualified(self) -> str:
        """`plural.group`, as RBAC and error messages name it; the plural alone for the core group."""
        return f"{self.resource}.{self.group}" if self.group else self.resource
