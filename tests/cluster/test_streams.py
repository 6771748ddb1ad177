"""Exec over a WebSocket, against a server that speaks the channel protocol."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State
from websockets.utils import accept_key

from console.cluster import streams
from console.cluster.session import Session
from console.errors import CannotReach, Denied, ServerFailed
from tests.cluster.scripted import Asked, Reply, Scripted

PATH = "/api/v1/namespaces/ns/pods/p/exec"


class Container:
    """The server's side of one exec."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.protocol = Protocol(Side.SERVER, state=State.OPEN)
        self.received: list[bytes] = []

    async def send(self, channel: int, data: bytes) -> None:
        self.protocol.send_binary(bytes([channel]) + data)
        await self._flush()

    async def exit(self, code: int) -> None:
        if code:
            causes = [{"reason": "ExitCode", "message": str(code)}]
            status = {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}}
        else:
            status = {"status": "Success"}
        await self.send(streams.STATUS, json.dumps(status).encode())
        self.protocol.send_close(1000)
        await self._flush()

    async def receive(self) -> bytes:
        while not self.received:
            data = await self.reply.reader.read(65536)
            assert data, "the client left"
            self.protocol.receive_data(data)
            frames = [frame for frame in self.protocol.events_received() if isinstance(frame, Frame)]
            self.received += [bytes(frame.data) for frame in frames if frame.opcode is Opcode.BINARY]
        return self.received.pop(0)

    async def _flush(self) -> None:
        for data in self.protocol.data_to_send():
            self.reply.writer.write(data)
        await self.reply.writer.drain()


def serve(server: Scripted, run: Callable[[Asked, Container], Awaitable[None]], path: str = PATH) -> None:
    async def handler(asked: Asked, reply: Reply) -> None:
        key = accept_key(asked.header("sec-websocket-key"))
        reply._head(
            101,
            {
                "upgrade": "websocket",
                "connection": "Upgrade",
                "sec-websocket-accept": key,
                "sec-websocket-protocol": "v5.channel.k8s.io",
            },
        )
        await run(asked, Container(reply))
        reply.ended = True

    server.on("GET", path, handler)


async def test_output_errors_and_the_exit_code(server: Scripted, session: Session) -> None:
    async def run(asked: Asked, container: Container) -> None:
        assert asked.query["command"] == ["nvidia-smi", "-L"]
        assert asked.one("container") == "main"
        assert asked.header("authorization") == "Bearer s3cret"
        await container.send(streams.STDOUT, b"")
        await container.send(streams.STDOUT, b"GPU 0\n" * 20_000)
        await container.send(streams.STDERR, b"warning\n")
        await container.exit(3)

    serve(server, run)
    result = await session.exec("ns", "p", "main", ["nvidia-smi", "-L"])
    assert result == streams.ExecResult(b"GPU 0\n" * 20_000, b"warning\n", 3)


async def test_an_interactive_stream_talks_both_ways(server: Scripted, session: Session) -> None:
    async def run(asked: Asked, container: Container) -> None:
        assert (asked.one("tty"), asked.one("stdin")) == ("true", "true")
        assert await container.receive() == bytes([streams.RESIZE]) + b'{"Width": 80, "Height": 24}'
        line = await container.receive()
        await container.send(streams.STDOUT, line[1:].upper())
        assert await container.receive() == bytes([streams.CLOSE, streams.STDIN])
        await container.exit(0)

    serve(server, run)
    async with session.exec_stream("ns", "p", "", ["sh"]) as stream:
        await stream.resize(80, 24)
        await stream.write(b"hello\n")
        output = []
        async for channel, data in stream.read():
            output.append((channel, data))
            await stream.close_input()
    assert output == [(streams.STDOUT, b"HELLO\n")]
    assert stream.code == 0


async def test_a_command_that_cannot_start_says_why(server: Scripted, session: Session) -> None:
    async def run(asked: Asked, container: Container) -> None:
        status = {"status": "Failure", "message": 'exec: "x": executable file not found'}
        await container.send(streams.STATUS, json.dumps(status).encode())
        container.protocol.send_close(1000)
        await container._flush()

    serve(server, run)
    with pytest.raises(ServerFailed, match="not found"):
        await session.exec("ns", "p", "", ["x"])


async def test_a_link_that_breaks_and_a_command_that_never_ends(server: Scripted, session: Session) -> None:
    async def drop(asked: Asked, container: Container) -> None:
        await container.send(streams.STDOUT, b"half")
        container.reply.drop()

    serve(server, drop)
    with pytest.raises(CannotReach):
        await session.exec("ns", "p", "", ["x"])

    async def hang(asked: Asked, container: Container) -> None:
        await container.reply.silence()

    serve(server, hang)
    with pytest.raises(CannotReach, match="did not end"):
        await session.exec("ns", "p", "", ["x"], timeout=0.05)


async def test_denied_and_no_websocket(server: Scripted, session: Session) -> None:
    server.fails("GET", PATH, 403, "Forbidden", 'pods "p" is forbidden: cannot get resource "pods/exec"')
    with pytest.raises(Denied, match="pods/exec"):
        await session.exec("ns", "p", "", ["x"])
    server.answers("GET", PATH, {})
    with pytest.raises(ServerFailed, match="WebSocket"):
        await session.exec("ns", "p", "", ["x"])


def test_final_statuses() -> None:
    assert streams.exit_code(b'{"status":"Success"}') == (0, "")
    assert streams.exit_code(b"command terminated") == (None, "command terminated")
    assert streams.exit_code(b"[]")[0] is None
