"""Reasons why a field is refused, worded as Kubernetes words them.

Facts: k8s.io/apimachinery pkg/util/validation/field/errors.go, 1.34.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from console.demo.failures import Cause
from console.demo.jsonvalues import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        return format(value, "g")
    return quoted(value)


def _with(head: str, detail: str) -> str:
    return f"{head}: {detail}" if detail else head


def invalid(path: str, value: Any, detail: str, reason: str = "FieldValueInvalid") -> Cause:
    """`Invalid value: "x": detail`."""
    return Cause(path, _with(f"Invalid value: {_shown(value)}", detail), reason)


def type_invalid(path: str, value: Any, detail: str) -> Cause:
    """A value of the wrong type."""
    return invalid(path, value, detail, "FieldValueTypeInvalid")


def required(path: str, detail: str = "") -> Cause:
    """`Required value`."""
    return Cause(path, _with("Required value", detail), "FieldValueRequired")


def forbidden(path: str, detail: str) -> Cause:
    """`Forbidden: detail`."""
    return Cause(path, _with("Forbidden", detail), "FieldValueForbidden")


def duplicate(path: str, value: Any) -> Cause:
    """`Duplicate value: "x"`."""
    return Cause(path, f"Duplicate value: {_shown(value)}", "FieldValueDuplicate")


def not_found(path: str, value: Any) -> Cause:
    """`Not found: "x"`."""
    return Cause(path, f"Not found: {_shown(value)}", "FieldValueNotFound")


def unsupported(path: str, value: Any, supported: Iterable[Any]) -> Cause:
    """`Unsupported value: "x": supported values: "a", "b"`."""
    texts = (item if isinstance(item, str) else quoted(item) for item in supported)
    listed = ", ".join(json.dumps(text, ensure_ascii=False) for text in texts)
    detail = f"supported values: {listed}" if listed else ""
    return Cause(path, _with(f"Unsupported value: {_shown(value)}", detail), "FieldValueNotSupported")


def too_long(path: str, limit: int) -> Cause:
    """`Too long: may not be more than 63 bytes`."""
    return Cause(
        path, f"Too long: may not be more than {limit} {'byte' if limit == 1 else 'bytes'}", "FieldValueTooLong"
    )


def too_many(path: str, actual: int, limit: int) -> Cause:
    """`Too many: 9: must have at most 8 items`."""
    noun = "item" if limit == 1 else "items"
    return Cause(path, f"Too many: {actual}: must have at most {limit} {noun}", "FieldValueTooMany")
