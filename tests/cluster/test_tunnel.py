"""GETs through the service and pod proxy, and what their failures are called."""

from __future__ import annotations

import pytest

from console.cluster import tunnel
from console.cluster.session import Session
from console.errors import CannotReach, Denied, Invalid, NotFound, ServerFailed
from tests.cluster.scripted import Asked, Reply, Scripted

PATH = "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query"


async def query(session: Session, timeout: float | None = None) -> bytes:
    return await session.service_get(
        "monitoring", "prometheus", 9090, "/api/v1/query", params={"query": "up"}, timeout=timeout
    )


def test_paths() -> None:
    assert tunnel.pod_path("ns", "https:p", 9400, "metrics") == "/api/v1/namespaces/ns/pods/https:p:9400/proxy/metrics"
    assert tunnel.service_path("ns", "s", "http-web", "/x") == "/api/v1/namespaces/ns/services/s:http-web/proxy/x"


async def test_a_service_answers(server: Scripted, session: Session) -> None:
    server.answers("GET", PATH, {"status": "success"})
    assert b"success" in await query(session)
    assert server.asked[0].one("query") == "up"


@pytest.mark.parametrize(
    ("code", "reason", "message", "kind", "said"),
    [
        (
            503,
            "ServiceUnavailable",
            'no endpoints available for service "prometheus"',
            ServerFailed,
            "no ready endpoint",
        ),
        (403, "Forbidden", 'services "prometheus" is forbidden: no', Denied, "Not allowed through"),
        (404, "NotFound", 'services "prometheus" not found', NotFound, "is not there"),
        (
            503,
            "ServiceUnavailable",
            "error trying to reach service: dial tcp 10.1.1.1:9090: i/o timeout",
            ServerFailed,
            "cannot reach service monitoring/prometheus: i/o timeout",
        ),
    ],
)
async def test_failures_of_the_api_server(
    server: Scripted, session: Session, code: int, reason: str, message: str, kind: type[Exception], said: str
) -> None:
    server.fails("GET", PATH, code, reason, message)
    with pytest.raises(kind, match=said):
        await query(session)


@pytest.mark.parametrize(
    ("code", "body", "kind", "said"),
    [
        (403, b"RBAC: access denied", Denied, "Istio policy"),
        (401, b"", Denied, "credentials of its own"),
        (302, b"", Denied, "login page"),
        (400, b'{"status":"error","errorType":"bad_data","error":"parse error"}', Invalid, "parse error"),
    ],
)
async def test_failures_of_what_is_behind(
    server: Scripted, session: Session, code: int, body: bytes, kind: type[Exception], said: str
) -> None:
    async def handler(asked: Asked, reply: Reply) -> None:
        await reply.send(body, code, location="/oauth2/start")

    server.on("GET", PATH, handler)
    with pytest.raises(Exception, match=said) as caught:
        await query(session)
    assert code == 401 or isinstance(caught.value, kind)


async def test_a_login_page_with_200_is_not_data(server: Scripted, session: Session) -> None:
    async def handler(asked: Asked, reply: Reply) -> None:
        await reply.send(b"<!doctype html><title>Log in</title>", content_type="text/html; charset=utf-8")

    server.on("GET", PATH, handler)
    with pytest.raises(Denied, match="web page"):
        await query(session)


async def test_a_pod_network_out_of_reach_is_named(server: Scripted, session: Session) -> None:
    async def handler(asked: Asked, reply: Reply) -> None:
        await reply.silence()

    server.on("GET", PATH, handler)
    with pytest.raises(CannotReach, match="no route to the pods"):
        await query(session, timeout=0.05)
