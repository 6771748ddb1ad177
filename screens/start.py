"""The start view: what is broken, whose and since when; what trains; GPUs; namespaces; the platform."""

from __future__ import annotations

from textual.app import ComposeResult

from screens.base import Host, View
from screens.places import Place
from screens.widgets.lines import Lines, plain


class StartView(View):
    """Filled as pages arrive."""

    def __init__(self, host: Host, place: Place) -> None:
        super().__init__(host, place)
        self.lines = Lines(host.palette)

    @property
    def crumb(self) -> str:
        return "start"

    def compose(self) -> ComposeResult:
        yield self.lines

    def entered(self) -> None:
        self.lines.show([plain("loading")])
