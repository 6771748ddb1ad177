"""PATCH bodies of every kind but apply: which are taken for a type, and what they make of an object.

Server-side apply, which needs to know who owns what, is in `applying`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from console.demo.failures import ApiFailure, bad_request, unsupported_media_type
from console.demo.json_patch import JsonPatchFailure, apply_operations
from console.demo.jsonvalues import copy
from console.demo.strategic import StrategicFailure, merge

if TYPE_CHECKING:
    from console.demo.schemas import Schema

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
_MAX_OPERATIONS = 10_000


def accepted_types(schema: Schema | None) -> tuple[str, ...]:
    """The media types a PATCH of the type may have; custom resources take no strategic merge patch."""
    if schema is None or schema.custom:
        return (JSON_PATCH, MERGE_PATCH, APPLY_PATCH)
    return (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH)


def apply_patch(content_type: str, body: bytes, current: dict[str, Any], schema: Schema | None) -> dict[str, Any]:
    """The object after the patch; `current` is not changed.

    ApiFailure 415 for a media type the object does not take, 400 for a body that is no such patch, 422 for one
    that does not apply (a JSON patch test that failed).
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in accepted_types(schema) or kind == APPLY_PATCH:
        raise unsupported_media_type(*accepted_types(schema))
    patch = _decode(body)
    if kind == JSON_PATCH:
        return _json_patch(patch, current)
    if not isinstance(patch, dict):
        raise bad_request(f"error decoding patch: json: cannot unmarshal {_go_kind(patch)} into Go value of type map")
    if kind == MERGE_PATCH:
        merged: dict[str, Any] = merge_patch(copy(current), patch)
        return merged
    try:
        return merge(copy(current), patch, schema.root if schema else None)
    except StrategicFailure as failure:
        if failure.code == 400:
            raise bad_request(str(failure)) from None
        if failure.code == 422:
            raise _unprocessable() from None
        raise ApiFailure(500, "", str(failure)) from None


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386: `target` with the patch merged in; `target` is changed, the patch is not."""
    if not isinstance(patch, dict):
        return copy(patch)
    if not isinstance(target, dict):
        target = {}
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        else:
            target[key] = merge_patch(target.get(key), value)
    return target


def _json_patch(patch: Any, current: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(patch, list):
        wanted = "Go value of type []handlers.jsonPatchOp"
        raise bad_request(f"error decoding patch: json: cannot unmarshal {_go_kind(patch)} into {wanted}")
    if len(patch) > _MAX_OPERATIONS:
        message = f"The allowed maximum operations in a JSON patch is {_MAX_OPERATIONS}, got {len(patch)}"
        raise ApiFailure(413, "RequestEntityTooLarge", message)
    try:
        changed = apply_operations(patch, current)
    except JsonPatchFailure:
        raise _unprocessable() from None
    if not isinstance(changed, dict):
        raise _unprocessable()
    return changed


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request(f"error decoding patch: {error}") from None


def _unprocessable() -> ApiFailure:
    """422 as kube-apiserver says it; what failed is not in its answer."""
    return ApiFailure(422, "Invalid", "the server rejected our request due to an error in our request", details={})


def _go_kind(value: Any) -> str:
    if isinstance(value, list):
        return "array"
    if isinstance(value, dict):
        return "object"
    if isinstance(value, str):
        return "string"
    return "bool" if isinstance(value, bool) else "null" if value is None else "number"
