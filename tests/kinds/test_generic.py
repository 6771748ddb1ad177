"""Kinds nobody wrote a file for, through the table the server prints."""

from __future__ import annotations

import json

import msgspec
import pytest

from console.kinds.base import State
from console.kinds.generic import TableSource, generic_kind
from tests.kinds.kindobjects import NOW, meta

COLUMNS = [
    {"name": "Name", "type": "string", "priority": 0},
    {"name": "Ready", "type": "string", "priority": 0},
    {"name": "Max Replicas", "type": "integer", "priority": 0},
    {"name": "Images", "type": "string", "priority": 1},
    {"name": "Age", "type": "string", "priority": 0},
]


def source() -> TableSource:
    kind = generic_kind(
        name="widgets", plural="widgets", group="example.com", version="v1", kind="Widget", namespaced=True, aliases=()
    )
    return TableSource(kind, "v1")


def table(*rows, columns=COLUMNS, **metadata) -> dict:
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": "9", **metadata},
        "columnDefinitions": columns,
        "rows": [
            {"cells": cells, "object": {"kind": "PartialObjectMetadata", "metadata": meta(str(cells[0]))}}
            for cells in rows
        ],
    }


def encoded(value) -> bytes:
    return json.dumps(value).encode()


def test_columns_are_the_servers_with_an_age_of_our_own():
    made = source()
    page = made.page(encoded(table(["a", "True", 3, "img", "2d"], remainingItemCount=4, **{"continue": "c"})))
    assert (page.version, page.continue_, page.remaining) == ("9", "c", 4)
    assert [(c.title, c.key, c.wide) for c in made.columns] == [
        ("NAMESPACE", "namespace", False),
        ("NAME", "name", False),
        ("READY", "ready", False),
        ("MAX REPLICAS", "max_replicas", False),
        ("IMAGES", "images", True),
        ("AGE", "age", False),
    ]
    row = page.rows[0]
    assert [c.cell(row, NOW) for c in made.columns] == ["team-a", "a", "True", "3", "img", "60m"]


def test_a_printed_word_that_is_known_becomes_a_state_and_no_other_does():
    made = source()
    rows = made.page(encoded(table(["a", "True", 1, "", ""], ["b", "False", 1, "", ""], ["c", "odd", 1, "", ""]))).rows
    assert [made.health(row, NOW).state for row in rows] == [State.OK, State.BAD, State.NONE]
    assert made.health(rows[1], NOW).word == "NotReady"


def test_watch_events_carry_a_table_of_one_row_and_may_leave_the_columns_out():
    made = source()
    made.page(encoded(table(["a", "True", 3, "img", "2d"])))
    columns = made.columns
    event = made.event(encoded({"type": "MODIFIED", "object": table(["a", "False", 4, "img", "2d"], columns=None)}))
    assert (event.type, event.row.cells[1], event.version) == ("MODIFIED", "False", "100")
    assert made.columns is columns
    bookmark = made.event(encoded({"type": "BOOKMARK", "object": table(["", None, None, None, None], columns=None)}))
    assert (bookmark.row, bookmark.version) == (None, "100")
    plain = {"type": "BOOKMARK", "object": {"kind": "Widget", "metadata": {"resourceVersion": "55"}}}
    assert made.event(encoded(plain)).version == "55"
    gone = {"type": "ERROR", "object": {"kind": "Status", "status": "Failure", "code": 410, "message": "too old"}}
    assert made.event(encoded(gone)).code == 410


def test_a_server_that_prints_no_tables_gives_plain_objects():
    made = source()
    page = made.page(
        encoded({"kind": "WidgetList", "metadata": {"resourceVersion": "3"}, "items": [{"metadata": meta("a")}]})
    )
    assert [row.name for row in page.rows] == ["a"]
    assert [column.key for column in made.columns] == ["namespace", "name", "age"]


def test_what_is_neither_is_refused():
    with pytest.raises(msgspec.DecodeError):
        source().page(encoded({"kind": "Status", "status": {}, "code": 403}))


def test_untrusted_cells_reach_no_terminal():
    made = source()
    row = made.page(encoded(table(["a", "\x1b[31mred\x1b[0m\u202e", 1, {"a": [1]}, ""]))).rows[0]
    assert [c.cell(row, NOW) for c in made.columns][2:5] == ["red\\u202e", "1", '{"a":[1]}']
