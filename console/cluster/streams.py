"""Commands run in containers: the exec subresource over a WebSocket.

Channels of v4.channel.k8s.io and v5.channel.k8s.io (k8s.io/apimachinery/pkg/util/remotecommand): each binary
message starts with a byte, 0 stdin, 1 stdout, 2 stderr, 3 the final Status, 4 resize; v5 adds 255, which closes a
channel. The WebSocket runs over the session's own HTTP client, so TLS, proxies, renewal of credentials and
impersonation are the same as for every other request.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpcore
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State
from websockets.utils import accept_key

from console.cluster.transport import Transport
from console.errors import CannotReach, ServerFailed
from console.text import clean

STDIN, STDOUT, STDERR, STATUS, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
_PROTOCOLS = "v5.channel.k8s.io, v4.channel.k8s.io"
_MOST = 16 << 20  # bytes of output a finished command may give


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What a finished command wrote and its exit code."""

    stdout: bytes
    stderr: bytes
    code: int


class ExecStream:
    """An open exec or attach: write to its stdin, read its output until it ends, then its exit code."""

    def __init__(self, stream: Any, protocol: Protocol, version: str) -> None:
        self._stream = stream
        self._protocol = protocol
        self._version = version
        self._lock = asyncio.Lock()
        self.code: int | None = None  # known once `read` has ended
        self.message = ""  # why it could not run, where the server says

    async def read(self) -> AsyncIterator[tuple[int, bytes]]:
        """(STDOUT or STDERR, bytes) as they come; ends with the command. Raises CannotReach when the link breaks."""
        while True:
            for event in self._protocol.events_received():
                assert isinstance(event, Frame)
                if event.opcode in (Opcode.BINARY, Opcode.CONT) and event.data:
                    channel, data = event.data[0], bytes(event.data[1:])
                    if channel in (STDOUT, STDERR) and data:
                        yield channel, data
                    elif channel == STATUS:
                        self.code, self.message = exit_code(data)
            await self._flush()
            if self._protocol.state is State.CLOSED or self._protocol.close_expected():
                return
            try:
                received = await self._stream.read(65536)
            except (httpcore.NetworkError, httpcore.TimeoutException) as error:
                raise CannotReach("The connection to the command broke.") from error
            if received:
                self._protocol.receive_data(received)
            else:
                self._protocol.receive_eof()
                if self.code is None:
                    raise CannotReach("The connection to the command ended before the command did.")
                return

    async def write(self, data: bytes) -> None:
        """Bytes for the command's stdin."""
        self._protocol.send_binary(bytes([STDIN]) + data)
        await self._flush()

    async def close_input(self) -> None:
        """End of stdin, where the protocol version can say so (v5)."""
        if self._version.startswith("v5"):
            self._protocol.send_binary(bytes([CLOSE, STDIN]))
            await self._flush()

    async def resize(self, columns: int, rows: int) -> None:
        """The terminal's new size in cells."""
        self._protocol.send_binary(bytes([RESIZE]) + json.dumps({"Width": columns, "Height": rows}).encode())
        await self._flush()

    async def _flush(self) -> None:
        async with self._lock:
            for data in self._protocol.data_to_send():
                if data:
                    try:
                        await self._stream.write(data)
                    except (httpcore.NetworkError, httpcore.TimeoutException) as error:
                        raise CannotReach("The connection to the command broke.") from error


@asynccontextmanager
async def open_stream(
    transport: Transport,
    namespace: str,
    pod: str,
    container: str,
    argv: Sequence[str],
    *,
    stdin: bool = False,
    tty: bool = False,
    attach: bool = False,
) -> AsyncIterator[ExecStream]:
    """An exec (or attach) of one container. Raises as any request; ServerFailed where no WebSocket is spoken."""
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    params: dict[str, str | bool | list[str]] = {"stdout": True, "stderr": not tty, "stdin": stdin, "tty": tty}
    if container:
        params["container"] = container
    if not attach:
        params["command"] = list(argv)
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Protocol": _PROTOCOLS,
    }
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/{'attach' if attach else 'exec'}"
    async with transport.upgrade(path, params=params, headers=headers) as response:
        if response.headers.get("sec-websocket-accept") != accept_key(key):
            raise ServerFailed("The server's WebSocket answer does not belong to this request.")
        protocol = Protocol(Side.CLIENT, state=State.OPEN, max_size=_MOST)
        yield ExecStream(
            response.extensions["network_stream"], protocol, response.headers.get("sec-websocket-protocol", "")
        )


async def run(
    transport: Transport, namespace: str, pod: str, container: str, argv: Sequence[str], *, timeout: float
) -> ExecResult:
    """One command to its end. Raises ServerFailed where it could not start, CannotReach after `timeout` seconds."""
    output = {STDOUT: bytearray(), STDERR: bytearray()}
    try:
        async with asyncio.timeout(timeout):
            async with open_stream(transport, namespace, pod, container, argv) as stream:
                async for channel, data in stream.read():
                    output[channel] += data
                    if len(output[channel]) > _MOST:
                        raise ServerFailed(f'"{clean(argv[0])}" in {pod} wrote more than {_MOST >> 20} MiB.')
    except TimeoutError as error:
        raise CannotReach(f'"{clean(argv[0])}" in {pod} did not end within {timeout:.0f} s.') from error
    if stream.code is None or stream.message:
        raise ServerFailed(f'"{clean(argv[0])}" could not run in {pod}: {stream.message or "no exit status came"}.')
    return ExecResult(bytes(output[STDOUT]), bytes(output[STDERR]), stream.code)


def exit_code(status: bytes) -> tuple[int | None, str]:
    """(code, message) of a final Status: the exit code, or None and why the command could not run."""
    try:
        body = json.loads(status)
    except ValueError:
        return None, clean(status.decode("utf-8", "replace"))[:500]
    if not isinstance(body, dict):
        return None, "the final status is not an object"
    if body.get("status") == "Success":
        return 0, ""
    details = body.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    for cause in causes or ():
        if isinstance(cause, dict) and cause.get("reason") == "ExitCode" and str(cause.get("message", "")).isdigit():
            return int(cause["message"]), ""
    return None, clean(str(body.get("message") or "unknown failure"))[:500]
