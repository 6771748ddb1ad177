"""The simulators' client: requests, errors, the informer's list and watch, the queue and the event recorder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from console import errors
from console.demo.client import ApiClient, difference
from console.demo.controllers.base import WorkQueue, with_condition
from console.demo.controllers.events import EventRecorder
from console.demo.informer import Informer, Informers, collection_of

Handler = Callable[[httpx.Request], httpx.Response]


def client(handler: Handler) -> ApiClient:
    return ApiClient("http://test", "t0ken", transport=httpx.MockTransport(handler))


def pod(name: str, version: int, uid: str = "", **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "ns",
            "uid": uid or name,
            "resourceVersion": str(version),
            "managedFields": [],
            **metadata,
        },
    }


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0)


class FakeApi:
    """Serves scripted lists and watches to an informer."""

    def __init__(self, lists: list[tuple[list[dict[str, Any]], str]]) -> None:
        self.lists = lists
        self.listed = 0
        self.watched: list[dict[str, str]] = []
        self.events: asyncio.Queue[Any] = asyncio.Queue()
        self.on_written: list[Any] = []

    async def list(self, path: str, *, label_selector: str = "") -> tuple[list[dict[str, Any]], str]:
        self.listed += 1
        return self.lists.pop(0)

    @asynccontextmanager
    async def watch(self, path: str, params: dict[str, str], *, silence: float) -> AsyncIterator[AsyncIterator[Any]]:
        self.watched.append(params)
        yield self._events()

    async def _events(self) -> AsyncIterator[Any]:
        while (event := await self.events.get()) is not None:
            yield event


@asynccontextmanager
async def running(informer: Informer) -> AsyncIterator[None]:
    task = asyncio.create_task(informer.run())
    await informer.synced.wait()
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_list_reads_every_page_and_names_each_items_kind() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "Bearer t0ken"
        more = request.url.params.get("continue") is None
        metadata = {"resourceVersion": "9"} | ({"continue": "next"} if more else {})
        items = [{"metadata": {"name": "a" if more else "b"}}]
        return httpx.Response(200, json={"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items})

    items, version = await client(answer).list("/api/v1/pods")
    assert [(item["kind"], item["metadata"]["name"]) for item in items] == [("Pod", "a"), ("Pod", "b")]
    assert version == "9"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (404, errors.NotFound),
        (409, errors.Conflict),
        (410, errors.Gone),
        (422, errors.Invalid),
        (503, errors.ServerFailed),
    ],
)
async def test_a_status_becomes_the_exception_of_its_code(code: int, kind: type[errors.ApiError]) -> None:
    status = {"kind": "Status", "code": code, "reason": "Why", "message": "what happened"}
    with pytest.raises(kind) as caught:
        await client(lambda request: httpx.Response(code, json=status)).get("/api/v1/pods")
    assert (caught.value.code, caught.value.reason, caught.value.message) == (code, "Why", "what happened")


async def test_an_answer_that_is_no_status_is_still_an_api_error() -> None:
    with pytest.raises(errors.ServerFailed, match="bad gateway"):
        await client(lambda request: httpx.Response(502, text="bad gateway")).get("/api/v1/pods")


async def test_a_status_that_is_the_same_is_not_written() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise AssertionError("no request was due")

    obj = pod("a", 1) | {"status": {"phase": "Running"}}
    assert await client(refuse).patch_status("/api/v1/namespaces/ns/pods/a", obj, {"phase": "Running"}) is obj


async def test_a_changed_status_is_written_as_the_difference_with_a_precondition() -> None:
    sent: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append((request.url.path, request.headers["Content-Type"], msgspec.json.decode(request.content)))
        return httpx.Response(200, json=pod("a", 2))

    obj = pod("a", 1) | {"status": {"phase": "Pending", "reason": "x", "qosClass": "Burstable"}}
    await client(answer).patch_status(
        "/api/v1/namespaces/ns/pods/a", obj, {"phase": "Running", "qosClass": "Burstable"}
    )
    change = {"metadata": {"resourceVersion": "1"}, "status": {"phase": "Running", "reason": None}}
    assert sent == [("/api/v1/namespaces/ns/pods/a/status", "application/merge-patch+json", change)]


json_objects = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        st.integers() | st.text(max_size=2) | st.lists(st.integers(), max_size=2),
        lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386, as it is written there."""
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        else:
            target[key] = merged(target.get(key), value)
    return target


@given(json_objects, json_objects)
def test_the_difference_of_two_objects_merges_one_into_the_other(before: Any, after: Any) -> None:
    assert merged(before, difference(before, after)) == after
    assert difference(before, before) == {}


@pytest.mark.parametrize(
    ("path", "collection"),
    [
        ("/api/v1/namespaces/ns/pods/a/status", "/api/v1/pods"),
        ("/apis/apps/v1/namespaces/ns/deployments", "/apis/apps/v1/deployments"),
        ("/api/v1/nodes/n/status", "/api/v1/nodes"),
        ("/api/v1/namespaces/ns/status", "/api/v1/namespaces"),
        ("/api/v1/namespaces", "/api/v1/namespaces"),
        ("/version", ""),
    ],
)
def test_a_request_path_belongs_to_a_collection(path: str, collection: str) -> None:
    assert collection_of(path) == collection


async def test_an_informer_lists_then_follows_the_watch_and_resumes_where_a_watch_ended() -> None:
    api = FakeApi([([pod("a", 1)], "5")])
    informer = Informer(api, "/api/v1/pods")  # type: ignore[arg-type]
    seen: list[tuple[bool, bool]] = []
    async with running(informer):
        informer.subscribe(lambda before, after: seen.append((before is not None, after is not None)))
        for kind, obj in (("MODIFIED", pod("a", 6)), ("ADDED", pod("b", 7)), ("DELETED", pod("a", 8))):
            api.events.put_nowait({"type": kind, "object": obj})
        api.events.put_nowait({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "11"}}})
        api.events.put_nowait(None)
        await until(lambda: len(api.watched) == 2)
        assert list(informer.objects) == ["ns/b"]
        assert "managedFields" not in informer.objects["ns/b"]
    assert seen == [(False, True), (True, True), (False, True), (True, False)]
    assert [params["resourceVersion"] for params in api.watched] == ["5", "11"]
    assert api.listed == 1


async def test_an_informer_lists_again_after_410_and_drops_what_is_gone() -> None:
    api = FakeApi([([pod("a", 1), pod("b", 2)], "5"), ([pod("b", 2)], "90")])
    informer = Informer(api, "/api/v1/pods")  # type: ignore[arg-type]
    async with running(informer):
        api.events.put_nowait({"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}})
        await until(lambda: len(api.watched) == 2)
        assert list(informer.objects) == ["ns/b"]
    assert api.watched[-1]["resourceVersion"] == "90"


async def test_an_own_write_is_seen_at_once_and_its_echo_and_late_answers_change_nothing() -> None:
    api = FakeApi([([], "5")])
    informer = Informer(api, "/api/v1/pods")  # type: ignore[arg-type]
    seen: list[Any] = []
    async with running(informer):
        informer.subscribe(lambda before, after: seen.append(after))
        informer.observe(pod("a", 6))
        assert "ns/a" in informer.objects
        api.events.put_nowait({"type": "ADDED", "object": pod("a", 6)})
        api.events.put_nowait({"type": "DELETED", "object": pod("a", 7)})
        await until(lambda: not informer.objects)
        informer.observe(pod("a", 8))
        assert not informer.objects
    assert len(seen) == 2


async def test_an_informer_finds_objects_by_owner_namespace_and_own_indexes() -> None:
    owner = {"kind": "Job", "name": "j", "uid": "u1", "controller": True}
    api = FakeApi([([pod("a", 1, ownerReferences=[owner]), pod("b", 2, labels={"app": "x"})], "5")])
    informer = Informer(api, "/api/v1/pods")  # type: ignore[arg-type]
    async with running(informer):
        informer.add_index("app", lambda obj: (obj["metadata"].get("labels") or {}).values())
        assert [obj["metadata"]["name"] for obj in informer.owned_by("u1")] == ["a"]
        assert [obj["metadata"]["name"] for obj in informer.by_index("app", "x")] == ["b"]
        assert len(informer.in_namespace("ns")) == 2
        informer.observe(pod("b", 9))
        assert informer.by_index("app", "x") == []


async def test_objects_with_the_excluded_label_are_neither_asked_for_nor_taken() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("labelSelector", ""))
        return httpx.Response(500)

    informers = Informers(client(answer), without_label="example.dev/still")
    informer = informers.of("/api/v1/pods")
    informer.synced.set()
    informer.observe(pod("a", 1, labels={"example.dev/still": ""}))
    assert not informer.objects
    await until(lambda: bool(asked))
    await informers.stop()
    assert asked[0] == "!example.dev/still"


async def test_a_queue_gives_a_key_once_and_again_when_it_was_added_while_worked_on() -> None:
    queue = WorkQueue()
    queue.add("a")
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await queue.get()
    queue.done("a")
    assert await queue.get() == "a"
    queue.done("a")


async def test_a_failing_key_comes_back() -> None:
    queue = WorkQueue()
    queue.retry("a")
    async with asyncio.timeout(5):
        assert await queue.get() == "a"


async def test_equal_events_are_counted_and_a_flood_is_cut() -> None:
    posted: list[Any] = []
    patched: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        body = msgspec.json.decode(request.content)
        (posted if request.method == "POST" else patched).append(body)
        return httpx.Response(201, json=body | {"metadata": {"name": "e"}})

    recorder = EventRecorder(client(answer), "kubelet", lambda: 1_800_000_000.0, host="n1")
    for _ in range(40):
        recorder.warning(pod("a", 1), "BackOff", "Back-off restarting failed container")
    await recorder.flush()
    assert len(posted) == 1
    assert posted[0]["involvedObject"]["name"] == "a"
    assert posted[0]["source"] == {"component": "kubelet", "host": "n1"}
    assert patched[-1]["count"] == 25


def test_a_condition_keeps_its_transition_time_while_its_status_stays() -> None:
    old = [{"type": "Ready", "status": "True", "lastTransitionTime": "t0"}, {"type": "Other", "status": "True"}]
    same = with_condition(old, {"type": "Ready", "status": "True", "reason": "r"}, now="t1")
    assert same[0] == {"type": "Ready", "status": "True", "reason": "r", "lastTransitionTime": "t0"}
    turned = with_condition(old, {"type": "Ready", "status": "False"}, now="t1")
    assert turned[0]["lastTransitionTime"] == "t1"
    assert turned[1] == old[1]
