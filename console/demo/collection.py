"""All objects of one resource, the log of their changes, and the watchers of it.

The log is bounded: what it forgot can neither be watched nor listed again, and asking for it answers 410.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from typing import TYPE_CHECKING

from console.demo import failures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from console.demo.records import Record

ADDED, MODIFIED, DELETED = "ADDED", "MODIFIED", "DELETED"


class Change:
    """One write: what it made of an object and what the object was before."""

    __slots__ = ("before", "record", "type", "version")

    def __init__(self, kind: str, version: int, record: Record, before: Record | None) -> None:
        self.type = kind
        self.version = version
        self.record = record  # for DELETED: the object as it was last, at the version of its deletion
        self.before = before


class Collection:
    """The objects of one resource, ordered as etcd orders them: by namespace, then name."""

    def __init__(self, max_changes: int, max_bytes: int) -> None:
        self._spaces: dict[str, dict[str, Record]] = {}
        self._sorted: dict[str, list[str]] = {}
        self._log: deque[Change] = deque()
        self._log_bytes = 0
        self._max_changes = max_changes
        self._max_bytes = max_bytes
        self.oldest = 0  # the newest version the log no longer covers
        self.listeners: list[Callable[[Change], None]] = []

    def __len__(self) -> int:
        return sum(len(space) for space in self._spaces.values())

    def get(self, namespace: str, name: str) -> Record | None:
        """The record of that name, where there is one."""
        return self._spaces.get(namespace, {}).get(name)

    def count(self, namespace: str) -> int:
        """How many objects a namespace holds."""
        return len(self._spaces.get(namespace, {}))

    def records(self, namespace: str | None = None) -> Iterator[Record]:
        """Current records of one namespace, or of all, in order."""
        for space in self._order(namespace):
            entries = self._spaces.get(space, {})
            yield from [entries[name] for name in self._names(space)]

    def record_at(self, namespace: str | None, version: int) -> list[Record]:
        """The records as they were at `version`, in order; ApiFailure 410 where the log no longer covers it."""
        later = self.since(version)
        past: dict[tuple[str, str], Record | None] = {}
        for change in later:
            if namespace is None or change.record.namespace == namespace:
                past.setdefault(change.record.key, change.before)
        if not past:
            return list(self.records(namespace))
        merged = {record.key: record for record in self.records(namespace)}
        for key, record in past.items():
            if record is None:
                merged.pop(key, None)
            else:
                merged[key] = record
        return sorted(merged.values(), key=lambda record: (record.namespace + "/", record.name))

    def since(self, version: int) -> list[Change]:
        """The changes after `version`; ApiFailure 410 where the log no longer reaches back that far."""
        if version < self.oldest:
            raise failures.too_old(version, self.oldest)
        log = self._log
        if not log or log[-1].version <= version:
            return []
        changes = list(log)
        return changes[bisect_right(changes, version, key=lambda change: change.version) :]

    def apply(self, change: Change) -> None:
        """Take a change in, log it and tell the watchers."""
        record = change.record
        space = self._spaces.setdefault(record.namespace, {})
        if change.type == DELETED:
            space.pop(record.name, None)
            self._sorted.pop(record.namespace, None)
            if not space:
                del self._spaces[record.namespace]
        else:
            if record.name not in space:
                self._sorted.pop(record.namespace, None)
            space[record.name] = record
        self._log.append(change)
        self._log_bytes += record.size
        while len(self._log) > self._max_changes or (self._log_bytes > self._max_bytes and len(self._log) > 1):
            self._forget()
        for listener in list(self.listeners):
            listener(change)

    def place(self, record: Record) -> None:
        """Put a record in without a change: the state a world starts from."""
        self._spaces.setdefault(record.namespace, {})[record.name] = record
        self._sorted.pop(record.namespace, None)
        self.oldest = max(self.oldest, record.version)

    def compact(self, version: int) -> None:
        """Forget every change up to `version`, as etcd's compaction does."""
        while self._log and self._log[0].version <= version:
            self._forget()
        self.oldest = max(self.oldest, version)

    def _forget(self) -> None:
        change = self._log.popleft()
        self._log_bytes -= change.record.size
        self.oldest = max(self.oldest, change.version)

    def _order(self, namespace: str | None) -> list[str]:
        if namespace is not None:
            return [namespace]
        return sorted(self._spaces, key=lambda space: space + "/")

    def _names(self, space: str) -> list[str]:
        names = self._sorted.get(space)
        if names is None:
            names = self._sorted[space] = sorted(self._spaces.get(space, ()))
        return names
