"""Rows as printed text: a table as kubectl lays it out, JSON, YAML or names.

One rule for every form: what is printed are rows, with the keys of their columns; JSON is always a list of them, or one
object a line while watching. Broken pipes are the reader's right and end quietly.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

import msgspec
import yaml

from console.kinds.base import Column, Kind
from console.live.source import Row
from console.text import cells, cut, fit

OUTPUTS = ("table", "wide", "json", "yaml", "name")

_encode = msgspec.json.Encoder().encode
_RAW = re.compile("[\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2028\u2029\u2060-\u2069\ufeff\ufff9-\ufffb]")


def record(kind: Kind, row: Row, now: float) -> dict[str, Any]:
    """A row with stable snake_case keys: kind, namespace, name, its columns, and its health.

    Ages and durations are whole seconds; what is not known is null. `health` is ok, done, running, waiting, warn, bad
    or none; `health_word` the word of the table.
    """
    health = kind.health(row, now)
    found: dict[str, Any] = {"kind": getattr(row, "kind", kind.kind), "namespace": row.namespace, "name": row.name}
    for column in kind.columns:
        found[column.key] = column.value(row, now)
    for column in kind.extras:
        found[column.key] = column.value(row, now)
    found["health"] = health.state.name.lower()
    found["health_word"] = health.word
    found["health_reason"] = health.reason or None
    return found


def as_json(value: Any) -> str:
    """One line of JSON whose text no terminal obeys: control and bidirectional characters are escaped."""
    data = _encode(value)
    if data.isascii() and b"\x7f" not in data:
        return data.decode("ascii")
    return _RAW.sub(lambda match: f"\\u{ord(match.group()):04x}", data.decode())


def as_yaml(value: Any) -> str:
    """A YAML document part, ASCII only."""
    text: str = yaml.safe_dump(_plain(value), sort_keys=False, default_flow_style=False, width=10_000)
    return text


def _plain(value: Any) -> Any:
    """Tuples as lists, which YAML cannot write."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value


def resource_name(kind: Kind, row: Row) -> str:
    """`pod/x`, `pytorchjob.kubeflow.org/x`: a row as kubectl's `-o name` writes it."""
    group = kind.group or ("" if not kind.members else _GROUPS.get(getattr(row, "kind", ""), "kubeflow.org"))
    singular = str(getattr(row, "kind", kind.kind)).lower()
    return f"{singular}.{group}/{row.name}" if group else f"{singular}/{row.name}"


_GROUPS = {"TrainJob": "trainer.kubeflow.org"}


def table_columns(kind: Kind, *, wide: bool, namespaced: bool) -> list[Column]:
    """The columns a table shows; the namespace only where there may be several."""
    return [
        column
        for column in kind.columns
        if (wide or not column.wide) and (namespaced or column.key != "namespace" or not kind.namespaced)
    ]


class Table:
    """Lines of aligned columns; widths come from the first rows and stay for those that follow."""

    def __init__(self, columns: Sequence[Column], *, uncut: bool = False) -> None:
        self.columns = columns
        self._uncut = uncut
        self._widths: list[int] = []

    def texts(self, row: Row, now: float) -> list[str]:
        """The cells of one row."""
        if self._uncut:
            return [column.cell(row, now) for column in self.columns]
        return [cut(column.cell(row, now), column.limit) for column in self.columns]

    def lines(self, rows: Iterable[Sequence[str]]) -> list[str]:
        """Header, the first time, and one line a row."""
        texts = list(rows)
        titles = [column.title for column in self.columns]
        begun = bool(self._widths)
        if not begun:
            self._widths = [max(cells(text) for text in column) for column in zip(titles, *texts, strict=True)]
            texts.insert(0, titles)
        return [self._line(row) for row in texts]

    def _line(self, row: Sequence[str]) -> str:
        parts = []
        for column, text, width in zip(self.columns, row, self._widths, strict=True):
            parts.append(text if cells(text) > width else fit(text, width, right=column.right))
        return "   ".join(parts).rstrip()


class Out:
    """Standard output that stops quietly when nobody reads any more."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self.closed = False

    def write(self, text: str) -> None:
        """Write and flush; after a broken pipe nothing more is written."""
        if self.closed or not text:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except BrokenPipeError:
            self.closed = True
            if self._stream is sys.stdout:
                # The interpreter flushes standard output once more at its end; give it somewhere to go.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def note(text: str) -> None:
    """A sentence for the person, beside the output."""
    print(f"kfconsole: {text}", file=sys.stderr)
