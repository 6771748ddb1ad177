"""The rows of one collection as their readers see them: shared, current, and honest about how current.

A feed reads the whole cluster through one watcher, or, where that is denied, each namespace the user may read
through one of its own. Readers are told in batches, at most about twenty a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from console.cluster.session import Session
from console.errors import ConsoleError, Denied, NotFound
from console.live.source import Row, Source
from console.live.watcher import Watcher

BATCH_SECONDS = 0.05

LOADING, LIVE, STALE, DENIED, ABSENT = "loading", "live", "stale", "denied", "absent"


@dataclass(frozen=True, slots=True)
class Freshness:
    """How current a feed is."""

    phase: str = LOADING  # loading, live, stale, denied or absent
    since: float = 0.0  # last time known current, seconds on the cluster's clock; 0.0 before the first answer
    loaded: int = 0  # rows held
    remaining: int | None = None  # rows still to come, where the server tells
    error: ConsoleError | None = None  # why it is not live
    denied: tuple[str, ...] = ()  # namespaces this user may not read; ("*",) where none could be found


@dataclass(frozen=True, slots=True)
class Changes:
    """One batch: keys that are new or different, and keys that are gone."""

    feed: Feed
    upserted: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    reset: bool = False  # everything may have changed: another scope


class _Part:
    """One watcher's share of a feed."""

    def __init__(self, feed: Feed, namespace: str | None) -> None:
        self.feed = feed
        self.namespace = namespace
        self.phase = LOADING
        self.heard = 0.0
        self.remaining: int | None = None
        self.error: ConsoleError | None = None
        self.first = False  # a page came, or it is settled that none will
        self.whole = False  # a list was completed, or it is settled that none will be
        self.task: asyncio.Task[None] | None = None

    def loaded(self, rows: list[Row], remaining: int | None) -> None:
        self.heard = self.feed.now()
        self.remaining = remaining
        self.error = None
        self.feed._take(rows, ())
        if not self.first:
            self.first = True
            self.feed._flush()
            self.feed._settle()

    def complete(self, keys: set[str]) -> None:
        prefix = f"{self.namespace}/" if self.namespace else ""
        gone = [key for key in self.feed.rows if key not in keys and key.startswith(prefix)]
        self.remaining = 0
        self.whole = True
        self._turn(LIVE, None)
        self.feed._take((), gone)
        self.feed._settle()

    def changed(self, upserted: list[Row], removed: list[str]) -> None:
        self.feed._take(upserted, removed)

    def current(self) -> None:
        self.heard = self.feed.now()
        if self.phase != LIVE and self.whole:
            self._turn(LIVE, None)

    def failed(self, error: ConsoleError) -> None:
        if isinstance(error, Denied):
            self._turn(DENIED, error)
            self.first = self.whole = True
            self.feed._denied(self)
        elif isinstance(error, NotFound):
            self._turn(ABSENT, error)
            self.first = self.whole = True
        else:
            self._turn(STALE if self.first else LOADING, error)
        self.feed._settle(error)

    def _turn(self, phase: str, error: ConsoleError | None) -> None:
        different = phase != self.phase or error is not self.error
        self.phase, self.error = phase, error
        if different:
            self.feed._touch()


class Feed:
    """Opened and closed by the Hub. `rows` is read-only for everybody else."""

    def __init__(
        self,
        session: Session,
        source: Source,
        namespace: str | None,
        selector: str,
        field_selector: str,
        scopes: Callable[[Source], Awaitable[tuple[list[str], list[str]]]],
    ) -> None:
        self.source = source
        self.namespace = namespace
        self.selector = selector
        self.field_selector = field_selector
        self.rows: dict[str, Row] = {}
        self._session = session
        self._scopes = scopes
        self._parts: list[_Part] = []
        self._refused: tuple[str, ...] = ()
        self._splitting: asyncio.Task[None] | None = None
        self._readers: list[Callable[[Changes], None]] = []
        self._upserted: set[str] = set()
        self._removed: set[str] = set()
        self._reset = False
        self._timer: asyncio.TimerHandle | None = None
        self._flushed = 0.0
        self._waiting: list[tuple[asyncio.Future[None], bool]] = []
        self._ended: list[asyncio.Task[None]] = []

    def now(self) -> float:
        """Seconds on the cluster's clock."""
        return self._session.clock.now()

    @property
    def freshness(self) -> Freshness:
        """How current the rows are at this moment."""
        parts = self._parts
        if not parts:
            return Freshness(DENIED if self._refused else LOADING, denied=self._refused)
        # The worst part speaks for all, save that a denied or absent part beside others is only noted.
        readable = [part for part in parts if part.phase not in (DENIED, ABSENT)] or parts
        order = (STALE, LOADING, DENIED, ABSENT, LIVE)
        worst = min(readable, key=lambda part: order.index(part.phase))
        remaining = [part.remaining for part in readable if part.remaining is not None]
        denied = tuple(part.namespace for part in parts if part.phase == DENIED and part.namespace)
        return Freshness(
            phase=worst.phase,
            since=min(part.heard for part in readable),
            loaded=len(self.rows),
            remaining=sum(remaining) if remaining else None,
            error=worst.error,
            denied=tuple(sorted({*self._refused, *denied})),
        )

    def subscribe(self, callback: Callable[[Changes], None]) -> Callable[[], None]:
        """Call `callback` for every batch from now on; call what is returned to end it."""
        self._readers.append(callback)

        def unsubscribe() -> None:
            if callback in self._readers:
                self._readers.remove(callback)

        return unsubscribe

    async def first_page(self) -> None:
        """Wait for the first rows. Raises what the first try failed with (Denied, NotFound, CannotReach, ...)."""
        await self._wait(whole=False)

    async def complete(self) -> None:
        """Wait for the whole list. Raises as `first_page`; namespaces denied beside readable ones do not raise."""
        await self._wait(whole=True)

    def refresh(self) -> None:
        """List again now."""
        for part in self._parts:
            if part.task is not None:
                part.task.cancel()
                self._ended.append(part.task)
            self._launch(part)

    def start(self) -> None:
        """Begin to list. The Hub calls it."""
        self._begin([self.namespace])

    async def stop(self) -> None:
        """End every task. The Hub calls it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        tasks = [part.task for part in self._parts if part.task is not None] + self._ended
        if self._splitting is not None:
            tasks.append(self._splitting)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._ended.clear()
        for waiting, _ in self._waiting:
            waiting.cancel()
        self._waiting.clear()

    def _begin(self, namespaces: list[str | None]) -> None:
        self._parts = [_Part(self, namespace) for namespace in namespaces]
        for part in self._parts:
            self._launch(part)

    def _launch(self, part: _Part) -> None:
        self._ended = [task for task in self._ended if not task.done()]
        watcher = Watcher(
            self._session,
            self.source,
            part.namespace,
            part,
            selector=self.selector,
            field_selector=self.field_selector,
        )
        part.task = asyncio.create_task(watcher.run(), name=f"watch {self.source.plural}")

    def _denied(self, part: _Part) -> None:
        """The whole cluster may not be listed: read the namespaces that may be."""
        if part.namespace is None and self.source.namespaced and self._splitting is None:
            part.first = part.whole = False
            self._splitting = asyncio.create_task(self._split(part), name=f"scopes of {self.source.plural}")

    async def _split(self, whole: _Part) -> None:
        try:
            readable, refused = await self._scopes(self.source)
        except ConsoleError as error:
            readable, refused, whole.error = [], [], error
        if not readable:
            whole.first = whole.whole = True
            self._refused = tuple(refused) or ("*",)
            if isinstance(whole.error, Denied):
                whole.error = _with_step(whole.error)
            self._touch()
            self._settle()
            return
        if whole.task is not None:
            whole.task.cancel()
            self._ended.append(whole.task)
        self._refused = tuple(refused)
        self._reset = True
        self._begin(list(readable))
        self._touch()

    def _take(self, rows: list[Row] | tuple[()], removed: list[str] | tuple[()]) -> None:
        held = self.rows
        for row in rows:
            key = row.key
            known = held.get(key)
            if known is not None and known.version == row.version and known.uid == row.uid:
                continue
            held[key] = row
            self._upserted.add(key)
            self._removed.discard(key)
        for key in removed:
            if held.pop(key, None) is not None:
                self._upserted.discard(key)
                self._removed.add(key)
        if self._upserted or self._removed:
            self._touch()

    def _touch(self) -> None:
        """Readers are told soon, together with what else happens until then."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, self._flushed + BATCH_SECONDS - loop.time()), self._flush)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._flushed = asyncio.get_running_loop().time()
        changes = Changes(self, self._upserted, self._removed, self._reset)
        self._upserted, self._removed, self._reset = set(), set(), False
        for reader in list(self._readers):
            reader(changes)

    async def _wait(self, *, whole: bool) -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((waiting, whole))
        self._settle()
        await waiting

    def _settle(self, error: ConsoleError | None = None) -> None:
        """Answer those who wait for a page or for all."""
        if not self._waiting or not self._parts:
            return
        first = any(part.first for part in self._parts)
        whole = all(part.whole for part in self._parts)
        refused = all(part.phase in (DENIED, ABSENT) for part in self._parts)
        reason = next((part.error for part in self._parts if refused and part.whole and part.error), None)
        if reason is None and error is not None and not first and not isinstance(error, Denied):
            reason = error
        for waiting, wants_whole in list(self._waiting):
            if waiting.done():
                self._waiting.remove((waiting, wants_whole))
            elif reason is not None:
                self._waiting.remove((waiting, wants_whole))
                waiting.set_exception(reason)
            elif whole or (first and not wants_whole):
                self._waiting.remove((waiting, wants_whole))
                waiting.set_result(None)


def _with_step(error: Denied) -> Denied:
    """The refusal with what a person can do who may read some namespaces the console does not know of."""
    step = "Name a namespace you may read with -n or :ns; favourites in the settings are tried too."
    return Denied(error.sentence, step, code=error.code, reason=error.reason, message=error.message)
