"""Watches: what they tell, from where, in which form, and how they end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

MAPS = "/api/v1/namespaces/default/configmaps"
MERGE = {"content-type": "application/merge-patch+json"}
Events = AsyncIterator[dict[str, Any]]


@asynccontextmanager
async def watching(api, path: str, **headers: str) -> AsyncIterator[Events]:
    separator = "&" if "?" in path else "?"
    async with api.client.stream("GET", f"{path}{separator}watch=1", headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()

        async def events() -> Events:
            async for line in answer.aiter_lines():
                yield json.loads(line)

        yield events()


async def take(events: Events, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(10):
        return [await anext(events) for _ in range(count)]


async def rest(events: Events) -> list[dict[str, Any]]:
    async with asyncio.timeout(10):
        return [event async for event in events]


def config_map(name: str, **metadata: object) -> dict:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}


def shown(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(event["type"], event["object"]["metadata"].get("name", "")) for event in events]


async def test_a_watch_goes_on_from_a_list(api):
    version = (await api.send("GET", MAPS, 200))["metadata"]["resourceVersion"]
    await api.send("POST", MAPS, 201, json=config_map("a"))
    async with watching(api, f"{MAPS}?resourceVersion={version}") as events:
        assert shown(await take(events, 1)) == [("ADDED", "a")]
        await api.send("PATCH", f"{MAPS}/a", 200, json={"data": {"x": "y"}}, headers=MERGE)
        await api.send("DELETE", f"{MAPS}/a", 200)
        changed, gone = await take(events, 2)
    assert shown([changed, gone]) == [("MODIFIED", "a"), ("DELETED", "a")]
    assert changed["object"]["kind"] == "ConfigMap"
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in (changed, gone)]
    assert versions[0] < versions[1]


async def test_a_watch_without_a_version_starts_with_what_there_is(api):
    await api.send("POST", MAPS, 201, json=config_map("a"))
    async with watching(api, MAPS) as events:
        assert shown(await take(events, 2)) == [("ADDED", "a"), ("ADDED", "kube-root-ca.crt")]


async def test_another_namespace_is_not_told(api):
    await api.send("POST", "/api/v1/namespaces", 201, json={"metadata": {"name": "other"}})
    async with watching(api, f"{MAPS}?resourceVersion={api.store.revision}") as events:
        await api.send("POST", "/api/v1/namespaces/other/configmaps", 201, json=config_map("b"))
        await api.send("POST", MAPS, 201, json=config_map("a"))
        assert shown(await take(events, 1)) == [("ADDED", "a")]


async def test_objects_enter_and_leave_a_selection(api):
    await api.send("POST", MAPS, 201, json=config_map("a"))
    async with watching(api, f"{MAPS}?resourceVersion={api.store.revision}&labelSelector=on%3Dyes") as events:
        for value in ("no", "yes", "yes", None):
            label = {"metadata": {"labels": {"on": value}, "annotations": {"n": str(value)}}}
            await api.send("PATCH", f"{MAPS}/a", 200, json=label, headers=MERGE)
        await api.send("PATCH", f"{MAPS}/a", 200, json={"metadata": {"labels": {"on": "yes"}}}, headers=MERGE)
        found = await take(events, 3)
    assert shown(found) == [("ADDED", "a"), ("DELETED", "a"), ("ADDED", "a")]
    assert found[1]["object"]["metadata"]["labels"] == {"on": "yes"}
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in found]
    assert versions == sorted(set(versions))


async def test_a_single_object_can_be_watched_by_name(api):
    async with watching(api, f"{MAPS}?resourceVersion={api.store.revision}&fieldSelector=metadata.name%3Db") as events:
        await api.send("POST", MAPS, 201, json=config_map("a"))
        await api.send("POST", MAPS, 201, json=config_map("b"))
        assert shown(await take(events, 1)) == [("ADDED", "b")]


async def test_a_compacted_version_is_too_old(api):
    version = api.store.revision
    await api.send("POST", MAPS, 201, json=config_map("a"))
    await api.send("POST", "/debug/compact", 200)
    async with watching(api, f"{MAPS}?resourceVersion={version}") as events:
        (error,) = await rest(events)
    assert error["type"] == "ERROR"
    assert (error["object"]["code"], error["object"]["reason"]) == (410, "Expired")
    assert error["object"]["message"].startswith(f"too old resource version: {version} (")


async def test_a_list_can_be_streamed(api):
    await api.send("POST", MAPS, 201, json=config_map("a"))
    query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    async with watching(api, f"{MAPS}?{query}") as events:
        first, second, end = await take(events, 3)
        await api.send("POST", MAPS, 201, json=config_map("b"))
        assert shown(await take(events, 1)) == [("ADDED", "b")]
    assert shown([first, second]) == [("ADDED", "a"), ("ADDED", "kube-root-ca.crt")]
    assert end["type"] == "BOOKMARK"
    assert end["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_streaming_a_list_needs_its_version_match(api):
    await api.send("GET", f"{MAPS}?watch=1&sendInitialEvents=true", 422)


async def test_bookmarks_tell_how_far_a_quiet_watch_has_come(api):
    api.server.bookmark_every = 0.05
    version = api.store.revision
    await api.send("POST", "/api/v1/namespaces", 201, json={"metadata": {"name": "elsewhere"}})
    async with watching(api, f"{MAPS}?resourceVersion={version}&allowWatchBookmarks=true") as events:
        (mark,) = await take(events, 1)
    assert (mark["type"], mark["object"]["kind"]) == ("BOOKMARK", "ConfigMap")
    assert int(mark["object"]["metadata"]["resourceVersion"]) > version


async def test_no_bookmark_comes_unasked(api):
    api.server.bookmark_every = 0.05
    async with watching(api, f"{MAPS}?resourceVersion={api.store.revision}&timeoutSeconds=1") as events:
        assert await rest(events) == []


async def test_a_watch_ends_at_its_timeout_with_a_bookmark(api):
    path = f"{MAPS}?resourceVersion={api.store.revision}&timeoutSeconds=1&allowWatchBookmarks=true"
    async with watching(api, path) as events:
        assert [event["type"] for event in await rest(events)] == ["BOOKMARK"]


async def test_tables_are_watched_with_columns_once(api, pod):
    headers = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    path = "/api/v1/namespaces/default/pods"
    async with watching(api, f"{path}?resourceVersion={api.store.revision}", **headers) as events:
        await api.send("POST", path, 201, json=pod("a"))
        await api.send("POST", path, 201, json=pod("b"))
        first, second = await take(events, 2)
    assert first["object"]["columnDefinitions"][0]["name"] == "Name"
    assert second["object"]["columnDefinitions"] is None
    assert second["object"]["rows"][0]["cells"][0] == "b"
    assert second["object"]["metadata"]["resourceVersion"]


async def test_bare_metadata_is_watched(api):
    headers = {"accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}
    async with watching(api, f"{MAPS}?resourceVersion={api.store.revision}", **headers) as events:
        await api.send("POST", MAPS, 201, json=config_map("a"))
        (event,) = await take(events, 1)
    assert sorted(event["object"]) == ["apiVersion", "kind", "metadata"]
    assert event["object"]["kind"] == "PartialObjectMetadata"


async def test_custom_objects_are_watched_in_the_version_asked_for(api):
    path = "/apis/kueue.x-k8s.io/{}/resourceflavors"
    async with watching(api, f"{path.format('v1beta1')}?resourceVersion={api.store.revision}") as events:
        flavor = {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "ResourceFlavor", "metadata": {"name": "f"}}
        await api.send("POST", path.format("v1beta2"), 201, json=flavor)
        (event,) = await take(events, 1)
    assert event["object"]["apiVersion"] == "kueue.x-k8s.io/v1beta1"


async def test_a_watch_that_was_left_is_forgotten(api):
    async with watching(api, f"{MAPS}?resourceVersion={api.store.revision}"):
        assert len(api.server.watches) == 1
    async with asyncio.timeout(10):
        while api.server.watches:
            await asyncio.sleep(0.01)
    rt = api.store.resources.find("", "v1", "configmaps")
    assert api.store.collection(rt).listeners == []


async def test_open_watches_end_when_the_server_goes_down(api):
    async with watching(api, f"{MAPS}?resourceVersion={api.store.revision}") as events:
        api.server.close_watches()
        assert await rest(events) == []


async def test_a_burst_is_told_whole_and_in_order(api):
    rt = api.store.resources.find("", "v1", "configmaps")
    async with watching(api, f"{MAPS}?resourceVersion={api.store.revision}") as events:
        for number in range(1000):
            obj = config_map(f"m-{number}", namespace="default")
            api.store.put(rt, obj)
        found = await take(events, 1000)
    assert [name for _, name in shown(found)] == [f"m-{number}" for number in range(1000)]
