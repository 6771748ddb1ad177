"""Discovery and version, plain and aggregated."""

from __future__ import annotations

import pytest

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList,application/json"


async def test_plain_discovery_names_groups_and_resources(api):
    assert (await api.send("GET", "/api", 200))["versions"] == ["v1"]
    groups = {group["name"]: group for group in (await api.send("GET", "/apis", 200))["groups"]}
    assert groups["apps"]["preferredVersion"] == {"groupVersion": "apps/v1", "version": "v1"}
    assert [v["version"] for v in groups["autoscaling"]["versions"]] == ["v2", "v1"]
    assert [v["version"] for v in groups["kubeflow.org"]["versions"]] == ["v1", "v1beta1", "v1alpha1"]
    core = {entry["name"]: entry for entry in (await api.send("GET", "/api/v1", 200))["resources"]}
    assert core["pods"]["shortNames"] == ["po"]
    assert core["pods/eviction"]["kind"] == "Eviction"
    assert core["pods/eviction"]["group"] == "policy"
    jobs = await api.send("GET", "/apis/kubeflow.org/v1", 200)
    assert {"pytorchjobs", "pytorchjobs/status", "pytorchjobs/scale"} <= {e["name"] for e in jobs["resources"]}
    assert (await api.send("GET", "/apis/apps", 200))["kind"] == "APIGroup"
    await api.send("GET", "/apis/nowhere", 404)
    await api.send("GET", "/apis/apps/v9", 404)


@pytest.mark.parametrize("version", ["v2", "v2beta1"])
async def test_aggregated_discovery_tells_all_at_once(api, version):
    headers = {"accept": AGGREGATED.format(version)}
    answer = await api.client.get("/apis", headers=headers)
    assert (
        answer.headers["content-type"] == f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
    )
    found = answer.json()
    assert found["apiVersion"] == f"apidiscovery.k8s.io/{version}"
    groups = {item["metadata"]["name"]: item for item in found["items"]}
    (trainer,) = groups["trainer.kubeflow.org"]["versions"]
    jobs = next(entry for entry in trainer["resources"] if entry["resource"] == "trainjobs")
    assert (jobs["scope"], jobs["responseKind"]["kind"]) == ("Namespaced", "TrainJob")
    assert [sub["subresource"] for sub in jobs["subresources"]] == ["status"]
    core = (await api.client.get("/api", headers=headers)).json()["items"][0]
    assert "name" not in core["metadata"]
    assert "pods" in {entry["resource"] for entry in core["versions"][0]["resources"]}


async def test_an_unchanged_document_is_not_sent_again(api):
    headers = {"accept": AGGREGATED.format("v2")}
    tag = (await api.client.get("/apis", headers=headers)).headers["etag"]
    again = await api.client.get("/apis", headers={**headers, "if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    # Clients merge a 304's headers into what they keep: a content type of its own would spoil that.
    assert not {"content-type", "content-length"} & set(again.headers)
    root = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    await api.send("DELETE", f"{root}/notebooks.kubeflow.org", 200)
    await api.settle()
    changed = await api.client.get("/apis", headers={**headers, "if-none-match": tag})
    assert changed.status_code == 200


async def test_plain_json_is_preferred_when_it_is_asked_for_first(api):
    accept = {"accept": "application/json,application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}
    assert (await api.send("GET", "/apis", 200, headers=accept))["kind"] == "APIGroupList"


async def test_the_version_is_that_of_kubernetes(api):
    version = await api.send("GET", "/version", 200)
    assert (version["major"], version["minor"], version["gitVersion"]) == ("1", "34", "v1.34.3")


async def test_every_stored_kind_answers_a_list(api):
    for rt in api.store.resources.all():
        if "list" in rt.verbs and rt.group != "metrics.k8s.io" and rt.plural != "customresourcedefinitions":
            root = f"/apis/{rt.group}/{rt.version}" if rt.group else f"/api/{rt.version}"
            assert (await api.send("GET", f"{root}/{rt.plural}", 200))["kind"] == rt.list_kind


async def test_a_figure_nobody_supplies_is_unavailable(api):
    await api.send("GET", "/apis/metrics.k8s.io/v1beta1/nodes", 503)
