"""Who manages which fields of an object: metadata.managedFields read, changed and written back.

Facts: k8s.io/apimachinery pkg/util/managedfields.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from console.demo.fieldsets import Set, difference, ordered, read, union

Object = dict[str, Any]

APPLY, UPDATE = "Apply", "Update"
MAX_UPDATERS = 10
_OLD = "ancient-changes"

# Fields that nobody manages: the server alone says them (stripmeta.go).
_NEVER: Final[Set] = {
    "f:apiVersion": {},
    "f:kind": {},
    "f:metadata": {
        ".": {},
        **{
            f"f:{name}": {}
            for name in (
                "name",
                "namespace",
                "creationTimestamp",
                "selfLink",
                "uid",
                "clusterName",
                "generation",
                "managedFields",
                "resourceVersion",
            )
        },
    },
}


@dataclass(frozen=True, slots=True)
class Manager:
    """Whose fields: an applier is the same in whatever version it applies, an updater is not."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells managers apart."""
        version = "" if self.operation == APPLY else self.api_version
        return (self.name, self.operation, version, self.subresource)

    @property
    def shown(self) -> str:
        """The manager as conflicts name it."""
        text = f'"{self.name}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        return f"{text} using {self.api_version}" if self.operation == UPDATE else text


@dataclass(frozen=True, slots=True)
class Entry:
    """A manager, its fields, and when it last changed one (RFC 3339, "" where unknown)."""

    manager: Manager
    fields: Set
    time: str = ""


Managed = dict[tuple[str, str, str, str], Entry]


def read_managed(entries: Any) -> Managed:
    """managedFields as entries by manager; ValueError where they cannot be read."""
    managed: Managed = {}
    for entry in entries or ():
        if entry.get("fieldsType", "FieldsV1") != "FieldsV1" or entry.get("operation") not in (APPLY, UPDATE):
            raise ValueError("managedFields are of an unknown type")
        manager = Manager(
            entry.get("manager", ""), entry["operation"], entry.get("apiVersion", ""), entry.get("subresource", "")
        )
        managed[manager.key] = Entry(manager, read(entry.get("fieldsV1") or {}), entry.get("time") or "")
    return managed


def write_managed(managed: Managed) -> list[Object]:
    """Entries as managedFields, in the order Kubernetes writes them."""
    entries = sorted(managed.values(), key=_position)
    return [_written(entry) for entry in entries if entry.fields]


def _position(entry: Entry) -> tuple[str, str, str, str, str]:
    manager = entry.manager
    return (manager.operation, entry.time, manager.name, manager.api_version, manager.subresource)


def _written(entry: Entry) -> Object:
    manager = entry.manager
    written: Object = {"manager": manager.name, "operation": manager.operation, "apiVersion": manager.api_version}
    if entry.time:
        written["time"] = entry.time
    written |= {"fieldsType": "FieldsV1", "fieldsV1": ordered(entry.fields)}
    if manager.subresource:
        written["subresource"] = manager.subresource
    return written


def strip(fields: Set) -> Set:
    """A set without what nobody manages."""
    return difference(fields, _NEVER)


def take_from_others(managed: Managed, me: tuple[str, str, str, str] | None, taken: Set, removed: Set) -> Managed:
    """What is left to the other managers when fields are taken over and removed."""
    left: Managed = {}
    for key, entry in managed.items():
        fields = entry.fields if key == me else difference(difference(entry.fields, taken), removed)
        if fields:
            left[key] = entry if fields is entry.fields else replace(entry, fields=fields)
    return left


def cap_updaters(managed: Managed) -> Managed:
    """At most ten updaters: the oldest beyond are put together, one entry a version."""
    updaters = sorted(
        (entry for entry in managed.values() if entry.manager.operation == UPDATE),
        key=lambda entry: (entry.time, entry.manager.key),
    )
    over = len(updaters) - MAX_UPDATERS
    first: dict[str, Entry] = {}
    for entry in updaters:
        if over <= 0:
            break
        version = entry.manager.api_version
        earlier = first.get(version)
        if earlier is None:
            first[version] = entry
            continue
        bucket = Manager(_OLD, UPDATE, version)
        held = managed.pop(bucket.key, None) or earlier
        managed.pop(earlier.manager.key, None)
        managed.pop(entry.manager.key, None)
        managed[bucket.key] = first[version] = Entry(bucket, union(entry.fields, held.fields), entry.time)
        over -= 1
    return managed
