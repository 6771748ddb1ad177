"""The log of a container over HTTP: from when, how much, with times or not, and then whatever is written next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console.clock import parse_time
from console.demo.answers import common_headers
from console.demo.failures import ApiFailure, Cause, bad_request, invalid
from console.demo.pod_containers import container_name, is_running, no_log, pod_of

if TYPE_CHECKING:
    from starlette.types import Receive, Send

    from console.demo.collection import Change
    from console.demo.logs import ContainerLog, Line
    from console.demo.records import Object
    from console.demo.requests import Query
    from console.demo.resources import ResourceType
    from console.demo.runtime import Runtime
    from console.demo.server import Call

_PIECE = 64 * 1024  # bytes sent at once
_BEHIND = 20_000  # lines a follower may lag before it is cut off


@dataclass(frozen=True, slots=True)
class LogOptions:
    """PodLogOptions: `since` in seconds since 1970, the bounds None where not asked for."""

    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    since: float | None = None
    tail: int | None = None
    limit: int | None = None


def read_options(query: Query, name: str, now: float) -> LogOptions:
    """The options of a log request for the pod `name`; ApiFailure 400 or 422 for ones that make no sense."""
    seconds, tail, limit = (_number(query, field) for field in ("sinceSeconds", "tailLines", "limitBytes"))
    since_time = query.get("sinceTime")
    causes = []
    if tail is not None and tail < 0:
        causes.append(Cause("tailLines", f"Invalid value: {tail}: must be greater than or equal to 0"))
    if limit is not None and limit < 1:
        causes.append(Cause("limitBytes", f"Invalid value: {limit}: must be greater than 0"))
    if seconds is not None and since_time:
        message = "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"
        causes.append(Cause("", message, "FieldValueForbidden"))
    elif seconds is not None and seconds < 1:
        causes.append(Cause("sinceSeconds", f"Invalid value: {seconds}: must be greater than 0"))
    if causes:
        raise invalid("", "PodLogOptions", name, causes)
    since = now - seconds if seconds is not None else parse_time(since_time)
    if since_time and since is None:
        raise bad_request(f'parsing time "{since_time}" as "2006-01-02T15:04:05Z07:00": cannot parse "{since_time}"')
    return LogOptions(query.flag("follow"), query.flag("previous"), query.flag("timestamps"), since, tail, limit)


def _number(query: Query, field: str) -> int | None:
    text = query.get(field)
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


def render(line: Line, *, timestamps: bool) -> bytes:
    """A line as the kubelet sends it."""
    return (stamp(line.at).encode() + b" " + line.text if timestamps else line.text) + b"\n"


def stamp(at: float) -> str:
    """RFC 3339 with nanoseconds, as container logs carry it."""
    whole = int(at)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{int((at - whole) * 1e9):09d}Z"


def select(lines: Iterable[Line], options: LogOptions) -> list[Line]:
    """The lines that `since` and `tail` leave."""
    since = options.since
    kept = [line for line in lines if since is None or line.at >= since]
    return kept[len(kept) - options.tail :] if options.tail is not None and options.tail < len(kept) else kept


def cut(chunks: Iterable[bytes], limit: int | None) -> Iterator[bytes]:
    """The chunks up to `limit` bytes together."""
    for chunk in chunks:
        if limit is None:
            yield chunk
            continue
        if limit <= 0:
            return
        yield chunk[:limit]
        limit -= len(chunk)


async def stream_log(runtime: Runtime, call: Call, receive: Receive, send: Send) -> None:
    """Answer a GET of pods/log; ApiFailure before anything was sent."""
    pod, container, log = _find(runtime, call)
    options = read_options(call.query, call.info.name, runtime.store.now())
    if options.previous:
        log = runtime.read_log(call.namespace, call.info.name, container, previous=True)
    if log is None and (pod.get("spec") or {}).get("nodeName"):
        why = no_log(pod, container, previous=options.previous)
        if why:
            raise bad_request(why)
    head = [*common_headers(runtime.store.now()), (b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    if not options.follow or options.previous:
        body = b"".join(_chunks(log, options))
        await send({"type": "http.response.body", "body": body})
        return
    await _follow(runtime, call, container, options, receive, send)


def _find(runtime: Runtime, call: Call) -> tuple[Object, str, ContainerLog | None]:
    asked = call.query.get("container")
    try:
        pod = pod_of(call)
    except ApiFailure:
        # The log of a world file may outlive its pod.
        log = runtime.read_log(call.namespace, call.info.name, asked) if asked else None
        if log is None:
            raise
        return {"metadata": {"name": call.info.name}}, asked, log
    container = container_name(pod, asked)
    return pod, container, runtime.read_log(call.namespace, call.info.name, container)


def _chunks(log: ContainerLog | None, options: LogOptions) -> Iterator[bytes]:
    lines = select(log.lines, options) if log is not None else []
    return cut((render(line, timestamps=options.timestamps) for line in lines), options.limit)


async def _follow(
    runtime: Runtime, call: Call, container: str, options: LogOptions, receive: Receive, send: Send
) -> None:
    namespace, name = call.namespace, call.info.name
    log = runtime.logs.of(namespace, name, container)
    waiting: asyncio.Queue[Line | None] = asyncio.Queue()

    def heard(line: Line | None) -> None:
        if waiting.qsize() > _BEHIND:
            line = None
        waiting.put_nowait(line)

    def changed(rt: ResourceType, change: Change) -> None:
        record = change.record
        if rt.storage_key == ("", "pods") and record.name == name and record.namespace == namespace:
            pod = runtime.store.decode(call.rt, record)
            if change.type == "DELETED" or not is_running(pod, container):
                waiting.put_nowait(None)

    def end() -> None:
        waiting.put_nowait(None)

    log.listeners.append(heard)
    runtime.store.changed.append(changed)
    call.server.watches.add(end)
    gone = asyncio.create_task(_disconnected(receive, end))
    pod = runtime.store.get(call.rt, namespace, name)
    if pod is None or log.closed or not is_running(pod, container):
        end()
    try:
        left = options.limit
        for chunk in _pieces(_chunks(log, options)):
            left = None if left is None else left - len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        while left is None or left > 0:
            line = await waiting.get()
            if line is None:
                break
            chunk = render(line, timestamps=options.timestamps)[:left]
            left = None if left is None else left - len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()
        call.server.watches.discard(end)
        runtime.store.changed.remove(changed)
        if heard in log.listeners:
            log.listeners.remove(heard)


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    collected: list[bytes] = []
    size = 0
    for chunk in chunks:
        collected.append(chunk)
        size += len(chunk)
        if size >= _PIECE:
            yield b"".join(collected)
            collected, size = [], 0
    if collected:
        yield b"".join(collected)


async def _disconnected(receive: Receive, then: Callable[[], None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    then()
