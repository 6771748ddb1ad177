"""Failed HTTP answers of an API server as errors of the tree in console.errors.

A Kubernetes Status keeps its own words; anything else is described by where it came from. Shapes:
k8s.io/apimachinery/pkg/apis/meta/v1 Status.
"""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping

import msgspec

from console.errors import (
    ApiError,
    Conflict,
    Denied,
    Gone,
    Invalid,
    NotFound,
    ServerFailed,
    TooManyRequests,
    Unauthorized,
)
from console.text import clean

_CLASSES: dict[int, type[ApiError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Denied,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}
_STEPS: dict[int, str] = {
    401: "Log in again, or choose another context.",
    410: "It is listed again.",
}
_LONGEST = 2000  # characters of a message that are kept


class _Cause(msgspec.Struct):
    field: str = ""
    message: str = ""


class _Details(msgspec.Struct, rename="camel"):
    causes: list[_Cause] | None = None
    retry_after_seconds: float | None = None


class Status(msgspec.Struct):
    """A Status object as far as the console reads it."""

    kind: str = ""
    status: str = ""
    message: str = ""
    reason: str = ""
    code: int = 0
    details: _Details | None = None


_decoder = msgspec.json.Decoder(Status)


def parse(body: bytes) -> Status | None:
    """The Status in a body; None when the body is something else."""
    if body.lstrip()[:1] != b"{":
        return None
    try:
        status = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return status if status.kind == "Status" else None


def failure(code: int, headers: Mapping[str, str], body: bytes, *, asked: str, server: str) -> ApiError:
    """The error of a failed answer. `asked` says what was asked for (`GET /api/v1/pods`), for a body without words."""
    status = parse(body)
    after = retry_after(headers)
    message = sentence = reason = ""
    causes: tuple[tuple[str, str], ...] = ()
    if status is not None:
        message = sentence = clean(status.message)[:_LONGEST]
        reason = status.reason
        details = status.details
        if details is not None:
            causes = tuple((clean(cause.field), clean(cause.message)) for cause in details.causes or ())
            after = details.retry_after_seconds if after is None else after
    elif not body.lstrip().startswith(b"<"):
        message = clean(body[:_LONGEST].decode("utf-8", "replace").strip())  # an application's own words
    if not sentence or (code == 401 and sentence == "Unauthorized"):
        sentence = _wordless(code, headers, body, asked, server)
    return class_of(code)(
        f"{sentence.rstrip('.')}.",
        _STEPS.get(code, ""),
        code=code,
        reason=reason,
        message=message or sentence,
        causes=causes,
        retry_after=after,
    )


def class_of(code: int) -> type[ApiError]:
    """The error class of an HTTP code."""
    return _CLASSES.get(code, ServerFailed if code >= 500 else ApiError)


def _wordless(code: int, headers: Mapping[str, str], body: bytes, asked: str, server: str) -> str:
    if 300 <= code < 400:
        return f"{server} sends {asked} on to {clean(headers.get('location', 'another address'))}: not an API server"
    if code == 401:
        return f"{server} does not accept these credentials"
    if code == 403:
        return f"{server} refuses {asked}"
    if code == 404:
        return f"{server} does not serve {asked}"
    if code == 429:
        return f"{server} asks to wait before {asked}"
    first = body.decode("utf-8", "replace").strip().partition("\n")[0][:200]
    said = f": {clean(first)}" if first and not first.startswith("<") else ""
    return f"{server} answers {asked} with {code}{said}"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header: a number, or an HTTP date."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isdigit():
        return float(text)
    when = http_date(text)
    return max(0.0, when - time.time()) if when is not None else None


def http_date(text: str) -> float | None:
    """An HTTP date in seconds since 1970; None where it is unreadable."""
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError):
        return None
