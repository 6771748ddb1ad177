"""Built-in objects read as strictly as Go reads them: types checked, nulls and unknown fields dropped, quantities put
into their canonical form. Wording follows sigs.k8s.io/json.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from console.demo import formats, quantities
from console.demo.failures import bad_request
from console.demo.jsonvalues import json_type

if TYPE_CHECKING:
    from console.demo.nodes import Node
    from console.demo.resources import ResourceType

_GO = {"string": "string", "boolean": "bool", "number": "float64"}
_VALUES = {"integer": "number", "number": "number", "boolean": "bool"}


class _Unreadable(Exception):
    """A value that does not fit its field; str() is Go's text."""


def decode(rt: ResourceType, obj: dict[str, Any], root: Node) -> list[str]:
    """Bring an object into the shape of its type, in place; the paths of the unknown fields that were dropped.

    ApiFailure 400 where a value is of another type than its field.
    """
    unknown: list[str] = []
    try:
        _object(obj, root, "", root.name or rt.kind, unknown)
    except (_Unreadable, ValueError) as error:
        raise bad_request(f'{rt.kind} in version "{rt.version}" cannot be handled as a {rt.kind}: {error}') from None
    return unknown


def _object(value: dict[str, Any], node: Node, path: str, owner: str, unknown: list[str]) -> None:
    fields, values = node.fields, node.values
    if fields is None and values is None:
        return
    gone = []
    for key, item in value.items():
        child = fields.get(key) if fields is not None else None
        if child is None:
            child = values
            if child is None:
                gone.append(key)
                unknown.append(f"{path}.{key}" if path else key)
                continue
            if item is None:
                value[key] = "" if child.type == "string" else item
                continue
        elif item is None:
            gone.append(key)
            continue
        kind = child.type
        if kind == "string":
            if type(item) is not str or child.limits:
                _string(item, child, path, key, owner)
        elif kind:
            changed = _value(item, child, f"{path}.{key}" if path else key, owner, unknown)
            if changed is not item:
                value[key] = changed
    for key in gone:
        del value[key]


def _value(item: Any, node: Node, path: str, owner: str, unknown: list[str]) -> Any:
    kind = node.type
    if kind == "object":
        if not isinstance(item, dict):
            raise _mismatch(item, node, path, owner)
        _object(item, node, path, node.name or owner, unknown)
    elif kind == "array":
        if not isinstance(item, list):
            raise _mismatch(item, node, path, owner)
        if node.items is not None and node.items.type:
            for index, element in enumerate(item):
                if element is not None:
                    item[index] = _value(element, node.items, f"{path}[{index}]", owner, unknown)
    elif kind == "quantity":
        if isinstance(item, bool) or not isinstance(item, str | int | float):
            raise _Unreadable(f"quantities must match the regular expression '{quantities.PATTERN}'")
        return quantities.canonical(str(item))
    elif kind == "string":
        head, _, key = path.rpartition(".")
        _string(item, node, head, key, owner)
    elif kind == "integer":
        return _integer(item, node, path, owner)
    elif (kind == "boolean" and not isinstance(item, bool)) or (
        kind == "number" and json_type(item) not in ("integer", "number")
    ):
        raise _mismatch(item, node, path, owner)
    return item


def _integer(item: Any, node: Node, path: str, owner: str) -> Any:
    form = (node.limits or {}).get("format", "int64")
    if isinstance(item, bool) or not isinstance(item, int):
        if isinstance(item, float) and item.is_integer() and abs(item) < 2**53:
            return int(item)
        raise _mismatch(item, node, path, owner)
    bits = 31 if form == "int32" else 63
    if not -(2**bits) <= item < 2**bits:
        raise _mismatch(item, node, path, owner)
    return item


def _string(item: Any, node: Node, path: str, key: str, owner: str) -> None:
    if not isinstance(item, str):
        raise _mismatch(item, node, f"{path}.{key}" if path else key, owner)
    form = node.limits.get("format") if node.limits else None
    if form == "byte":
        try:
            base64.b64decode("".join(item.split("\n")), validate=True)
        except (binascii.Error, ValueError):
            allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\n"
            at = next((i for i, character in enumerate(item) if character not in allowed), len(item))
            raise _Unreadable(f"illegal base64 data at input byte {at}") from None
    elif form == "date-time" and item and not formats.fits("date-time", item):
        raise _Unreadable(f'parsing time "{item}" as "2006-01-02T15:04:05Z07:00": cannot parse "{item}" as "2006"')


def _mismatch(item: Any, node: Node, path: str, owner: str) -> _Unreadable:
    found = json_type(item)
    shown = _VALUES.get(found, found)
    if node.type == "integer" and shown == "number":
        shown = f"number {item}"
    names = [part.partition("[")[0] for part in path.split(".")]
    return _Unreadable(
        f"json: cannot unmarshal {shown} into Go struct field {owner}.{'.'.join(names)} of type {_go_type(node)}"
    )


def _go_type(node: Node) -> str:
    if node.type == "integer":
        return str((node.limits or {}).get("format", "int64"))
    if node.type == "array":
        return f"[]{_go_type(node.items) if node.items else 'string'}"
    if node.type == "object":
        return f"v1.{node.name}" if node.name else f"map[string]{_go_type(node.values) if node.values else 'string'}"
    return _GO.get(node.type, node.type)
