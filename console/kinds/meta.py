"""Slim structs that every kind decodes alike: metadata, owners, conditions, and times as numbers.

Field names are those of k8s.io/apimachinery/pkg/apis/meta/v1. Everything but the name may be absent: objects of open
schemas are not trusted to be complete.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from console.clock import parse_time
from console.quantity import parse_quantity


class Slim(msgspec.Struct, gc=False, rename="camel"):
    """Base of the structs one object is decoded into; they live only until the row is made."""


class OwnerReference(Slim):
    """One owner."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class ObjectMeta(Slim):
    """The parts of metadata that rows keep, with labels and annotations as maps."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[OwnerReference] | None = None
    generation: int = 0


class Condition(Slim):
    """One entry of status.conditions, of any dialect."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None


class Anything(Slim):
    """An object of which only the metadata is read."""

    metadata: ObjectMeta


@lru_cache(maxsize=2048)
def _parsed(text: str) -> float:
    return parse_time(text) or 0.0


def seconds(text: str | None) -> float:
    """RFC 3339 to seconds since 1970; 0.0 for absent or unreadable. Equal texts are parsed once."""
    return _parsed(text) if text else 0.0


def amount(text: str | float | None) -> float:
    """A quantity as a number; 0.0 for absent or for what is not a quantity."""
    if text is None:
        return 0.0
    try:
        return parse_quantity(text)
    except ValueError:
        return 0.0


def controller(owners: Iterable[OwnerReference] | None) -> tuple[str, str]:
    """(kind, name) of the controlling owner, else of the first owner, else two empty strings."""
    first: OwnerReference | None = None
    for owner in owners or ():
        if owner.controller:
            return sys.intern(owner.kind), sys.intern(owner.name)
        first = first or owner
    return (sys.intern(first.kind), sys.intern(first.name)) if first else ("", "")


def true_condition(conditions: Iterable[Condition] | None, kind: str) -> Condition | None:
    """The condition of that type when its status is True."""
    found = condition(conditions, kind)
    return found if found is not None and found.status == "True" else None


def condition(conditions: Iterable[Condition] | None, kind: str) -> Condition | None:
    """The newest condition of that type: the last of the list."""
    found = None
    for entry in conditions or ():
        if entry.type == kind:
            found = entry
    return found


def base_fields(meta: ObjectMeta) -> dict[str, object]:
    """The fields every row has, for kinds whose rows are few enough not to count microseconds."""
    return {
        "namespace": sys.intern(meta.namespace),
        "name": meta.name,
        "uid": meta.uid,
        "version": meta.resource_version,
        "created": seconds(meta.creation_timestamp),
    }
