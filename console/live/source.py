"""The seam between the watcher and the kinds: how bytes of one resource become rows.

A Source never does I/O. The watcher never looks inside a row beyond the fields of `Row`.
"""

from __future__ import annotations

from typing import Protocol

import msgspec


class Row(msgspec.Struct, gc=False, kw_only=True):
    """One object, flattened: only scalars and short tuples, strings interned, no nested dicts.

    Kinds subclass it (also with `gc=False`, so that 10,000 rows cost the collector nothing).
    """

    namespace: str  # "" for cluster-scoped objects
    name: str
    uid: str
    version: str  # metadata.resourceVersion
    created: float  # seconds since 1970; 0.0 where the server gave none
    unread: str = ""  # why only the metadata could be read, where the object has a shape its kind does not have

    @property
    def key(self) -> str:
        """`namespace/name`, or `name` for cluster-scoped objects: unique within a kind."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Page(msgspec.Struct, gc=False):
    """One page of a list."""

    rows: list[Row]
    version: str  # the list's resourceVersion, where a watch continues
    continue_: str = ""
    remaining: int | None = None  # metadata.remainingItemCount, where the server tells


class WatchEvent(msgspec.Struct, gc=False):
    """One line of a watch."""

    type: str  # ADDED, MODIFIED, DELETED, BOOKMARK, ERROR
    row: Row | None = None  # absent for BOOKMARK and ERROR
    version: str = ""  # resourceVersion after this event
    code: int = 0  # of the Status, for ERROR
    message: str = ""  # of the Status, for ERROR


class Source(Protocol):
    """One resource as a watcher sees it."""

    @property
    def group(self) -> str: ...  # "" for core

    @property
    def version(self) -> str: ...  # the served version that is read

    @property
    def plural(self) -> str: ...

    @property
    def namespaced(self) -> bool: ...

    @property
    def accept(self) -> str: ...  # the Accept header: JSON, Table or PartialObjectMetadata

    def page(self, body: bytes) -> Page:
        """Decode a list response; raises msgspec.DecodeError on bytes that are not that."""
        ...

    def event(self, line: bytes) -> WatchEvent:
        """Decode one watch line; raises msgspec.DecodeError on bytes that are not that."""
        ...


def collection_path(source: Source, namespace: str | None) -> str:
    """The list path of a source: of one namespace, or of the whole cluster when `namespace` is None or ""."""
    root = f"/apis/{source.group}/{source.version}" if source.group else f"/api/{source.version}"
    scope = f"/namespaces/{namespace}" if namespace and source.namespaced else ""
    return f"{root}{scope}/{source.plural}"
