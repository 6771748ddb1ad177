"""Request bodies as they come in over ASGI, up to the size a kube-apiserver reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.demo.failures import bad_request, entity_too_large

if TYPE_CHECKING:
    from starlette.types import Receive

MAX_BODY = 3 * 2**20  # bytes; kube-apiserver's limit


async def read_body(receive: Receive) -> bytes:
    """A request's whole body; ApiFailure 413 for one that is too large, 400 for one cut short."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise bad_request("unexpected EOF")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY:
            raise entity_too_large(MAX_BODY)
        if not message.get("more_body"):
            return b"".join(parts)
