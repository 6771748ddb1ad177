"""One list as screens and headless verbs read it: the feeds a kind needs, merged and joined as they change.

A changed row of a joined kind touches only the row it belongs to. A board never does I/O of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from console.errors import ConsoleError
from console.kinds.base import Kind
from console.kinds.catalog import Catalog
from console.kinds.freshness import BoardFreshness, merge_freshness, why
from console.kinds.generic import TableSource
from console.kinds.joining import Joined
from console.live.source import Row

if TYPE_CHECKING:
    from console.live.feed import Changes, Feed
    from console.live.hub import Hub


@dataclass(frozen=True, slots=True)
class BoardChanges:
    """One batch of changes of a board; with `reset` every row may be another.

    A batch without keys says that the freshness may have changed.
    """

    board: Board
    upserted: set[str]
    removed: set[str]
    reset: bool = False


class Board:
    """The rows of a kind, or of a composite's members, in some namespaces or all, merged and joined."""

    def __init__(
        self,
        hub: Hub,
        catalog: Catalog,
        kind: Kind,
        *,
        namespaces: tuple[str, ...] = (),
        selector: str = "",
        field_selector: str = "",
    ) -> None:
        """Open what the kind needs; an event loop must be running. Raises nothing for what the cluster denies."""
        self._hub = hub
        self._kind = kind
        self.namespaces = namespaces
        self.selector = selector
        self._subscribers: list[Callable[[BoardChanges], None]] = []
        self._undo: list[Callable[[], None]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False
        names = kind.members or (kind.name,)
        served = [found for found in map(catalog.get, names) if found is not None]
        self._absent = tuple((name, "not installed") for name in names if catalog.get(name) is None)
        self._parts: list[tuple[Kind, Feed]] = [
            (member, hub.open(catalog.source(member), scope, selector=selector, field_selector=field_selector))
            for member in served
            for scope in (namespaces if namespaces and member.namespaced else (None,))
        ]
        self._joined: dict[str, Joined] = {}
        self._unjoined: list[tuple[str, str]] = []
        for member in served:
            self._open_joins(member, catalog)
        self._plain = len(self._parts) == 1 and not self._joined
        self._raw: dict[str, tuple[Kind, Row]] = {}
        self._rows: dict[str, Row] = {}
        for position, (member, feed) in enumerate(self._parts):
            self._undo.append(feed.subscribe(self._main_callback(position)))
            if not self._plain:
                for key, row in feed.rows.items():
                    self._raw[key] = (member, row)
        for joined in self._joined.values():
            joined.rebuild()
            joined.known = joined.settled()
            for feed in joined.feeds:
                self._undo.append(feed.subscribe(self._join_callback(joined, feed)))
            if not joined.known:
                self._tasks.append(asyncio.get_running_loop().create_task(self._await_known(joined)))
        for key in self._raw:
            self._rows[key] = self._make(key)

    def _open_joins(self, member: Kind, catalog: Catalog) -> None:
        for join in member.joins:
            joined = self._joined.get(join.kind)
            if joined is None:
                kind = catalog.get(join.kind)
                if kind is None:
                    if all(name != join.kind for name, _ in self._unjoined):
                        self._unjoined.append((join.kind, "not installed"))
                    continue
                scopes = self.namespaces if self.namespaces and member.namespaced and kind.namespaced else (None,)
                feeds = [self._hub.open(catalog.source(kind), scope) for scope in scopes]
                joined = self._joined[join.kind] = Joined(kind, feeds)
            joined.add(join)

    @property
    def kind(self) -> Kind:
        """The kind with the columns that are known by now (those of a generic kind come with its first page)."""
        for _, feed in self._parts if self._kind.table else ():
            source = feed.source
            if isinstance(source, TableSource) and source.learnt:
                if source.columns is not self._kind.columns:
                    self._kind = dataclasses.replace(self._kind, columns=source.columns, health=source.health)
                break
        return self._kind

    @property
    def rows(self) -> Mapping[str, Row]:
        """Rows by `Row.key`; read, never written, by others."""
        return self._parts[0][1].rows if self._plain else self._rows

    @property
    def freshness(self) -> BoardFreshness:
        """The worst of the lists shown; joined figures that are missing are named, they do not make it worse."""
        states = [(member.name, feed.freshness) for member, feed in self._parts]
        missing = list(self._unjoined)
        for name, joined in self._joined.items():
            for feed in joined.feeds:
                fresh = feed.freshness
                if fresh.phase in ("denied", "absent"):
                    missing.append((name, why(fresh)))
                    break
        return merge_freshness(states, tuple(missing) + (self._absent if not states else ()))

    def subscribe(self, callback: Callable[[BoardChanges], None]) -> Callable[[], None]:
        """Call back with every batch of changes, in the event loop; returns how to stop that."""
        self._subscribers.append(callback)

        def stop() -> None:
            with contextlib.suppress(ValueError):
                self._subscribers.remove(callback)

        return stop

    async def first_page(self) -> None:
        """Wait until the first page of every list is there; raises only when none of them can be read."""
        await _all([feed.first_page() for _, feed in self._parts])

    async def complete(self) -> None:
        """Wait until every list and joined list is loaded or refused; raises only when no list can be read."""
        joined = [feed.complete() for entry in self._joined.values() for feed in entry.feeds]
        results = asyncio.gather(*joined, return_exceptions=True)
        await _all([feed.complete() for _, feed in self._parts])
        for result in await results:
            if isinstance(result, BaseException) and not isinstance(result, ConsoleError):
                raise result
        for entry in self._joined.values():
            self._settle(entry)

    def refresh(self) -> None:
        """List everything again now."""
        joined = [feed for entry in self._joined.values() for feed in entry.feeds]
        for feed in (*(feed for _, feed in self._parts), *joined):
            feed.refresh()

    def close(self) -> None:
        """Let the feeds go."""
        if self._closed:
            return
        self._closed = True
        for undo in self._undo:
            undo()
        for task in self._tasks:
            task.cancel()
        for _, feed in self._parts:
            self._hub.close(feed)
        for joined in self._joined.values():
            for feed in joined.feeds:
                self._hub.close(feed)
        self._subscribers.clear()

    def related(self, kind: str, key: str) -> list[Row]:
        """The joined rows of one row: `related("pods", job.key)`; empty where they are not known."""
        joined = self._joined.get(kind)
        if joined is None:
            return []
        return [row for index in joined.indexes.values() for row in index.groups.get(key, {}).values()]

    async def _await_known(self, joined: Joined) -> None:
        for feed in joined.feeds:
            try:
                await feed.complete()
            except ConsoleError as error:
                joined.failed = error
        self._settle(joined)

    def _settle(self, joined: Joined) -> None:
        known = joined.settled()
        if known != joined.known and not self._closed:
            joined.known = known
            joined.rebuild()
            self._remake(set(self._raw))

    def _main_callback(self, position: int) -> Callable[[Changes], None]:
        member, feed = self._parts[position]

        def changed(changes: Changes) -> None:
            if self._plain:
                self._tell(BoardChanges(self, set(changes.upserted), set(changes.removed), changes.reset))
                return
            if changes.reset:
                self._restart()
                return
            for key in changes.removed:
                self._raw.pop(key, None)
                self._rows.pop(key, None)
            upserted = set()
            for key in changes.upserted:
                row = feed.rows.get(key)
                if row is not None:
                    self._raw[key] = (member, row)
                    self._rows[key] = self._make(key)
                    upserted.add(key)
            self._tell(BoardChanges(self, upserted, set(changes.removed)))

        return changed

    def _restart(self) -> None:
        self._raw = {key: (member, row) for member, feed in self._parts for key, row in feed.rows.items()}
        self._rows = {key: self._make(key) for key in self._raw}
        self._tell(BoardChanges(self, set(self._rows), set(), reset=True))

    def _join_callback(self, joined: Joined, feed: Feed) -> Callable[[Changes], None]:
        def changed(changes: Changes) -> None:
            if changes.reset:
                joined.rebuild()
            touched = set() if changes.reset else joined.take(feed, changes.upserted, changes.removed)
            settled = joined.settled()
            if settled != joined.known or changes.reset:
                joined.known = settled
                self._remake(set(self._raw))
            elif settled:
                self._remake(touched)

        return changed

    def _make(self, key: str) -> Row:
        member, row = self._raw[key]
        if member.join is None:
            return row
        found: dict[str, Sequence[Row] | None] = {}
        for join in member.joins:
            joined = self._joined.get(join.kind)
            if joined is None or not joined.known or (join.whole and joined.partial()):
                found[join.kind] = None
            else:
                found[join.kind] = list(joined.indexes[join].groups.get(key, {}).values())
        made: Row = member.join(row, found)
        return made

    def _remake(self, keys: Iterable[str]) -> None:
        upserted = set()
        for key in keys:
            if key in self._raw:
                made = self._make(key)
                if made != self._rows.get(key):
                    self._rows[key] = made
                    upserted.add(key)
        if upserted:
            self._tell(BoardChanges(self, upserted, set()))

    def _tell(self, changes: BoardChanges) -> None:
        for callback in tuple(self._subscribers):
            callback(changes)


async def _all(waits: Sequence[Coroutine[Any, Any, None]]) -> None:
    results = await asyncio.gather(*waits, return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    for error in errors:
        if not isinstance(error, ConsoleError):
            raise error
    if errors and len(errors) == len(results):
        raise errors[0]
