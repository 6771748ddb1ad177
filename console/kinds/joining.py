"""Rows of joined kinds grouped by the row they belong to, kept as they change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from console.errors import ConsoleError
from console.kinds.base import Join, Kind
from console.live.source import Row

if TYPE_CHECKING:
    from console.live.feed import Feed


class Index:
    """The rows of a joined kind, grouped by the row they belong to."""

    __slots__ = ("belongs", "groups", "join")

    def __init__(self, join: Join) -> None:
        self.join = join
        self.belongs: dict[str, str] = {}
        self.groups: dict[str, dict[str, Row]] = {}

    def put(self, key: str, row: Row, touched: set[str]) -> None:
        target = self.join.key(row)
        before = self.belongs.get(key, "")
        if before and before != target:
            self._leave(key, before, touched)
        if target:
            self.belongs[key] = target
            self.groups.setdefault(target, {})[key] = row
            touched.add(target)
        else:
            self.belongs.pop(key, None)

    def drop(self, key: str, touched: set[str]) -> None:
        before = self.belongs.pop(key, "")
        if before:
            self._leave(key, before, touched)

    def _leave(self, key: str, target: str, touched: set[str]) -> None:
        group = self.groups.get(target, {})
        group.pop(key, None)
        if not group:
            self.groups.pop(target, None)
        touched.add(target)


class Joined:
    """One joined kind with its feeds and indexes."""

    def __init__(self, kind: Kind, feeds: list[Feed]) -> None:
        self.kind = kind
        self.feeds = feeds
        self.indexes: dict[Join, Index] = {}
        self.failed: ConsoleError | None = None
        self.known = False

    def add(self, join: Join) -> None:
        """Group by this join, too."""
        self.indexes.setdefault(join, Index(join))

    def rebuild(self) -> None:
        """Group anew from all feeds."""
        for join in self.indexes:
            index = Index(join)
            for feed in self.feeds:
                for key, row in feed.rows.items():
                    index.put(key, row, set())
            self.indexes[join] = index

    def take(self, feed: Feed, upserted: Iterable[str], removed: Iterable[str]) -> set[str]:
        """Follow one batch of a feed; the keys of the rows it touches."""
        touched: set[str] = set()
        for index in self.indexes.values():
            for key in removed:
                index.drop(key, touched)
            for key in upserted:
                row = feed.rows.get(key)
                if row is not None:
                    index.put(key, row, touched)
        return touched

    def settled(self) -> bool:
        """Whether figures made of these rows are true: every list was read to its end at least once."""
        if self.failed is not None:
            return False
        states = [feed.freshness for feed in self.feeds]
        return all(state.phase == "live" or (state.phase == "stale" and not state.remaining) for state in states)

    def partial(self) -> bool:
        """Whether rows of some namespaces are hidden from this user."""
        return any(feed.freshness.denied for feed in self.feeds)
