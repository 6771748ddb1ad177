"""What is on screen before a cluster answers: words for what is happening, and what to do where it failed."""

from __future__ import annotations

from textual.app import ComposeResult

from console.errors import ConsoleError
from console.text import clean
from screens.base import Host, View
from screens.places import Place
from screens.widgets.lines import Lines, plain


class ConnectingView(View):
    """The first frame."""

    def __init__(self, host: Host, place: Place) -> None:
        super().__init__(host, place)
        self.lines = Lines(host.palette, cursor=False)
        self.words = "starting"

    @property
    def crumb(self) -> str:
        return "connecting"

    def compose(self) -> ComposeResult:
        yield self.lines

    def on_mount(self) -> None:
        self.progressed(self.words)

    def progressed(self, words: str) -> None:
        """Say what is happening now."""
        self.words = words
        self.lines.show([plain(""), plain(f"  {clean(words)} ...")])

    def failed(self, error: ConsoleError) -> None:
        """Say why there is no cluster, and which keys help."""
        palette = self.host.palette
        self.words = str(error)
        self.lines.show(
            [
                plain(""),
                *(plain(f"  {line}", palette.error) for line in _wrapped(clean(error.sentence), self.size.width - 4)),
                *(plain(f"  {line}") for line in _wrapped(clean(error.step), self.size.width - 4)),
                plain(""),
                plain("  ctrl-r try again    :ctx another context    :q quit"),
            ]
        )


def _wrapped(text: str, width: int) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > max(20, width):
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line] if line else lines
