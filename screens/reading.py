"""The base of views that are read: prepared lines, scrolled, searched, copied and saved."""

from __future__ import annotations

import re
from typing import ClassVar

from textual.app import ComposeResult

from screens.asking import FilterAsking
from screens.base import Host, View
from screens.places import Place
from screens.widgets.lines import Line, Lines


class ReadingView(View):
    """Lines made by `make`; lines with a key are links that enter follows."""

    scopes: ClassVar[tuple[str, ...]] = ("detail",)

    def __init__(self, host: Host, place: Place) -> None:
        super().__init__(host, place)
        self.lines = Lines(host.palette)
        self._found = ""  # what is searched for

    def compose(self) -> ComposeResult:
        yield self.lines

    def make(self) -> list[Line]:
        """The lines to show at the present size."""
        return []

    def draw(self) -> None:
        """Make the lines again and show them."""
        if self.size.width:
            self.lines.show(self.make())
            self.host.crumbs_changed()

    def entered(self) -> None:
        self.draw()

    def on_resize(self) -> None:
        self.draw()

    def on_lines_cursor_moved(self, message: Lines.CursorMoved) -> None:
        message.stop()
        self.host.crumbs_changed()

    @property
    def position(self) -> str:
        top, total = self.lines.position
        height = self.lines.size.height
        return f"{min(top + height, total)}/{total}" if total > height else ""

    # keys

    def do_down(self) -> None:
        """A line, or a link, down."""
        self.lines.step(1)

    def do_up(self) -> None:
        """A line, or a link, up."""
        self.lines.step(-1)

    def do_top(self) -> None:
        """The first line."""
        self.lines.edge(False)

    def do_bottom(self) -> None:
        """The last line."""
        self.lines.edge(True)

    def do_page_down(self) -> None:
        """A screen down."""
        self.lines.page(1)

    def do_page_up(self) -> None:
        """A screen up."""
        self.lines.page(-1)

    def do_next_link(self) -> None:
        """The next line that leads somewhere."""
        self.lines.move(1)

    def do_previous_link(self) -> None:
        """The previous line that leads somewhere."""
        self.lines.move(-1)

    def do_open(self) -> None:
        """Follow the link under the cursor."""
        line = self.lines.current
        if line is not None and isinstance(line.target, Place):
            self.host.go(line.target)

    def do_search(self) -> None:
        """Ask for a text to find."""
        self.host.ask(FilterAsking(self._search, self._found))

    def _search(self, text: str, final: bool) -> str:
        self._found = text.strip()
        if final and self._found:
            return "" if self._step_match(1, here=True) else f"Nothing reads {self._found!r}."
        return ""

    def do_next_match(self) -> None:
        """The next line that matches."""
        self._step_match(1)

    def do_previous_match(self) -> None:
        """The previous line that matches."""
        self._step_match(-1)

    def _step_match(self, direction: int, *, here: bool = False) -> bool:
        if not self._found:
            self.host.say("Search with / first.")
            return False
        try:
            match = re.compile(self._found, re.IGNORECASE).search
        except re.error:
            match = re.compile(re.escape(self._found), re.IGNORECASE).search
        lines, top = self.lines.lines, self.lines.position[0]
        count = len(lines)
        for step in range(0 if here else 1, count + 1):
            index = (top + direction * step) % count
            if match(lines[index].text):
                self.lines.show_line(index)
                return True
        return False

    def do_copy_all(self) -> None:
        """Copy the text."""
        self.host.copy("\n".join(line.text for line in self.lines.lines), "the text")

    def do_save(self) -> None:
        """Save the text to a file."""
        name = f"{self.crumb}-{self.place.key.replace('/', '-')}.txt" if self.place.key else f"{self.crumb}.txt"
        self.host.save(name, "\n".join(line.text for line in self.lines.lines) + "\n")
