"""Tables: meta.k8s.io/v1 Table of any type, with the columns and cells that kubectl shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from console.clock import parse_time
from console.demo.cells import since
from console.demo.jsonpaths import PathFailure, compile_path
from console.demo.printing_builtin import PRINTERS, columns
from console.demo.printing_pods import pod_conditions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from console.demo.resources import ResourceType

Object = dict[str, Any]
_AGE = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}


def table(
    rt: ResourceType,
    objects: Iterable[Object],
    now: float,
    *,
    columns: Sequence[Object] = (),
    include: str = "Metadata",
    version: str = "v1",
) -> Object:
    """A Table of objects, without list metadata of its own.

    `now` is in seconds since 1970; `columns` are additionalPrinterColumns of a custom type; `include` is what a row
    carries of its object: None, Metadata or Object; `version` is that of meta.k8s.io.
    """
    definitions, cells = _custom(columns) if rt.crd else _built_in(rt)
    is_pod = not rt.crd and rt.kind == "Pod" and not rt.group
    rows = []
    for obj in objects:
        row: Object = {"cells": cells(obj, now)}
        if is_pod and (conditions := pod_conditions(obj)):
            row["conditions"] = conditions
        row["object"] = _carried(obj, include, version)
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": {},
        "columnDefinitions": definitions,
        "rows": rows,
    }


def _carried(obj: Object, include: str, version: str) -> Object | None:
    if include == "Object":
        return obj
    if include == "None":
        return None
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": obj["metadata"],
    }


def _built_in(rt: ResourceType) -> tuple[list[Object], Callable[[Object, float], list[Any]]]:
    printer = PRINTERS.get(rt.kind)
    if printer is None or rt.group.startswith("metrics."):
        return columns()[""], _created_at
    return columns()[rt.kind], printer


def _created_at(obj: Object, now: float) -> list[Any]:
    """The row of kinds that have no printer of their own."""
    del now
    return [obj["metadata"].get("name", ""), obj["metadata"].get("creationTimestamp") or "0001-01-01T00:00:00Z"]


def _custom(declared: Sequence[Object]) -> tuple[list[Object], Callable[[Object, float], list[Any]]]:
    definitions = [columns()[""][0]]
    readers = []
    for column in declared or (_AGE,):
        path = column["jsonPath"]
        definitions.append(
            {
                "name": column["name"],
                "type": column["type"],
                "format": column.get("format", ""),
                "description": column.get("description")
                or f"Custom resource definition column (in JSONPath format): {path}",
                "priority": column.get("priority", 0),
            }
        )
        readers.append((column["type"], compile_path(path)))

    def cells(obj: Object, now: float) -> list[Any]:
        return [obj["metadata"].get("name", ""), *(_cell(kind, find, obj, now) for kind, find in readers)]

    return definitions, cells


def _cell(kind: str, find: Callable[[Any], list[Any]], obj: Object, now: float) -> Any:
    try:
        found = find(obj)
    except PathFailure:
        return None
    if not found:
        return None
    value = found[0]
    if kind == "string":
        return _text(value)
    if value is None:
        return None
    convert = _CONVERSIONS.get(kind)
    return convert(value, now) if convert else None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return format(value, "g")
    return msgspec.json.encode(value, order="sorted").decode()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _date(value: Any, now: float) -> str | None:
    if not isinstance(value, str):
        return None
    return "<invalid>" if value and parse_time(value) is None else since(value, now)


_CONVERSIONS: dict[str, Callable[[Any, float], Any]] = {
    "integer": lambda value, _now: int(value) if _is_number(value) else None,
    "number": lambda value, _now: float(value) if _is_number(value) else None,
    "boolean": lambda value, _now: value if isinstance(value, bool) else None,
    "date": _date,
}
