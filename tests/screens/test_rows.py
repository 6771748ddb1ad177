from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from screens.widgets.rows import Rows, natural, ranked

KEYS = st.sampled_from([f"team/{letter}-{number}" for letter in "ab" for number in (1, 2, 10)])
VALUES = st.one_of(st.none(), st.integers(-3, 3), st.text("xy1", max_size=2))
EDITS = st.lists(st.tuples(KEYS, st.one_of(st.just("gone"), VALUES)), max_size=30)


def table(source: dict[str, Any]) -> Rows:
    rows = Rows()
    rows.reset(source)
    return rows


def test_numbers_in_names_sort_as_numbers() -> None:
    assert table({"w-10": 1, "w-2": 1, "w-1": 1}).order == ["w-1", "w-2", "w-10"]


@given(EDITS, st.booleans(), st.booleans())
def test_single_changes_give_the_order_that_sorting_again_gives(
    edits: list[tuple[str, Any]], descending: bool, filtered: bool
) -> None:
    source: dict[str, Any] = {}
    rows = Rows()
    rows.reset(source)
    if filtered:
        rows.filter(lambda key, row: row.value is not None)
    rows.sort(lambda key, row: ranked(row.value), descending)
    for key, value in edits:
        if value == "gone":
            source.pop(key, None)
            rows.apply((), {key})
        else:
            source[key] = SimpleNamespace(value=value)
            rows.apply({key}, ())
    incremental = list(rows.order)
    rows.rebuild()
    assert incremental == rows.order
    assert all(rows.index(key) == index for index, key in enumerate(rows.order))


@given(EDITS)
def test_many_changes_at_once_give_the_same_order(edits: list[tuple[str, Any]]) -> None:
    source = {f"x-{index}": SimpleNamespace(value=index % 7) for index in range(100)}
    rows = Rows()
    rows.reset(source)
    rows.sort(lambda key, row: ranked(row.value))
    upserted, removed = set(), set()
    for key, value in edits:
        if value == "gone":
            if source.pop(key, None) is not None:
                removed.add(key)
            upserted.discard(key)
        else:
            source[key] = SimpleNamespace(value=value)
            upserted.add(key)
            removed.discard(key)
    for key in list(source)[:70]:
        source[key] = SimpleNamespace(value="z")
        upserted.add(key)
    rows.apply(upserted, removed)
    incremental = list(rows.order)
    rows.rebuild()
    assert incremental == rows.order


def test_the_cursor_stays_on_its_object_when_rows_come_above_it() -> None:
    source = {"b": 1, "d": 1}
    rows = table(source)
    rows.move(1)
    source.update({"a": 1, "c": 1})
    rows.apply({"a", "c"}, ())
    assert rows.current == "d"


def test_the_cursor_takes_the_next_row_when_its_object_goes() -> None:
    source = {"a": 1, "b": 1, "c": 1}
    rows = table(source)
    rows.move(1)
    del source["b"]
    rows.apply((), {"b"})
    assert rows.current == "c"
    del source["c"]
    rows.apply((), {"c"})
    assert rows.current == "a"


def test_an_untouched_cursor_stays_on_the_first_row_while_pages_arrive() -> None:
    source = {"m": 1}
    rows = table(source)
    source["a"] = 1
    rows.apply({"a"}, ())
    assert rows.current == "a"


def test_a_range_is_marked_from_the_mark_above() -> None:
    rows = table(dict.fromkeys("abcdef", 1))
    rows.place(1)
    rows.mark()
    rows.place(4)
    rows.mark_range()
    assert rows.chosen() == ["b", "c", "d", "e"]


def test_marks_go_with_their_rows() -> None:
    source = dict.fromkeys("ab", 1)
    rows = table(source)
    rows.mark()
    del source["a"]
    rows.apply((), {"a"})
    assert rows.marks == set()


def test_absent_values_sort_last_and_types_do_not_clash() -> None:
    assert sorted([None, "b", 3, "a10", "a9", "", 1], key=ranked) == [1, 3, "a9", "a10", "b", None, ""]
    assert natural("worker-2") < natural("worker-10")
