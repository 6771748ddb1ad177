"""watch: changes of a collection as they happen, from a resourceVersion on, in the format asked for."""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import msgspec

from console.demo import failures
from console.demo.answers import common_headers
from console.demo.collection import ADDED, DELETED, MODIFIED, Change
from console.demo.printing import table
from console.demo.reading import UNPARSED, list_options_refused, partial, scope
from console.demo.selecting import Selection, select
from console.demo.store import parse_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Receive, Send

    from console.demo.records import Object, Record
    from console.demo.server import Call

_BACKLOG = 20_000  # changes a client may lag behind before its watch is cut
_BATCH = 200  # events written at once
_END_OF_INITIAL = {"k8s.io/initial-events-end": "true"}


class Watch:
    """One open watch: a backlog that the collection fills and the connection empties."""

    def __init__(self, call: Call, selection: Selection) -> None:
        self._call = call
        self._selection = selection
        self._where = scope(call.rt, call.info.namespace)
        self._backlog: deque[Change] = deque()
        self._wake = asyncio.Event()
        self._columns_sent = False
        self._width = 0  # columns of the table
        self.ended = False

    def offer(self, change: Change) -> None:
        """Take a change of the collection; one that lags too far behind is ended."""
        if self._where and change.record.namespace != self._where:
            return
        if len(self._backlog) >= _BACKLOG:
            self.end()
            return
        self._backlog.append(change)
        self._wake.set()

    def end(self) -> None:
        """Close the watch as soon as its connection looks."""
        self.ended = True
        self._wake.set()

    async def wait(self, seconds: float) -> None:
        """Until there is something to write, or the time is up."""
        if self._backlog or self.ended:
            return
        self._wake.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    def take(self) -> bytes:
        """Some lines of what is waiting; b"" where nothing is, or nothing of it was asked for."""
        lines: list[bytes] = []
        while self._backlog and len(lines) < _BATCH:
            line = self.line(self._backlog.popleft())
            if line:
                lines.append(line)
        return b"".join(lines)

    @property
    def lagging(self) -> bool:
        """Whether changes wait to be written."""
        return bool(self._backlog)

    def initial(self, records: list[Record]) -> Iterator[bytes]:
        """ADDED lines for the records there are."""
        return (self._line(ADDED, record) for record in records if self._selection.matches(record))

    def line(self, change: Change) -> bytes:
        """A change as this watch sees it: an object may enter or leave the selection; b"" where it never was in it."""
        if self._selection.everything:
            return self._line(change.type, change.record)
        was = self._selection.matches(change.before)
        now = change.type != DELETED and self._selection.matches(change.record)
        if was and not now:
            return self._line(DELETED, change.record if change.type == DELETED else change.before, change.version)
        return self._line(MODIFIED if was else ADDED, change.record) if now else b""

    def bookmark(self, version: int, annotations: dict[str, str] | None = None) -> bytes:
        """A line that says how far the watch has come."""
        rt, form = self._call.rt, self._call.format
        metadata: Object = {"resourceVersion": str(version), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = annotations
        kind, api_version = rt.kind, rt.api_version
        if form.kind == "PartialObjectMetadata":
            kind, api_version = form.kind, f"meta.k8s.io/{form.version}"
        obj: Object = {"kind": kind, "apiVersion": api_version, "metadata": metadata}
        if form.kind == "Table":
            row = {"kind": "PartialObjectMetadata", "apiVersion": f"meta.k8s.io/{form.version}", "metadata": metadata}
            obj = self._table([], str(version))
            obj["rows"] = [{"cells": [""] * self._width, "object": row}]
        return msgspec.json.encode({"type": "BOOKMARK", "object": obj}) + b"\n"

    def _line(self, kind: str, record: Record | None, version: int = 0) -> bytes:
        if record is None:
            return b""
        store, rt = self._call.store, self._call.rt
        raw = store.bytes_of(rt, record)
        if version and version != record.version:
            obj = msgspec.json.decode(raw)
            obj["metadata"]["resourceVersion"] = str(version)
            raw = msgspec.json.encode(obj)
        if self._call.format.kind == "Table":
            obj = msgspec.json.decode(raw)
            raw = msgspec.json.encode(self._table([obj], obj["metadata"].get("resourceVersion", "")))
        elif self._call.format.kind == "PartialObjectMetadata":
            raw = partial(raw, self._call.format)
        return b'{"type":"' + kind.encode() + b'","object":' + raw + b"}\n"

    def _table(self, objects: list[Object], version: str) -> dict[str, Any]:
        include = self._call.query.get("includeObject", "Metadata") or "Metadata"
        made = table(self._call.rt, objects, self._call.store.now(), columns=self._call.rt.columns, include=include)
        made["apiVersion"] = f"meta.k8s.io/{self._call.format.version}"
        made["metadata"] = {"resourceVersion": version}
        self._width = len(made["columnDefinitions"])
        if self._columns_sent:
            made["columnDefinitions"] = None
        self._columns_sent = True
        return made


async def watch(call: Call, receive: Receive, send: Send) -> None:
    """Answer a watch until its time is over, its client leaves or the server goes down."""
    fields = call.query.get("fieldSelector")
    if call.info.name:
        fields = ",".join(filter(None, (fields, f"metadata.name={call.info.name}")))
    selection = select(call.rt, call.query.get("labelSelector"), fields)
    start = _Start(call)
    watched = Watch(call, selection)
    collection = call.store.collection(call.rt)
    first = start.lines(watched)
    collection.listeners.append(watched.offer)
    call.server.watches.add(watched.end)
    left = asyncio.ensure_future(_left(receive, watched))
    try:
        head = [*common_headers(call.store.now()), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        while batch := list(islice(first, _BATCH)):
            await send(_chunk(b"".join(batch)))
            await asyncio.sleep(0)  # a long list must not hold up other watches and writes
        if not start.refused:
            await _follow(call, watched, send)
        await send({"type": "http.response.body", "body": b""})
    finally:
        left.cancel()
        collection.listeners.remove(watched.offer)
        call.server.watches.discard(watched.end)


async def _follow(call: Call, watched: Watch, send: Send) -> None:
    loop = asyncio.get_running_loop()
    seconds = call.query.number("timeoutSeconds") or call.server.random.uniform(1800, 3600)
    until = loop.time() + seconds
    marks = call.query.flag("allowWatchBookmarks")
    every = call.server.bookmark_every
    next_mark = loop.time() + call.server.random.uniform(0.8, 1.0) * every
    while not (watched.ended or call.server.closing):
        now = loop.time()
        if now >= until:
            if marks and not watched.lagging:
                await send(_chunk(watched.bookmark(call.store.revision)))
            return
        if now >= next_mark:
            next_mark = now + every
            if marks and not watched.lagging:
                await send(_chunk(watched.bookmark(call.store.revision)))
        await watched.wait(min(until, next_mark) - now)
        lines = watched.take()
        if lines:
            await send(_chunk(lines))


class _Start:
    """Where a watch begins: a resourceVersion, the present, or everything there is."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.refused = False
        text = call.query.get("resourceVersion")
        self._version = 0 if text in ("", "0") else parse_version(text)
        if self._version < 0:
            raise failures.ApiFailure(500, "", UNPARSED.format(text))
        self._streams_list = call.query.flag("sendInitialEvents")
        match = call.query.get("resourceVersionMatch")
        if "sendInitialEvents" in call.query.values and match != "NotOlderThan":
            message = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            raise list_options_refused(message)
        self._initial = self._streams_list or ("sendInitialEvents" not in call.query.values and self._version == 0)

    def lines(self, watched: Watch) -> Iterator[bytes]:
        """The first lines of the watch; a version too old gives one ERROR line and `refused`."""
        call = self._call
        collection = call.store.collection(call.rt)
        if self._initial:
            lines = watched.initial(list(collection.records(scope(call.rt, call.info.namespace))))
            if self._streams_list and call.query.flag("allowWatchBookmarks"):
                return chain(lines, (watched.bookmark(call.store.revision, _END_OF_INITIAL),))
            return lines
        if not self._version:
            return iter(())
        try:
            changes = collection.since(self._version)
        except failures.ApiFailure as failure:
            self.refused = True
            return iter((msgspec.json.encode({"type": "ERROR", "object": failure.status}) + b"\n",))
        where = scope(call.rt, call.info.namespace)
        kept = (change for change in changes if not where or change.record.namespace == where)
        return (line for line in map(watched.line, kept) if line)


async def _left(receive: Receive, watched: Watch) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    watched.end()


def _chunk(body: bytes) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": True}
