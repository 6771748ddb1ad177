"""HTTP/1.1 spoken by a pod's port over a byte stream: requests parsed, the port's handler asked, answers written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

import h11

if TYPE_CHECKING:
    from console.demo.runtime import Answer, Handler

_LARGEST_BODY = 16 * 2**20


class ByteStream:
    """What the client sent, to be read; `write` and `end` go to the client."""

    def __init__(self, write: Callable[[bytes], None], end: Callable[[], None]) -> None:
        self.write = write
        self.end = end
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()

    def feed(self, data: bytes) -> None:
        """Bytes of the client; b"" when no more will come."""
        self._chunks.put_nowait(data)

    async def read(self) -> bytes:
        """The next bytes; b"" at the end."""
        return await self._chunks.get()


async def serve_port(stream: ByteStream, handler: Handler) -> None:
    """Answer requests on a stream until either side is done."""
    connection = h11.Connection(h11.SERVER)
    try:
        while True:
            request = await _next(connection, stream)
            if not isinstance(request, h11.Request):
                return
            body = bytearray()
            while isinstance(event := await _next(connection, stream), h11.Data):
                body += event.data
                if len(body) > _LARGEST_BODY:
                    raise h11.RemoteProtocolError("body too large", error_status_hint=413)
            answer = await _ask(handler, request, bytes(body))
            _write(connection, stream, answer, head=request.method == b"HEAD")
            if connection.our_state is h11.MUST_CLOSE:
                return
            connection.start_next_cycle()
    except h11.RemoteProtocolError as error:
        if connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            _write(connection, stream, (error.error_status_hint, {"Connection": "close"}, b""), head=False)
    finally:
        stream.end()


async def _next(connection: h11.Connection, stream: ByteStream) -> object:
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await stream.read())
            continue
        return event


async def _ask(handler: Handler, request: h11.Request, body: bytes) -> Answer:
    path, _, query = request.target.decode("latin-1").partition("?")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
    return await handler(request.method.decode(), path, query, headers, body)


def _write(connection: h11.Connection, stream: ByteStream, answer: Answer, *, head: bool) -> None:
    status, headers, body = answer
    sent = [(name, value) for name, value in headers.items() if name.lower() != "content-length"]
    sent.append(("Content-Length", str(len(body))))
    reason = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""
    out = connection.send(h11.Response(status_code=status, headers=sent, reason=reason.encode()))
    out = (out or b"") + (b"" if head else connection.send(h11.Data(data=body)) or b"")
    stream.write(out + (connection.send(h11.EndOfMessage()) or b""))
