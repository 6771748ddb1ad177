"""Server-side apply, and the record of who manages which field.

Facts: k8s.io/apimachinery pkg/util/managedfields and sigs.k8s.io/structured-merge-diff merge/update.go. Managers of
other versions of a type are taken to mean the same fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from console.demo.failures import ApiFailure
from console.demo.fieldsets import Path, Set, difference, has, intersection, paths, text, union
from console.demo.jsonvalues import copy
from console.demo.managers import (
    APPLY,
    UPDATE,
    Entry,
    Managed,
    Manager,
    cap_updaters,
    read_managed,
    strip,
    take_from_others,
    write_managed,
)
from console.demo.nodes import ANYTHING
from console.demo.typed import Untypable, compare, field_set, merge, remove, with_containers

if TYPE_CHECKING:
    from console.demo.nodes import Node
    from console.demo.schemas import Schema

Object = dict[str, Any]
Conflicts = list[tuple[Manager, Path]]

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def server_side_apply(
    current: Object | None,
    applied: Object,
    schema: Schema | None,
    *,
    manager: str,
    force: bool,
    api_version: str,
    now: str,
    subresource: str = "",
) -> Object:
    """The object after `manager` applied its configuration, managedFields included; no argument is changed.

    `applied` has been pruned; `now` is RFC 3339. ApiFailure 409 with a cause for each field that another manager
    holds with a different value and that is not forced; 500 for a configuration with duplicate keys.
    """
    node = schema.root if schema else ANYTHING
    live = copy(current) if current else {key: applied[key] for key in ("apiVersion", "kind") if key in applied}
    live.setdefault("metadata", {})
    managed = _managed(live) or _before_first_apply(live, node, api_version, now)
    config = _owned_part(copy(applied), schema, subresource)
    me = Manager(manager, APPLY, api_version, subresource)
    before = managed.get(me.key)
    try:
        merged, kept = _apply(live, config, node, managed, me)
        difference_ = compare(live, merged, node)
    except Untypable as error:
        named = f"{applied['metadata'].get('namespace', '')}/{applied['metadata'].get('name', '')}; "
        title = f"{named}{api_version}, Kind={config.get('kind', '')}"
        raise ApiFailure(500, "", f"failed to create typed patch object ({title}): {error}") from None
    changed = union(difference_.modified, difference_.added)
    conflicts = [] if force else _conflicts(kept, me, changed)
    if conflicts and manager == "kubectl":
        conflicts = _not_last_applied(conflicts, live, node, api_version)
    if conflicts:
        raise _conflict(conflicts)
    kept = take_from_others(kept, me.key, changed, difference_.removed)
    mine = kept.get(me.key)
    if mine is not None:
        fields = strip(mine.fields)
        same = merged == live
        kept[me.key] = Entry(me, fields, before.time if same and before else "" if same else now)
        if not fields:
            del kept[me.key]
    if schema is not None and not schema.custom:
        merged = _without_nulls(merged)
    if manager == "kubectl":
        _sync_last_applied(merged, applied)
    _set_managed(merged, kept)
    return merged


def _without_nulls(value: Any) -> Any:
    """A built-in object without nulls, as decoding it into its Go type leaves it."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def track_update(
    before: Object | None,
    after: Object,
    schema: Schema | None,
    *,
    manager: str,
    api_version: str,
    now: str,
    operation: str = UPDATE,
    subresource: str = "",
) -> None:
    """Write into `after` that `manager` changed what differs from `before`; managedFields it sends itself count.

    An empty managedFields list forgets every manager; broken or absent ones are replaced by those of `before`.
    """
    node = schema.root if schema else ANYTHING
    sent = after["metadata"].pop("managedFields", None)
    managed = _sent_or_kept(sent, before)
    old: Object = {"metadata": {}}
    if before is not None:
        old = {**before, "metadata": {k: v for k, v in before["metadata"].items() if k != "managedFields"}}
    else:
        old |= {key: after[key] for key in ("apiVersion", "kind") if key in after}
        if schema is not None and not schema.custom:
            old |= _zero(after)
    try:
        found = compare(old, after, node)
    except Untypable:
        _set_managed(after, managed)
        return
    changed = union(found.modified, found.added)
    managed = take_from_others(managed, None, changed, found.removed)
    fields = strip(changed)
    if fields:
        me = Manager(manager, operation, api_version, subresource)
        known = managed.get(me.key)
        managed[me.key] = Entry(me, union(fields, known.fields) if known else fields, now)
        managed = cap_updaters(managed)
    _set_managed(after, managed)


# Structs that a Go type holds by value: an empty object has them already, so that nobody adds them.
_BY_VALUE = ("spec", "status", "template", "jobTemplate", "strategy", "updateStrategy")


def _zero(obj: Object) -> Object:
    """What an empty Go object of a built-in kind would hold of the fields an object has."""
    found: Object = {key: _zero(obj[key]) for key in _BY_VALUE if isinstance(obj.get(key), dict)}
    if "containers" in obj:
        found["containers"] = None
    if "metadata" in obj:
        found["metadata"] = {}
    return found


def _managed(obj: Object) -> Managed:
    """Take the managers out of an object; unreadable ones count as none."""
    try:
        return read_managed(obj["metadata"].pop("managedFields", None))
    except (ValueError, AttributeError, TypeError):
        return {}


def _before_first_apply(live: Object, node: Node, api_version: str, now: str) -> Managed:
    """Who manages an object that nobody was tracked on: everything it says belongs to no one known."""
    head = {key: live[key] for key in ("apiVersion", "kind") if key in live}
    try:
        fields = strip(compare({**head, "metadata": {}}, live, node).added)
    except Untypable:
        return {}
    unknown = Manager("before-first-apply", UPDATE, api_version)
    return {unknown.key: Entry(unknown, fields, now)} if fields else {}


def _sent_or_kept(sent: Any, before: Object | None) -> Managed:
    if isinstance(sent, list) and (not sent or sent == [{}]):
        return {}
    try:
        managed = read_managed(sent)
    except (ValueError, AttributeError, TypeError):
        managed = {}
    if managed or before is None:
        return managed
    return _managed({"metadata": dict(before["metadata"])})


def _set_managed(obj: Object, managed: Managed) -> None:
    entries = write_managed(managed)
    if entries:
        obj["metadata"]["managedFields"] = entries
    else:
        obj["metadata"].pop("managedFields", None)


def _owned_part(config: Object, schema: Schema | None, subresource: str) -> Object:
    """The part of a configuration that the request may set: status on its own, or everything else."""
    config.setdefault("metadata", {}).pop("managedFields", None)
    if subresource == "status":
        kept = {key: config["metadata"][key] for key in ("name", "namespace") if key in config["metadata"]}
        status: Object = {key: config[key] for key in ("apiVersion", "kind", "status") if key in config}
        return {**status, "metadata": kept}
    if schema is not None and schema.has_status:
        config.pop("status", None)
    return config


def _apply(live: Object, config: Object, node: Node, managed: Managed, me: Manager) -> tuple[Object, Managed]:
    """The merged object without what `me` no longer applies and nobody else has, and the managers with my new set."""
    merged: Object = merge(live, config, node)
    last = managed.get(me.key)
    managed = {**managed, me.key: Entry(me, field_set(config, node), last.time if last else "")}
    if last is None or not last.fields:
        return merged, managed
    owned: Set = {}
    for entry in managed.values():
        owned = union(owned, entry.fields)
    everything = with_containers(field_set(merged, node), node)
    lost = with_containers(last.fields, node)
    left = with_containers(field_set(_removed(merged, lost, node), node), node)
    kept = union(left, with_containers(owned, node))
    left = with_containers(field_set(_removed(merged, difference(everything, kept), node), node), node)
    return _removed(merged, intersection(difference(everything, left), lost), node), managed


def _removed(obj: Object, fields: Set, node: Node) -> Object:
    return remove(obj, fields, node) or {}


def _conflicts(managed: Managed, me: Manager, changed: Set) -> Conflicts:
    return [
        (entry.manager, path)
        for key, entry in managed.items()
        if key != me.key
        for path in paths(intersection(entry.fields, changed))
    ]


def _not_last_applied(conflicts: Conflicts, live: Object, node: Node, api_version: str) -> Conflicts:
    """Conflicts without those on fields that kubectl itself set by client-side apply, as its annotation says."""
    annotation = (live["metadata"].get("annotations") or {}).get(_LAST_APPLIED)
    try:
        last = msgspec.json.decode(annotation) if annotation else None
    except msgspec.DecodeError:
        last = None
    if not isinstance(last, dict) or last.get("apiVersion") != api_version:
        return conflicts
    found = compare(last, live, node)
    held = difference(field_set(last, node), union(union(found.modified, found.added), found.removed))
    return [(manager, path) for manager, path in conflicts if not has(held, path)]


def _conflict(conflicts: Conflicts) -> ApiFailure:
    if len(conflicts) == 1:
        manager, path = conflicts[0]
        message = f"Apply failed with 1 conflict: conflict with {manager.shown}: {text(path)}"
    else:
        lines = []
        for name in sorted({manager.shown for manager, _ in conflicts}):
            lines.append(f"conflicts with {name}:")
            lines += [f"- {text(path)}" for manager, path in conflicts if manager.shown == name]
        message = f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {manager.shown}", "field": text(path)}
        for manager, path in conflicts
    ]
    return ApiFailure(409, "Conflict", message, details={"causes": causes})


def _sync_last_applied(merged: Object, applied: Object) -> None:
    """Keep the annotation of client-side apply in step, where there is one: both ways of applying stay usable."""
    annotations = merged["metadata"].get("annotations") or {}
    if not annotations.get(_LAST_APPLIED):
        return
    config = copy(applied)
    config["metadata"].pop("managedFields", None)
    given = config["metadata"].get("annotations")
    if given:
        given.pop(_LAST_APPLIED, None)
    annotations[_LAST_APPLIED] = msgspec.json.encode(config, order="sorted").decode() + "\n"
