"""A scripted collection of pods: paged lists, a watch the test feeds, and a Source that reads it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import msgspec

from console.live.source import Page, Row, WatchEvent
from tests.cluster.scripted import Asked, Reply, Scripted


class PodSource:
    """Rows with nothing but metadata."""

    group, version, plural, namespaced, accept = "", "v1", "pods", True, "application/json"

    def page(self, body: bytes) -> Page:
        document = msgspec.json.decode(body)
        meta = document["metadata"]
        rows = [_row(item) for item in document["items"]]
        return Page(rows, meta["resourceVersion"], meta.get("continue", ""), meta.get("remainingItemCount"))

    def event(self, line: bytes) -> WatchEvent:
        event = msgspec.json.decode(line)
        obj = event["object"]
        if event["type"] == "ERROR":
            return WatchEvent("ERROR", code=obj["code"], message=obj["message"])
        if event["type"] == "BOOKMARK":
            return WatchEvent("BOOKMARK", version=obj["metadata"]["resourceVersion"])
        return WatchEvent(event["type"], _row(obj), obj["metadata"]["resourceVersion"])


def _row(item: dict[str, Any]) -> Row:
    meta = item["metadata"]
    return Row(
        namespace=meta["namespace"], name=meta["name"], uid=meta["uid"], version=meta["resourceVersion"], created=0.0
    )


def pod(name: str, version: int, namespace: str = "team-a") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", "resourceVersion": str(version)}}


class Collection:
    """Answers lists from `items` in pages and hands watches to the test."""

    def __init__(self, server: Scripted, path: str = "/api/v1/pods", page: int = 500) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.version = 100
        self.page = page
        self.lists = 0  # list requests, pages counted
        self.watches: asyncio.Queue[tuple[Asked, Reply]] = asyncio.Queue()
        self.list_fails: list[Callable[[Reply], Any]] = []
        self.watch_fails: list[Callable[[Reply], Any]] = []
        server.on("GET", path, self._handle)

    def put(self, *pods: dict[str, Any]) -> None:
        for item in pods:
            self.items[f"{item['metadata']['namespace']}/{item['metadata']['name']}"] = item

    async def _handle(self, asked: Asked, reply: Reply) -> None:
        if asked.one("watch"):
            if self.watch_fails:
                await self.watch_fails.pop(0)(reply)
                return
            await reply.begin()
            self.watches.put_nowait((asked, reply))
            await reply.silence()
            return
        self.lists += 1
        if self.list_fails:
            await self.list_fails.pop(0)(reply)
            return
        start = int(asked.one("continue") or 0)
        keys = list(self.items)
        end = start + self.page
        meta: dict[str, Any] = {"resourceVersion": str(self.version)}
        if end < len(keys):
            meta |= {"continue": str(end), "remainingItemCount": len(keys) - end}
        await reply.send({"kind": "PodList", "metadata": meta, "items": [self.items[key] for key in keys[start:end]]})


async def eventually(condition: Callable[[], Any], seconds: float = 5.0) -> None:
    """Wait until a condition holds; the limit only keeps a broken test from hanging."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


def lines(*events: tuple[str, dict[str, Any]]) -> bytes:
    return b"".join(json.dumps({"type": kind, "object": obj}).encode() + b"\n" for kind, obj in events)
