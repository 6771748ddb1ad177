"""Custom resources against their structural schema: every keyword, worded as apiextensions-apiserver words it.

Facts: k8s.io/kube-openapi pkg/validation, k8s.io/apiextensions-apiserver pkg/apiserver/{validation,schema/listtype}.
On an update, what did not change is not judged again (CRDValidationRatcheting).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from console.demo import causes, formats
from console.demo.jsonvalues import json_type, same

if TYPE_CHECKING:
    from console.demo.failures import Cause
    from console.demo.nodes import Node

_GONE = object()  # no old value to compare with


def validate(value: Any, node: Node, old: Any = None) -> list[Cause]:
    """What breaks the schema in a whole object; `old` is the object it replaces."""
    found = _value(value, node, "", _GONE if old is None else old)
    if old is None or not _lists(old, node, ""):
        found += _lists(value, node, "")
    return found


def _value(value: Any, node: Node, path: str, old: Any) -> list[Cause]:
    if old is not _GONE and old == value:
        return []
    if value is None:
        return [] if node.nullable or not node.type else [_wrong_type(path, node.type, "null")]
    found = _type(value, node, path)
    if node.branches:
        found += _branches(value, node, path)
    if node.limits and not found:
        found += _limits(value, node.limits, path)
    if node.enum and not any(same(value, allowed) for allowed in node.enum):
        found.append(causes.unsupported(path, value, node.enum))
    if isinstance(value, dict):
        found += _object(value, node, path, old)
    elif isinstance(value, list) and node.items is not None:
        before = _correlated(value, node, old)
        for index, item in enumerate(value):
            found += _value(item, node.items, f"{path}[{index}]", before[index] if before else _GONE)
    return found


def _object(value: dict[str, Any], node: Node, path: str, old: Any) -> list[Cause]:
    found: list[Cause] = []
    before = old if isinstance(old, dict) else {}
    for key, item in value.items():
        child = node.child(key)
        if child is not None and not (path == "" and key == "metadata"):
            found += _value(item, child, f"{path}.{key}" if path else key, before.get(key, _GONE))
    for key in node.required:
        if key not in value:
            found.append(causes.required(f"{path}.{key}" if path else key))
    return found


def _correlated(value: list[Any], node: Node, old: Any) -> list[Any]:
    """The old item of each item: by key in lists of type map, none elsewhere."""
    if node.list_type != "map" or not isinstance(old, list):
        return []

    def key(item: Any) -> bytes:
        chosen = {name: item.get(name) for name in node.keys} if isinstance(item, dict) else item
        return msgspec.json.encode(chosen, order="sorted")

    before = {key(item): item for item in old}
    return [before.get(key(item), _GONE) for item in value]


def _wrong_type(path: str, wanted: str, found: str) -> Cause:
    return causes.type_invalid(path, found, f'{path} in body must be of type {wanted}: "{found}"')


def _type(value: Any, node: Node, path: str) -> list[Cause]:
    kind = json_type(value)
    if node.int_or_string:
        fits = kind in ("integer", "string") or (isinstance(value, float) and value.is_integer())
        return [] if fits else [_wrong_type(path, "integer,string", kind)]
    if not node.type or kind == node.type:
        return []
    if (node.type, kind) == ("number", "integer"):
        return []
    if node.type == "integer" and isinstance(value, float) and value.is_integer():
        return []
    return [_wrong_type(path, node.type, kind)]


def _limits(value: Any, limits: dict[str, Any], path: str) -> list[Cause]:
    if isinstance(value, str):
        return _string_limits(value, limits, path)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number_limits(value, limits, path)
    if isinstance(value, list):
        return _list_limits(value, limits, path)
    if isinstance(value, dict):
        least, most = limits.get("minProperties"), limits.get("maxProperties")
        if least is not None and len(value) < least:
            return [causes.invalid(path, len(value), f"{path} in body should have at least {least} properties")]
        if most is not None and len(value) > most:
            return [causes.too_many(path, len(value), most)]
    return []


def _string_limits(value: str, limits: dict[str, Any], path: str) -> list[Cause]:
    least, most, pattern = limits.get("minLength"), limits.get("maxLength"), limits.get("pattern")
    found = []
    if most is not None and len(value) > most:
        found.append(causes.too_long(path, most))
    elif least is not None and len(value) < least:
        found.append(causes.invalid(path, value, f"{path} in body should be at least {least} chars long"))
    elif pattern and (compiled := compile_pattern(pattern)) and not compiled.search(value):
        found.append(causes.invalid(path, value, f"{path} in body should match '{pattern}'"))
    form = limits.get("format")
    if form and not formats.fits(form, value):
        found.append(causes.type_invalid(path, value, f"{path} in body must be of type {form}: {_quote(value)}"))
    return found


def _quote(value: str) -> str:
    return msgspec.json.encode(value).decode()


def _number_limits(value: float, limits: dict[str, Any], path: str) -> list[Cause]:
    found = []
    bits = {"int32": 31, "int64": 63}.get(limits.get("format", ""))
    if bits and not -(2**bits) <= value < 2**bits:
        text = f"Checked value must be of type integer with format {limits['format']} in {path}"
        found.append(causes.invalid("<nil>", "", text))
    least, most, step = limits.get("minimum"), limits.get("maximum"), limits.get("multipleOf")
    if step and value % step:
        found.append(causes.invalid(path, value, f"{path} in body should be a multiple of {step:g}"))
    if least is not None:
        exclusive = limits.get("exclusiveMinimum")
        if value < least or (exclusive and value == least):
            word = "greater than" if exclusive else "greater than or equal to"
            found.append(causes.invalid(path, value, f"{path} in body should be {word} {_number(least)}"))
    if most is not None:
        exclusive = limits.get("exclusiveMaximum")
        if value > most or (exclusive and value == most):
            word = "less than" if exclusive else "less than or equal to"
            found.append(causes.invalid(path, value, f"{path} in body should be {word} {_number(most)}"))
    return found


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e21 else format(value, "g")


def _list_limits(value: list[Any], limits: dict[str, Any], path: str) -> list[Cause]:
    found = []
    least, most = limits.get("minItems"), limits.get("maxItems")
    if least is not None and len(value) < least:
        found.append(causes.invalid(path, len(value), f"{path} in body should have at least {least} items"))
    if most is not None and len(value) > most:
        found.append(causes.too_many(path, len(value), most))
    if limits.get("uniqueItems") and _repeated([_key(item) for item in value]):
        found.append(causes.invalid(path, "", f"{path} in body shouldn't contain duplicates"))
    return found


def _branches(value: Any, node: Node, path: str) -> list[Cause]:
    """allOf, anyOf, oneOf and not. What they say of the whole carries no field, as in Kubernetes."""
    branches = node.branches or {}
    found: list[Cause] = []
    if "anyOf" in branches:
        tries = [_value(value, branch, path, _GONE) for branch in branches["anyOf"]]
        if all(tries):
            found.append(_whole(f'"{path}" must validate at least one schema (anyOf)'))
            found += _fewest(tries)
    if "oneOf" in branches:
        tries = [_value(value, branch, path, _GONE) for branch in branches["oneOf"]]
        fitting = sum(not failed for failed in tries)
        if fitting != 1:
            how = f"Found {fitting} valid alternatives" if fitting else "Found none valid"
            found.append(_whole(f'"{path}" must validate one and only one schema (oneOf). {how}'))
            found += [] if fitting else _fewest(tries)
    if "allOf" in branches:
        tries = [_value(value, branch, path, _GONE) for branch in branches["allOf"]]
        found += [cause for failed in tries for cause in failed]
        if any(tries):
            none = ". None validated" if all(tries) else ""
            found.append(_whole(f'"{path}" must validate all the schemas (allOf){none}'))
    if "not" in branches and not _value(value, branches["not"][0], path, _GONE):
        found.append(_whole(f'"{path}" must not validate the schema (not)'))
    return found


def _fewest(tries: list[list[Cause]]) -> list[Cause]:
    return min(tries, key=lambda failed: len(failed))


def _whole(text: str) -> Cause:
    return causes.invalid("<nil>", "", text)


def _lists(value: Any, node: Node, path: str) -> list[Cause]:
    """Duplicates in lists of type set and map."""
    found: list[Cause] = []
    if isinstance(value, dict):
        for key, item in value.items():
            child = node.child(key)
            if child is not None and isinstance(item, dict | list):
                declared = node.fields is not None and key in node.fields
                found += _lists(
                    item, child, f"{path}.{key}" if declared and path else key if declared else f"{path}[{key}]"
                )
    elif isinstance(value, list):
        if node.list_type == "set":
            found += [causes.duplicate(f"{path}[{i}]", value[i]) for i in _repeated([_key(item) for item in value])]
        elif node.list_type == "map":
            found += _map_duplicates(value, node, path)
        if node.items is not None:
            for index, item in enumerate(value):
                if isinstance(item, dict | list):
                    found += _lists(item, node.items, f"{path}[{index}]")
    return found


def _map_duplicates(value: list[Any], node: Node, path: str) -> list[Cause]:
    for index, item in enumerate(value):
        if item is not None and not isinstance(item, dict):
            text = "must be an object for an array of list-type map"
            return [causes.invalid(f"{path}[{index}]", item, text)]
    keys = [{name: item[name] for name in node.keys if item and name in item} for item in value]
    return [causes.duplicate(f"{path}[{i}]", keys[i]) for i in _repeated([_key(key) for key in keys])]


def _key(item: Any) -> bytes:
    return msgspec.json.encode(item, order="sorted")


def _repeated(keys: list[bytes]) -> list[int]:
    """Where each key that is there more than once appears for the second time."""
    seen: dict[bytes, int] = {}
    found = []
    for index, key in enumerate(keys):
        seen[key] = seen.get(key, 0) + 1
        if seen[key] == 2:
            found.append(index)
    return found


@lru_cache(maxsize=2048)
def compile_pattern(pattern: str) -> re.Pattern[str] | None:
    """A pattern of Go's syntax; None where Python has no equal of it, and it is not judged."""
    translated = pattern.replace(r"\z", r"\Z").replace("[[:alnum:]]", "[0-9A-Za-z]").replace("[[:alpha:]]", "[A-Za-z]")
    if translated.endswith("$") and not translated.endswith(r"\$"):
        translated = translated[:-1] + r"\Z"  # Go's $ does not match before a final newline
    try:
        return re.compile(translated, re.ASCII)
    except re.error:
        return None
