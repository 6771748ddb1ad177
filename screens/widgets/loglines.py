"""Log lines drawn one screen at a time from a bounded buffer: followed, filtered, wrapped, with the labels coloured."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from rich.segment import Segment
from rich.style import Style
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from console.live.loglines import LogBuffer, LogLine
from console.text import cells, cut, fit
from screens.palette import Palette

Accept = Callable[[LogLine], bool]
_LABEL = 16  # cells of the widest label


class LogLines(Widget):
    """The lines of one buffer that are accepted, as many as fit."""

    DEFAULT_CSS = "LogLines { height: 1fr; }"

    class Moved(Message):
        """Another line is on top, or following went on or off."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, LogLines.Moved)

    def __init__(self, palette: Palette, buffer: LogBuffer, id: str | None = None) -> None:
        super().__init__(id=id)
        self.palette = palette
        self.buffer = buffer
        self.labels: Sequence[str] = ()
        self.following = True
        self.wrap = False
        self.timestamps = False
        self.matched: re.Pattern[str] | None = None  # drawn in reverse
        self.empty = ""
        self._accept: Accept | None = None
        self._shown: list[int] = []  # numbers of accepted lines
        self._seen = 0  # number of the first line not yet looked at
        self._top = 0  # index into _shown
        self._strips: list[Strip] = []

    # what is shown

    def accept(self, accept: Accept | None) -> None:
        """Show only these lines; the line on top stays near where it was."""
        held = self._shown[self._top] if self._top < len(self._shown) else self.buffer.end
        self._accept = accept
        self._shown, self._seen = [], 0
        self._look()
        self._top = next((i for i, number in enumerate(self._shown) if number >= held), max(0, len(self._shown) - 1))
        self.redraw()

    def _look(self) -> None:
        """Take the lines that came, and let those go that the buffer dropped."""
        first = self.buffer.first
        if self._shown and self._shown[0] < first:
            gone = next((i for i, number in enumerate(self._shown) if number >= first), len(self._shown))
            del self._shown[:gone]
            self._top = max(0, self._top - gone)
        accept = self._accept
        for number, line in self.buffer.numbered(self._seen):
            if accept is None or accept(line):
                self._shown.append(number)
        self._seen = self.buffer.end

    def arrived(self) -> None:
        """The buffer has new lines; the screen changes only where it follows or is not yet full."""
        before = len(self._shown)
        self._look()
        if self.following or before < self.size.height or self.buffer.first:
            self.redraw()
        self.post_message(self.Moved())

    def redraw(self) -> None:
        """Draw the screen again from the buffer."""
        self._strips = self._draw()
        self.refresh()

    @property
    def position(self) -> tuple[int, int]:
        """(lines down to the last one on screen, lines accepted)."""
        count = len(self._shown)
        return (count if self.following else min(count, self._top + self.size.height), count)

    @property
    def texts(self) -> list[str]:
        """Every accepted line as text, with time and label."""
        lines = (self.buffer[number] for number in self._shown if number >= self.buffer.first)
        return [" ".join(filter(None, (_iso(line.at), self._label(line), line.text))) for line in lines]

    # moving

    def scroll(self, steps: int) -> None:
        """Go up or down by lines; going up ends following, reaching the end starts it again."""
        last = self._last_top()
        top = last if self.following else self._top
        self._top = max(0, min(top + steps, last))
        self.following = steps > 0 and self._top >= last
        self.redraw()
        self.post_message(self.Moved())

    def edge(self, end: bool) -> None:
        """Go to the oldest line, or to the newest and follow."""
        self.following = end
        self._top = self._last_top() if end else 0
        self.redraw()
        self.post_message(self.Moved())

    def go_to(self, wanted: Accept, direction: int) -> bool:
        """Put the next accepted line that is wanted on top; False where there is none."""
        here = self._last_top() if self.following and direction < 0 else self._top
        numbers = range(here + direction, len(self._shown) if direction > 0 else -1, direction)
        for index in numbers:
            if self._shown[index] >= self.buffer.first and wanted(self.buffer[self._shown[index]]):
                self._top, self.following = index, False
                self.redraw()
                self.post_message(self.Moved())
                return True
        return False

    def _last_top(self) -> int:
        """The index from which the rest fills the screen."""
        left, index = max(1, self.size.height), len(self._shown)
        while index > 0 and left > 0:
            left -= self._rows(self.buffer[self._shown[index - 1]]) if self.wrap else 1
            if left >= 0:
                index -= 1
        return index

    def _rows(self, line: LogLine) -> int:
        room = max(10, self.size.width - self._lead)
        return max(1, -(-cells(line.text) // room))

    # drawing

    @property
    def _lead(self) -> int:
        width = min(_LABEL, max((len(label) for label in self.labels), default=0))
        return (9 if self.timestamps else 0) + (width + 1 if width else 0)

    def _label(self, line: LogLine) -> str:
        return self.labels[line.source] if 0 <= line.source < len(self.labels) else ""

    def _draw(self) -> list[Strip]:
        height, width = self.size.height, self.size.width
        if self.following:
            self._top = self._last_top()
        strips: list[Strip] = []
        for number in self._shown[self._top :]:
            if len(strips) >= height:
                break
            if number >= self.buffer.first:
                strips += self._line(self.buffer[number], width)
        return strips[:height]

    def _line(self, line: LogLine, width: int) -> list[Strip]:
        palette = self.palette
        head: list[Segment] = []
        if self.timestamps:
            clock = datetime.fromtimestamp(line.at, UTC).strftime("%H:%M:%S") if line.at else ""
            head.append(Segment(f"{clock:<9}", palette.quiet))
        size = min(_LABEL, max((len(label) for label in self.labels), default=0))
        if size:
            style = palette.series[line.source % len(palette.series)] if line.source >= 0 else palette.quiet
            head.append(Segment(fit(self._label(line), size) + " ", style))
        own = {"E": palette.error, "W": palette.warning, "D": palette.quiet}.get(line.level)
        if line.source < 0:
            own = palette.accent
        room = max(10, width - self._lead)
        if not self.wrap:
            return [Strip([*head, *self._marked(cut(line.text, room), own)]).adjust_cell_length(width)]
        pieces = _pieces(line.text, room) or [""]
        first = Strip([*head, *self._marked(pieces[0], own)]).adjust_cell_length(width)
        indent = Segment(" " * self._lead)
        return [first, *(Strip([indent, *self._marked(p, own)]).adjust_cell_length(width) for p in pieces[1:])]

    def _marked(self, text: str, style: Style | None) -> list[Segment]:
        if self.matched is None:
            return [Segment(text, style)]
        segments, at = [], 0
        for found in self.matched.finditer(text):
            if found.end() > found.start():
                segments += [Segment(text[at : found.start()], style), Segment(found.group(), self.palette.cursor)]
                at = found.end()
        return [*segments, Segment(text[at:], style)]

    def on_resize(self) -> None:
        self.redraw()

    def render_line(self, y: int) -> Strip:
        if y < len(self._strips):
            return self._strips[y]
        if not self._strips and y == 1 and self.empty:
            return Strip([Segment(fit("  " + self.empty, self.size.width), self.palette.quiet)])
        return Strip.blank(self.size.width)


def _pieces(text: str, room: int) -> list[str]:
    pieces = []
    while text:
        piece = cut(text, room, mark="") if cells(text) > room else text
        piece = piece or text[:1]
        pieces.append(piece)
        text = text[len(piece) :]
    return pieces


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""
