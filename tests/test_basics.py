from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.clock import Clock, age, format_time, parse_time
from console.quantity import format_bytes, format_cores, parse_quantity
from console.text import cells, clean, clean_bytes, cut, fit


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (5, "5s"),
        (119, "119s"),
        (187, "3m7s"),
        (1860, "31m"),
        (3 * 3600 + 120, "3h2m"),
        (9 * 3600, "9h"),
        (47 * 3600, "47h"),
        (52 * 3600, "2d4h"),
        (40 * 86400, "40d"),
        (800 * 86400, "2y70d"),
        (-3, "0s"),
        (None, ""),
    ],
)
def test_ages_read_as_kubectl_writes_them(seconds: float | None, text: str) -> None:
    assert age(seconds) == text


def test_now_is_the_clusters_now_when_the_local_clock_is_wrong() -> None:
    clock = Clock(local=lambda: 1000.0)
    clock.heard(1001.0)
    assert clock.now() == 1000.0  # transit, not skew
    clock.heard(4600.0)
    assert clock.now() == 4600.0


@given(st.integers(min_value=0, max_value=4_000_000_000))
def test_times_survive_a_round_trip(seconds: int) -> None:
    assert parse_time(format_time(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "value"),
    [("500m", 0.5), ("2Gi", 2 * 2**30), ("1e3", 1000), ("8", 8), ("1.5k", 1500), (".5", 0.5), (None, 0)],
)
def test_quantities_are_read_in_base_units(text: str | None, value: float) -> None:
    assert parse_quantity(text) == value


@pytest.mark.parametrize("text", ["", "Gi", "1 Gi", "1gi", "--1", "1e", "0x10"])
def test_nonsense_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="not a Kubernetes quantity"):
        parse_quantity(text)


def test_sizes_are_short() -> None:
    assert [format_bytes(n) for n in (512, 65536, 1.5 * 2**30, 400 * 2**30)] == ["512", "64Ki", "1.5Gi", "400Gi"]
    assert [format_cores(n) for n in (0.25, 1.5, 96)] == ["250m", "1.5", "96"]


@given(st.text())
def test_no_text_from_a_cluster_can_steer_the_terminal(text: str) -> None:
    safe = clean(text)
    assert all(character.isprintable() or character.isspace() for character in safe)
    assert "\x1b" not in safe
    assert "\n" not in safe
    assert "\u202e" not in safe


@given(st.binary())
def test_any_log_bytes_become_safe_text(data: bytes) -> None:
    assert "\x1b" not in clean_bytes(data)


def test_what_is_neutralised_stays_visible_unless_it_is_a_sequence() -> None:
    assert clean("\x1b[31mred\x1b[0m \x1b]0;title\x07done") == "red done"
    assert clean("a\x00b\u202ec") == "a\\x00b\\u202ec"
    assert clean_bytes(b"caf\xe9") == "caf\\xe9"


@given(st.text(max_size=40), st.integers(min_value=0, max_value=30))
def test_a_fitted_text_takes_exactly_its_cells(text: str, width: int) -> None:
    safe = clean(text)
    assert cells(fit(safe, width)) == width
    assert cells(cut(safe, width)) <= max(width, 0)
