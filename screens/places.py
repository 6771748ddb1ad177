"""Where a person is, as a value: history, crumbs and the command line all speak of places. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

_KEPT = 64


@dataclass(frozen=True, slots=True)
class Place:
    """One view of something. `view` is a name of screens.registry; what else matters depends on it."""

    view: str
    kind: str = ""  # name of a kind in the catalog
    key: str = ""  # one object: `namespace/name`, or `name` for cluster-scoped ones
    namespaces: tuple[str, ...] = ()  # () means every namespace
    filter: str = ""  # as typed after the slash: `re`, `!re`, `-f text`
    selector: str = ""  # label selector, evaluated by the server
    option: str = ""  # what else the view needs: a container, `previous`
    cursor: str = field(default="", compare=False)  # the key the cursor stood on, for the way back

    def narrowed(self, **changes: str | tuple[str, ...]) -> Place:
        """The same place with some parts changed."""
        return replace(self, **changes)  # type: ignore[arg-type]

    @property
    def name(self) -> str:
        """The object's name."""
        return self.key.rpartition("/")[2]

    @property
    def namespace(self) -> str:
        """The object's namespace; "" for cluster-scoped ones."""
        return self.key.rpartition("/")[0]


class History:
    """Places in the order they were opened, with a position that goes back and forward as in a browser."""

    def __init__(self) -> None:
        self._places: list[Place] = []
        self._at = -1

    def visit(self, place: Place) -> None:
        """Remember a place that was opened; what was ahead is forgotten."""
        if self._at >= 0 and self._places[self._at] == place:
            return
        del self._places[self._at + 1 :]
        self._places.append(place)
        del self._places[:-_KEPT]
        self._at = len(self._places) - 1

    def update(self, place: Place) -> None:
        """Keep where the cursor stood, and what was narrowed, in the place being left."""
        if self._at >= 0 and (self._places[self._at].view, self._places[self._at].kind) == (place.view, place.kind):
            self._places[self._at] = place

    def back(self) -> Place | None:
        """The place before, or None."""
        if self._at <= 0:
            return None
        self._at -= 1
        return self._places[self._at]

    def forward(self) -> Place | None:
        """The place after, or None."""
        if self._at + 1 >= len(self._places):
            return None
        self._at += 1
        return self._places[self._at]

    def last(self) -> Place | None:
        """The place before this one, to go to and fro with one key."""
        return self._places[self._at - 1] if self._at > 0 else None
