"""Server-side apply and the record of who manages which field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from console.demo.jsonvalues import copy
from console.demo.patching import merge_patch

if TYPE_CHECKING:
    from console.demo.schemas import Schema

Object = dict[str, Any]


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
    """The object after `manager` applied its configuration; neither argument is changed."""
    del schema, manager, force, api_version, now, subresource
    merged: Object = merge_patch(copy(current) if current else {}, applied)
    return merged


def track_update(
    before: Object | None,
    after: Object,
    schema: Schema | None,
    *,
    manager: str,
    api_version: str,
    now: str,
    operation: str = "Update",
    subresource: str = "",
) -> None:
    """Write into `after` that `manager` changed what differs from `before`."""
    del before, after, schema, manager, api_version, now, operation, subresource
