from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from console.kinds.base import Column
from screens.widgets.columns import cut_name, drawn_columns, lay_out, measure, state_column


def column(title: str, **more: object) -> Column:
    return Column(title, title.lower(), lambda row, now: row, **more)  # type: ignore[arg-type]


COLUMNS = (
    column("NAMESPACE", priority=1),
    column("NAME", priority=0),
    column("STATUS", priority=0, limit=28),
    column("NODE", priority=4),
    column("IP", priority=5, wide=True),
    column("AGE", priority=2, width=6),
)


def titles(width: int, needed: list[int], **more: int) -> list[str]:
    allowed = drawn_columns(COLUMNS, wide=False, one_namespace=False)
    return [COLUMNS[slot.position].title for slot in lay_out(COLUMNS, allowed, needed, width, **more)]


def test_the_least_important_columns_go_first() -> None:
    needed = [12, 30, 10, 20, 15, 4]
    assert titles(120, needed) == ["NAMESPACE", "NAME", "STATUS", "NODE", "AGE"]
    assert titles(70, needed) == ["NAMESPACE", "NAME", "STATUS", "AGE"]
    assert titles(60, needed) == ["NAMESPACE", "NAME", "STATUS", "AGE"]  # the name is cut first
    assert titles(55, needed) == ["NAMESPACE", "NAME", "STATUS"]
    assert titles(45, needed) == ["NAME", "STATUS"]


def test_name_and_state_are_cut_before_they_are_dropped() -> None:
    allowed = drawn_columns(COLUMNS, wide=False, one_namespace=False)
    slots = lay_out(COLUMNS, allowed, [12, 63, 28, 20, 15, 4], 40)
    assert [COLUMNS[slot.position].title for slot in slots] == ["NAME", "STATUS"]
    assert sum(slot.width for slot in slots) + 2 == 40


@given(st.integers(10, 250), st.lists(st.integers(4, 90), min_size=6, max_size=6), st.integers(0, 5))
def test_what_is_drawn_fits_unless_nothing_more_can_be_left_out(width: int, needed: list[int], skip: int) -> None:
    allowed = drawn_columns(COLUMNS, wide=True, one_namespace=False)
    slots = lay_out(COLUMNS, allowed, needed, width, skip=skip)
    drawn = {COLUMNS[slot.position].title for slot in slots}
    assert {"NAME", "STATUS"} <= drawn
    assert sum(slot.width for slot in slots) + 2 * (len(slots) - 1) <= max(width, 18)


def test_scrolling_sideways_leaves_out_columns_from_the_left() -> None:
    assert titles(50, [12, 20, 10, 20, 15, 4]) == ["NAMESPACE", "NAME", "STATUS"]
    assert titles(50, [12, 20, 10, 20, 15, 4], skip=1) == ["NAME", "STATUS", "AGE"]


def test_the_namespace_is_not_drawn_where_there_is_only_one() -> None:
    assert 0 not in drawn_columns(COLUMNS, wide=False, one_namespace=True)


def test_the_state_column_is_found_by_name() -> None:
    assert state_column(COLUMNS) == 2
    assert state_column(COLUMNS[:2]) is None


def test_wide_characters_are_measured_in_cells() -> None:
    assert measure(COLUMNS[1:2], [["日本語語"]]) == [8]


def test_very_long_names_are_cut_before_another_column_goes() -> None:
    allowed = drawn_columns(COLUMNS, wide=False, one_namespace=False)
    slots = lay_out(COLUMNS, allowed, [12, 63, 10, 20, 15, 4], 104)
    assert [(COLUMNS[slot.position].title, slot.width) for slot in slots][1] == ("NAME", 48)
    assert len(slots) == 5


def test_a_cut_name_keeps_both_its_ends() -> None:
    assert cut_name("nvidia-device-plugin-daemonset-ff97d", 24) == "nvidia-device-p~et-ff97d"
    assert cut_name("short", 8) == "short   "
