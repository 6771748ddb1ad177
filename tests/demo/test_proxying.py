"""The service and pod proxies: who answers, what is passed on, and what is said when nobody does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.demo.failures import ApiFailure
from console.demo.proxying import Target, parse_target
from console.demo.runtime import Runtime
from console.demo.streams import Streams

BASE = "/api/v1/namespaces/default"


def pod(name: str, *, ready: bool = True, port: int = 8080) -> dict[str, Any]:
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    ports = [{"name": "http", "containerPort": port}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": "web"}},
        "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "x", "ports": ports}]},
        "status": {"phase": "Running", "podIP": "10.0.0.1", "conditions": [condition]},
    }


def service(name: str, *ports: dict[str, Any], **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": list(ports), **spec}}


@pytest.fixture
async def runtime(api) -> AsyncIterator[Runtime]:
    runtime = Runtime(api.store)
    api.server.streams = Streams(runtime)

    def answers(pod: dict[str, Any]) -> Any:
        async def handle(method: str, path: str, query: str, headers: Any, body: bytes) -> Any:
            seen = {**headers, "method": method, "path": path, "query": query, "body": body.decode()}
            return 418, {"Content-Type": "text/plain", "X-Pod": pod["metadata"]["name"]}, repr(seen).encode()

        return handle

    runtime.listen_where(lambda pod: pod["metadata"].get("labels", {}).get("app") == "web", 8080, answers)
    yield runtime


async def message(api, path: str, status: int) -> str:
    answer = await api.client.get(BASE + path)
    assert answer.status_code == status, answer.text
    return answer.json()["message"]


async def test_a_request_travels_without_credentials(api, runtime):
    api.store.load(pod("w"))
    answer = await api.client.post(f"{BASE}/pods/w:8080/proxy/a%20b/?x=1&y", content=b"hi", headers={"x-mine": "1"})
    assert (answer.status_code, answer.headers["x-pod"]) == (418, "w")
    seen = eval(answer.text)  # a dictionary this test's own handler wrote
    assert (seen["method"], seen["path"], seen["query"], seen["body"]) == ("POST", "/a%20b/", "x=1&y", "hi")
    assert seen["x-mine"] == "1"
    assert "authorization" not in seen


@pytest.mark.parametrize("target", ["w", "w:8080", "w:http", "http:w:8080", "http:w:", "https:w:http"])
async def test_a_pod_is_reached_by_number_name_or_first_port(api, runtime, target):
    api.store.load(pod("w"))
    assert (await api.client.get(f"{BASE}/pods/{target}/proxy/")).status_code == 418


@pytest.mark.parametrize("target", ["s:80", "s:web", "http:s:80", "https:s:web"])
async def test_a_service_is_reached_through_its_ready_pods(api, runtime, target):
    api.store.load(pod("a", ready=False))
    api.store.load(pod("b"))
    api.store.load(service("s", {"name": "web", "port": 80, "targetPort": "http"}, selector={"app": "web"}))
    answer = await api.client.get(f"{BASE}/services/{target}/proxy/x")
    assert (answer.status_code, answer.headers["x-pod"]) == (418, "b")


async def test_endpoints_decide_before_the_selector(api, runtime):
    api.store.load(pod("a"))
    api.store.load(pod("b"))
    api.store.load(service("s", {"port": 80, "targetPort": 8080}, selector={"app": "web"}))
    addresses = [{"ip": "10.0.0.1", "targetRef": {"kind": "Pod", "name": "b", "namespace": "default"}}]
    subset = {"addresses": addresses, "ports": [{"port": 8080}]}
    metadata = {"name": "s", "namespace": "default"}
    api.store.load({"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": [subset]})
    assert (await api.client.get(f"{BASE}/services/s/proxy/")).headers["x-pod"] == "b"


async def test_endpoint_slices_are_read_too(api, runtime):
    api.store.load(pod("a"))
    api.store.load(service("s", {"port": 80, "targetPort": 8080}))
    labels = {"kubernetes.io/service-name": "s"}
    reference = {"kind": "Pod", "name": "a"}
    api.store.load(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "s-1", "namespace": "default", "labels": labels},
            "addressType": "IPv4",
            "ports": [{"name": "", "port": 8080}],
            "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}, "targetRef": reference}],
        }
    )
    assert (await api.client.get(f"{BASE}/services/s:80/proxy/")).headers["x-pod"] == "a"


async def test_what_is_not_there_is_said(api, runtime):
    api.store.load(pod("w", ready=False))
    api.store.load(service("s", {"name": "web", "port": 80, "targetPort": 8080}, selector={"app": "web"}))
    assert await message(api, "/services/s:80/proxy/", 503) == 'no endpoints available for service "s:80"'
    assert await message(api, "/services/s/proxy/", 503) == 'no endpoints available for service "s"'
    assert await message(api, "/services/s:81/proxy/", 503) == 'no service port 81 found for service "s"'
    assert await message(api, "/services/none:80/proxy/", 404) == 'services "none" not found'
    assert await message(api, "/pods/none:80/proxy/", 404) == 'pods "none" not found'
    assert await message(api, "/pods/ftp:w:80/proxy/", 400) == 'invalid pod request "ftp:w:80"'
    assert await message(api, "/pods/w:9/proxy/", 503) == (
        "error trying to reach service: dial tcp 10.0.0.1:9: connect: connection refused"
    )


async def test_a_path_without_its_slash_is_redirected(api, runtime):
    api.store.load(pod("w"))
    answer = await api.client.get(f"{BASE}/pods/w:8080/proxy?x=1")
    assert (answer.status_code, answer.headers["location"]) == (301, f"{BASE}/pods/w%3A8080/proxy/?x=1")


async def test_the_verb_of_a_proxied_request_follows_its_method(api, runtime):
    api.server.access.tokens.read("jane-token,jane,u1")
    api.store.load(pod("w"))
    headers = {"authorization": "Bearer jane-token"}
    answer = await api.client.post(f"{BASE}/pods/w:8080/proxy/x", headers=headers)
    assert 'cannot create resource "pods/proxy"' in answer.json()["message"]


@given(st.text(alphabet="ab:1-", max_size=12))
def test_any_target_is_taken_apart_or_refused(text):
    try:
        found = parse_target(text, "service")
    except ApiFailure as failure:
        assert failure.code == 400
    else:
        assert isinstance(found, Target)
        assert found.name
