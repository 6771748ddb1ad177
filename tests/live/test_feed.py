"""Feeds over a scripted collection: listing, watching, and every way a watch can go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from console.cluster.session import Session
from console.errors import CannotReach, Denied, NotFound
from console.live import watcher
from console.live.hub import Changes, Feed, Hub
from tests.cluster.scripted import Asked, Reply, Scripted
from tests.live.collection import Collection, PodSource, eventually, lines, pod

SOURCE = PodSource()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting times of a test."""
    monkeypatch.setattr(watcher.Backoff, "wait", lambda self, asked=None: asked or 0.01)
    monkeypatch.setattr(watcher, "REFUSED_SECONDS", 30.0)
    monkeypatch.setattr(watcher, "POLL_SECONDS", 0.05)


@pytest.fixture
def pods(server: Scripted) -> Collection:
    collection = Collection(server)
    collection.put(pod("a", 1), pod("b", 2), pod("c", 3))
    return collection


@pytest.fixture
async def hub(session: Session) -> AsyncIterator[Hub]:
    opened = Hub(session, grace=0.02)
    yield opened
    await opened.stop()
    running = [task for task in asyncio.all_tasks() if task.get_name().startswith(("watch", "scopes"))]
    assert running == []


def record(feed: Feed) -> list[Changes]:
    batches: list[Changes] = []
    feed.subscribe(batches.append)
    return batches


async def test_the_first_page_is_published_before_the_rest(server: Scripted, hub: Hub) -> None:
    collection = Collection(server, page=2)
    collection.put(*(pod(f"p{number}", number) for number in range(5)))
    feed = hub.open(SOURCE)
    batches = record(feed)
    await feed.first_page()
    assert len(batches[0].upserted) == 2
    assert (feed.freshness.phase, feed.freshness.remaining) == ("loading", 3)
    await feed.complete()
    assert sorted(feed.rows) == [f"team-a/p{number}" for number in range(5)]
    assert feed.freshness.phase == "live"
    assert feed.freshness.remaining == 0
    assert collection.lists == 3


async def test_watch_events_change_rows_and_are_told_in_one_batch(pods: Collection, hub: Hub) -> None:
    feed = hub.open(SOURCE)
    await feed.complete()
    asked, reply = await pods.watches.get()
    assert asked.one("resourceVersion") == "100"
    assert asked.one("allowWatchBookmarks") == "true"
    assert 270 <= int(asked.one("timeoutSeconds")) <= 310
    await asyncio.sleep(0.06)  # past the batch of the list
    batches = record(feed)
    await reply.chunk(
        lines(
            ("ADDED", pod("d", 101)),
            ("MODIFIED", pod("a", 102)),
            ("MODIFIED", pod("a", 103)),
            ("DELETED", pod("b", 104)),
        )
    )
    await eventually(lambda: batches)
    assert batches[0].upserted == {"team-a/a", "team-a/d"}
    assert batches[0].removed == {"team-a/b"}
    assert feed.rows["team-a/a"].version == "103"
    assert "team-a/b" not in feed.rows
    assert len(batches) == 1


async def test_a_watch_that_ends_is_resumed_from_the_last_bookmark_without_a_list(pods: Collection, hub: Hub) -> None:
    feed = hub.open(SOURCE)
    await feed.complete()
    _, reply = await pods.watches.get()
    await reply.event("BOOKMARK", {"metadata": {"resourceVersion": "777"}})
    await reply.end()
    reply.drop()
    asked, _ = await pods.watches.get()
    assert asked.one("resourceVersion") == "777"
    assert pods.lists == 1


@pytest.mark.parametrize("where", ["event", "http"])
async def test_a_gone_version_is_listed_again_and_old_rows_stay_until_then(
    pods: Collection, hub: Hub, where: str
) -> None:
    feed = hub.open(SOURCE)
    await feed.complete()
    batches = record(feed)
    _, reply = await pods.watches.get()
    del pods.items["team-a/b"]
    pods.put(pod("a", 9), pod("e", 10))
    pods.version = 900

    async def slow(late: Reply) -> None:
        assert sorted(feed.rows) == ["team-a/a", "team-a/b", "team-a/c"]
        late.drop()

    pods.list_fails.append(slow)
    if where == "event":
        await reply.event("ERROR", {"code": 410, "message": "too old resource version"})
    else:
        pods.watch_fails.append(lambda late: late.status(410, "Expired", "too old resource version"))
        reply.drop()
    asked, _ = await pods.watches.get()
    assert asked.one("resourceVersion") == "900"
    assert sorted(feed.rows) == ["team-a/a", "team-a/c", "team-a/e"]
    await eventually(lambda: set().union(*(batch.removed for batch in batches)) == {"team-a/b"})
    assert set().union(*(batch.upserted for batch in batches)) == {"team-a/a", "team-a/e"}


async def test_an_expired_continue_token_starts_the_list_again(server: Scripted, hub: Hub) -> None:
    collection = Collection(server, page=2)
    collection.put(*(pod(f"p{number}", number) for number in range(3)))

    async def whole(asked: Asked, reply: Reply) -> None:
        if asked.one("continue") and collection.lists == 1:
            collection.list_fails.append(lambda late: late.status(410, "Expired", "continue token expired"))
        await original(asked, reply)

    original = collection._handle
    server.on("GET", "/api/v1/pods", whole)
    feed = hub.open(SOURCE)
    await feed.complete()
    assert len(feed.rows) == 3
    assert collection.lists == 4


async def test_a_dropped_watch_turns_stale_says_why_and_recovers(pods: Collection, hub: Hub) -> None:
    feed = hub.open(SOURCE)
    await feed.complete()
    phases: list[str] = []
    feed.subscribe(lambda changes: phases.append(feed.freshness.phase))
    _, reply = await pods.watches.get()
    heard = feed.freshness.since
    pods.watch_fails.append(lambda late: late.status(503, "ServiceUnavailable", "etcd has no leader"))
    reply.drop()
    await eventually(lambda: feed.freshness.phase == "stale" or "stale" in phases)
    await pods.watches.get()
    await eventually(lambda: feed.freshness.phase == "live")
    assert feed.freshness.since >= heard
    assert feed.freshness.error is None
    assert pods.lists == 1


async def test_a_half_open_watch_is_found_by_its_silence(
    pods: Collection, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher.Watcher.__init__, "__kwdefaults__", {**_defaults(), "silence": 0.05})
    feed = hub.open(SOURCE)
    await feed.complete()
    await pods.watches.get()
    asked, _ = await pods.watches.get()
    assert asked.one("resourceVersion") == "100"
    assert pods.lists == 1


def _defaults() -> dict[str, Any]:
    return dict(watcher.Watcher.__init__.__kwdefaults__ or {})


async def test_throttling_is_waited_out(pods: Collection, hub: Hub, session: Session) -> None:
    pods.list_fails.append(lambda reply: reply.status(429, "TooManyRequests", "slow down", retry_after="0"))
    feed = hub.open(SOURCE)
    await feed.complete()
    assert session.stats.throttled == 1
    assert len(feed.rows) == 3


async def test_a_collection_that_cannot_be_watched_is_listed_now_and_then(pods: Collection, hub: Hub) -> None:
    pods.watch_fails += [lambda reply: reply.status(405, "MethodNotAllowed", "no watch")] * 1
    feed = hub.open(SOURCE)
    await feed.complete()
    pods.put(pod("z", 9))
    await eventually(lambda: "team-a/z" in feed.rows)
    assert feed.freshness.phase == "live"


async def test_a_kind_that_is_not_served_is_absent_with_the_reason(server: Scripted, hub: Hub) -> None:
    feed = hub.open(SOURCE)
    with pytest.raises(NotFound):
        await feed.first_page()
    assert feed.freshness.phase == "absent"
    assert feed.freshness.error is not None


async def test_an_unreachable_server_fails_the_wait_and_keeps_trying(
    pods: Collection, hub: Hub, session: Session
) -> None:
    pods.list_fails += [_drop] * 4  # as often as one read is tried
    feed = hub.open(SOURCE)
    with pytest.raises(CannotReach):
        await feed.first_page()
    assert feed.freshness.phase == "loading"
    await eventually(lambda: feed.freshness.phase == "live")


async def _drop(reply: Reply) -> None:
    reply.drop()


async def test_nonsense_from_the_server_is_an_error_not_a_crash(server: Scripted, pods: Collection, hub: Hub) -> None:
    pods.list_fails.append(lambda reply: reply.send(b"<html>"))
    feed = hub.open(SOURCE)
    await eventually(lambda: feed.freshness.phase == "live")


def forbid_whole(server: Scripted, *, namespaces: list[str], readable: set[str]) -> dict[str, Collection]:
    server.fails("GET", "/api/v1/pods", 403, "Forbidden", 'pods is forbidden: User "alice" cannot list')
    server.answers("GET", "/api/v1/namespaces", {"items": [{"metadata": {"name": name}} for name in namespaces]})

    async def rules(asked: Asked, reply: Reply) -> None:
        allowed = any(f'"namespace":"{name}"'.encode() in asked.body for name in readable)
        rule = {"verbs": ["list", "watch"], "apiGroups": [""], "resources": ["pods"]}
        await reply.send({"status": {"resourceRules": [rule] if allowed else [], "incomplete": False}})

    server.on("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", rules)
    made = {}
    for name in readable:
        made[name] = Collection(server, f"/api/v1/namespaces/{name}/pods")
        made[name].put(pod(f"in-{name}", 1, name))
    return made


async def test_a_denied_cluster_is_read_namespace_by_namespace(server: Scripted, hub: Hub) -> None:
    collections = forbid_whole(server, namespaces=["team-a", "team-b", "secret"], readable={"team-a", "team-b"})
    feed = hub.open(SOURCE)
    batches = record(feed)
    await feed.complete()
    assert sorted(feed.rows) == ["team-a/in-team-a", "team-b/in-team-b"]
    assert feed.freshness.phase == "live"
    assert feed.freshness.denied == ("secret",)
    assert any(batch.reset for batch in batches)
    _, reply = await collections["team-b"].watches.get()
    await reply.event("DELETED", pod("in-team-b", 3, "team-b"))
    await eventually(lambda: sorted(feed.rows) == ["team-a/in-team-a"])


async def test_denied_everywhere_is_said(server: Scripted, hub: Hub) -> None:
    forbid_whole(server, namespaces=["team-a"], readable=set())
    feed = hub.open(SOURCE)
    with pytest.raises(Denied, match="Name a namespace you may read"):
        await feed.first_page()
    assert feed.freshness.phase == "denied"
    assert feed.freshness.denied == ("team-a",)


async def test_a_denied_namespace_is_denied(server: Scripted, hub: Hub) -> None:
    server.fails("GET", "/api/v1/namespaces/x/pods", 403, "Forbidden", "no")
    feed = hub.open(SOURCE, "x")
    with pytest.raises(Denied):
        await feed.complete()
    assert feed.freshness.phase == "denied"


async def test_equal_requests_share_a_feed_and_a_left_one_ends_after_the_grace_time(
    pods: Collection, hub: Hub, session: Session
) -> None:
    first, second = hub.open(SOURCE), hub.open(PodSource())
    assert first is second
    other = hub.open(SOURCE, selector="app=x")
    assert other is not first
    await first.complete()
    await pods.watches.get()
    hub.close(first)
    hub.close(second)
    again = hub.open(SOURCE)
    assert again is first
    await asyncio.sleep(0.05)
    hub.close(again)
    await eventually(lambda: session.stats.watches == 1)
    assert hub.open(SOURCE) is not first


async def test_a_refresh_lists_again_and_keeps_the_rows(pods: Collection, hub: Hub) -> None:
    feed = hub.open(SOURCE)
    await feed.complete()
    del pods.items["team-a/c"]
    feed.refresh()
    assert len(feed.rows) == 3
    await eventually(lambda: len(feed.rows) == 2)
    assert pods.lists == 2
