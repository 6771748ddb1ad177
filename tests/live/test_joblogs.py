"""Logs of several containers merged into one bounded buffer, and what is said of lines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.cluster.session import Session
from console.live import joblogs
from console.live.joblogs import LogOptions, LogStream, LogTarget
from console.live.loglines import LogBuffer, LogLine, level_of, log_line, readable, seconds, split_time
from tests.cluster.scripted import Asked, Reply, Scripted
from tests.live.collection import eventually


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblogs, "_GATHER", 0.02)
    monkeypatch.setattr(joblogs, "_LONGEST_WAIT", 0.02)
    monkeypatch.setattr(joblogs, "_RETRY", 0.02)


def target(pod: str) -> LogTarget:
    return LogTarget("ns", pod, "pytorch", pod)


def path(pod: str) -> str:
    return f"/api/v1/namespaces/ns/pods/{pod}/log"


def stamped(second: int, text: str) -> bytes:
    return f"2026-03-01T10:00:{second:02d}.5Z {text}\n".encode()


@pytest.fixture
async def follow(session: Session) -> AsyncIterator[Callable[..., LogStream]]:
    streams: list[LogStream] = []

    def start(*pods: str, options: LogOptions | None = None, room: int = 1 << 20) -> LogStream:
        stream = LogStream(session, LogBuffer(room), options or LogOptions())
        streams.append(stream)
        stream.follow(map(target, pods))
        return stream

    yield start
    for stream in streams:
        await stream.stop()


def texts(stream: LogStream) -> list[str]:
    return [line.text for _, line in stream.buffer.numbered()]


def serve(server: Scripted, pod: str, *lines: bytes, hold: bool = True) -> None:
    async def handler(asked: Asked, reply: Reply) -> None:
        await reply.begin()
        for line in lines:
            await reply.chunk(line)
        if hold:
            await reply.silence()
        else:
            await reply.end()

    server.on("GET", path(pod), handler)


async def test_lines_of_two_containers_are_merged_by_their_time(
    server: Scripted, follow: Callable[..., LogStream]
) -> None:
    serve(server, "w-0", stamped(1, "a1"), stamped(3, "a3"))
    serve(server, "w-1", stamped(2, "b2"), stamped(4, "b4"))
    stream = follow("w-0", "w-1")
    await eventually(lambda: len(texts(stream)) == 4)
    assert texts(stream) == ["a1", "b2", "a3", "b4"]
    assert [line.source for _, line in stream.buffer.numbered()] == [0, 1, 0, 1]
    asked = server.requests(path("w-0"))[0]
    assert (asked.one("follow"), asked.one("timestamps"), asked.one("tailLines")) == ("true", "true", "1000")


async def test_a_dropped_connection_is_taken_up_where_it_broke_without_repeating_lines(
    server: Scripted, follow: Callable[..., LogStream]
) -> None:
    async def handler(asked: Asked, reply: Reply) -> None:
        await reply.begin()
        await reply.chunk(stamped(1, "one"))
        if not asked.one("sinceTime"):
            await reply.chunk(stamped(2, "two"))
            reply.drop()
            return
        assert asked.one("sinceTime") == "2026-03-01T10:00:02Z"
        assert asked.one("tailLines") == ""
        await reply.chunk(stamped(2, "two") + stamped(3, "three"))
        await reply.silence()

    server.on("GET", path("w-0"), handler)
    stream = follow("w-0")
    await eventually(lambda: "three" in texts(stream))
    assert texts(stream) == ["one", "two", "three"]


async def test_a_container_without_a_log_is_remarked_and_the_others_go_on(
    server: Scripted, follow: Callable[..., LogStream]
) -> None:
    serve(server, "w-0", stamped(1, "here"))
    server.fails("GET", path("w-1"), 403, "Forbidden", 'pods "w-1" is forbidden: cannot get pods/log')
    stream = follow("w-0", "w-1")
    await eventually(lambda: "here" in texts(stream) and len(texts(stream)) == 2)
    remark = next(line for _, line in stream.buffer.numbered() if line.source == -1)
    assert remark.text.startswith("w-1: ")
    assert "forbidden" in remark.text


async def test_previous_is_read_once(server: Scripted, follow: Callable[..., LogStream]) -> None:
    serve(server, "w-0", stamped(1, "before the crash"), hold=False)
    stream = follow("w-0", options=LogOptions(previous=True, tail=50))
    await eventually(lambda: texts(stream) == ["before the crash"])
    asked = server.requests(path("w-0"))[0]
    assert (asked.one("previous"), asked.one("follow"), asked.one("tailLines")) == ("true", "", "50")
    assert len(server.requests(path("w-0"))) == 1


async def test_no_task_is_left_after_stop(server: Scripted, follow: Callable[..., LogStream], session: Session) -> None:
    serve(server, "w-0", stamped(1, "x"))
    stream = follow("w-0")
    told: list[int] = []
    stream.subscribe(lambda: told.append(stream.buffer.end))
    await eventually(lambda: told)
    before = asyncio.all_tasks()
    await stream.stop()
    await eventually(lambda: session.stats.watches == 0)
    assert len(asyncio.all_tasks()) < len(before)


def test_the_buffer_is_bounded_by_bytes_and_counts_what_it_dropped() -> None:
    buffer = LogBuffer(2000)
    for number in range(100):
        buffer.append(LogLine(0.0, 0, "", f"line {number}"))
    assert buffer.bytes <= 2000
    assert buffer.dropped == buffer.first > 80
    assert buffer[buffer.end - 1].text == "line 99"
    assert [number for number, _ in buffer.numbered(98)] == [98, 99]
    buffer.clear()
    assert (buffer.first, buffer.end) == (100, 100)


@given(st.binary(max_size=200))
def test_no_bytes_reach_the_terminal_as_control_characters(data: bytes) -> None:
    _, line = log_line(0, data)
    assert line.text.isprintable() or all(character.isprintable() for character in line.text)


def test_times_sort_as_texts() -> None:
    early, rest = split_time(b"2026-03-01T10:00:01Z x y")
    late, _ = split_time(b"2026-03-01T10:00:01.000000001Z z")
    assert rest == b"x y"
    assert early < late
    assert seconds(early) == 1772359201.0
    assert split_time(b"no time here") == ("", b"no time here")


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("I0301 10:00:00.1 1 x.go:1] fine", "I"),
        ("E0301 10:00:00.1 1 x.go:1] bad", "E"),
        ("2026-03-01 10:00:00,123 WARNING trainer: slow", "W"),
        ("level=error msg=x", "E"),
        ("[rank0]: Traceback (most recent call last):", "E"),
        ("Traceback (most recent call last):", "E"),
        ("torch.cuda.OutOfMemoryError: CUDA out of memory", "E"),
        ("epoch 3 loss 0.31", ""),
        ("no errors found", ""),
    ],
)
def test_levels(text: str, level: str) -> None:
    assert level_of(text) == level


def test_json_lines_are_made_readable() -> None:
    level, text = readable('{"ts":"x","level":"warn","msg":"slow batch","step":5}')
    assert level == "W"
    assert text == "WARN  slow batch  step=5"
    assert readable('{"broken": ') == ("", '{"broken": ')
