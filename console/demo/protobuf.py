"""Request bodies in Kubernetes' protobuf, which kubectl and other Go clients send for built-in kinds, read as JSON.

Answers are never protobuf: every client that sends it accepts JSON too. The wire numbers come from the Go types of
k8s.io/api 0.34 (see data/NOTICE.md).
"""

from __future__ import annotations

import base64
import gzip
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from console.demo.failures import bad_request

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_DEPTH = 100  # of nested messages
_Field = tuple[str, str, int]  # JSON name ("" for an embedded message), kind, whether a zero counts as absent


def decode_protobuf(body: bytes) -> dict[str, Any]:
    """The object in a protobuf body, with kind and apiVersion; ApiFailure 400 for bytes that are none."""
    if not body.startswith(_MAGIC):
        raise bad_request("the provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    try:
        envelope = dict(_fields(memoryview(body)[len(_MAGIC) :]))
        named = dict(_fields(envelope.get(1, b"")))
        api_version, kind = bytes(named.get(1, b"")).decode(), bytes(named.get(2, b"")).decode()
        message = _message_name(api_version, kind)
        if message not in _messages():
            raise bad_request(f'no kind "{kind}" is registered for version "{api_version}" in protobuf')
        return {"kind": kind, "apiVersion": api_version, **_message(message, envelope.get(2, b""), 0)}
    except (ValueError, IndexError, TypeError, struct.error, OverflowError) as error:
        raise bad_request(f"the protobuf body cannot be read: {error}") from None


@cache
def _messages() -> dict[str, dict[int, _Field]]:
    data = gzip.decompress((files("console.demo") / "data" / "protobuf.json.gz").read_bytes())
    rows = msgspec.json.decode(data, type=dict[str, list[tuple[int, str, str, int]]])
    return {name: {row[0]: (row[1], row[2], row[3]) for row in fields} for name, fields in rows.items()}


def _message_name(api_version: str, kind: str) -> str:
    if kind in ("DeleteOptions", "Status"):
        return f"meta/v1.{kind}"
    group, _, version = api_version.rpartition("/")
    return f"{group.partition('.')[0] or 'core'}/{version}.{kind}"


def _fields(data: bytes | memoryview) -> Iterator[tuple[int, Any]]:
    """(number, value) of each field: an int, eight bytes of a fixed64, or the bytes of anything else."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            yield number, data[at : at + size]
            at += size
        elif wire == 2:
            size, at = _varint(data, at)
            if at + size > end:
                raise ValueError("unexpected EOF")
            yield number, data[at : at + size]
            at += size
        else:
            raise ValueError(f"illegal wire type {wire}")


def _varint(data: bytes | memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a varint is too long")


def _message(name: str, data: Any, depth: int) -> dict[str, Any]:
    if depth > _DEPTH:
        raise ValueError("messages are nested too deep")
    known = _messages()[name]
    obj: dict[str, Any] = {}
    for number, value in _fields(data):
        field = known.get(number)
        if field is None:
            continue
        label, kind, zero_is_absent = field
        if not label:
            obj.update(_message(kind[1:], value, depth + 1))
        elif kind[0] == "[" and kind != "[":
            obj.setdefault(label, []).append(_value(kind[1:], value, depth))
        elif kind[0] == "{":
            entry = dict(_fields(value))
            key = bytes(entry.get(1, b"")).decode()
            obj.setdefault(label, {})[key] = _value(kind[1:], entry.get(2, _absent(kind[1:])), depth)
        else:
            decoded = _value(kind, value, depth)
            if not (decoded is None or (zero_is_absent and decoded in ("", 0, False))):
                obj[label] = decoded
    return obj


def _absent(kind: str) -> Any:
    return 0 if kind in ("i", "b") else b""


def _value(kind: str, value: Any, depth: int) -> Any:
    if kind[0] == "=":
        made = _message(kind[1:], value, depth + 1)
        return made.get("*", []) if set(_messages()[kind[1:]]) == {1} and _is_list(kind[1:]) else made
    return _READERS[kind](value)


def _is_list(name: str) -> bool:
    return _messages()[name][1][0] == "*"


def _integer(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _text(value: Any) -> str:
    return bytes(value).decode()


def _quantity(value: Any) -> str:
    return _text(dict(_fields(value)).get(1, b""))


def _int_or_string(value: Any) -> int | str:
    found = dict(_fields(value))
    return _text(found.get(3, b"")) if found.get(1) else _integer(found.get(2, 0))


def _time(value: Any, *, micro: bool = False) -> str | None:
    found = dict(_fields(value))
    if not found:
        return None
    at = datetime.fromtimestamp(_integer(found.get(1, 0)), UTC)
    fraction = f".{found.get(2, 0) // 1000:06d}" if micro else ""
    return at.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"


def _raw(value: Any) -> Any:
    inner = bytes(dict(_fields(value)).get(1, b""))
    return msgspec.json.decode(inner) if inner else None


_READERS: dict[str, Callable[[Any], Any]] = {
    "s": _text,
    "i": _integer,
    "b": bool,
    "d": lambda value: struct.unpack("<d", value)[0],
    "y": lambda value: base64.b64encode(value).decode(),
    "quantity": _quantity,
    "intstr": _int_or_string,
    "time": _time,
    "microtime": lambda value: _time(value, micro=True),
    "raw": _raw,
}
