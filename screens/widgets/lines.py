"""Prepared lines with a cursor that stops only on those that lead somewhere: boards, details, help, lists of links.

Use it where rows differ in shape and are at most some thousands; the table is for many rows of one shape.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from console.text import cut, fit
from screens.palette import Palette

Part = tuple[str, Style | None]


@dataclass(frozen=True, slots=True)
class Line:
    """One line: clean text in styled parts; with a `key` the cursor stops on it and `target` says where it leads."""

    parts: tuple[Part, ...] = ()
    key: str = ""
    target: Any = None

    @property
    def text(self) -> str:
        """The line without its styles."""
        return "".join(text for text, _ in self.parts)


def plain(text: str, style: Style | None = None) -> Line:
    """A line of one part that leads nowhere."""
    return Line(((text, style),))


class Lines(Widget):
    """A list of lines; with `cursor=False` it only scrolls."""

    DEFAULT_CSS = "Lines { height: 1fr; }"

    class CursorMoved(Message):
        """The cursor or the scroll position changed."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, Lines.CursorMoved)

    def __init__(self, palette: Palette, *, cursor: bool = True, reading: bool = False, id: str | None = None) -> None:
        """`reading`: a text with links in it, which stays where it is until somebody goes to a link."""
        super().__init__(id=id)
        self.palette = palette
        self.lines: Sequence[Line] = ()
        self.with_cursor = cursor
        self.reading = reading
        self.touched = False  # whether a person moved the cursor: before that it stays on the first stop
        self.active = True  # whether this is the pane the cursor is drawn in
        self._stop = -1  # index of the line under the cursor
        self._top = 0

    @property
    def current(self) -> Line | None:
        """The line under the cursor, or None where no line leads anywhere."""
        return self.lines[self._stop] if 0 <= self._stop < len(self.lines) else None

    @property
    def stops(self) -> list[int]:
        """Indexes of the lines the cursor stops on."""
        return [index for index, line in enumerate(self.lines) if line.key]

    @property
    def at_start(self) -> bool:
        """Whether the cursor is on the first stop."""
        return self._stop == min(self.stops, default=-1)

    @property
    def at_end(self) -> bool:
        """Whether the cursor is on the last stop."""
        return self._stop == max(self.stops, default=-1)

    @property
    def position(self) -> tuple[int, int]:
        """(first visible line, number of lines)."""
        return self._top, len(self.lines)

    def show(self, lines: Sequence[Line]) -> None:
        """Take new lines; the cursor stays on its key, and only lines that differ are drawn again."""
        held = self.current.key if self.current is not None else ""
        old, old_top, old_stop = self.lines, self._top, self._stop
        self.lines = lines
        stops = self.stops
        self._stop = stops[0] if stops and not self.reading else -1
        if self.touched and held:
            same = [index for index in stops if lines[index].key == held]
            near = [index for index in stops if index <= old_stop]
            self._stop = same[0] if same else (near[-1] if near else self._stop)
        self._keep_visible(follow=not self.reading)
        if self._top != old_top:
            self.refresh()
        else:
            for index in range(self._top, self._top + self.size.height):
                before = old[index] if index < len(old) else None
                after = lines[index] if index < len(lines) else None
                if before != after or (index == self._stop) != (index == old_stop):
                    self._redraw(index)
        if (self._top, self._stop, len(lines)) != (old_top, old_stop, len(old)):
            self.post_message(self.CursorMoved())

    def move(self, steps: int) -> None:
        """Move to the next or previous stop; scroll where there is none further on."""
        stops = self.stops if self.with_cursor else []
        if not stops:
            self.scroll(steps)
            return
        if self._stop not in stops:
            below = [index for index in stops if index >= self._top]
            self.put((below or stops)[0] if steps > 0 else stops[-1])
            return
        wanted = stops.index(self._stop) + steps
        if wanted < 0:
            self.put(stops[0])
            self.scroll(-self._top)
        elif wanted >= len(stops):
            self.put(stops[-1])
            self.scroll(len(self.lines))
        else:
            self.put(stops[wanted])

    def step(self, steps: int) -> None:
        """Move to a stop that is on the screen or next to it; where there is none that near, scroll one line."""
        near = [
            index
            for index in (self.stops if self.with_cursor else [])
            if self._top - 1 <= index <= self._top + self.size.height
            and (index > self._stop if steps > 0 else index < self._stop)
        ]
        if near:
            self.put(near[0] if steps > 0 else near[-1])
        else:
            self.scroll(steps)

    def show_line(self, index: int) -> None:
        """Bring a line to the top of the screen, the cursor with it where it leads somewhere."""
        if self.lines[index].key:
            self.put(index)
        self.scroll(index - self._top)

    def put(self, index: int) -> None:
        """Put the cursor on a line by its index."""
        before, top = self._stop, self._top
        self.touched = True
        self._stop = index
        self._keep_visible()
        if self._top != top:
            self.refresh()
        elif before != index:
            self._redraw(before)
            self._redraw(index)
        self.post_message(self.CursorMoved())

    def find(self, key: str) -> bool:
        """Put the cursor on the line of a key; False where there is none."""
        for index in self.stops:
            if self.lines[index].key == key:
                self.put(index)
                return True
        return False

    def scroll(self, steps: int) -> None:
        """Scroll without moving the cursor."""
        top = max(0, min(self._top + steps, len(self.lines) - self.size.height))
        if top != self._top:
            self._top = top
            self.refresh()
            self.post_message(self.CursorMoved())

    def page(self, direction: int) -> None:
        """Go a screen down (1) or up (-1)."""
        height = max(1, self.size.height - 1)
        if not self.with_cursor or not self.stops:
            self.scroll(direction * height)
            return
        aim = self._stop + direction * height
        stops = self.stops
        beyond = [index for index in stops if (index >= aim if direction > 0 else index <= aim)]
        self.put((beyond[0] if direction > 0 else beyond[-1]) if beyond else (stops[-1] if direction > 0 else stops[0]))

    def edge(self, end: bool) -> None:
        """Go to the first or the last line."""
        self.move(len(self.lines) if end else -len(self.lines))

    def activate(self, active: bool) -> None:
        """Draw the cursor, or not, where several panes share the screen."""
        if active != self.active:
            self.active = active
            self._redraw(self._stop)

    def on_resize(self) -> None:
        self._keep_visible(follow=not self.reading)
        self.refresh()

    def _keep_visible(self, *, follow: bool = True) -> None:
        height = self.size.height
        if follow and self.with_cursor and self._stop >= 0 and height:
            if self._stop < self._top:
                self._top = self._stop - (1 if self._stop else 0)
            elif self._stop >= self._top + height:
                self._top = self._stop - height // 2
        self._top = max(0, min(self._top, len(self.lines) - height))

    def _redraw(self, index: int) -> None:
        line = index - self._top
        if 0 <= line < self.size.height:
            self.refresh(Region(0, line, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        width, index = self.size.width, y + self._top
        if index >= len(self.lines):
            return Strip.blank(width)
        line = self.lines[index]
        here = self.with_cursor and self.active and index == self._stop and bool(line.key)
        lead = 2 if self.with_cursor else 0
        segments = [Segment(" >" if here else "  ", self.palette.gutter)] if lead else []
        left = width - lead
        for text, style in line.parts:
            piece = cut(text, left, mark="~" if len(text) > left else "")
            left -= len(piece) if piece.isascii() else Segment(piece).cell_length
            segments.append(Segment(piece, style))
            if left <= 0:
                break
        return Strip(segments).adjust_cell_length(width)


def columns(cells: Sequence[str], widths: Sequence[int], gap: int = 2) -> str:
    """Cells padded to widths, the last one as it is."""
    padded = [fit(cell, width) for cell, width in zip(cells, widths, strict=False)]
    padded += cells[len(widths) :]
    return (" " * gap).join(padded).rstrip()


def highlighted(line: Line, search: re.Pattern[str], style: Style) -> Line:
    """The line with every match drawn in a style of its own."""
    if not search.search(line.text):
        return line
    parts: list[Part] = []
    for text, own in line.parts:
        at = 0
        for match in search.finditer(text):
            if match.end() > match.start():
                parts += [(text[at : match.start()], own), (match.group(), style)]
                at = match.end()
        parts.append((text[at:], own))
    return replace(line, parts=tuple(part for part in parts if part[0]))
