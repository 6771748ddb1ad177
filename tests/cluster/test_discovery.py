"""What the cluster serves, in both forms of discovery, with parts that fail."""

from __future__ import annotations

from typing import Any

import pytest

from console.cluster.session import Session
from console.errors import CannotReach, Denied
from tests.cluster.scripted import Asked, Reply, Scripted

PODS = {
    "resource": "pods",
    "responseKind": {"group": "", "version": "v1", "kind": "Pod"},
    "scope": "Namespaced",
    "singularResource": "pod",
    "verbs": ["get", "list", "watch"],
    "shortNames": ["po"],
    "categories": ["all"],
    "subresources": [{"subresource": "log"}, {"subresource": "exec"}],
}


def group(name: str, *versions: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": name}, "versions": list(versions)}


def listing(*groups: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": list(groups)}


async def test_aggregated_discovery_takes_two_requests(server: Scripted, session: Session) -> None:
    jobs = {"resource": "pytorchjobs", "responseKind": {"kind": "PyTorchJob"}, "scope": "Namespaced", "verbs": ["list"]}
    nodes = {**PODS, "resource": "nodes", "responseKind": {"kind": "Node"}, "scope": "Cluster", "shortNames": None}
    server.answers("GET", "/api", listing(group("", {"version": "v1", "resources": [PODS, nodes]})))
    stale = {"version": "v1beta1", "resources": None, "freshness": "Stale"}
    server.answers(
        "GET",
        "/apis",
        listing(
            group("kubeflow.org", {"version": "v1", "resources": [jobs]}, {"version": "v1beta1", "resources": [jobs]}),
            group("metrics.k8s.io", stale),
        ),
    )
    found = await session.discovery()
    assert found.aggregated
    assert found.find("kubeflow.org", "pytorchjobs") == ["v1", "v1beta1"]
    assert [resource.preferred for resource in found.served("kubeflow.org", "pytorchjobs")] == [True, False]
    assert found.find("", "unicorns") == []
    pods = found.served("", "pods")[0]
    assert (pods.kind, pods.short_names, pods.singular, pods.group_version) == ("Pod", ("po",), "pod", "v1")
    assert pods.subresources == {"log", "exec"}
    assert not found.served("", "nodes")[0].namespaced
    assert found.failed[0][0] == "metrics.k8s.io/v1beta1"
    assert "did not answer" in found.why_absent("metrics.k8s.io")
    assert len(server.asked) == 2
    assert "as=APIGroupDiscoveryList" in server.asked[0].header("accept")
    assert await session.discovery() is found
    assert await session.discovery(refresh=True) is not found


async def test_plain_discovery_asks_each_group_and_survives_one_that_fails(server: Scripted, session: Session) -> None:
    server.answers("GET", "/api", {"kind": "APIVersions", "versions": ["v1"]})
    resources = [
        {
            "name": "pods",
            "kind": "Pod",
            "namespaced": True,
            "singularName": "",
            "verbs": ["list"],
            "shortNames": ["po"],
        },
        {"name": "pods/log", "kind": "Pod", "namespaced": True, "verbs": ["get"]},
    ]
    server.answers("GET", "/api/v1", {"kind": "APIResourceList", "resources": resources})
    versions = [{"groupVersion": "apps/v1beta1", "version": "v1beta1"}, {"groupVersion": "apps/v1", "version": "v1"}]
    groups = [
        {"name": "apps", "versions": versions, "preferredVersion": versions[1]},
        {"name": "metrics.k8s.io", "versions": [{"groupVersion": "metrics.k8s.io/v1beta1", "version": "v1beta1"}]},
    ]
    server.answers("GET", "/apis", {"kind": "APIGroupList", "groups": groups})
    deployments = {"name": "deployments", "kind": "Deployment", "namespaced": True, "verbs": ["list"]}
    for version in ("v1", "v1beta1"):
        server.answers("GET", f"/apis/apps/{version}", {"resources": [deployments]})
    server.fails("GET", "/apis/metrics.k8s.io/v1beta1", 501, "", "the server is currently unable to handle the request")
    found = await session.discovery()
    assert not found.aggregated
    assert found.find("apps", "deployments") == ["v1", "v1beta1"]
    assert (found.resources[0].plural, found.resources[0].singular) == ("pods", "pod")
    assert found.resources[0].subresources == {"log"}
    assert found.failed == (("metrics.k8s.io/v1beta1", "the server is currently unable to handle the request"),)


async def test_denied_discovery_is_raised(server: Scripted, session: Session) -> None:
    server.fails("GET", "/api", 403, "Forbidden", "forbidden: User cannot get path /api")
    server.fails("GET", "/apis", 403, "Forbidden", "forbidden: User cannot get path /apis")
    with pytest.raises(Denied):
        await session.discovery()


async def test_something_else_behind_the_address_is_said(server: Scripted, session: Session) -> None:
    async def page(asked: Asked, reply: Reply) -> None:
        await reply.send(b"<html>login</html>", content_type="text/html")

    server.on("GET", "/api", page)
    server.on("GET", "/apis", page)
    with pytest.raises(CannotReach, match="not a Kubernetes API server"):
        await session.discovery()
