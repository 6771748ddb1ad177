"""HTTP through the API server's proxy to a service or a pod, with failures that name their cause.

The API server drops `Authorization` before it forwards, and what it forwards has no mesh identity: each of the
ways this goes wrong looks alike from outside, so they are told apart here.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from console.cluster.transport import Params, Transport
from console.errors import ApiError, CannotReach, Denied, NotFound, ServerFailed, Unauthorized
from console.text import clean

TIMEOUT = 10.0  # seconds: an unreachable pod network answers only after a long dial


def service_path(namespace: str, service: str, port: str | int, path: str) -> str:
    """The proxy path of a service; `service` may carry a scheme (`https:grafana`)."""
    return f"/api/v1/namespaces/{quote(namespace)}/services/{_target(service, port)}/proxy/{path.lstrip('/')}"


def pod_path(namespace: str, pod: str, port: str | int, path: str) -> str:
    """The proxy path of a pod; `pod` may carry a scheme (`https:dcgm-exporter-x`)."""
    return f"/api/v1/namespaces/{quote(namespace)}/pods/{_target(pod, port)}/proxy/{path.lstrip('/')}"


def _target(name: str, port: str | int) -> str:
    return quote(f"{name}:{port}" if port else name, safe=":")


async def fetch(
    transport: Transport, path: str, *, target: str, params: Params | None = None, timeout: float | None = None
) -> bytes:
    """GET through a proxy path. `target` names the thing for the error (`service monitoring/prometheus`)."""
    try:
        answer = await transport.request("GET", path, params=params, timeout=timeout or TIMEOUT)
    except Unauthorized as error:
        raise explained(error, target) from error
    except ApiError as error:
        raise explained(error, target) from error
    except CannotReach as error:
        if "nothing in time" in error.sentence:
            raise CannotReach(f"{_start(target)} did not answer through the API server in time.", _NETWORK) from error
        raise
    _refuse_login(answer.headers, answer.body, target)
    return answer.body


_NETWORK = "The control plane may have no route to the pods (firewall of a private cluster)."


def explained(error: ApiError, target: str) -> ApiError:
    """The same failure with its cause: the API server, the network behind it, a mesh, a login, or the application."""
    message = error.message
    kept = {"code": error.code, "reason": error.reason, "message": message, "retry_after": error.retry_after}
    name = _start(target)
    if "no endpoints available" in message:
        return ServerFailed(f"{name} has no ready endpoint.", "Check the pods behind it.", **kept)  # type: ignore[arg-type]
    if "RBAC: access denied" in message:
        return Denied(f"{name} is behind an Istio policy that refuses calls through the API server.", **kept)  # type: ignore[arg-type]
    if 300 <= error.code < 400:
        return Denied(f"{name} sends to a login page; it sits behind an authentication gateway.", **kept)  # type: ignore[arg-type]
    if isinstance(error, Denied) and error.reason == "Forbidden":
        return Denied(f"Not allowed through the API server's proxy: {message.rstrip('.')}.", **kept)  # type: ignore[arg-type]
    if isinstance(error, Unauthorized | Denied):
        said = f"{name} wants credentials of its own, and the API server's proxy passes none on."
        return type(error)(said, **kept)  # type: ignore[arg-type]
    if isinstance(error, NotFound) and error.reason == "NotFound":
        return NotFound(f"{name} is not there: {message.rstrip('.')}.", **kept)  # type: ignore[arg-type]
    dial = any(word in message for word in ("dial tcp", "i/o timeout", "connection refused", "no route to host", "EOF"))
    if error.code in (502, 503, 504) and (dial or error.reason in ("ServiceUnavailable", "Timeout", "InternalError")):
        detail = message.rpartition(": ")[2] if dial else message.rstrip(".")
        return ServerFailed(f"The API server cannot reach {target}: {detail}.", _NETWORK, **kept)  # type: ignore[arg-type]
    if not error.reason:  # no Status: what is behind the proxy answered
        said = message.partition("\n")[0][:200].rstrip(".")
        return type(error)(f"{name} answers with {error.code}: {said}.", **kept)  # type: ignore[arg-type]
    return error


def _refuse_login(headers: Mapping[str, str], body: bytes, target: str) -> None:
    """An HTML page where data was asked for is a login page answered with 200."""
    if headers.get("content-type", "").startswith("text/html") and body.lstrip()[:1] == b"<":
        raise Denied(f"{_start(target)} answers with a web page, not data; it may sit behind a login.", code=200)


def _start(target: str) -> str:
    return clean(target[:1].upper() + target[1:])
