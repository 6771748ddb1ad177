"""The channel protocols of Kubernetes WebSockets: every message starts with the number of the stream it belongs to.

Binary (`v5.channel.k8s.io`, `v4.channel.k8s.io`, `channel.k8s.io`) and base64 forms, as in apimachinery's wsstream.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.websockets import WebSocketDisconnect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from starlette.websockets import WebSocket

STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)
CLOSE = 255  # v5 only: the next byte names the stream that ends
PROTOCOLS = (
    "v5.channel.k8s.io",
    "v4.channel.k8s.io",
    "v4.base64.channel.k8s.io",
    "channel.k8s.io",
    "base64.channel.k8s.io",
)


def chosen(offered: Sequence[str], known: Sequence[str]) -> str | None:
    """The first of our protocols that the client offers; "" when it offers none, None when it offers only others."""
    found = [protocol for protocol in offered if not protocol.startswith("base64url.bearer.")]
    if not found:
        return ""
    return next((protocol for protocol in known if protocol in found), None)


class Channels:
    """One accepted WebSocket spoken in channels. Writing never blocks."""

    def __init__(self, socket: WebSocket, protocol: str) -> None:
        self._socket = socket
        self._base64 = "base64" in protocol
        self.structured = protocol.startswith(("v4.", "v5."))  # the error stream carries a Status
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._sender = asyncio.create_task(self._send_all())

    def send(self, channel: int, data: bytes) -> None:
        """Queue one message."""
        self._queue.put_nowait(bytes((channel,)) + data)

    async def messages(self) -> AsyncIterator[tuple[int, bytes]]:
        """(channel, data) of everything the client sends, until it goes away."""
        while True:
            try:
                message = await self._socket.receive()
            except (WebSocketDisconnect, RuntimeError):
                return
            if message["type"] != "websocket.receive":
                return
            decoded = self._decode(message.get("bytes"), message.get("text"))
            if decoded is not None:
                yield decoded

    def _decode(self, data: bytes | None, text: str | None) -> tuple[int, bytes] | None:
        if self._base64 and text:
            with suppress(binascii.Error, ValueError):
                return ord(text[0]) - ord("0"), base64.b64decode(text[1:], validate=True)
            return None
        # Some clients send what was typed as a text message, its channel being the first character.
        received = data or (text or "").encode()
        return (received[0], received[1:]) if received else None

    async def close(self) -> None:
        """Send what is queued, then end the connection."""
        self._queue.put_nowait(None)
        await self._sender
        with suppress(RuntimeError, WebSocketDisconnect):
            await self._socket.close(1000)

    async def _send_all(self) -> None:
        with suppress(RuntimeError, WebSocketDisconnect, OSError):
            while (message := await self._queue.get()) is not None:
                if self._base64:
                    text = chr(ord("0") + message[0]) + base64.b64encode(message[1:]).decode()
                    await self._socket.send_text(text)
                else:
                    await self._socket.send_bytes(message)
