"""The line that says which cluster this is, as whom, and how true what is shown is; and the line of crumbs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from console.text import cells, cut

Part = tuple[str, Style | None]


class OneLine(Widget):
    """One line of parts at the left and at the right; drawn again only when they differ."""

    DEFAULT_CSS = "OneLine { height: 1; }"

    def __init__(self, fill: str = " ", style: Style | None = None, id: str | None = None) -> None:
        super().__init__(id=id)
        self.fill = fill
        self.fill_style = style
        self._left: tuple[Part, ...] = ()
        self._right: tuple[Part, ...] = ()

    def show(self, left: Sequence[Part], right: Sequence[Part] = ()) -> None:
        """Take new parts. Where both do not fit, right parts are left out from their end, then the left is cut."""
        parts = tuple(left), tuple(right)
        if parts != (self._left, self._right):
            self._left, self._right = parts
            self.refresh()

    @property
    def text(self) -> str:
        """What the line says, without the space between its sides."""
        return "".join(text for text, _ in (*self._left, *self._right))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        right = list(self._right)
        room = width - sum(cells(text) for text, _ in self._left)
        while len(right) > 1 and sum(cells(text) for text, _ in right) > room:
            right.pop()
        taken = sum(cells(text) for text, _ in right)
        segments, left = [], max(0, width - taken)
        for text, style in self._left:
            piece = cut(text, left)
            left -= cells(piece)
            segments.append(Segment(piece, style))
            if left <= 0:
                break
        if left > 0:
            segments.append(Segment(self.fill * left, self.fill_style))
        segments += [Segment(text, style) for text, style in right]
        return Strip(segments).adjust_cell_length(width)
