from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from screens.widgets.chart import slots, sparkline

figures = st.lists(st.none() | st.floats(min_value=-1e6, max_value=1e6), max_size=200)


@given(figures, st.integers(min_value=0, max_value=80), st.booleans())
def test_a_sparkline_takes_exactly_its_cells(values: list[float | None], width: int, ascii_only: bool) -> None:
    text = sparkline(values, width, ascii_only=ascii_only)
    assert len(text) == width
    assert not ascii_only or text.isascii()


def test_the_newest_value_is_at_the_right_and_what_is_missing_is_blank() -> None:
    assert sparkline([0, None, 50, 100], 6) == "  ▁ ▅█"
    assert sparkline([0, None, 50, 100], 4, ascii_only=True) == "_ +@"


def test_more_values_than_cells_are_averaged_not_dropped() -> None:
    assert sparkline([0, 100, 0, 100], 2) == "▅▅"
    assert sparkline([None, None, 100, None], 2) == " █"


def test_slots_count_what_they_show() -> None:
    assert slots(5, 2, 1) == "#####..x"
    assert slots(30, 2, 0) == "#30 .2"
