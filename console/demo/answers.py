"""Answers on their way out: bytes, headers, compression and indentation as kube-apiserver sends them."""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec
import yaml

from console.demo.requests import wants_gzip

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.types import Send

    from console.demo.failures import ApiFailure

JSON = "application/json"
_GZIP_FROM = 128 * 1024  # bytes; k8s.io/apiserver pkg/endpoints/handlers/responsewriters
_BROWSERS = ("curl", "Wget", "Mozilla/5.0")


@dataclass(slots=True)
class Answer:
    """A whole answer; a body that is an iterator is large, and sent piece by piece."""

    status: int
    body: bytes | Iterator[bytes]
    content_type: str = JSON
    headers: list[tuple[str, str]] = field(default_factory=list)


def json_answer(value: Any, status: int = 200) -> Answer:
    """An object as JSON."""
    return Answer(status, msgspec.json.encode(value) + b"\n")


def text_answer(text: str, status: int = 200) -> Answer:
    """Plain text, as the health endpoints write it."""
    return Answer(status, text.encode(), "text/plain; charset=utf-8")


def failure_answer(failure: ApiFailure) -> Answer:
    """A Status."""
    answer = json_answer(failure.status, failure.code)
    if failure.retry_after is not None:
        answer.headers.append(("retry-after", str(failure.retry_after)))
    return answer


def warning_header(text: str) -> tuple[str, str]:
    """A Warning header with one text (RFC 7234, code 299)."""
    safe = "".join(c if c.isprintable() else " " for c in text).replace("\\", "\\\\").replace('"', '\\"')
    return ("warning", f'299 - "{safe}"')


def common_headers(now: float) -> list[tuple[bytes, bytes]]:
    """Headers of every answer; `now` is the world's clock in seconds."""
    return [
        (b"audit-id", str(uuid4()).encode()),
        (b"cache-control", b"no-cache, private"),
        (b"date", formatdate(now, usegmt=True).encode()),
    ]


async def send_answer(
    answer: Answer, send: Send, headers: Mapping[str, str], *, now: float, pretty: str, warnings: list[str]
) -> None:
    """Write an answer: indented where `pretty` or the client asks for it, gzip where that pays."""
    body = answer.body
    out = common_headers(now)
    if answer.content_type == JSON and _indented(pretty, headers):
        body = msgspec.json.format(body if isinstance(body, bytes) else b"".join(body), indent=2) + b"\n"
    if answer.status != 304:  # what a 304 says about the body replaces what a client's cache knows of it
        out += [(b"content-type", answer.content_type.encode())]
    out += [(name.encode(), value.encode("latin-1", "replace")) for name, value in answer.headers]
    for text in dict.fromkeys(warnings):
        name, value = warning_header(text)
        out.append((name.encode(), value.encode()))
    compress = (not isinstance(body, bytes) or len(body) > _GZIP_FROM) and wants_gzip(headers)
    if compress:
        out += [(b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding")]
    if isinstance(body, bytes):
        if compress:
            body = _gzip(body)
        if answer.status != 304:
            out.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": out})
        await send({"type": "http.response.body", "body": body})
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": out})
    packer = zlib.compressobj(1, zlib.DEFLATED, 31) if compress else None
    for chunk in body:
        await send(
            {"type": "http.response.body", "body": packer.compress(chunk) if packer else chunk, "more_body": True}
        )
        await asyncio.sleep(0)  # a long list must not hold up watches and writes
    await send({"type": "http.response.body", "body": packer.flush() if packer else b""})


def as_yaml(answer: Answer) -> Answer:
    """The same answer as YAML, for clients that accept nothing else."""
    body = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
    text = yaml.safe_dump(msgspec.json.decode(body), allow_unicode=True)
    return Answer(answer.status, text.encode(), "application/yaml", answer.headers)


def _gzip(body: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


def _indented(pretty: str, headers: Mapping[str, str]) -> bool:
    if pretty:
        return pretty.lower() in ("1", "t", "true")
    return headers.get("user-agent", "").startswith(_BROWSERS)
