"""What the control plane clears away: dependents of deleted owners, content of ending namespaces, old events.

It hears every write, but acts in a task of its own, so that a write never waits for what follows from it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from console.demo.collection import DELETED, Change
from console.demo.deleting import FOREGROUND, ORPHAN, DeleteOptions, delete_object, finish_deletion, remove
from console.demo.server import require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console.demo.records import Object, Record
    from console.demo.resources import ResourceType
    from console.demo.server import Server

EVENT_TTL = 3600.0  # seconds; kube-apiserver's --event-ttl
COMPACT_EVERY = 300.0  # seconds of real time; kube-apiserver's --etcd-compaction-interval
_LOOK_EVERY = 30.0  # seconds of real time between looks for old events


class Collector:
    """Owner garbage collection, namespace emptying, and the expiry of events."""

    def __init__(self, server: Server, *, event_ttl: float | None = EVENT_TTL) -> None:
        self._server = server
        self._store = server.store
        self._ttl = event_ttl
        self._todo: deque[tuple[ResourceType, Record, bool]] = deque()
        self._wake = asyncio.Event()
        self._foreground: dict[str, tuple[ResourceType, str, str]] = {}  # owners that wait for their dependents
        self._ending: set[str] = set()  # namespaces
        self._events: deque[tuple[float, str, str, int]] = deque()
        self._namespaces = require(self._store.resources.find("", "v1", "namespaces"))
        self._event_type = require(self._store.resources.find("", "v1", "events"))
        self._store.changed.append(self._heard)

    async def run(self) -> None:
        """Clear away for ever."""
        loop = asyncio.get_running_loop()
        look, compact = loop.time() + _LOOK_EVERY, loop.time() + COMPACT_EVERY
        before = self._store.revision
        while True:
            self._wake.clear()
            self.work()
            if loop.time() >= look:
                look = loop.time() + _LOOK_EVERY
                self.expire_events()
            if loop.time() >= compact:
                compact = loop.time() + COMPACT_EVERY
                self._store.compact(before)
                before = self._store.revision
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, min(look, compact) - loop.time())):
                    await self._wake.wait()

    def work(self) -> None:
        """Do everything that follows from the writes heard so far."""
        while self._todo:
            rt, record, gone = self._todo.popleft()
            if gone:
                if rt.plural == "customresourcedefinitions" and not rt.crd:
                    self._definition_gone(record.name)
                self._owner_gone(record)
                self._recheck(record)
            elif rt is self._namespaces or rt.storage_key == self._namespaces.storage_key:
                self._empty(record.name)
            if not gone:
                self._deleting(rt, record)

    def expire_events(self) -> None:
        """Take out the events whose time is over."""
        if self._ttl is None:
            return
        oldest = self._store.now() - self._ttl
        while self._events and self._events[0][0] < oldest:
            _, namespace, name, version = self._events.popleft()
            record = self._store.record(self._event_type, namespace, name)
            if record is not None and record.version == version:
                self._store.remove(self._event_type, namespace, name)

    def _heard(self, rt: ResourceType, change: Change) -> None:
        record = change.record
        if change.type == DELETED:
            self._todo.append((rt, record, True))
            self._wake.set()
        elif record.deleting:
            self._todo.append((rt, record, False))
            self._wake.set()
        elif rt.storage_key == ("", "events") and self._ttl is not None:
            self._events.append((self._store.now(), record.namespace, record.name, change.version))

    def _definition_gone(self, name: str) -> None:
        """Take out the objects of a definition that is no more, and stop serving them."""
        for rt in self._store.resources.of_crd(name)[:1]:
            for record in list(self._store.collection(rt).records()):
                self._store.remove(rt, record.namespace, record.name)
        self._store.resources.unregister_crd(name)

    def _owner_gone(self, record: Record) -> None:
        self._foreground.pop(record.uid, None)
        for rt, obj in self._dependents(record.uid):
            owners = obj["metadata"].get("ownerReferences") or []
            others = [owner for owner in owners if owner.get("uid") != record.uid]
            if any(self._exists(owner, obj) for owner in others):
                obj["metadata"]["ownerReferences"] = others
                self._store.put(rt, obj)
                continue
            finalizers = obj["metadata"].get("finalizers") or ()
            policy = "Orphan" if ORPHAN in finalizers else "Foreground" if FOREGROUND in finalizers else "Background"
            delete_object(self._server, rt, obj, DeleteOptions(policy=policy))

    def _dependents(self, uid: str) -> Iterator[tuple[ResourceType, Object]]:
        for (group, plural), namespace, name in self._store.owned(uid) if uid else ():
            for version in self._store.resources.versions(group):
                rt = self._store.resources.find(group, version, plural)
                obj = self._store.get(rt, namespace, name) if rt else None
                if rt and obj:
                    yield rt, obj
                    break

    def _exists(self, owner: dict[str, Any], dependent: Object) -> bool:
        rt = self._store.resources.of_object(owner.get("apiVersion", ""), owner.get("kind", ""))
        if rt is None:
            return False
        namespace = dependent["metadata"].get("namespace", "") if rt.namespaced else ""
        record = self._store.record(rt, namespace, owner.get("name", ""))
        return record is not None and record.uid == owner.get("uid")

    def _deleting(self, rt: ResourceType, record: Record) -> None:
        """An object that is marked for deletion: see to the collector's own finalizers."""
        obj = self._store.get(rt, record.namespace, record.name)
        if obj is None or obj["metadata"].get("uid", "") != record.uid:
            return
        finalizers = obj["metadata"].get("finalizers") or ()
        if ORPHAN in finalizers:
            for other, dependent in list(self._dependents(record.uid)):
                kept = [o for o in dependent["metadata"]["ownerReferences"] if o.get("uid") != record.uid]
                dependent["metadata"]["ownerReferences"] = kept
                if not kept:
                    del dependent["metadata"]["ownerReferences"]
                self._store.put(other, dependent)
            self._drop_finalizer(rt, obj, ORPHAN)
        elif FOREGROUND in finalizers:
            self._foreground[record.uid] = (rt, record.namespace, record.name)
            for other, dependent in list(self._dependents(record.uid)):
                if not dependent["metadata"].get("deletionTimestamp"):
                    delete_object(self._server, other, dependent, DeleteOptions(policy="Foreground"))
            self._check_foreground(record.uid)

    def _check_foreground(self, uid: str) -> None:
        rt, namespace, name = self._foreground[uid]
        blocking = any(
            owner.get("uid") == uid and owner.get("blockOwnerDeletion")
            for _, dependent in self._dependents(uid)
            for owner in dependent["metadata"].get("ownerReferences") or ()
        )
        obj = self._store.get(rt, namespace, name)
        if not blocking and obj is not None and obj["metadata"].get("uid", "") == uid:
            del self._foreground[uid]
            self._drop_finalizer(rt, obj, FOREGROUND)

    def _drop_finalizer(self, rt: ResourceType, obj: Object, finalizer: str) -> None:
        left = [entry for entry in obj["metadata"].get("finalizers") or () if entry != finalizer]
        obj["metadata"]["finalizers"] = left
        if left:
            self._store.put(rt, obj)
            return
        del obj["metadata"]["finalizers"]
        if not finish_deletion(self._server, rt, obj):
            self._store.put(rt, obj)

    def _recheck(self, gone: Record) -> None:
        """Go on with whatever waited for an object to go."""
        for uid in gone.owners:
            if uid in self._foreground:
                self._check_foreground(uid)
        if gone.namespace in self._ending:
            self._empty(gone.namespace)

    def _empty(self, namespace: str) -> None:
        """Delete what an ending namespace holds; once it is empty let it go."""
        obj = self._store.get(self._namespaces, "", namespace)
        if obj is None or not obj["metadata"].get("deletionTimestamp"):
            self._ending.discard(namespace)
            return
        if namespace not in self._ending:
            self._ending.add(namespace)
            for rt, record in list(self._content(namespace)):
                if not record.deleting:
                    decoded = self._store.decode(rt, record)
                    delete_object(self._server, rt, decoded, DeleteOptions(policy="Background"))
        if any(True for _ in self._content(namespace)):
            return
        self._ending.discard(namespace)
        obj.get("spec", {}).pop("finalizers", None)
        if obj["metadata"].get("finalizers"):
            self._store.put(self._namespaces, obj)
        else:
            remove(self._server, self._namespaces, obj)

    def _content(self, namespace: str) -> Iterator[tuple[ResourceType, Record]]:
        for key, collection in self._store.held():
            if collection.count(namespace):
                group, plural = key
                for version in self._store.resources.versions(group):
                    rt = self._store.resources.find(group, version, plural)
                    if rt and rt.namespaced:
                        yield from ((rt, record) for record in list(collection.records(namespace)))
                        break
