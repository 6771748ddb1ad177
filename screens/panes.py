"""The base of views that are one list of lines, in two columns where the screen is wide; one cursor moves in both."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from screens.base import Host, View
from screens.places import Place
from screens.widgets.lines import Lines

TWO_COLUMNS = 120  # cells from which the second column stands beside the first


class PanesView(View):
    """Two panes of lines and the keys that move through them."""

    scopes: ClassVar[tuple[str, ...]] = ("board", "table")

    def __init__(self, host: Host, place: Place) -> None:
        super().__init__(host, place)
        self.left_pane = Lines(host.palette)
        self.right_pane = Lines(host.palette)
        self.right_pane.activate(False)

    def compose(self) -> ComposeResult:
        yield self.left_pane
        yield self.right_pane

    @property
    def pane(self) -> Lines:
        """The pane the cursor is in."""
        return self.right_pane if self.right_pane.active and self.right_pane.display else self.left_pane

    @property
    def position(self) -> str:
        pane = self.pane
        top, total = pane.position
        return f"{min(top + pane.size.height, total)}/{total}" if total > pane.size.height else ""

    def on_resize(self) -> None:
        two = self.size.width >= TWO_COLUMNS
        self.right_pane.display = two
        self.left_pane.styles.width = "5fr" if two else "1fr"
        self.right_pane.styles.width = "3fr"
        if not two and self.right_pane.active:
            self._switch(self.left_pane)
        self.call_after_refresh(self.resized)  # when the panes have their new sizes

    def resized(self) -> None:
        """The panes have another size: make the lines for it."""

    # keys

    def _switch(self, pane: Lines) -> None:
        self.left_pane.activate(pane is self.left_pane)
        self.right_pane.activate(pane is self.right_pane)

    def do_pane(self) -> None:
        """Go to the other column."""
        if self.right_pane.display:
            self._switch(self.left_pane if self.pane is self.right_pane else self.right_pane)

    def do_down(self) -> None:
        """Next line; from the end of the first column to the second."""
        pane = self.pane
        if pane is self.left_pane and self.right_pane.display and pane.at_end:
            self._switch(self.right_pane)
            self.right_pane.edge(False)
        else:
            pane.move(1)

    def do_up(self) -> None:
        """Previous line; from the top of the second column back to the first."""
        pane = self.pane
        if pane is self.right_pane and pane.at_start:
            self._switch(self.left_pane)
        else:
            pane.move(-1)

    def do_top(self) -> None:
        """First line."""
        self.pane.edge(False)

    def do_bottom(self) -> None:
        """Last line."""
        self.pane.edge(True)

    def do_page_down(self) -> None:
        """A screen down."""
        self.pane.page(1)

    def do_page_up(self) -> None:
        """A screen up."""
        self.pane.page(-1)

    def do_scroll_right(self) -> None:
        """To the second column."""
        if self.right_pane.display:
            self._switch(self.right_pane)

    def do_scroll_left(self) -> None:
        """To the first column."""
        self._switch(self.left_pane)
