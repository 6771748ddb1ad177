"""Every kind with its spellings; those that are known but not installed, with the reason."""

from __future__ import annotations

from typing import ClassVar

from console.text import clean, fit
from screens.places import Place
from screens.reading import ReadingView
from screens.widgets.lines import Line, plain


class AliasesView(ReadingView):
    """`:alias`. Enter opens the kind under the cursor."""

    scopes: ClassVar[tuple[str, ...]] = ("detail",)

    @property
    def crumb(self) -> str:
        return "kinds"

    def make(self) -> list[Line]:
        catalog, palette = self.host.cluster.catalog, self.host.palette
        lines = [plain(f" {fit('KIND', 32)} {fit('ALIASES', 24)} GROUP", palette.quiet)]
        for kind in catalog.all():
            text = (
                f" {fit(clean(kind.name), 32)} {fit(clean(' '.join(kind.aliases)), 24)} {clean(kind.group) or 'core'}"
            )
            lines.append(Line(((text, None),), key=kind.name, target=Place("list", kind=kind.name)))
        absent = catalog.absent()
        if absent:
            lines += [plain(""), plain(" Known, but not here", palette.strong)]
            lines += [plain(f"   {fit(kind.name, 30)} {clean(why)}", palette.quiet) for kind, why in absent]
        return lines
