"""Kinds nobody wrote a file for: read through the table the API server itself prints, watch included.

Columns are learnt from `columnDefinitions` of the first answer (k8s.io/apimachinery meta/v1 Table); those of a
priority above zero are shown only wide. The printed Age is replaced by one counted from the creation time, because a
cell printed once grows stale.
"""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from console.kinds import cells
from console.kinds.base import Column, Health, Kind, State
from console.kinds.decoding import ListMeta, split_event
from console.kinds.meta import Anything, ObjectMeta, Slim, seconds
from console.live.source import Page, Row, WatchEvent

ACCEPT = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"

Cell = str | int | float | bool | None


class GenericRow(Row, gc=False):
    """An object of any kind with the cells the server printed for it."""

    cells: tuple[Cell, ...]
    deleting: bool = False


class _Definition(Slim):
    name: str = ""
    type: str = "string"
    format: str = ""
    priority: int = 0


class _TableRow(Slim):
    cells: list[Any] | None = None
    object: Anything | None = None


class _Table(Slim):
    metadata: ListMeta = msgspec.field(default_factory=ListMeta)
    kind: str = ""
    column_definitions: list[_Definition] | None = None
    rows: list[_TableRow] | None = None
    items: list[Anything] | None = None  # where the server cannot print tables


_table = msgspec.json.Decoder(_Table, strict=False)
_object = msgspec.json.Decoder(Anything, strict=False)

_GOOD = frozenset({"ready", "running", "active", "bound", "available", "healthy", "established", "accepted", "synced"})
_DONE = frozenset({"succeeded", "complete", "completed", "finished"})
_WAIT = frozenset({"pending", "progressing", "creating", "waiting", "terminating", "unknown", "scheduled"})
_FAIL = frozenset({"failed", "error", "notready", "degraded", "lost", "invalid", "rejected"})


def _cell(value: Any) -> Cell:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return sys.intern(value) if len(value) < 24 else value
    return msgspec.json.encode(value).decode()


def _number(definition: _Definition) -> bool:
    return definition.type in ("integer", "number")


def _key(name: str) -> str:
    letters = [character.lower() if character.isalnum() else "_" for character in name.strip()]
    return "_".join(part for part in "".join(letters).split("_") if part) or "column"


def _column(definition: _Definition, position: int, taken: set[str]) -> Column:
    def value(row: Any, now: float) -> Any:
        return row.cells[position] if position < len(row.cells) else None

    key = _key(definition.name)
    while key in taken:
        key += "_"
    taken.add(key)
    wide = definition.priority > 0
    return Column(
        definition.name.upper(),
        key,
        value,
        wide=wide,
        right=_number(definition),
        priority=min(2 + position, 8),
    )


def health(row: Any, now: float) -> Health:
    """A generic row makes no claim beyond being deleted."""
    return Health(State.WAITING, "Terminating") if row.deleting else Health(State.NONE)


def judged(columns: tuple[Column, ...], row: Any, now: float) -> Health:
    """The state a server-printed STATUS, PHASE or READY word stands for; none where the word is not known."""
    if row.deleting:
        return Health(State.WAITING, "Terminating")
    for column in columns:
        if column.key not in ("ready", "status", "phase", "state", "available", "established"):
            continue
        value = column.value(row, now)
        word = str(value).lower() if value is not None else ""
        title = column.title.capitalize()
        if column.key in ("ready", "available", "established") and word in ("true", "false", "unknown"):
            state = {"true": State.OK, "false": State.BAD, "unknown": State.WAITING}[word]
            return Health(state, title if word == "true" else f"Not{title}" if word == "false" else "Unknown")
        for words, state in ((_GOOD, State.OK), (_DONE, State.DONE), (_WAIT, State.WAITING), (_FAIL, State.BAD)):
            if word in words:
                return Health(state, str(value))
    return Health(State.NONE)


def generic_kind(
    *, name: str, plural: str, group: str, version: str, kind: str, namespaced: bool, aliases: tuple[str, ...]
) -> Kind:
    """A Kind read through the server's table."""
    lead = (cells.NAMESPACE, cells.NAME) if namespaced else (cells.NAME,)
    return Kind(
        name=name,
        kind=kind,
        group=group,
        versions=(version,),
        decode=Anything,
        row=_bare,
        columns=(*lead, cells.AGE),
        health=health,
        aliases=aliases,
        namespaced=namespaced,
        plural=plural,
        title=kind,
        extras=cells.EXTRAS,
        table=True,
    )


def _bare(item: Any) -> GenericRow:
    return _row(item.metadata, ())


def _row(meta: ObjectMeta, printed: tuple[Cell, ...]) -> GenericRow:
    return GenericRow(
        namespace=sys.intern(meta.namespace),
        name=meta.name,
        uid=meta.uid,
        version=meta.resource_version,
        created=seconds(meta.creation_timestamp),
        cells=printed,
        deleting=meta.deletion_timestamp is not None,
    )


class TableSource:
    """The source of a generic kind at one version; `columns` grow true with the first answer."""

    accept = ACCEPT

    def __init__(self, kind: Kind, version: str) -> None:
        self.kind = kind
        self.group = kind.group
        self.version = version
        self.plural = kind.resource
        self.namespaced = kind.namespaced
        self.columns = kind.columns
        self._learnt: tuple[tuple[str, str, int], ...] = ()

    def __repr__(self) -> str:
        return f"TableSource({self.plural}.{self.version}.{self.group or 'core'})"

    @property
    def learnt(self) -> bool:
        """Whether the server has told its columns."""
        return bool(self._learnt)

    def _learn(self, definitions: list[_Definition]) -> None:
        shape = tuple((entry.name, entry.type, entry.priority) for entry in definitions)
        if shape == self._learnt:
            return
        self._learnt = shape
        lead = self.kind.columns[:-1]  # namespace and name
        taken = {column.key for column in lead} | {"age", "kind", "health", *(column.key for column in cells.EXTRAS)}
        printed = [
            _column(entry, position, taken)
            for position, entry in enumerate(definitions)
            if entry.name.lower() not in ("name", "age", "namespace")
        ]
        self.columns = (*lead, *printed, cells.AGE)

    def health(self, row: Any, now: float) -> Health:
        """The state of a row by the printed columns."""
        return judged(self.columns, row, now)

    def _rows(self, table: _Table) -> list[Row]:
        if table.column_definitions:
            self._learn(table.column_definitions)
        if table.items is not None:
            return [_row(item.metadata, ()) for item in table.items]
        return [
            _row(entry.object.metadata, tuple([_cell(value) for value in entry.cells or ()]))
            for entry in table.rows or ()
            if entry.object is not None
        ]

    def page(self, body: bytes) -> Page:
        """Decode a Table (or a plain list); raises msgspec.DecodeError when it is neither."""
        table = _table.decode(body)
        if table.rows is None and table.items is None and not table.kind.endswith(("Table", "List")):
            raise msgspec.ValidationError(f"neither a Table nor a list: kind {table.kind!r}")
        metadata = table.metadata
        return Page(self._rows(table), metadata.resourceVersion, metadata.continue_, metadata.remainingItemCount)

    def event(self, line: bytes) -> WatchEvent:
        """Decode one watch line whose object is a Table of one row, or a plain object."""
        kind, body, finished = split_event(line)
        if finished is not None:
            return finished
        table = _table.decode(body)
        if table.kind == "Table":
            rows = self._rows(table)
            version = (rows[0].version if rows else "") or table.metadata.resourceVersion
            return WatchEvent(kind, None if kind == "BOOKMARK" else (rows[0] if rows else None), version)
        row = _row(_object.decode(body).metadata, ())
        return WatchEvent(kind, None if kind == "BOOKMARK" else row, row.version)
