"""A cluster in a few lines: discovery that serves what a test names, and feeds a test fills by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from console.cluster.discovery import Discovery, Resource
from console.kinds.registry import KINDS
from console.live.feed import Freshness


class FakeFeed:
    def __init__(self, source: Any, namespace: str | None) -> None:
        self.source = source
        self.namespace = namespace
        self.rows: dict[str, Any] = {}
        self.freshness = Freshness("loading")
        self.readers: list[Callable[[Any], None]] = []
        self.ready = asyncio.Event()
        self.error: Exception | None = None

    def subscribe(self, callback):
        self.readers.append(callback)
        return lambda: self.readers.remove(callback)

    def put(self, *objects: dict[str, Any]) -> None:
        """A page of a list arrives, or a watch tells of changed objects."""
        body = json.dumps({"metadata": {"resourceVersion": "1"}, "items": objects}).encode()
        rows = self.source.page(body).rows
        for row in rows:
            self.rows[row.key] = row
        self.tell({row.key for row in rows})

    def drop(self, key: str) -> None:
        del self.rows[key]
        self.tell(set(), {key})

    def turn(self, phase: str, **more: Any) -> None:
        self.freshness = Freshness(phase, loaded=len(self.rows), **more)
        self.ready.set()
        self.tell(set())

    def tell(self, upserted: set[str], removed: set[str] = frozenset(), reset: bool = False) -> None:
        changes = Told(self, set(upserted), set(removed), reset)
        for reader in list(self.readers):
            reader(changes)

    async def first_page(self) -> None:
        await self.complete()

    async def complete(self) -> None:
        await self.ready.wait()
        if self.error is not None:
            raise self.error


class Told:
    def __init__(self, feed, upserted, removed, reset):
        self.feed, self.upserted, self.removed, self.reset = feed, upserted, removed, reset


class FakeHub:
    def __init__(self) -> None:
        self.feeds: dict[tuple[str, str | None], FakeFeed] = {}
        self.open_count = 0

    def open(self, source, namespace=None, *, selector="", field_selector=""):
        self.open_count += 1
        return self.feeds.setdefault((source.plural, namespace), FakeFeed(source, namespace))

    def close(self, feed) -> None:
        self.open_count -= 1

    def __getitem__(self, plural: str) -> FakeFeed:
        return next(feed for (name, _), feed in self.feeds.items() if name == plural)


VERBS = frozenset({"get", "list", "watch"})


def resource(group: str, version: str, plural: str, kind: str, **more: Any) -> Resource:
    more.setdefault("namespaced", True)
    more.setdefault("verbs", VERBS)
    more.setdefault("singular", kind.lower())
    return Resource(group=group, version=version, plural=plural, kind=kind, **more)


def everything() -> Discovery:
    """Every kind with a file, and a few without."""
    written = [
        resource(kind.group, kind.versions[0], kind.resource, kind.kind, namespaced=kind.namespaced)
        for kind in KINDS.values()
        if not kind.members
    ]
    others = [
        resource("serving.knative.dev", "v1", "services", "Service", short_names=("ksvc",)),
        resource("", "v1", "serviceaccounts", "ServiceAccount", short_names=("sa",)),
        resource("stable.example.com", "v1", "crontabs", "CronTab", short_names=("ct",)),
        resource("events.k8s.io", "v1", "events", "Event"),
    ]
    return Discovery(resources=(*written, *others))
