"""Port-forward over a WebSocket: SPDY tunnelled through it (kubectl), or two plain channels a port (other clients)."""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from starlette.websockets import WebSocketDisconnect

from console.demo import spdy
from console.demo.channels import Channels
from console.demo.served_port import ByteStream, serve_port

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.websockets import WebSocket

    from console.demo.records import Object
    from console.demo.runtime import Runtime

TUNNEL = "SPDY/3.1+portforward.k8s.io"
FORWARD_PROTOCOLS = (TUNNEL, "v4.channel.k8s.io", "v4.base64.channel.k8s.io")


def refused(pod: Object, port: int) -> str:
    """What the error stream says when nothing listens on a port."""
    uid = pod["metadata"].get("uid", "")
    sandbox = uid.replace("-", "").ljust(64, "0")
    reason = f'failed to connect to localhost:{port} inside namespace "{sandbox}", IPv4: dial tcp4 127.0.0.1:{port}: '
    return f"error forwarding port {port} to pod {sandbox}, uid : {reason}connect: connection refused"


async def forward(runtime: Runtime, pod: Object, socket: WebSocket, protocol: str, ports: Iterable[int]) -> None:
    """Serve one accepted WebSocket until the client goes away."""
    if protocol == TUNNEL:
        await _Tunnel(runtime, pod, socket).serve()
    else:
        await _plain(runtime, pod, Channels(socket, protocol), list(ports))


def read_ports(given: Iterable[str]) -> list[int]:
    """The ports of a request's query; ValueError with the kubelet's text for one that is none."""
    found = []
    for text in given:
        for part in text.split(","):
            if not part.isascii() or not part.isdigit() or int(part) > 65535:
                raise ValueError(f'unable to parse "{text}" as a port: invalid syntax')
            if int(part) < 1:
                raise ValueError(f'port "{text}" must be > 0')
            found.append(int(part))
    if not found:
        raise ValueError('query parameter "port" is required')
    return found


async def _plain(runtime: Runtime, pod: Object, channels: Channels, ports: list[int]) -> None:
    tasks: list[asyncio.Task[None]] = []
    streams: list[ByteStream] = []
    for index, port in enumerate(ports):
        data, error = 2 * index, 2 * index + 1
        for channel in (data, error):
            channels.send(channel, struct.pack("<H", port))
        stream = ByteStream(partial(channels.send, data), _nothing)
        streams.append(stream)
        handler = runtime.handler(pod, port)
        if handler is None:
            channels.send(error, refused(pod, port).encode())
        else:
            tasks.append(asyncio.create_task(serve_port(stream, handler)))
    reader = asyncio.create_task(_feed(channels, streams))
    try:
        if tasks:
            served = asyncio.gather(*tasks)
            await asyncio.wait((reader, served), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (reader, *tasks):
            task.cancel()
        await asyncio.gather(reader, *tasks, return_exceptions=True)
        await channels.close()


async def _feed(channels: Channels, streams: list[ByteStream]) -> None:
    async for channel, data in channels.messages():
        if channel % 2 == 0 and channel // 2 < len(streams) and data:
            streams[channel // 2].feed(data)


def _nothing() -> None:
    """The stream ends with the connection."""


class _Tunnel:
    """One SPDY connection inside a WebSocket; each forwarded connection is a pair of streams, for errors and data."""

    def __init__(self, runtime: Runtime, pod: Object, socket: WebSocket) -> None:
        self._runtime = runtime
        self._pod = pod
        self._socket = socket
        self._spdy = spdy.Connection()
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._pairs: dict[str, dict[str, int]] = {}
        self._data: dict[int, ByteStream] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        """Until the client goes away."""
        sender = asyncio.create_task(self._send_all())
        try:
            await self._receive_all()
        except spdy.ProtocolError:
            pass  # nothing that can be said to such a client; the connection ends
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            self._queue.put_nowait(None)
            await sender
            with suppress(RuntimeError, WebSocketDisconnect):
                await self._socket.close(1000)

    async def _receive_all(self) -> None:
        while True:
            try:
                message = await self._socket.receive()
            except (WebSocketDisconnect, RuntimeError):
                return
            if message["type"] != "websocket.receive":
                return
            for event in self._spdy.feed(message.get("bytes") or b""):
                if isinstance(event, spdy.GoneAway):
                    return
                self._take(event)

    async def _send_all(self) -> None:
        with suppress(RuntimeError, WebSocketDisconnect, OSError):
            while (data := await self._queue.get()) is not None:
                await self._socket.send_bytes(data)

    def _take(self, event: spdy.Event) -> None:
        if isinstance(event, spdy.Ping):
            self._queue.put_nowait(self._spdy.pong(event.number))
        elif isinstance(event, spdy.Opened):
            self._queue.put_nowait(self._spdy.reply(event.stream))
            self._open(event)
        elif isinstance(event, spdy.Data):
            stream = self._data.get(event.stream)
            if stream is not None:
                if event.data:
                    stream.feed(event.data)
                if event.ended:
                    stream.feed(b"")
        elif isinstance(event, spdy.Reset):
            self._data.pop(event.stream, None)
            task = self._tasks.pop(event.stream, None)
            if task is not None:
                task.cancel()

    def _open(self, event: spdy.Opened) -> None:
        kind = event.headers.get("streamtype", "")
        # Clients that send no request id open a pair's error stream first, and its data stream right after.
        default = str(event.stream if kind == "error" else event.stream - 2)
        request = event.headers.get("requestid") or default
        pair = self._pairs.setdefault(request, {})
        pair[kind] = event.stream
        if kind == "data":
            self._data[event.stream] = ByteStream(partial(self._send, event.stream), _nothing)
        if "data" in pair and "error" in pair:
            del self._pairs[request]
            port = event.headers.get("port", "")
            self._tasks[pair["data"]] = asyncio.create_task(self._connect(pair["data"], pair["error"], port))

    def _send(self, stream: int, data: bytes) -> None:
        self._queue.put_nowait(self._spdy.data(stream, data))

    async def _connect(self, data: int, error: int, port: str) -> None:
        number = int(port) if port.isascii() and port.isdigit() else 0
        handler = self._runtime.handler(self._pod, number)
        try:
            if handler is None:
                self._queue.put_nowait(self._spdy.data(error, refused(self._pod, number).encode()))
            else:
                await serve_port(self._data[data], handler)
        finally:
            self._queue.put_nowait(self._spdy.data(data, b"", end=True))
            self._queue.put_nowait(self._spdy.data(error, b"", end=True))
            self._data.pop(data, None)
            self._tasks.pop(data, None)
