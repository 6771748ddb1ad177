"""The contexts of the kubeconfig; enter connects to one."""

from __future__ import annotations

from typing import ClassVar

from console.text import clean, fit
from screens.places import Place
from screens.reading import ReadingView
from screens.widgets.lines import Line, plain


class ContextsView(ReadingView):
    """`:ctx`."""

    scopes: ClassVar[tuple[str, ...]] = ("detail",)

    @property
    def crumb(self) -> str:
        return "contexts"

    def make(self) -> list[Line]:
        palette = self.host.palette
        entries = self.host.contexts()
        if not entries:
            return [plain(" There is no kubeconfig with contexts.", palette.warning)]
        width = min(40, max(8, *(len(entry.name) for entry in entries)))
        lines = [
            plain(f"   {fit('CONTEXT', width)}  {fit('CLUSTER', 28)}  {fit('USER', 24)}  NAMESPACE", palette.quiet)
        ]
        for entry in entries:
            mark = "*" if entry.name == self.host.context_name else " "
            cells = (fit(clean(entry.name), width), fit(clean(entry.cluster), 28), fit(clean(entry.user), 24))
            text = f" {mark} {'  '.join(cells)}  {clean(entry.namespace)}"
            lines.append(Line(((text, None),), key=entry.name))
        return lines

    def do_open(self) -> None:
        """Connect to the context under the cursor."""
        line = self.lines.current
        if line is not None:
            self.host.switch_context(line.key, Place("start"))
