"""The keys of the view it was opened from, made from the keymap."""

from __future__ import annotations

from typing import ClassVar

from config import Binding
from screens.base import Host, View
from screens.palette import Palette
from screens.places import Place
from screens.reading import ReadingView
from screens.widgets.lines import Line, Part, plain

_GRAMMAR = (
    (":pods", "a kind: plural, short name, alias or plural.group"),
    (":pods team-a,team-b", "in these namespaces; `all` for every one"),
    (":pods /re  :pods app=x", "with a filter, or a label selector"),
    (":pods @context", "in another context"),
    (":ctx  :ns  :alias  :q", "contexts, namespaces, kinds, leave"),
    ("/re  /!re  /-f text", "rows that match, that do not match, fuzzy"),
    ("/-l app=x,tier!=y", "labels, evaluated by the server"),
)


def help_lines(view: View, width: int) -> list[Line]:
    """Keys with their words, in two columns where there is room; then what can be typed."""
    palette = view.host.palette
    entries = [binding for binding in view.keys.shown() if view.can(binding.action) and binding.help]
    two = width >= 110
    half = (len(entries) + 1) // 2 if two else len(entries)
    lines = [plain(f" Keys of {view.crumb}", palette.strong), plain("")]
    for index in range(half):
        parts = _entry(entries[index], palette)
        if two and index + half < len(entries):
            used = sum(len(text) for text, _ in parts)
            parts = (*parts, (" " * max(2, width // 2 - used), None), *_entry(entries[index + half], palette))
        lines.append(Line(parts))
    lines += [plain(""), plain(" What can be typed", palette.strong), plain("")]
    lines += [Line(((f"  {typed:<24}", palette.primary), (words, None))) for typed, words in _GRAMMAR]
    glyphs = "ok well   ~ runs   . waits   ! wants a look   x broken   * marked   > cursor"
    return [*lines, plain(""), plain(f" States   {glyphs}", palette.quiet)]


def _entry(binding: Binding, palette: Palette) -> tuple[Part, ...]:
    return ((f"  {' '.join(binding.keys):<24}", palette.primary), (binding.help, None))


class HelpView(ReadingView):
    """Help for the view under it."""

    scopes: ClassVar[tuple[str, ...]] = ("detail",)

    def __init__(self, host: Host, place: Place) -> None:
        super().__init__(host, place)
        self.about = host.front

    @property
    def crumb(self) -> str:
        return "help"

    def make(self) -> list[Line]:
        return help_lines(self.about, self.size.width)
