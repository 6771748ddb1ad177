"""Objects against a schema's shape: unknown fields dropped, defaults filled in. What is right or wrong is elsewhere.

Facts: k8s.io/apiextensions-apiserver pkg/apiserver/schema/{pruning,defaulting}, and strict decoding of built-in types
(sigs.k8s.io/json).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from console.demo.jsonvalues import copy
from console.demo.nodes import UNSET

if TYPE_CHECKING:
    from console.demo.nodes import Node


def prune(value: Any, node: Node, path: str = "", unknown: list[str] | None = None) -> list[str]:
    """Drop the fields that the schema does not declare, in place; their paths (`spec.containers[0].foo`)."""
    found = [] if unknown is None else unknown
    if isinstance(value, dict):
        fields = node.fields
        if fields is None and node.values is None:
            return found
        closed = node.closed
        gone = []
        for key, item in value.items():
            child = node.child(key)
            if child is None:
                if closed:
                    gone.append(key)
            elif isinstance(item, dict | list):
                prune(item, child, f"{path}.{key}" if path else key, found)
        for key in gone:
            del value[key]
            found.append(f"{path}.{key}" if path else key)
    elif isinstance(value, list) and node.items is not None:
        for index, item in enumerate(value):
            if isinstance(item, dict | list):
                prune(item, node.items, f"{path}[{index}]", found)
    return found


def default(value: Any, node: Node) -> None:
    """Fill in the schema's defaults, in place; a null that may not be null counts as absent."""
    if not node.deep_defaults:
        return
    if isinstance(value, dict):
        for key, child in (node.fields or {}).items():
            if child.default is not UNSET and (key not in value or (value[key] is None and not child.nullable)):
                value[key] = copy(child.default)
        for key, item in value.items():
            below = node.child(key)
            if below is not None and isinstance(item, dict | list):
                default(item, below)
    elif isinstance(value, list) and node.items is not None:
        for item in value:
            default(item, node.items)


def drop_nulls(value: Any, node: Node) -> None:
    """Take out nulls of fields that may not be null, in place: they are the same as absent."""
    if isinstance(value, dict):
        for key in [key for key, item in value.items() if item is None]:
            child = node.fields.get(key) if node.fields else None
            if child is not None and not child.nullable and child.type:
                del value[key]
        for key, item in value.items():
            below = node.child(key)
            if below is not None and isinstance(item, dict | list):
                drop_nulls(item, below)
    elif isinstance(value, list) and node.items is not None:
        for item in value:
            drop_nulls(item, node.items)
