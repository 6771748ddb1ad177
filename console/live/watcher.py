"""One list-then-watch loop: bytes of one collection become rows and stay current until it is closed.

List in pages, publish each; then watch from there, resume by resourceVersion, list again only when the server says
the version is gone. It owns its backoff, tells its `Sink` what happened, and never raises. Rules of the watch API:
kubernetes.io/docs/reference/using-api/api-concepts, "Efficient detection of changes".
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Protocol

import msgspec

from console.cluster.session import Session
from console.errors import (
    ApiError,
    ConsoleError,
    CredentialsFailed,
    Denied,
    Gone,
    NotFound,
    ServerFailed,
    Unauthorized,
)
from console.live.source import Page, Row, Source, WatchEvent, collection_path

PAGE_SIZE = 500
WATCH_SECONDS = (270, 310)  # asked of the server, spread so that many watches do not end together
SILENCE_SECONDS = 100.0  # bookmarks come about once a minute; this long without a byte means half-open
QUICK_SECONDS = 1.0  # a watch that ends sooner without an event is an error, not a timeout
REFUSED_SECONDS = 60.0  # until a denied or absent collection is tried again
POLL_SECONDS = 30.0  # between lists of a collection that cannot be watched


class Sink(Protocol):
    """Where a watcher's findings go; all calls are made from the event loop."""

    def loaded(self, rows: list[Row], remaining: int | None) -> None: ...  # a page; later ones may follow

    def complete(self, keys: set[str]) -> None: ...  # a list ended: what is not among `keys` is gone

    def changed(self, upserted: list[Row], removed: list[str]) -> None: ...  # one arrival of watch events

    def current(self) -> None: ...  # heard from the server just now

    def failed(self, error: ConsoleError) -> None: ...  # it is tried again, except where the sink stops it


class Backoff:
    """Jittered exponential waiting times in seconds."""

    def __init__(self, first: float = 0.5, most: float = 30.0, chance: Callable[[], float] = random.random) -> None:
        self._first, self._most, self._chance = first, most, chance
        self._next = first

    def wait(self, asked: float | None = None) -> float:
        """The next waiting time; at least what the server asked for."""
        step, self._next = self._next, min(self._next * 2, self._most)
        return max(asked or 0.0, step * (0.5 + self._chance() / 2))

    def reset(self) -> None:
        """What was tried worked."""
        self._next = self._first


class Watcher:
    """Keeps one collection current. `run` is the whole life of it: cancel its task to end it."""

    def __init__(
        self,
        session: Session,
        source: Source,
        namespace: str | None,
        sink: Sink,
        *,
        selector: str = "",
        field_selector: str = "",
        backoff: Backoff | None = None,
        silence: float = SILENCE_SECONDS,
    ) -> None:
        self._session = session
        self._source = source
        self._path = collection_path(source, namespace)
        self._sink = sink
        self._silence = silence
        self._backoff = backoff or Backoff()
        self._params: dict[str, str | int | float | bool | list[str]] = {}
        if selector:
            self._params["labelSelector"] = selector
        if field_selector:
            self._params["fieldSelector"] = field_selector
        self._version = ""
        self._polled = False

    async def run(self) -> None:
        """List and watch until cancelled."""
        while True:
            try:
                if not self._version:
                    self._version = await self._list()
                    self._backoff.reset()
                if self._polled:
                    await asyncio.sleep(POLL_SECONDS)
                    self._version = ""
                else:
                    await self._watch()
            except Gone as error:
                # Also the expired continue token of a long list. Rows stay until the new list is complete.
                self._version = ""
                if error.code == 410:
                    await asyncio.sleep(self._backoff.wait())
            except ConsoleError as error:
                await self._fail(error)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                self._version = ""
                await self._fail(ServerFailed(f"{self._path} answers something that is not its objects: {error}."))

    async def _fail(self, error: ConsoleError) -> None:
        self._sink.failed(error)
        wait = self._backoff.wait(error.retry_after if isinstance(error, ApiError) else None)
        if isinstance(error, Denied | NotFound | Unauthorized | CredentialsFailed):
            wait = max(wait, REFUSED_SECONDS)
        await asyncio.sleep(wait)

    async def _list(self) -> str:
        """All pages; the resourceVersion to watch from."""
        keys: set[str] = set()
        token = ""
        while True:
            params = {**self._params, "limit": PAGE_SIZE}
            if token:
                params["continue"] = token
            body = await self._session.get(self._path, params=params, accept=self._source.accept)
            page: Page = self._source.page(body)
            del body  # two megabytes that must not live while the next page is fetched
            keys.update(row.key for row in page.rows)
            self._sink.loaded(page.rows, page.remaining)
            token = page.continue_
            if not token:
                self._sink.complete(keys)
                return page.version
            await asyncio.sleep(0)  # keys pressed meanwhile come first

    async def _watch(self) -> None:
        """One watch from the known version to its end."""
        params = {
            **self._params,
            "watch": True,
            "allowWatchBookmarks": True,
            "resourceVersion": self._version,
            "timeoutSeconds": random.randint(*WATCH_SECONDS),
        }
        loop = asyncio.get_running_loop()
        started, events = loop.time(), 0
        try:
            async with self._session.batches(
                self._path, params=params, accept=self._source.accept, silence=self._silence
            ) as batches:
                self._sink.current()
                async for batch in batches:
                    events += len(batch)
                    self._take(batch)
        except ApiError as error:
            if error.code != 405:
                raise
            self._polled = True  # served, listable, not watchable: metrics.k8s.io and some aggregated APIs
            return
        if events:
            self._backoff.reset()
        elif loop.time() - started < QUICK_SECONDS:
            await asyncio.sleep(self._backoff.wait())

    def _take(self, batch: list[bytes]) -> None:
        """All lines of one arrival become one change."""
        upserted: dict[str, Row] = {}
        removed: dict[str, None] = {}
        problem: ConsoleError | None = None
        for line in batch:
            if not line:
                continue
            event = self._source.event(line)
            if event.type == "ERROR":
                problem = _problem(event)
                break
            if event.version:
                self._version = event.version
            if event.row is None:
                continue
            key = event.row.key
            if event.type == "DELETED":
                upserted.pop(key, None)
                removed[key] = None
            else:
                removed.pop(key, None)
                upserted[key] = event.row
        self._sink.current()
        if upserted or removed:
            self._sink.changed(list(upserted.values()), list(removed))
        if problem is not None:
            raise problem


def _problem(event: WatchEvent) -> ConsoleError:
    """The error of an ERROR event: 410 asks for a new list, anything else for another try."""
    message = event.message or "the watch ended with an error"
    if event.code == 410:
        return Gone(message, code=0)
    return ServerFailed(f"The watch ended: {message}.", code=event.code or 500)
