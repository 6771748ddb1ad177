"""The last line: the keys of this view, or a sentence that something happened, until the next key."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from console.text import cells, fit
from screens.keys import Hint
from screens.palette import Palette


class Hints(Widget):
    """Keys with their words, as many as fit and always the last; a notice takes their place."""

    DEFAULT_CSS = "Hints { height: 1; }"

    def __init__(self, palette: Palette, id: str | None = None) -> None:
        super().__init__(id=id)
        self.palette = palette
        self.notice = ""
        self._bad = False
        self._hints: Sequence[Hint] = ()

    def show(self, hints: Sequence[Hint]) -> None:
        """Take the keys of a view."""
        if list(hints) != list(self._hints):
            self._hints = hints
            self.refresh()

    def say(self, sentence: str, *, bad: bool = False) -> None:
        """Show one sentence ("" takes it away)."""
        if sentence != self.notice or bad != self._bad:
            self.notice, self._bad = sentence, bad
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width, palette = self.size.width, self.palette
        if self.notice:
            style = palette.error if self._bad else palette.accent
            return Strip([Segment(fit(" " + self.notice, width), style)], width)
        segments = [Segment(" ")]
        sizes = [cells(hint.key) + cells(hint.word) + 3 for hint in self._hints]
        left = width - (sizes[-1] if sizes else 0)
        for hint, size in zip(self._hints, sizes, strict=True):
            last = hint is self._hints[-1]
            if size > left and not last:
                continue
            segments += [Segment(hint.key, palette.primary), Segment(f" {hint.word}  ", palette.quiet)]
            left -= size
        return Strip(segments).adjust_cell_length(width)
