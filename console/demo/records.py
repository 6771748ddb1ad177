"""One stored object: its bytes, and the few facts that lists, watches and collectors need without decoding them.

Records never change: a write makes a new one, so that a watch or a snapshot may hold the old.
"""

from __future__ import annotations

from sys import intern
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from console.demo.resources import ResourceType

Object = dict[str, Any]


class Record:
    """An object at one resourceVersion; `raw` is its JSON, starting with kind and apiVersion."""

    __slots__ = ("_raw", "deleting", "fields", "labels", "name", "namespace", "owners", "uid", "version")

    def __init__(
        self,
        namespace: str,
        name: str,
        raw: bytes | Callable[[], bytes],
        version: int,
        uid: str,
        labels: dict[str, str],
        fields: tuple[str, ...] = (),
        owners: tuple[str, ...] = (),
        deleting: bool = False,
    ) -> None:
        self.namespace = namespace
        self.name = name
        self._raw = raw
        self.version = version
        self.uid = uid
        self.labels = labels
        self.fields = fields  # values of the type's selectable fields, in its order
        self.owners = owners  # uids of ownerReferences
        self.deleting = deleting  # has a deletionTimestamp

    @property
    def raw(self) -> bytes:
        """The whole object as JSON bytes; those shipped as files are read each time they are asked for."""
        return self._raw if isinstance(self._raw, bytes) else self._raw()

    @property
    def size(self) -> int:
        """Bytes this record keeps in memory for its object."""
        return len(self._raw) if isinstance(self._raw, bytes) else 0

    @property
    def key(self) -> tuple[str, str]:
        """(namespace, name)."""
        return (self.namespace, self.name)

    def decode(self) -> Object:
        """A fresh dictionary of the object, free to be changed."""
        obj: Object = msgspec.json.decode(self.raw)
        return obj


_NO_LABELS: dict[str, str] = {}


def encode(obj: Object, kind: str, api_version: str) -> bytes:
    """The object's JSON with kind and apiVersion first, so that lists can leave them out (see `list_item_prefix`)."""
    ordered = {"kind": kind, "apiVersion": api_version}
    ordered.update((key, value) for key, value in obj.items() if key not in ordered)
    return msgspec.json.encode(ordered)


def prefix(kind: str, api_version: str) -> bytes:
    """The first bytes of every object of a kind, up to and with the comma before its next field."""
    return f'{{"kind":"{kind}","apiVersion":"{api_version}",'.encode()


def make_record(rt: ResourceType, obj: Object, raw: bytes, version: int) -> Record:
    """The record of an object that was just encoded to `raw`; `obj` is in the stored version."""
    metadata = obj["metadata"]
    labels = metadata.get("labels")
    return Record(
        intern(metadata.get("namespace") or ""),
        metadata["name"],
        raw,
        version,
        metadata.get("uid", ""),
        {intern(key): intern(value) for key, value in labels.items()} if labels else _NO_LABELS,
        tuple(field_text(obj, path) for _, path in rt.selectable),
        tuple(owner.get("uid", "") for owner in metadata.get("ownerReferences") or ()),
        bool(metadata.get("deletionTimestamp")),
    )


def field_text(obj: Object, path: str) -> str:
    """The value at a dotted path as field selectors compare it; "" where it is absent."""
    value: Any = obj
    for part in path.split("."):
        if not isinstance(value, dict):
            return ""
        value = value.get(part)
    if value is None:
        return "false" if path.endswith(("hostNetwork", "unschedulable")) else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return intern(value) if isinstance(value, str) else str(value)
