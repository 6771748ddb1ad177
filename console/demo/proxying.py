"""The service and pod proxies: which pod answers, and the request carried to its port and back.

Resolution and error texts follow kube-apiserver (pkg/registry/core/service and pod, apimachinery util/proxy).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from console.demo.answers import common_headers
from console.demo.bodies import read_body
from console.demo.failures import ApiFailure, bad_request, not_found, unavailable
from console.demo.pod_containers import is_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Receive, Scope, Send

    from console.demo.records import Object
    from console.demo.resources import ResourceType
    from console.demo.runtime import Handler, Runtime
    from console.demo.server import Call
    from console.demo.store import Store

# Hop by hop, or the business of the API server alone: the credentials never reach what is behind it.
_KEPT_BACK = {
    "authorization",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
_IMPERSONATION = "impersonate-"


@dataclass(frozen=True, slots=True)
class Target:
    """`[scheme:]name[:port]` of a proxy path; the port is a number, a name, or "" for the only one."""

    scheme: str
    name: str
    port: str


def parse_target(text: str, what: str) -> Target:
    """The target of a proxy request; ApiFailure 400 for one that is none. `what` is service, pod or node."""
    parts = text.split(":")
    if len(parts) > 3 or (len(parts) == 3 and parts[0] not in ("http", "https", "")):
        raise bad_request(f'invalid {what} request "{text}"')
    if len(parts) == 3:
        scheme, name, port = parts
    else:
        scheme, name, port = "", parts[0], parts[1] if len(parts) == 2 else ""
    if not name:
        raise bad_request(f'invalid {what} request "{text}"')
    return Target(scheme, name, port)


class Proxy:
    """Carries requests to what listens on pods' ports."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for services/proxy, pods/proxy or nodes/proxy."""
        if scope["type"] != "http":
            raise bad_request("Upgrade request required")
        store = self._runtime.store
        if call.rt.plural == "services":
            pod, port = service_pod(store, call.namespace, parse_target(call.info.name, "service"), call.info.name)
        elif call.rt.plural == "pods":
            pod, port = _pod(store, call.rt, call.namespace, parse_target(call.info.name, "pod"))
        else:
            await self._carry(call, scope, receive, send, self._kubelet(call))
            return
        handler = self._runtime.handler(pod, port)
        if (pod.get("status") or {}).get("phase") != "Running":
            handler = None
        if handler is None and (call.info.rest or scope["method"] not in ("GET", "HEAD")):
            address = (pod.get("status") or {}).get("podIP") or "127.0.0.1"
            raise unavailable(f"error trying to reach service: dial tcp {address}:{port}: connect: connection refused")
        await self._carry(call, scope, receive, send, handler)

    def _kubelet(self, call: Call) -> Handler:
        target = parse_target(call.info.name, "node")
        if self._runtime.store.record(call.rt, "", target.name) is None:
            raise not_found(call.rt, target.name)
        if self._runtime.kubelet is None:
            raise unavailable("error trying to reach service: dial tcp: connect: connection refused")
        return self._runtime.kubelet(target.name)

    async def _carry(self, call: Call, scope: Scope, receive: Receive, send: Send, handler: Handler | None) -> None:
        store = self._runtime.store
        if handler is None or (not call.info.rest and scope["method"] in ("GET", "HEAD")):
            await _redirect(scope, send, store.now())
            return
        headers = {
            name: value
            for name, value in call.headers.items()
            if name not in _KEPT_BACK and not name.startswith(_IMPERSONATION)
        }
        headers["x-forwarded-uri"] = scope["path"]
        body = await read_body(receive)
        query = scope["query_string"].decode("latin-1")
        status, answered, content = await handler(scope["method"], call.info.rest or "/", query, headers, body)
        out = common_headers(store.now())
        out += [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in answered.items()]
        if "content-length" not in {name.lower() for name in answered}:
            out.append((b"content-length", str(len(content)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": out})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})


def service_pod(store: Store, namespace: str, target: Target, asked: str) -> tuple[Object, int]:
    """The pod and port behind a service; ApiFailure 404 or 503 where there is none."""
    services, pods = _type(store, "services"), _type(store, "pods")
    service = store.get(services, namespace, target.name)
    if service is None:
        raise not_found(services, target.name)
    ports = (service.get("spec") or {}).get("ports") or []
    if target.port.isdigit():
        if all(entry.get("port") != int(target.port) for entry in ports):
            raise unavailable(f'no service port {target.port} found for service "{target.name}"')
        chosen = next(entry for entry in ports if entry.get("port") == int(target.port))
    else:
        found = [entry for entry in ports if (entry.get("name") or "") == target.port]
        if not found:
            raise unavailable(f'no endpoints available for service "{asked}"')
        chosen = found[0]
    for pod, port in _backends(store, pods, service, chosen):
        return pod, port
    raise unavailable(f'no endpoints available for service "{asked if target.port else target.name}"')


def _backends(store: Store, pods: ResourceType, service: Object, port: dict[str, Any]) -> Iterator[tuple[Object, int]]:
    """Ready pods of a service port and the number to dial: by Endpoints, else EndpointSlices, else the selector."""
    namespace, name = service["metadata"].get("namespace", ""), service["metadata"]["name"]
    wanted = port.get("name") or ""
    endpoints = store.get(_type(store, "endpoints"), namespace, name)
    known = endpoints is not None
    for subset in (endpoints or {}).get("subsets") or ():
        for number in _numbers(subset.get("ports"), wanted):
            for address in subset.get("addresses") or ():
                yield from _referred(store, pods, namespace, address.get("targetRef"), number)
    slices = store.resources.find("discovery.k8s.io", "v1", "endpointslices")
    for item in store.items(slices, namespace) if slices and not known else ():
        if (item["metadata"].get("labels") or {}).get("kubernetes.io/service-name") != name:
            continue
        known = True
        for number in _numbers(item.get("ports"), wanted):
            for endpoint in item.get("endpoints") or ():
                if (endpoint.get("conditions") or {}).get("ready") is not False:
                    yield from _referred(store, pods, namespace, endpoint.get("targetRef"), number)
    selector = (service.get("spec") or {}).get("selector")
    if known or not selector:
        return
    for record in list(store.collection(pods).records(namespace)):
        if all(record.labels.get(key) == value for key, value in selector.items()):
            pod = store.decode(pods, record)
            number = _target_port(pod, port)
            if number and is_ready(pod):
                yield pod, number


def _numbers(ports: list[dict[str, Any]] | None, wanted: str) -> Iterator[int]:
    for entry in ports or ():
        if (entry.get("name") or "") == wanted and entry.get("port"):
            yield int(entry["port"])


def _referred(
    store: Store, pods: ResourceType, namespace: str, reference: dict[str, Any] | None, number: int
) -> Iterator[tuple[Object, int]]:
    if reference and reference.get("kind") == "Pod":
        pod = store.get(pods, reference.get("namespace") or namespace, reference.get("name", ""))
        if pod is not None:
            yield pod, number


def _target_port(pod: Object, port: dict[str, Any]) -> int:
    target = port.get("targetPort") or port.get("port")
    if isinstance(target, int):
        return target
    return next((number for name, number in _container_ports(pod) if name == target), 0)


def _container_ports(pod: Object) -> Iterator[tuple[str, int]]:
    for container in (pod.get("spec") or {}).get("containers") or ():
        for entry in container.get("ports") or ():
            yield entry.get("name") or "", int(entry.get("containerPort") or 0)


def _pod(store: Store, rt: ResourceType, namespace: str, target: Target) -> tuple[Object, int]:
    pod = store.get(rt, namespace, target.name)
    if pod is None:
        raise not_found(rt, target.name)
    if target.port.isdigit():
        return pod, int(target.port)
    ports = list(_container_ports(pod))
    if target.port:
        number = next((number for name, number in ports if name == target.port), 0)
        if not number:
            raise ApiFailure(503, "ServiceUnavailable", f'no port "{target.port}" in pod "{target.name}"')
        return pod, number
    return pod, ports[0][1] if ports else 80


async def _redirect(scope: Scope, send: Send, now: float) -> None:
    query = scope["query_string"].decode("latin-1")
    location = quote(scope["path"]) + "/" + (f"?{query}" if query else "")
    head = [*common_headers(now), (b"location", location.encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 301, "headers": head})
    await send({"type": "http.response.body", "body": b""})


def _type(store: Store, plural: str) -> ResourceType:
    rt = store.resources.find("", "v1", plural)
    if rt is None:
        raise LookupError(plural)
    return rt
