"""The objects of the cluster: kept as JSON bytes, stamped with a revision, watched through bounded logs.

It knows nothing of HTTP, users or schemas. Every method is synchronous and belongs to one event loop.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import msgspec

from console.clock import format_time
from console.demo import crds
from console.demo.collection import ADDED, DELETED, MODIFIED, Change, Collection
from console.demo.conversion import convert
from console.demo.records import Object, Record, encode, make_record
from console.demo.resources import Resources, ResourceType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_CHANGES = 10_000
MAX_BYTES = 16 * 2**20
_DEFINITIONS = ("apiextensions.k8s.io", "customresourcedefinitions")


class Store:
    """Every object of the cluster and the revision counter they share.

    `changed` callbacks hear of each write after it happened, in order: collectors and caches hang there.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        resources: Resources | None = None,
        *,
        max_changes: int = MAX_CHANGES,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.resources = resources or Resources()
        self.revision = 1
        self.changed: list[Callable[[ResourceType, Change], None]] = []
        self._clock = clock
        self._limits = (max_changes, max_bytes)
        self._collections: dict[tuple[str, str], Collection] = {}
        self._owned: dict[str, set[tuple[tuple[str, str], str, str]]] = {}

    def now(self) -> float:
        """Seconds since 1970 on the world's clock."""
        return self._clock()

    def timestamp(self) -> str:
        """Now as RFC 3339 with whole seconds, as Kubernetes writes times."""
        return format_time(self._clock())

    def collection(self, rt: ResourceType) -> Collection:
        """The collection that keeps a type's objects."""
        found = self._collections.get(rt.storage_key)
        if found is None:
            found = self._collections[rt.storage_key] = Collection(*self._limits)
        return found

    def record(self, rt: ResourceType, namespace: str, name: str) -> Record | None:
        """The record of an object, in the stored version."""
        return self.collection(rt).get(namespace or "", name)

    def get(self, rt: ResourceType, namespace: str, name: str) -> Object | None:
        """An object in the version of `rt`, free to be changed; None where there is none."""
        record = self.record(rt, namespace, name)
        return None if record is None else self.decode(rt, record)

    def raw(self, rt: ResourceType, namespace: str, name: str) -> bytes | None:
        """An object's JSON in the version of `rt`; None where there is none."""
        record = self.record(rt, namespace, name)
        return None if record is None else self.bytes_of(rt, record)

    def items(self, rt: ResourceType, namespace: str | None = None) -> Iterator[Object]:
        """Every object of a type (of one namespace, or of all), decoded one by one."""
        for record in list(self.collection(rt).records(namespace)):
            yield self.decode(rt, record)

    def decode(self, rt: ResourceType, record: Record) -> Object:
        """A record's object in the version of `rt`."""
        return convert(record.decode(), rt)

    def bytes_of(self, rt: ResourceType, record: Record) -> bytes:
        """A record's JSON in the version of `rt`."""
        stored = rt.stored_api_version
        if stored == rt.api_version:
            return record.raw
        if rt.crd:
            head = f'{{"kind":"{rt.kind}","apiVersion":"'
            return (head + rt.api_version).encode() + record.raw[len(head) + len(stored) :]
        return encode(self.decode(rt, record), rt.kind, rt.api_version)

    def put(self, rt: ResourceType, obj: Object, *, event: str | None = None) -> Object:
        """Create or replace an object; returns it stamped with its new resourceVersion, in the version of `rt`.

        Nothing is checked or defaulted here. `event` is ADDED or MODIFIED, found out where it is left out.
        """
        stored = self.resources.stored(rt)
        collection = self.collection(rt)
        metadata = obj["metadata"]
        before = collection.get(metadata.get("namespace") or "", metadata["name"])
        self.revision += 1
        kept = convert({**obj, "metadata": {**metadata, "resourceVersion": str(self.revision)}}, stored)
        record = make_record(stored, kept, encode(kept, stored.kind, rt.stored_api_version), self.revision)
        self._changed(rt, Change(event or (MODIFIED if before else ADDED), self.revision, record, before))
        return self.decode(rt, record) if stored is not rt else kept

    def remove(self, rt: ResourceType, namespace: str, name: str) -> Object | None:
        """Take an object out; returns it as it was last. Finalizers are the caller's concern."""
        before = self.record(rt, namespace, name)
        if before is None:
            return None
        stored = self.resources.stored(rt)
        obj = before.decode()
        self.revision += 1
        obj["metadata"]["resourceVersion"] = str(self.revision)
        record = make_record(stored, obj, encode(obj, stored.kind, rt.stored_api_version), self.revision)
        self._changed(rt, Change(DELETED, self.revision, record, before))
        return convert(obj, rt)

    def load(self, obj: Object) -> None:
        """Put an object in exactly as given (one of a world file, or a seeded one), with no event.

        A resourceVersion is kept and moves the counter on; where it is absent one is given. KeyError for a kind
        that is not served.
        """
        rt = self.resources.of_object(obj.get("apiVersion", ""), obj.get("kind", ""))
        if rt is None:
            raise KeyError(f"{obj.get('apiVersion')} {obj.get('kind')}")
        stored = self.resources.stored(rt)
        given = str(obj["metadata"].get("resourceVersion") or "")
        if given.isdigit():
            version = int(given)
            self.revision = max(self.revision, version)
        else:
            self.revision = version = self.revision + 1
            obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(version)}}
        kept = convert(obj, stored) if stored is not rt else obj
        record = make_record(stored, kept, encode(kept, stored.kind, rt.stored_api_version), version)
        self._place(rt, record)
        if rt.storage_key == _DEFINITIONS:
            self.resources.register_crd(kept)

    def load_shipped_crds(self) -> None:
        """Serve every shipped CustomResourceDefinition, and have its objects to list, without reading a schema."""
        rt = self.resources.find("apiextensions.k8s.io", "v1", "customresourcedefinitions")
        if rt is None:
            raise LookupError("customresourcedefinitions")
        at = self.timestamp()
        for entry in crds.shipped():
            self.resources.register_crd(entry)
            self.revision += 1
            metadata = {**entry["metadata"], "resourceVersion": str(self.revision), "creationTimestamp": at}
            read = partial(_shipped_bytes, metadata, entry["spec"], at)
            labels = metadata.get("labels", {})
            self._place(rt, Record("", metadata["name"], read, self.revision, metadata["uid"], labels))

    def owned(self, uid: str) -> list[tuple[tuple[str, str], str, str]]:
        """(storage key, namespace, name) of every object that names this uid in its ownerReferences."""
        return sorted(self._owned.get(uid, ()))

    def compact(self, revision: int | None = None) -> None:
        """Forget all history up to a revision, or to now: watches and continue tokens from before end in 410."""
        for collection in self._collections.values():
            collection.compact(self.revision if revision is None else revision)

    def held(self) -> Iterator[tuple[tuple[str, str], Collection]]:
        """Every collection that was used, by storage key."""
        return iter(list(self._collections.items()))

    def _place(self, rt: ResourceType, record: Record) -> None:
        collection = self.collection(rt)
        before = collection.get(record.namespace, record.name)
        collection.place(record)
        self._index(rt.storage_key, before, record)

    def _changed(self, rt: ResourceType, change: Change) -> None:
        if rt.storage_key == _DEFINITIONS and change.type != DELETED:
            self._serve(change)
        self._index(rt.storage_key, change.before, None if change.type == DELETED else change.record)
        self.collection(rt).apply(change)
        for callback in self.changed:
            callback(rt, change)

    def _serve(self, change: Change) -> None:
        """Serve what a definition defines, unless only its status or metadata changed."""
        crd = change.record.decode()
        if change.before is None or change.before.decode()["spec"] != crd["spec"]:
            self.resources.register_crd(crd)

    def _index(self, key: tuple[str, str], before: Record | None, after: Record | None) -> None:
        old, new = before.owners if before else (), after.owners if after else ()
        if old == new and before and after:
            return
        for record, owners, add in ((before, old, False), (after, new, True)):
            if record is None:
                continue
            for uid in owners:
                entry = (key, record.namespace, record.name)
                if add:
                    self._owned.setdefault(uid, set()).add(entry)
                else:
                    self._owned.get(uid, set()).discard(entry)
                    if not self._owned.get(uid, True):
                        del self._owned[uid]


def _shipped_bytes(metadata: Object, spec: Object, at: str) -> bytes:
    head = msgspec.json.encode(
        {"kind": "CustomResourceDefinition", "apiVersion": "apiextensions.k8s.io/v1", "metadata": metadata}
    )
    status = msgspec.json.encode(crds.established(spec, at))
    return head[:-1] + b',"spec":' + crds.spec_bytes(metadata["name"]) + b',"status":' + status + b"}"


def parse_version(text: str) -> int:
    """A resourceVersion as a number; -1 for one that is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1
