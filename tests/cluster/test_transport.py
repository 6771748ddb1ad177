"""Requests, retries, errors and line streams against a scripted server."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from email.utils import formatdate

import pytest

from console.cluster.kubeconfig import Credentials
from console.cluster.session import Session
from console.errors import (
    CannotReach,
    Conflict,
    Denied,
    Gone,
    Invalid,
    NotFound,
    ServerFailed,
    TooManyRequests,
    Unauthorized,
)
from tests.cluster.scripted import Asked, Reply, Scripted


async def test_a_get_sends_the_token_and_counts(server: Scripted, session: Session) -> None:
    server.answers("GET", "/version", {"major": "1"})
    assert json.loads(await session.get("/version", params={"limit": 5})) == {"major": "1"}
    assert server.asked[0].header("authorization") == "Bearer s3cret"
    assert server.asked[0].one("limit") == "5"
    assert (session.stats.requests, session.stats.throttled) == (1, 0)
    assert session.stats.received > 0
    assert session.stats.rate() > 0


async def test_gzip_is_asked_for_and_read(server: Scripted, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Credentials, "local", False)

    async def zipped(asked: Asked, reply: Reply) -> None:
        assert asked.header("accept-encoding") == "gzip"
        await reply.send(gzip.compress(b'{"a":1}'), content_encoding="gzip")

    server.on("GET", "/zip", zipped)
    assert await session.get("/zip") == b'{"a":1}'


async def test_nothing_is_compressed_on_the_way_to_this_machine(server: Scripted, session: Session) -> None:
    async def plain(asked: Asked, reply: Reply) -> None:
        assert asked.header("accept-encoding") == "identity"
        await reply.send(b"{}")

    server.on("GET", "/plain", plain)
    assert await session.get("/plain") == b"{}"


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (400, "BadRequest", Invalid),
        (401, "Unauthorized", Unauthorized),
        (403, "Forbidden", Denied),
        (404, "NotFound", NotFound),
        (409, "Conflict", Conflict),
        (410, "Expired", Gone),
        (422, "Invalid", Invalid),
        (501, "NotImplemented", ServerFailed),
    ],
)
async def test_a_status_becomes_its_error(
    server: Scripted, session: Session, code: int, reason: str, kind: type[Exception]
) -> None:
    server.fails("GET", "/x", code, reason, 'pods "x" is the trouble')
    with pytest.raises(kind) as caught:
        await session.get("/x")
    error = caught.value
    assert (error.code, error.reason, error.message) == (code, reason, 'pods "x" is the trouble')  # type: ignore[attr-defined]
    assert str(error).startswith('pods "x" is the trouble.')


async def test_causes_and_escape_sequences_of_a_status(server: Scripted, session: Session) -> None:
    async def invalid(asked: Asked, reply: Reply) -> None:
        details = {"causes": [{"field": "spec.x", "message": "must \x1b[31mnot\x1b[0m"}]}
        await reply.status(422, "Invalid", "evil \x1b]0;title\x07words", details)

    server.on("POST", "/x", invalid)
    with pytest.raises(Invalid) as caught:
        await session.send("POST", "/x", b"{}")
    assert caught.value.causes == (("spec.x", "must not"),)
    assert "\x1b" not in str(caught.value)


async def test_a_429_waits_as_long_as_the_server_says_and_is_counted(server: Scripted, session: Session) -> None:
    async def busy(asked: Asked, reply: Reply) -> None:
        if len(server.requests("/busy")) == 1:
            await reply.status(429, "TooManyRequests", "slow down", retry_after="0")
        else:
            await reply.send({})

    server.on("GET", "/busy", busy)
    assert await session.get("/busy") == b"{}"
    assert session.stats.throttled == 1


async def test_a_429_that_asks_for_minutes_is_not_waited_for(server: Scripted, session: Session) -> None:
    async def busy(asked: Asked, reply: Reply) -> None:
        await reply.status(429, "TooManyRequests", "slow down", retry_after="120")

    server.on("GET", "/busy", busy)
    with pytest.raises(TooManyRequests) as caught:
        await session.get("/busy")
    assert caught.value.retry_after == 120
    assert len(server.asked) == 1


async def test_a_read_is_repeated_when_the_connection_breaks(server: Scripted, session: Session) -> None:
    async def flaky(asked: Asked, reply: Reply) -> None:
        if len(server.asked) < 3:
            reply.drop()
        else:
            await reply.send({"ok": True})

    server.on("GET", "/flaky", flaky)
    assert await session.get("/flaky") == b'{"ok": true}'


async def test_a_write_is_never_repeated(server: Scripted, session: Session) -> None:
    async def drop(asked: Asked, reply: Reply) -> None:
        reply.drop()

    server.on("POST", "/x", drop)
    server.fails("POST", "/y", 503, "ServiceUnavailable", "down")
    with pytest.raises(CannotReach):
        await session.send("POST", "/x", b"{}")
    with pytest.raises(ServerFailed):
        await session.send("POST", "/y", b"{}")
    assert len(server.asked) == 2


async def test_a_redirect_is_an_error_and_not_followed(server: Scripted, session: Session) -> None:
    async def login(asked: Asked, reply: Reply) -> None:
        await reply.send(b"", 302, location="https://login.example/dex")

    server.on("GET", "/x", login)
    with pytest.raises(Exception, match=r"login\.example"):
        await session.get("/x")


async def test_the_servers_date_sets_the_clock(server: Scripted, session: Session) -> None:
    server.answers("GET", "/x", {}, date=formatdate(time.time() + 3600, usegmt=True))
    await session.get("/x")
    assert 3590 < session.clock.now() - time.time() < 3610


async def test_a_timeout_is_said(server: Scripted, session: Session) -> None:
    async def silent(asked: Asked, reply: Reply) -> None:
        await reply.silence()

    server.on("GET", "/x", silent)
    with pytest.raises(CannotReach, match="sent nothing in time"):
        await session.get("/x", timeout=0.05)


async def test_lines_are_joined_across_chunks(server: Scripted, session: Session) -> None:
    long = b"x" * 1_500_000

    async def watch(asked: Asked, reply: Reply) -> None:
        assert asked.header("accept-encoding") == "identity"
        await reply.begin()
        for part in (b"on", b"e\ntwo\n\nth", b"ree\n", long[:700_000], long[700_000:], b"\nlast"):
            await reply.chunk(part)
        await reply.end()

    server.on("GET", "/w", watch)
    async with session.lines("/w") as lines:
        got = [line async for line in lines]
    assert got == [b"one", b"two", b"", b"three", long, b"last"]
    assert session.stats.watches == 0


async def test_silence_ends_a_watch(server: Scripted, session: Session) -> None:
    async def watch(asked: Asked, reply: Reply) -> None:
        await reply.begin()
        await reply.chunk(b"one\n")
        await reply.silence()

    server.on("GET", "/w", watch)
    got = []
    with pytest.raises(CannotReach):
        async with session.lines("/w", silence=0.05) as lines:
            got.append(await anext(aiter(lines)))
            await anext(aiter(lines))
    assert got == [b"one"]


async def test_a_log_line_over_a_mebibyte_is_cut_and_marked(server: Scripted, session: Session) -> None:
    async def log(asked: Asked, reply: Reply) -> None:
        assert asked.one("tailLines") == "5"
        await reply.begin()
        await reply.chunk(b"x" * 3_000_000 + b"\nnext\n")
        await reply.end()

    server.on("GET", "/api/v1/namespaces/ns/pods/p/log", log)
    async with session.logs("ns", "p", "c", tail=5) as lines:
        got = [line async for line in lines]
    assert len(got[0]) < 1_100_000
    assert got[0].endswith(b"...[cut]")
    assert got[1] == b"next"


async def test_closing_the_session_ends_open_watches(server: Scripted, session: Session) -> None:
    async def watch(asked: Asked, reply: Reply) -> None:
        await reply.begin()
        await reply.silence()

    server.on("GET", "/w", watch)
    async with session.lines("/w") as lines:
        closing = asyncio.create_task(session.close())
        with pytest.raises((CannotReach, StopAsyncIteration)):
            await anext(aiter(lines))
        await closing


async def test_a_connection_that_carried_a_log_serves_other_requests_as_before(
    server: Scripted, session: Session
) -> None:
    async def log(asked: Asked, reply: Reply) -> None:
        await reply.begin()
        for number in range(50):
            await reply.chunk(b"line %d\n" % number)
        await reply.end()

    server.on("GET", "/api/v1/namespaces/ns/pods/p/log", log)
    server.answers("GET", "/x", {})
    for _ in range(2):
        async with session.logs("ns", "p", "c") as lines:
            assert len([line async for line in lines]) == 50
        assert await session.get("/x") == b"{}"
    assert server.connections == 1
