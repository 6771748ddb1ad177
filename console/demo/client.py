"""The simulators' way to the API server: JSON objects in and out over HTTP, failures as exceptions.

Only calls that a kube-apiserver serves; nothing here knows the embedded server.
"""

from __future__ import annotations

import copy
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec

from console import errors

Object = dict[str, Any]  # a manifest, as JSON decodes it
Written = Callable[[str, Object], None]

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
PAGE = 500  # objects a page of a list

_ERRORS: Mapping[int, type[errors.ApiError]] = {
    400: errors.Invalid,
    401: errors.Unauthorized,
    403: errors.Denied,
    404: errors.NotFound,
    409: errors.Conflict,
    410: errors.Gone,
    422: errors.Invalid,
    429: errors.TooManyRequests,
}


class ApiClient:
    """One identity at one API server. Safe for concurrent use within one event loop."""

    def __init__(
        self,
        base_url: str,
        token: str = "",
        *,
        verify: bool | ssl.SSLContext = True,
        agent: str = "kube-controller-manager",
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`agent` names the field manager of what is written, as the API server reads it from User-Agent."""
        self._http = httpx.AsyncClient(
            base_url=base_url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            verify=verify,
            transport=transport,
            trust_env=False,
            timeout=httpx.Timeout(30.0),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=16),
        )
        self.agent = agent
        self.on_written: list[Written] = []

    def named(self, agent: str) -> ApiClient:
        """The same connection writing under another name."""
        other = copy.copy(self)
        other.agent = agent
        return other

    async def close(self) -> None:
        """Close every connection, also those of clients made by `named`."""
        await self._http.aclose()

    async def get(self, path: str) -> Object:
        """One object."""
        return await self._send("GET", path)

    async def list(
        self, path: str, *, label_selector: str = "", field_selector: str = "", limit: int = PAGE
    ) -> tuple[list[Object], str]:
        """Every object of a collection, read page by page, and the resourceVersion to watch from.

        Raises errors.Gone when the list took longer than the server keeps its snapshot.
        """
        params = {"limit": str(limit)}
        params |= {"labelSelector": label_selector} if label_selector else {}
        params |= {"fieldSelector": field_selector} if field_selector else {}
        items: list[Object] = []
        while True:
            page = await self._send("GET", path, params=params)
            kind, version = str(page.get("kind", "")).removesuffix("List"), page.get("apiVersion", "")
            items += [{"apiVersion": version, "kind": kind, **item} for item in page.get("items") or ()]
            metadata = page.get("metadata", {})
            if not metadata.get("continue"):
                return items, str(metadata.get("resourceVersion", ""))
            params["continue"] = metadata["continue"]

    async def create(self, path: str, obj: Object) -> Object:
        """POST to a collection (or a subresource such as binding); the object as stored."""
        return await self._write("POST", path, obj)

    async def replace(self, path: str, obj: Object) -> Object:
        """PUT; with `metadata.resourceVersion`, errors.Conflict when the object changed meanwhile."""
        return await self._write("PUT", path, obj)

    async def merge_patch(self, path: str, patch: Object) -> Object:
        """A JSON merge patch (RFC 7386); a `metadata.resourceVersion` in it is a precondition."""
        return await self._write("PATCH", path, patch, content_type=MERGE)

    async def patch_status(self, path: str, obj: Object, status: Object) -> Object:
        """Bring `obj.status` to `status` with the smallest merge patch; no request when nothing differs.

        `path` is the object's own. errors.Conflict when the object changed since `obj` was read.
        """
        change = difference(obj.get("status") or {}, status)
        if not change:
            return obj
        metadata = {"resourceVersion": obj["metadata"]["resourceVersion"]}
        return await self.merge_patch(f"{path}/status", {"metadata": metadata, "status": change})

    async def apply(self, path: str, obj: Object, *, manager: str = "", force: bool = True) -> Object:
        """Server-side apply under `manager` (the agent's name when empty)."""
        params = {"fieldManager": manager or self.agent, "force": "true" if force else "false"}
        return await self._write("PATCH", path, obj, content_type=APPLY, params=params)

    async def delete(
        self, path: str, *, grace: int | None = None, propagation: str = "", uid: str = "", resource_version: str = ""
    ) -> Object:
        """DELETE; `grace` in seconds, `propagation` Background, Foreground or Orphan, the others preconditions."""
        options: Object = {"kind": "DeleteOptions", "apiVersion": "v1"}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        if propagation:
            options["propagationPolicy"] = propagation
        preconditions = {key: value for key, value in (("uid", uid), ("resourceVersion", resource_version)) if value}
        if preconditions:
            options["preconditions"] = preconditions
        return await self._write("DELETE", path, options)

    @asynccontextmanager
    async def watch(self, path: str, params: Mapping[str, str], *, silence: float) -> AsyncIterator[AsyncIterator[Any]]:
        """Decoded watch events; httpx.ReadTimeout after `silence` seconds without a byte."""
        timeout = httpx.Timeout(30.0, read=silence)
        try:
            async with self._http.stream(
                "GET", path, params={**params, "watch": "1"}, headers=self._headers(), timeout=timeout
            ) as response:
                if response.status_code >= 400:
                    raise failure(response.status_code, await response.aread(), response.headers)
                yield _lines(response)
        except httpx.ConnectError as error:
            raise errors.CannotReach(f"The API server cannot be reached: {error}.") from error

    def _headers(self) -> dict[str, str]:
        return {"User-Agent": f"{self.agent}/v1.34.3", "Accept": "application/json"}

    async def _write(
        self, method: str, path: str, body: Object, *, content_type: str = "application/json", params: Any = None
    ) -> Object:
        answer = await self._send(method, path, msgspec.json.encode(body), content_type, params)
        removed = method == "DELETE" and not answer.get("metadata", {}).get("deletionTimestamp")
        if answer.get("kind") != "Status" and not removed:
            for told in self.on_written:
                told(path, answer)
        return answer

    async def _send(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        content_type: str = "application/json",
        params: Mapping[str, str] | None = None,
    ) -> Object:
        headers = self._headers()
        if content is not None:
            headers["Content-Type"] = content_type
        try:
            response = await self._http.request(method, path, params=params, content=content, headers=headers)
        except httpx.TransportError as error:
            raise errors.CannotReach(f"The API server gave no answer to {method} {path}: {error!r}.") from error
        if response.status_code >= 400:
            raise failure(response.status_code, response.content, response.headers)
        answer: Object = msgspec.json.decode(response.content)
        return answer


async def _lines(response: httpx.Response) -> AsyncIterator[Any]:
    decode = msgspec.json.Decoder().decode
    rest = b""
    async for chunk in response.aiter_bytes():
        rest += chunk
        if b"\n" in chunk:
            *lines, rest = rest.split(b"\n")
            for line in lines:
                if line.strip():
                    yield decode(line)


def failure(code: int, body: bytes, headers: Mapping[str, str]) -> errors.ApiError:
    """The exception for an answer of 400 and above; its text is the Status's message where there is one."""
    try:
        status = msgspec.json.decode(body)
    except msgspec.DecodeError:
        status = None
    if not isinstance(status, dict):
        status = {"message": body[:200].decode("utf-8", "replace")}
    return status_failure(status, code, headers)


def status_failure(status: Object, code: int = 0, headers: Mapping[str, str] | None = None) -> errors.ApiError:
    """The exception for a Status object, also one that came as a watch's ERROR event."""
    code = code or int(status.get("code") or 500)
    details = status.get("details") or {}
    wait = str((headers or {}).get("Retry-After") or details.get("retryAfterSeconds") or "")
    causes = details.get("causes") or ()
    kind = _ERRORS.get(code, errors.ServerFailed if code >= 500 else errors.ApiError)
    return kind(
        str(status.get("message") or f"HTTP {code}"),
        code=code,
        reason=str(status.get("reason", "")),
        causes=tuple((str(cause.get("field", "")), str(cause.get("message", ""))) for cause in causes),
        retry_after=float(wait) if str(wait or "").isdigit() else None,
    )


def difference(before: Object, after: Object) -> Object:
    """The smallest merge patch that makes `after` of `before`; empty when they are equal."""
    change: Object = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        if old == value and key in before:
            continue
        change[key] = difference(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return change
