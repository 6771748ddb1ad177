"""Describe: one object in words, with its events, and links to what it hangs together with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.text import clean
from screens.detail import ObjectView
from screens.widgets.lines import Line, plain

if TYPE_CHECKING:
    from console.kinds.detail import Detail

_MOST_LINKS = 200


class DescribeView(ObjectView):
    """What `kubectl describe` tells, kept current, and the object's links at the end."""

    @property
    def title(self) -> str:
        return f"in {self.place.namespace}" if self.place.namespace else ""

    def draw_object(self, detail: Detail) -> None:
        palette = self.host.palette
        lines = self.notice(detail)
        for text in detail.lines(self.host.now()):
            head, colon, rest = text.partition(":")
            if colon and not text.startswith(" "):
                lines.append(Line(((head + colon, palette.quiet), (rest, None))))
            else:
                lines.append(plain(text))
        links = detail.links()
        if links:
            lines += [plain(""), plain("Related (tab, enter):", palette.quiet)]
        for link in links[:_MOST_LINKS]:
            where = f"{link.kind}/{link.name}"
            parts = ((f"  {link.relation:<9}", palette.quiet), (clean(where), palette.primary))
            lines.append(Line(parts, key=f"{link.relation} {link.namespace} {where}", target=link))
        if len(links) > _MOST_LINKS:
            lines.append(plain(f"  and {len(links) - _MOST_LINKS} more", palette.quiet))
        self.show(lines)
