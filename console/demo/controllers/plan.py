"""What a controller decided to do about one object: data that a test can compare, carried out elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from console.demo.client import Object


@dataclass(frozen=True, slots=True)
class Note:
    """An event to record on the object."""

    type: str  # "Normal" or "Warning"
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Creation:
    """An object to create; `refused.message` may hold `{error}`, the server's words."""

    collection: str  # path to POST to
    manifest: Object
    done: Note | None = None
    refused: Note | None = None


@dataclass(frozen=True, slots=True)
class Deletion:
    """An object to delete."""

    path: str
    done: Note | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A merge patch of an object that exists."""

    path: str
    patch: Object


@dataclass(slots=True)
class Plan:
    """Everything one reconciliation wants done, in order: changes, deletions, creations, events, status."""

    change: list[Change] = field(default_factory=list)
    delete: list[Deletion] = field(default_factory=list)
    create: list[Creation] = field(default_factory=list)
    events: list[Note] = field(default_factory=list)
    status: Object | None = None  # the whole new status, None to leave it
    remove: bool = False  # delete the object itself
    again_in: float | None = None  # seconds after which to look again though nothing changed

    def look_again(self, seconds: float) -> None:
        """Look again after `seconds`, or sooner where that was wanted already."""
        wait = max(0.0, seconds)
        self.again_in = wait if self.again_in is None else min(self.again_in, wait)


def holds(conditions: Iterable[Object], kind: str) -> bool:
    """Whether the condition of this type holds."""
    return any(each.get("type") == kind and each.get("status") == "True" for each in conditions)
