"""Logs, exec, attach and port-forward over real sockets, spoken as clients speak them."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import zlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from console.demo import spdy
from console.demo.runtime import Runtime
from console.demo.streams import Streams

NOW = 1_790_000_000.0
POD = "/api/v1/namespaces/default/pods"


def pod(name: str, *containers: str, state: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    state = {"running": {"startedAt": "2026-09-21T14:00:00Z"}} if state is None else state
    statuses = [{"name": c, "state": state, "lastState": {}, "restartCount": 0, "ready": True} for c in containers]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}"},
        "spec": {"nodeName": "n1", "containers": [{"name": c, "image": "x"} for c in containers], **more},
        "status": {"phase": "Running", "containerStatuses": statuses},
    }


@pytest.fixture
async def runtime(api) -> AsyncIterator[Runtime]:
    runtime = Runtime(api.store)
    api.server.streams = Streams(runtime)
    api.store.load(pod("w", "main"))
    yield runtime


async def log(api, target: str = "w", status: int = 200, **query: Any) -> str:
    answer = await api.client.get(f"{POD}/{target}/log", params=query)
    assert answer.status_code == status, answer.text
    return answer.text if status == 200 else answer.json()["message"]


def dial(api, path: str, *protocols: str, token: str = "") -> connect:
    return connect(
        api.url.replace("http", "ws") + path,
        subprotocols=[Subprotocol(p) for p in protocols],
        additional_headers={"authorization": f"Bearer {token or api.token}"},
        proxy=None,
        compression=None,
    )


async def received(socket: ClientConnection) -> list[tuple[int, bytes]]:
    """Every message until the server ends, as (channel, data)."""
    return [(m[0], m[1:]) async for m in socket if isinstance(m, bytes)]


def streams(messages: list[tuple[int, bytes]]) -> dict[int, bytes]:
    joined: dict[int, bytes] = {}
    for channel, data in messages:
        joined[channel] = joined.get(channel, b"") + data
    return joined


# logs


async def test_a_log_is_cut_as_asked(api, runtime):
    for number in range(5):
        runtime.log("default", "w", "main", f"line {number}", NOW - 50 + 10 * number)
    assert await log(api) == "".join(f"line {n}\n" for n in range(5))
    assert await log(api, tailLines=2) == "line 3\nline 4\n"
    assert await log(api, tailLines=0) == ""
    assert await log(api, sinceSeconds=25) == "line 3\nline 4\n"
    assert await log(api, sinceTime="2026-09-21T14:13:10Z") == "line 4\n"
    assert await log(api, limitBytes=9) == "line 0\nli"
    assert await log(api, tailLines=1, timestamps="true") == "2026-09-21T14:13:10.000000000Z line 4\n"


async def test_the_previous_log_is_the_one_before_the_restart(api, runtime):
    assert await log(api, status=400, previous="true") == ('previous terminated container "main" in pod "w" not found')
    runtime.log("default", "w", "main", "crashed")
    runtime.rotate("default", "w", "main")
    runtime.log("default", "w", "main", "again")
    assert await log(api, previous="true") == "crashed\n"
    assert await log(api) == "again\n"


async def test_the_container_has_to_be_clear(api, runtime):
    api.store.load(pod("two", "a", "b", initContainers=[{"name": "i", "image": "x"}]))
    assert await log(api, "two", 400) == ("a container name must be specified for pod two, choose one of: [i a b]")
    assert await log(api, "two", 400, container="c") == "container c is not valid for pod two"
    assert await log(api, "nobody", 404) == 'pods "nobody" not found'


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("ContainerCreating", "ContainerCreating"),
        ("ImagePullBackOff", "trying and failing to pull image"),
        ("ErrImagePull", "image can't be pulled"),
        ("CreateContainerConfigError", "CreateContainerConfigError"),
    ],
)
async def test_a_waiting_container_says_what_it_waits_for(api, runtime, reason, said):
    api.store.load(pod("late", "main", state={"waiting": {"reason": reason}}))
    assert await log(api, "late", 400) == f'container "main" in pod "late" is waiting to start: {said}'


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ({"tailLines": -1}, 422, "tailLines: Invalid value: -1: must be greater than or equal to 0"),
        ({"sinceSeconds": 0}, 422, "sinceSeconds: Invalid value: 0: must be greater than 0"),
        ({"limitBytes": 0}, 422, "limitBytes: Invalid value: 0: must be greater than 0"),
        ({"sinceSeconds": 1, "sinceTime": "2026-09-21T14:13:10Z"}, 422, "at most one of `sinceTime` or"),
        ({"tailLines": "x"}, 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
        ({"sinceTime": "today"}, 400, 'parsing time "today"'),
    ],
)
async def test_options_that_make_no_sense_are_refused(api, runtime, query, status, said):
    assert said in await log(api, status=status, **query)


async def test_following_goes_on_until_the_container_ends(api, runtime):
    runtime.log("default", "w", "main", "old")
    runtime.log("default", "w", "main", "new")
    async with api.client.stream("GET", f"{POD}/w/log", params={"follow": "true", "tailLines": 1}) as answer:
        lines = answer.aiter_lines()
        assert await anext(lines) == "new"
        runtime.log("default", "w", "main", "newer")
        assert await anext(lines) == "newer"
        rt = api.store.resources.find("", "v1", "pods")
        api.store.put(rt, pod("w", "main", state={"terminated": {"exitCode": 0}}))
        assert [line async for line in lines] == []
    found = runtime.read_log("default", "w", "main")
    assert found is not None
    assert found.listeners == []


async def test_a_log_may_outlive_its_pod(api, runtime):
    runtime.log("default", "gone", "main", "last words")
    assert await log(api, "gone", container="main") == "last words\n"


# exec


async def test_exec_streams_output_and_tells_the_exit_code(api, runtime):
    path = f"{POD}/w/exec?command=sh&command=-c&command={quote('echo out; echo err >&2; exit 3')}&stdout=1&stderr=1"
    async with dial(api, path, "v5.channel.k8s.io", "v4.channel.k8s.io") as socket:
        assert socket.subprotocol == "v5.channel.k8s.io"
        messages = await received(socket)
    assert messages[0] == (1, b"")
    parts = streams(messages)
    assert (parts[1], parts[2]) == (b"out\n", b"err\n")
    status = json.loads(parts[3])
    assert status["reason"] == "NonZeroExitCode"
    assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]


async def test_exec_takes_input_and_its_end(api, runtime):
    path = f"{POD}/w/exec?command=cat&stdin=1&stdout=1"
    async with dial(api, path, "v5.channel.k8s.io") as socket:
        await socket.send(b"\x00hello ")
        await socket.send(b"\x00world")
        await socket.send(b"\xff\x00")
        parts = streams(await received(socket))
    assert parts[1] == b"hello world"
    assert json.loads(parts[3])["status"] == "Success"


async def test_exec_on_a_terminal_echoes_and_resizes(api, runtime):
    path = f"{POD}/w/exec?command=sh&stdin=1&stdout=1&tty=1"
    shown = b""
    async with dial(api, path, "v4.channel.k8s.io") as socket:
        await socket.send(b'\x04{"Width":120,"Height":40}')
        for typed in (b"stty size", b"exit 2"):
            while not shown.endswith(b"# "):
                message = await socket.recv()
                assert isinstance(message, bytes)
                shown += message[1:]
            await socket.send(b"\x00" + typed + b"\r")
            shown += (await socket.recv())[1:]  # type: ignore[operator]
        parts = streams(await received(socket))
    assert shown + parts.get(1, b"") == b"# stty size\r\n40 120\r\n# exit 2\r\n"
    assert "exit status 2" in json.loads(parts[3])["message"]


async def test_exec_in_base64_and_in_the_oldest_protocol(api, runtime):
    path = f"{POD}/w/exec?command=sh&command=-c&command={quote('echo hi; exit 1')}&stdout=1"
    async with dial(api, path, "base64.channel.k8s.io") as socket:
        messages = [message async for message in socket]
    assert messages[1] == "1" + base64.b64encode(b"hi\n").decode()
    assert base64.b64decode(messages[2][1:]) == b"command terminated with non-zero exit code: exit status 1"


async def test_a_command_that_is_not_there(api, runtime):
    async with dial(api, f"{POD}/w/exec?command=nope&stdout=1", "v4.channel.k8s.io") as socket:
        parts = streams(await received(socket))
    assert 'exec: "nope": executable file not found in $PATH' in json.loads(parts[3])["message"]


@pytest.mark.parametrize(
    ("target", "status", "said"),
    [
        ("nobody/exec?command=ls&stdout=1", 404, 'pods "nobody" not found'),
        ("w/exec?stdout=1", 400, "you must specify at least 1 command for the container"),
        ("w/exec?command=ls", 400, "at least 1 of stdin, stdout, stderr"),
        ("w/exec?command=ls&stdout=1&container=x", 400, "container x is not valid for pod w"),
        ("late/exec?command=ls&stdout=1", 404, 'container not found ("main")'),
        ("lost/attach?stdout=1", 400, "pod lost does not have a host assigned"),
        ("w/portforward?ports=0", 400, 'port "0" must be > 0'),
        ("w/portforward?ports=x", 400, 'unable to parse "x" as a port'),
    ],
)
async def test_a_wrong_target_is_refused_before_the_upgrade(api, runtime, target, status, said):
    api.store.load(pod("late", "main", state={"waiting": {"reason": "ContainerCreating"}}))
    lost = pod("lost", "main")
    del lost["spec"]["nodeName"]
    api.store.load(lost)
    with pytest.raises(InvalidStatus) as caught:
        async with dial(api, f"{POD}/{target}", "v4.channel.k8s.io"):
            pass
    assert caught.value.response.status_code == status
    assert said in json.loads(caught.value.response.body or b"{}")["message"]


async def test_protocols_nobody_knows_and_plain_http_are_refused(api, runtime):
    with pytest.raises(InvalidStatus):
        async with dial(api, f"{POD}/w/exec?command=ls&stdout=1", "v9.channel.k8s.io"):
            pass
    answer = await api.client.post(f"{POD}/w/exec?command=ls&stdout=1")
    assert (answer.status_code, answer.json()["message"]) == (400, "Upgrade request required")


async def test_exec_takes_a_right(api, runtime):
    api.server.access.tokens.read("jane-token,jane,u1")
    with pytest.raises(InvalidStatus) as caught:
        async with dial(api, f"{POD}/w/exec?command=ls&stdout=1", "v4.channel.k8s.io", token="jane-token"):
            pass
    assert caught.value.response.status_code == 403
    assert b'cannot get resource \\"pods/exec\\"' in (caught.value.response.body or b"")


async def test_attach_shows_what_is_written_from_now_on(api, runtime):
    runtime.log("default", "w", "main", "before")
    async with dial(api, f"{POD}/w/attach?stdout=1", "v4.channel.k8s.io") as socket:
        assert await socket.recv() == b"\x01"
        found = runtime.read_log("default", "w", "main")
        assert found is not None
        while not found.listeners:
            await asyncio.sleep(0.001)
        runtime.log("default", "w", "main", "after")
        runtime.close_log("default", "w", "main")
        parts = streams(await received(socket))
    assert parts[1] == b"after\n"
    assert json.loads(parts[3])["status"] == "Success"


# port-forward


async def echo(method: str, path: str, query: str, headers: Any, body: bytes) -> Any:
    auth = {key.lower(): value for key, value in headers.items()}.get("authorization", "")
    return 200, {"Content-Type": "text/plain"}, f"{method} {path}?{query} {auth} {body.decode()}".encode()


REQUEST = b"POST /x?y=1 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t\r\nContent-Length: 3\r\n\r\nabc"


async def test_plain_channels_carry_a_port(api, runtime):
    runtime.listen("default", "w", 8080, echo)
    async with dial(api, f"{POD}/w/portforward?ports=8080&ports=81", "v4.channel.k8s.io") as socket:
        first = [await socket.recv() for _ in range(5)]
        port, other = struct.pack("<H", 8080), struct.pack("<H", 81)
        assert first[:4] == [b"\x00" + port, b"\x01" + port, b"\x02" + other, b"\x03" + other]
        assert isinstance(first[4], bytes)
        assert first[4][:1] == b"\x03"
        assert b"connect: connection refused" in first[4]
        await socket.send(b"\x00" + REQUEST[:20])
        await socket.send(b"\x00" + REQUEST[20:])
        answer = await socket.recv()
        assert isinstance(answer, bytes)
        assert answer.startswith(b"\x00HTTP/1.1 200 OK\r\n")
        assert answer.endswith(b"\r\n\r\nPOST /x?y=1 Bearer t abc")
        await socket.send(b"\x00GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert [m async for m in socket][-1].endswith(b"GET /?  ")  # type: ignore[arg-type]


class SpdyClient:
    """The client's end of a tunnel: opens streams and takes the server's frames apart."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._deflate = zlib.compressobj(zdict=spdy.DICTIONARY)
        self._buffer = b""
        self.replies: list[int] = []
        self.pongs: list[int] = []
        self.data: dict[int, bytes] = {}
        self.ended: set[int] = set()

    async def open(self, stream: int, headers: dict[str, str]) -> None:
        block = struct.pack(">I", len(headers))
        for name, value in headers.items():
            block += struct.pack(">I", len(name)) + name.encode() + struct.pack(">I", len(value)) + value.encode()
        packed = self._deflate.compress(block) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        body = struct.pack(">IIH", stream, 0, 0) + packed
        await self._socket.send(struct.pack(">HHI", 0x8003, 1, len(body)) + body)

    async def send(self, stream: int, data: bytes, *, end: bool = False) -> None:
        await self._socket.send(struct.pack(">II", stream, int(end) << 24 | len(data)) + data)

    async def until(self, *streams: int) -> None:
        """Read until these streams have ended."""
        while not self.ended >= set(streams):
            message = await asyncio.wait_for(self._socket.recv(), 5)
            assert isinstance(message, bytes)
            self._buffer += message
            while len(self._buffer) >= 8:
                first, second = struct.unpack_from(">II", self._buffer)
                size = second & 0xFFFFFF
                body, self._buffer = self._buffer[8 : 8 + size], self._buffer[8 + size :]
                if not first & 0x80000000:
                    self.data[first] = self.data.get(first, b"") + body
                    if second >> 24 & 1:
                        self.ended.add(first)
                elif first & 0xFFFF == 2:
                    self.replies.append(struct.unpack_from(">I", body)[0])
                elif first & 0xFFFF == 6:
                    self.pongs.append(struct.unpack(">I", body)[0])


async def test_spdy_in_a_websocket_carries_a_port(api, runtime, monkeypatch):
    # The client library holds to the grammar of tokens, which has no slash.
    monkeypatch.setattr("websockets.client.parse_subprotocol", lambda header: [header])
    monkeypatch.setattr("websockets.asyncio.client.validate_subprotocols", lambda protocols: None)
    runtime.listen("default", "w", 8080, echo)
    async with dial(api, f"{POD}/w/portforward", "SPDY/3.1+portforward.k8s.io") as socket:
        client = SpdyClient(socket)
        for number, port in enumerate(("8080", "81")):
            about = {"port": port, "requestid": str(number)}
            await client.open(4 * number + 1, {"streamtype": "error", **about})
            await client.send(4 * number + 1, b"", end=True)
            await client.open(4 * number + 3, {"streamtype": "data", **about})
        await socket.send(struct.pack(">HHI", 0x8003, 6, 4) + struct.pack(">I", 77))
        await client.send(3, REQUEST[:30])
        await client.send(3, REQUEST[30:])
        await client.send(3, b"", end=True)
        await client.until(1, 3, 5, 7)
    assert client.replies == [1, 3, 5, 7]
    assert client.pongs == [77]
    assert client.data[3].endswith(b"POST /x?y=1 Bearer t abc")
    assert client.data[1] == b""
    assert b"connect: connection refused" in client.data[5]


def test_the_tunnel_protocol_is_taken_apart_bytewise():
    server = spdy.Connection()
    deflate = zlib.compressobj(zdict=spdy.DICTIONARY)
    block = struct.pack(">I", 1) + struct.pack(">I", 4) + b"port" + struct.pack(">I", 4) + b"8080"
    packed = deflate.compress(block) + deflate.flush(zlib.Z_SYNC_FLUSH)
    body = struct.pack(">IIH", 3, 0, 0) + packed
    raw = struct.pack(">HHI", 0x8003, 1, len(body)) + body
    raw += struct.pack(">II", 3, 1 << 24 | 2) + b"hi" + struct.pack(">HHI", 0x8003, 6, 4) + struct.pack(">I", 9)
    raw += struct.pack(">HHI", 0x8003, 3, 8) + struct.pack(">II", 3, 5) + struct.pack(">HHI", 0x8003, 7, 0)
    events = [event for byte in raw for event in server.feed(bytes((byte,)))]
    assert events == [
        spdy.Opened(3, {"port": "8080"}),
        spdy.Data(3, b"hi", ended=True),
        spdy.Ping(9),
        spdy.Reset(3),
        spdy.GoneAway(),
    ]


@given(st.binary(max_size=200))
def test_nonsense_is_a_protocol_error_or_nothing(raw):
    try:
        spdy.Connection().feed(raw)
    except spdy.ProtocolError:
        return
