"""The palette: one fuzzy search over actions of this view, kinds, namespaces and the objects that are loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from console.text import clean
from screens.filters import score
from screens.places import Place
from screens.widgets.prompt import Choice

if TYPE_CHECKING:
    from console.kinds.base import Kind
    from screens.base import View
    from screens.cluster import Cluster

_MOST = 40  # candidates listed
_ENOUGH = 400  # objects looked at for one letter; more letters narrow the search


class Seeker(Protocol):
    """Who opens what was found."""

    linked: Cluster | None

    @property
    def front(self) -> View: ...
    @property
    def known_namespaces(self) -> Sequence[str]: ...
    def go(self, place: Place) -> None: ...
    def command(self, text: str) -> str: ...
    def enter_namespace(self, name: str) -> None: ...
    def object_place(self, kind: Kind, key: str) -> Place: ...


class PaletteAsking:
    """`>` and some letters of what is wanted."""

    lead = ">"

    def __init__(self, seeker: Seeker) -> None:
        self._seeker = seeker
        self._objects = [(text.lower(), text, note, do) for text, note, do in self._loaded()]
        self._others = [(text.lower(), text, note, do) for text, note, do in self._known()]

    def choices(self, text: str) -> list[Choice]:
        """The best matches; without a letter, the actions of the view."""
        wanted = text.strip().lower()
        pool = self._others if not wanted else [*self._others, *self._objects]
        found = []
        for lower, shown, note, do in pool:
            rank = score(wanted, lower) if wanted else 0
            if rank is not None:
                found.append((rank, len(shown), Choice(text, note, shown, do)))
        found.sort(key=lambda entry: entry[:2])
        return [choice for _, _, choice in found[:_MOST]]

    def typed(self, text: str) -> None:
        """Nothing happens before enter."""

    def submit(self, text: str, choice: Choice | None) -> str:
        """Do what was chosen."""
        if choice is None or not callable(choice.target):
            return "Nothing has these letters."
        choice.target()
        return ""

    def cancel(self) -> None:
        """Nothing to undo."""

    def _known(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        seeker = self._seeker
        view = seeker.front
        for binding in view.keys.shown():
            if view.can(binding.action) and binding.action != "palette" and binding.help:
                yield binding.help, f"key {binding.keys[0]}", _doing(view, binding.action)
        if seeker.linked is None:
            return
        for kind in seeker.linked.catalog.all():
            yield kind.name, "kind", _commanding(seeker, kind.name)
        for name in seeker.known_namespaces:
            yield clean(name), "namespace", _entering(seeker, name)

    def _loaded(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        """Objects of the boards that are followed now: nothing is asked of the server for a search."""
        for following in self._seeker.front.followed:
            board = following.board
            for row in board.rows.values():
                key = f"{row.namespace}/{row.name}" if row.namespace else row.name
                kind = board.kind
                word = getattr(row, "kind", "") if kind.members else kind.kind
                yield key, word, _opening(self._seeker, kind, word, key)


def _doing(view: View, action: str) -> Callable[[], object]:
    return lambda: view.do(action)


def _commanding(seeker: Seeker, word: str) -> Callable[[], object]:
    return lambda: seeker.command(word)


def _entering(seeker: Seeker, name: str) -> Callable[[], object]:
    return lambda: seeker.enter_namespace(name)


def _opening(seeker: Seeker, kind: Kind, word: str, key: str) -> Callable[[], object]:
    def open_it() -> None:
        found = kind
        if kind.members and seeker.linked is not None:
            found = seeker.linked.catalog.find(word)
        seeker.go(seeker.object_place(found, key))

    return open_it
