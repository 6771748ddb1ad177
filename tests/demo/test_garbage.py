"""What goes after something was deleted: dependents, namespaces and their content, old events."""

from __future__ import annotations

import asyncio

MAPS = "/api/v1/namespaces/default/configmaps"
MERGE = {"content-type": "application/merge-patch+json"}


async def owned_map(api, name: str, *owners: dict, **metadata: object) -> dict:
    references = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "blockOwnerDeletion": True,
        }
        for owner in owners
    ]
    manifest = {"metadata": {"name": name, **({"ownerReferences": references} if owners else {}), **metadata}}
    return await api.send("POST", MAPS, 201, json=manifest)


async def names(api) -> set[str]:
    items = (await api.send("GET", MAPS, 200))["items"]
    return {item["metadata"]["name"] for item in items} - {"kube-root-ca.crt"}


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not await condition():
            await asyncio.sleep(0.01)


async def test_dependents_go_after_their_owner(api):
    owner = await owned_map(api, "owner")
    child = await owned_map(api, "child", owner)
    await owned_map(api, "grandchild", child)
    await api.send("DELETE", f"{MAPS}/owner", 200)
    await api.settle()
    assert await names(api) == set()


async def test_a_dependent_with_another_owner_stays_and_forgets_the_first(api):
    first, second = await owned_map(api, "first"), await owned_map(api, "second")
    await owned_map(api, "child", first, second)
    await api.send("DELETE", f"{MAPS}/first", 200)
    await api.settle()
    child = await api.send("GET", f"{MAPS}/child", 200)
    assert [owner["name"] for owner in child["metadata"]["ownerReferences"]] == ["second"]


async def test_orphans_stay_without_an_owner(api):
    owner = await owned_map(api, "owner")
    await owned_map(api, "child", owner)
    await api.send("DELETE", f"{MAPS}/owner?propagationPolicy=Orphan", 200)
    await api.settle()
    assert await names(api) == {"child"}
    assert "ownerReferences" not in (await api.send("GET", f"{MAPS}/child", 200))["metadata"]


async def test_in_the_foreground_an_owner_waits_for_its_dependents(api):
    owner = await owned_map(api, "owner")
    await owned_map(api, "child", owner, finalizers=["example.com/hold"])
    ending = await api.send("DELETE", f"{MAPS}/owner?propagationPolicy=Foreground", 200)
    assert ending["metadata"]["finalizers"] == ["foregroundDeletion"]
    await api.settle()
    assert await names(api) == {"owner", "child"}
    patch = {"metadata": {"finalizers": None}}
    await api.send("PATCH", f"{MAPS}/child", 200, json=patch, headers=MERGE)
    await api.settle()
    await api.settle()
    assert await names(api) == set()


async def test_an_object_whose_owner_never_was_is_left_alone(api):
    await owned_map(api, "child", {"metadata": {"name": "nobody", "uid": "0"}})
    await api.settle()
    assert await names(api) == {"child"}


async def test_a_namespace_goes_with_all_it_holds(api):
    made = await api.send("POST", "/api/v1/namespaces", 201, json={"metadata": {"name": "team"}})
    assert (made["status"]["phase"], made["spec"]["finalizers"]) == ("Active", ["kubernetes"])
    held = {"metadata": {"name": "m", "finalizers": ["example.com/hold"]}}
    await api.send("POST", "/api/v1/namespaces/team/configmaps", 201, json=held)
    notebook = {"apiVersion": "kubeflow.org/v1", "kind": "Notebook", "metadata": {"name": "n"}}
    await api.send("POST", "/apis/kubeflow.org/v1/namespaces/team/notebooks", 201, json=notebook)
    ending = await api.send("DELETE", "/api/v1/namespaces/team", 200)
    assert ending["status"]["phase"] == "Terminating"
    await api.settle()
    await api.send("GET", "/apis/kubeflow.org/v1/namespaces/team/notebooks/n", 404)
    refused = await api.send("POST", "/api/v1/namespaces/team/configmaps", 403, json={"metadata": {"name": "late"}})
    assert "because it is being terminated" in refused["message"]
    patch = {"metadata": {"finalizers": None}}
    await api.send("PATCH", "/api/v1/namespaces/team/configmaps/m", 200, json=patch, headers=MERGE)
    await api.settle()
    await api.send("GET", "/api/v1/namespaces/team", 404)


async def test_a_new_namespace_gets_its_service_account(api):
    await api.send("POST", "/api/v1/namespaces", 201, json={"metadata": {"name": "team"}})
    assert await api.send("GET", "/api/v1/namespaces/team/serviceaccounts/default", 200)


async def test_events_expire_unless_they_happen_again(api):
    path = "/api/v1/namespaces/default/events"
    event = {"involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"}, "reason": "Started"}
    for name in ("old", "again"):
        await api.send("POST", path, 201, json={"metadata": {"name": name}, **event})
    api.clock[0] += 3000
    await api.send("PATCH", f"{path}/again", 200, json={"count": 2}, headers=MERGE)
    api.clock[0] += 1000
    api.collector.expire_events()
    assert [item["metadata"]["name"] for item in (await api.send("GET", path, 200))["items"]] == ["again"]


async def test_the_collector_works_by_itself(api):
    owner = await owned_map(api, "owner")
    await owned_map(api, "child", owner)
    await api.send("DELETE", f"{MAPS}/owner", 200)

    async def gone() -> bool:
        return await names(api) == set()

    await until(gone)
