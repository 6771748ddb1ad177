"""Bytes of a list or a watch line of a kind with a slim struct into rows.

One page is decoded by one call. An object that does not fit its struct costs only itself: it becomes a row made of
its metadata, and says so.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from console.kinds.base import Kind
from console.kinds.meta import ObjectMeta, Slim
from console.live.source import Page, Row, WatchEvent

T = TypeVar("T")

_JSON = "application/json"


class ListMeta(msgspec.Struct, gc=False):
    """metadata of a list."""

    resourceVersion: str = ""  # noqa: N815 - the field's name on the wire
    continue_: str = msgspec.field(name="continue", default="")
    remainingItemCount: int | None = None  # noqa: N815


class _List(msgspec.Struct, Generic[T], gc=False):
    items: list[T] | None
    metadata: ListMeta = msgspec.field(default_factory=ListMeta)


class _Event(msgspec.Struct, gc=False):
    type: str
    object: msgspec.Raw


class Status(Slim):
    """A v1 Status, as an ERROR event of a watch carries it."""

    code: int = 0
    message: str = ""
    reason: str = ""


class _Versioned(Slim):
    metadata: ObjectMeta = msgspec.field(default_factory=ObjectMeta)


_raw_list = msgspec.json.Decoder(_List[msgspec.Raw])
_event = msgspec.json.Decoder(_Event)
_status = msgspec.json.Decoder(Status, strict=False)
_versioned = msgspec.json.Decoder(_Versioned)


def split_event(line: bytes) -> tuple[str, bytes, WatchEvent | None]:
    """(type, object's bytes, the finished event for ERROR) of a watch line; raises msgspec.DecodeError."""
    event = _event.decode(line)
    body = bytes(event.object)
    if event.type == "ERROR":
        status = _status.decode(body)
        return event.type, body, WatchEvent(event.type, code=status.code, message=status.message or status.reason)
    return event.type, body, None


class KindSource:
    """The typed source of one kind at one served version."""

    accept = _JSON

    def __init__(self, kind: Kind, version: str) -> None:
        self.kind = kind
        self.group = kind.group
        self.version = version
        self.plural = kind.resource
        self.namespaced = kind.namespaced
        self._page = msgspec.json.Decoder(_List[kind.decode], strict=False)  # type: ignore[name-defined]
        self._object = msgspec.json.Decoder(kind.decode, strict=False)
        metadata = next(field.type for field in msgspec.structs.fields(kind.decode) if field.name == "metadata")
        self._metadata: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
            msgspec.defstruct("Metadata", [("metadata", metadata)])
        )

    def __repr__(self) -> str:
        return f"KindSource({self.plural}.{self.version}.{self.group or 'core'})"

    def page(self, body: bytes) -> Page:
        """Decode a list; raises msgspec.DecodeError when it is not one."""
        make = self.kind.row
        try:
            decoded: _List[Any] = self._page.decode(body)
            rows = [make(item) for item in decoded.items or ()]
            metadata = decoded.metadata
        except msgspec.ValidationError:
            raw = _raw_list.decode(body)
            rows = [self.row(bytes(item)) for item in raw.items or ()]
            metadata = raw.metadata
        return Page(rows, metadata.resourceVersion, metadata.continue_, metadata.remainingItemCount)

    def row(self, body: bytes) -> Row:
        """One object's bytes to its row."""
        try:
            return self.kind.row(self._object.decode(body))
        except msgspec.ValidationError as error:
            row = self.kind.row(self.kind.decode(metadata=self._metadata.decode(body).metadata))
            row.unread = str(error)
            return row

    def event(self, line: bytes) -> WatchEvent:
        """Decode one watch line; raises msgspec.DecodeError when it is not one."""
        kind, body, finished = split_event(line)
        if finished is not None:
            return finished
        if kind == "BOOKMARK":
            return WatchEvent(kind, version=_versioned.decode(body).metadata.resource_version)
        row = self.row(body)
        return WatchEvent(kind, row, row.version)
