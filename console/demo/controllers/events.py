"""Core v1 Events as controllers record them: created once, counted afterwards.

As in k8s.io/client-go/tools/record: the same event of the same object raises `count` and `lastTimestamp`, and an
object that keeps on repeating itself is cut to a burst and then one event in five minutes.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import httpx

from console import errors
from console.clock import format_time
from console.demo.client import ApiClient, Object

KNOWN = 4096  # events remembered for counting
BURST = 25  # events of one object before it is throttled
REFILL = 300.0  # seconds until a throttled object may send one more


class EventRecorder:
    """Records events of one component in the background, in order; a failure loses the event, never the caller."""

    def __init__(self, client: ApiClient, component: str, clock: Callable[[], float], *, host: str = "") -> None:
        self._client = client
        self._source = {"component": component} | ({"host": host} if host else {})
        self._clock = clock
        self._known: OrderedDict[tuple[str, ...], tuple[str, int]] = OrderedDict()  # what -> (event's name, count)
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()  # object -> (tokens left, when)
        self._backlog: list[Object] = []
        self._sender: asyncio.Task[None] | None = None

    def normal(self, obj: Object, reason: str, message: str, *, host: str = "", field_path: str = "") -> None:
        """Record a Normal event about `obj`."""
        self.record(obj, "Normal", reason, message, host=host, field_path=field_path)

    def warning(self, obj: Object, reason: str, message: str, *, host: str = "", field_path: str = "") -> None:
        """Record a Warning event about `obj`."""
        self.record(obj, "Warning", reason, message, host=host, field_path=field_path)

    def record(
        self, obj: Object, kind: str, reason: str, message: str, *, host: str = "", field_path: str = "", at: float = 0
    ) -> None:
        """Record an event; `field_path` points at a container, `host` overrides the source's, `at` the time."""
        metadata, now = obj["metadata"], at or self._clock()
        if not self._may_send(f"{metadata.get('uid')}{host}", now):
            return
        involved = {"kind": obj["kind"], "apiVersion": obj["apiVersion"], "name": metadata["name"]}
        involved |= {"namespace": metadata["namespace"]} if metadata.get("namespace") else {}
        involved |= {"uid": metadata["uid"]} if metadata.get("uid") else {}
        involved |= {"resourceVersion": metadata["resourceVersion"]} if metadata.get("resourceVersion") else {}
        involved |= {"fieldPath": field_path} if field_path else {}
        source = self._source | ({"host": host} if host else {})
        self._backlog.append(
            {
                "involvedObject": involved,
                "type": kind,
                "reason": reason,
                "message": message[:1024],
                "source": source,
                "firstTimestamp": format_time(now),
                "lastTimestamp": format_time(now),
            }
        )
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_all(), name="events")

    async def flush(self) -> None:
        """Wait until everything recorded so far was sent."""
        while self._sender is not None and not self._sender.done():
            await asyncio.wait([self._sender])

    def _may_send(self, who: str, now: float) -> bool:
        tokens, since = self._spent.pop(who, (float(BURST), now))
        tokens = min(float(BURST), tokens + max(0.0, now - since) / REFILL)
        self._spent[who] = (tokens - 1 if tokens >= 1 else tokens, now)
        if len(self._spent) > KNOWN:
            self._spent.popitem(last=False)
        return tokens >= 1

    async def _send_all(self) -> None:
        while self._backlog:
            event = self._backlog.pop(0)
            try:
                await self._send(event)
            except (errors.ConsoleError, httpx.HTTPError):
                continue  # its namespace may be going, or the server: an event is worth no retry

    async def _send(self, event: Object) -> None:
        involved: dict[str, Any] = event["involvedObject"]
        namespace = involved.get("namespace", "default")
        collection = f"/api/v1/namespaces/{namespace}/events"
        what = (
            *(str(involved.get(part, "")) for part in ("kind", "namespace", "name", "uid", "fieldPath")),
            *(str(event[part]) for part in ("type", "reason", "message")),
            event["source"].get("host", ""),
        )
        if what in self._known:
            name, count = self._known.pop(what)
            try:
                await self._client.merge_patch(
                    f"{collection}/{name}", {"count": count + 1, "lastTimestamp": event["lastTimestamp"]}
                )
                self._known[what] = (name, count + 1)
                return
            except errors.NotFound:
                pass  # expired meanwhile: it begins anew
        name = f"{involved['name']}.{secrets.token_hex(8)}"
        await self._client.create(
            collection,
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": name, "namespace": namespace},
                **event,
                "count": 1,
                "eventTime": None,
                "reportingComponent": event["source"]["component"],
                "reportingInstance": event["source"].get("host", ""),
            },
        )
        self._known[what] = (name, 1)
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)
