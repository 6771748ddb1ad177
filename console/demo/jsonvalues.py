"""JSON values as plain Python: copied, compared as JSON compares them, and written as Go writes them in messages."""

from __future__ import annotations

from typing import Any

import msgspec


def copy(value: Any) -> Any:
    """A value that shares no container with the one given."""
    if isinstance(value, dict):
        return {key: copy(item) if isinstance(item, dict | list) else item for key, item in value.items()}
    if isinstance(value, list):
        return [copy(item) if isinstance(item, dict | list) else item for item in value]
    return value


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal in JSON: true is not 1, 1 is 1.0."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(item, right[key]) for key, item in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def go_text(value: Any) -> str:
    """A value as Go's %v writes it: `map[image:nginx name:web]`, `[a b]`, `<nil>`."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{go_text(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(go_text, value))}]"
    return str(value)


def json_type(value: Any) -> str:
    """The name of a value's JSON type as OpenAPI calls it; integer for whole numbers."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "array" if isinstance(value, list) else "object"


def quoted(value: Any) -> str:
    """A value as an `Invalid value` shows it: strings in quotes, the rest as JSON."""
    return msgspec.json.encode(value, order="sorted").decode()
