"""What the frame sends, played on a terminal model, must show what Textual wanted shown."""

from __future__ import annotations

import io

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from screens.frame import Frame

WIDTH, HEIGHT = 24, 8
CONSOLE = Console(file=io.StringIO(), force_terminal=True, color_system="standard", width=WIDTH)
STYLES = (None, Style(color="red"), Style(reverse=True), Style(bold=True, color="green"), Style(bgcolor="blue"))
LINES = st.lists(
    st.tuples(st.text("ab日é x", max_size=9), st.sampled_from(STYLES)),
    max_size=4,
).map(lambda parts: Strip([Segment(*part) for part in parts]).adjust_cell_length(WIDTH))
SCREENS = st.lists(LINES, min_size=HEIGHT, max_size=HEIGHT)


class Terminal:
    def __init__(self) -> None:
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        self.stream = pyte.Stream(self.screen)
        self.frame = Frame()

    def draw(self, update: LayoutUpdate | ChopsUpdate) -> str:
        sent = self.frame.draw(update, CONSOLE)
        self.stream.feed(sent)
        return sent

    def full(self, lines: list[Strip]) -> str:
        return self.draw(LayoutUpdate([[line] for line in lines], Region(0, 0, WIDTH, HEIGHT)))

    def some(self, lines: list[Strip], changed: list[int]) -> str:
        chops = [{0: line} if y in changed else {} for y, line in enumerate(lines)]
        return self.draw(ChopsUpdate(chops, [(y, 0, WIDTH) for y in sorted(changed)], [[WIDTH]] * HEIGHT))

    def shows(self) -> list[list[tuple[str, bool, str]]]:
        return [
            [(cell.data, cell.reverse, cell.bg) for cell in (self.screen.buffer[y][x] for x in range(WIDTH))]
            for y in range(HEIGHT)
        ]


def fresh(lines: list[Strip]) -> Terminal:
    terminal = Terminal()
    terminal.full(lines)
    return terminal


@settings(max_examples=60)
@given(SCREENS, SCREENS, st.integers(-5, 5))
def test_a_changed_screen_looks_as_if_it_was_drawn_from_nothing(
    before: list[Strip], after: list[Strip], shift: int
) -> None:
    moved = [before[y + shift] if 0 <= y + shift < HEIGHT and y % 3 else after[y] for y in range(HEIGHT)]
    terminal = fresh(before)
    terminal.full(moved)
    assert terminal.shows() == fresh(moved).shows()


@settings(max_examples=60)
@given(SCREENS, SCREENS, st.sets(st.integers(0, HEIGHT - 1), min_size=1))
def test_changed_lines_alone_are_laid_over_the_rest(before: list[Strip], after: list[Strip], changed: set[int]) -> None:
    terminal = fresh(before)
    terminal.some(after, sorted(changed))
    wanted = [after[y] if y in changed else before[y] for y in range(HEIGHT)]
    assert terminal.shows() == fresh(wanted).shows()


def text(value: str) -> Strip:
    return Strip([Segment(value)]).adjust_cell_length(WIDTH)


def test_an_equal_screen_sends_nothing() -> None:
    lines = [text(f"line {y}") for y in range(HEIGHT)]
    assert fresh(lines).full(list(lines)) == ""


def test_one_changed_character_sends_one_character() -> None:
    lines = [text(f"line {y}") for y in range(HEIGHT)]
    terminal = fresh(lines)
    lines[3] = text("lime 3")
    assert terminal.some(lines, [3]) == "\x1b[4;3Hm"


def test_a_scrolled_block_is_moved_by_the_terminal() -> None:
    lines = [text(f"row {y} {'abcdefgh'[y] * 12}") for y in range(HEIGHT)]
    terminal = fresh(lines)
    moved = [lines[0], *lines[3:], text("new 1"), text("new 2")]
    sent = terminal.full(moved)
    assert terminal.shows() == fresh(moved).shows()
    assert "\x1b[2M" in sent
    assert len(sent) < 90


def test_after_something_else_wrote_everything_is_sent_again() -> None:
    lines = [text(f"line {y}") for y in range(HEIGHT)]
    terminal = fresh(lines)
    terminal.frame.forget()
    assert "line 5" in terminal.full(lines)
