"""Every open feed of one session: shared by equal requests, kept a while after the last reader left.

The hub decides which namespaces are read where the whole cluster may not be. It ends every task it started.
"""

from __future__ import annotations

import asyncio

import msgspec

from console.cluster.session import Session
from console.errors import ApiError
from console.live.feed import Changes, Feed, Freshness
from console.live.source import Source

__all__ = ["Changes", "Feed", "Freshness", "Hub"]

_MOST_NAMESPACES = 200  # read one by one; a watch each
_ASKED_TOGETHER = 16


class _Named(msgspec.Struct):
    name: str = ""


class _Namespace(msgspec.Struct):
    metadata: _Named = msgspec.field(default_factory=_Named)


class _NamespaceList(msgspec.Struct):
    items: list[_Namespace] = msgspec.field(default_factory=list)


class Hub:
    """Feeds by what they read. `grace` is in seconds."""

    def __init__(self, session: Session, *, grace: float = 60.0, namespaces: tuple[str, ...] = ()) -> None:
        """`namespaces` are tried where this user may not list namespaces (favourites of the settings)."""
        self.session = session
        self._grace = grace
        self._favourites = namespaces
        self._feeds: dict[tuple[object, ...], Feed] = {}
        self._readers: dict[int, int] = {}
        self._leaving: dict[int, asyncio.TimerHandle] = {}
        self._stopping: set[asyncio.Task[None]] = set()

    def open(
        self, source: Source, namespace: str | None = None, *, selector: str = "", field_selector: str = ""
    ) -> Feed:
        """The feed of a collection; `namespace` None or "" means the whole cluster. Close it as often as opened."""
        scope = (namespace or None) if source.namespaced else None
        key = (
            source.group,
            source.version,
            source.plural,
            source.accept,
            type(source),
            scope,
            selector,
            field_selector,
        )
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = Feed(self.session, source, scope, selector, field_selector, self._scopes)
            feed.start()
        leaving = self._leaving.pop(id(feed), None)
        if leaving is not None:
            leaving.cancel()
        self._readers[id(feed)] = self._readers.get(id(feed), 0) + 1
        return feed

    def close(self, feed: Feed) -> None:
        """One reader left; after the grace time without readers the feed ends."""
        left = self._readers.get(id(feed), 0) - 1
        if left > 0:
            self._readers[id(feed)] = left
            return
        if self._readers.pop(id(feed), None) is None:
            return
        loop = asyncio.get_running_loop()
        self._leaving[id(feed)] = loop.call_later(self._grace, self._end, feed)

    def _end(self, feed: Feed) -> None:
        self._leaving.pop(id(feed), None)
        self._feeds = {key: held for key, held in self._feeds.items() if held is not feed}
        task = asyncio.ensure_future(feed.stop())
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)

    async def stop(self) -> None:
        """End every feed; no task is left."""
        for leaving in self._leaving.values():
            leaving.cancel()
        feeds = list(self._feeds.values())
        self._leaving.clear()
        self._feeds.clear()
        self._readers.clear()
        await asyncio.gather(*(feed.stop() for feed in feeds), *self._stopping)

    async def _scopes(self, source: Source) -> tuple[list[str], list[str]]:
        """(readable, refused) namespaces of a kind, by this user's rights."""
        candidates = await self._candidates()
        gate = asyncio.Semaphore(_ASKED_TOGETHER)

        async def may(namespace: str) -> bool:
            async with gate:
                verdict = await self.session.access.may("list", source.group, source.plural, namespace)
                return verdict.allowed

        answers = await asyncio.gather(*map(may, candidates))
        readable = [name for name, allowed in zip(candidates, answers, strict=True) if allowed]
        refused = [name for name, allowed in zip(candidates, answers, strict=True) if not allowed]
        return readable[:_MOST_NAMESPACES], refused + readable[_MOST_NAMESPACES:]

    async def _candidates(self) -> list[str]:
        """Namespaces this user may see, or those that are known by name."""
        known = dict.fromkeys(name for name in (self.session.namespace, *self._favourites) if name)
        try:
            body = await self.session.get("/api/v1/namespaces", accept=_METADATA)
        except ApiError:
            return list(known)
        listed = [item.metadata.name for item in msgspec.json.decode(body, type=_NamespaceList).items]
        return listed or list(known)


_METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"
