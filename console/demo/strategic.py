"""Strategic merge patches: lists merged by key as the type's schema says, with the $ directives of the format.

Facts: k8s.io/apimachinery pkg/util/strategicpatch. Only patches of stored objects are merged here, never patches
of patches.
"""

from __future__ import annotations

from functools import cmp_to_key
from typing import TYPE_CHECKING, Any

from console.demo.jsonvalues import go_text

if TYPE_CHECKING:
    from console.demo.nodes import Node

_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"
_ORDER = "$setElementOrder/"
_DELETE = "$deleteFromPrimitiveList/"

Map = dict[str, Any]


class StrategicFailure(Exception):
    """A patch that cannot be merged; `code` is the HTTP status kube-apiserver answers with."""

    def __init__(self, message: str, code: int = 500) -> None:
        super().__init__(message)
        self.code = code


def merge(original: Map, patch: Map, node: Node | None) -> Map:
    """`original` with the patch merged in; both are changed on the way, so give copies."""
    if _DIRECTIVE in patch:
        return _whole(patch)
    if _RETAIN in patch:
        _retain(original, patch)
    for key in [key for key in patch if key.startswith(_ORDER)]:
        _reorder(original, patch, key, node)
    for key, value in patch.items():
        if key.startswith(_DELETE):
            _delete(original, key.removeprefix(_DELETE), value)
        elif value is None:
            original.pop(key, None)
        elif key in original and isinstance(original[key], dict) and isinstance(value, dict):
            child = node.child(key) if node else None
            replaced = child is not None and "replace" in child.strategies
            original[key] = value if replaced else merge(original[key], value, child)
        elif key in original and isinstance(original[key], list) and isinstance(value, list):
            original[key] = _merge_lists(original[key], value, node.child(key) if node else None)
        else:
            kept, found = _without_directives(_without_nulls(value))
            if found:
                original[key] = kept
            else:
                original.pop(key, None)
    return original


def _whole(patch: Map) -> Map:
    directive = patch[_DIRECTIVE]
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != _DIRECTIVE}
    if directive == "delete":
        return {}
    raise StrategicFailure(f"unknown patch type: {go_text(directive)} in map: {go_text(patch)}")


def _retain(original: Map, patch: Map) -> None:
    kept = patch.pop(_RETAIN)
    if not isinstance(kept, list):
        raise StrategicFailure("invalid patch format of retainKeys", 400)
    for key, value in patch.items():
        if value is not None and not key.startswith((_DELETE, _ORDER)) and key not in kept:
            raise StrategicFailure("invalid patch format of retainKeys", 400)
    for key in [key for key in original if key not in kept]:
        del original[key]


def _delete(original: Map, key: str, gone: Any) -> None:
    present = original.get(key)
    if isinstance(present, list) and isinstance(gone, list):
        original[key] = [item for item in present if item not in gone]


def _merge_lists(original: list[Any], patch: list[Any], node: Node | None) -> list[Any]:
    if node is None or "merge" not in node.strategies:
        return patch
    if not original and not patch:
        return original
    if not _maps(original, patch):
        merged = list(dict.fromkeys([*original, *patch]))
        mine, theirs = _split(merged, patch, "")
        return _interleave(mine, theirs, patch, original, "")
    key = node.merge_key
    if not key:
        raise StrategicFailure("cannot merge lists without merge key for ")
    original, patch = _special(original, patch, key)
    order = list(original)
    for item in patch:
        if key not in item:
            raise _no_key(item, key)
        at = next((i for i, old in enumerate(original) if key in old and old[key] == item[key]), None)
        if at is None:
            original.append(item)
        else:
            original[at] = merge(original[at], item, node.items)
    mine, theirs = _split(original, patch, key)
    return _interleave(mine, theirs, patch, order, key)


def _maps(*lists: list[Any]) -> bool:
    kinds = {type(item) for items in lists for item in items}
    if list in kinds:
        raise StrategicFailure("lists of lists are not supported", 422)
    if dict in kinds and len(kinds) > 1:
        raise StrategicFailure("list element types are not identical")
    return dict in kinds


def _special(original: list[Any], patch: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    """Carry out elements that are directives; what is left of both lists."""
    plain = []
    replace = False
    for item in patch:
        directive = item.get(_DIRECTIVE)
        if directive is None:
            plain.append(item)
        elif directive == "delete":
            if key not in item:
                raise _no_key(item, key)
            original = [old for old in original if key not in old or old[key] != item[key]]
        elif directive == "replace":
            replace = True
        elif directive == "merge":
            raise StrategicFailure("merging lists cannot yet be specified in the patch")
        else:
            raise StrategicFailure(f"unknown patch type: {go_text(directive)} in map: {go_text(item)}")
    return (plain, []) if replace else (original, plain)


def _no_key(item: Map, key: str) -> StrategicFailure:
    return StrategicFailure(f"map: {go_text(item)} does not contain declared merge key: {key}")


def _reorder(original: Map, patch: Map, directive: str, node: Node | None) -> None:
    order = patch.pop(directive)
    name = directive.removeprefix(_ORDER)
    child = node.child(name) if node else None
    key = child.merge_key if child else ""
    present, given = original.get(name), patch.get(name)
    if not isinstance(order, list) or not isinstance(present, list | None) or not isinstance(given, list | None):
        raise StrategicFailure("invalid patch format of setElementOrder list", 400)
    if given is not None:
        _check_order(given, order, key)
    if present is None and given is None:
        return
    before = list(present or ())
    if given is None:
        merged = before
    elif present is None:
        merged = _without_directives(given)[0]
    else:
        merged = _merge_lists(present, given, child)
    mine, theirs = _split(merged, order, key)
    original[name] = _interleave(mine, theirs, order, before, key)
    patch.pop(name, None)


def _check_order(given: list[Any], order: list[Any], key: str) -> None:
    wanted = iter([_identity(item, key) for item in order])
    plain = [item for item in given if not (isinstance(item, dict) and _DIRECTIVE in item)]
    if not order or not plain:
        return
    for item in plain:
        if key and isinstance(item, dict) and key not in item:
            raise _no_key(item, key)
        if all(candidate != _identity(item, key) for candidate in wanted):
            text = (
                f"The order in patch list:\n{go_text(given)}\n doesn't match $setElementOrder list:\n{go_text(order)}\n"
            )
            raise StrategicFailure(text)


def _identity(item: Any, key: str) -> Any:
    return item.get(key) if key and isinstance(item, dict) else item


def _split(merged: list[Any], chosen: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    """Items that are in `chosen`, and those only the server has."""
    if key:
        for item in merged:
            if not isinstance(item, dict) or key not in item:
                raise _no_key(item, key)
    wanted = [_identity(item, key) for item in chosen]
    mine = [item for item in merged if _identity(item, key) in wanted]
    return mine, [item for item in merged if _identity(item, key) not in wanted]


def _interleave(mine: list[Any], theirs: list[Any], order: list[Any], live: list[Any], key: str) -> list[Any]:
    """Both lists as one: `mine` in the order wanted, `theirs` in the live order, mixed by the live order."""
    wanted = [_identity(item, key) for item in order]
    places = [_identity(item, key) for item in live]
    mine = sorted(mine, key=cmp_to_key(lambda a, b: _before(wanted, _identity(a, key), _identity(b, key))))
    theirs = sorted(theirs, key=cmp_to_key(lambda a, b: _before(places, _identity(a, key), _identity(b, key))))
    result: list[Any] = []
    while mine and theirs:
        left, right = _identity(theirs[0], key), _identity(mine[0], key)
        first = left in places and right in places and places.index(left) < places.index(right)
        result.append((theirs if first else mine).pop(0))
    return result + theirs + mine


def _before(order: list[Any], left: Any, right: Any) -> int:
    if left in order and right in order:
        return order.index(left) - order.index(right)
    return 0


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _without_directives(value: Any) -> tuple[Any, bool]:
    """A value new to the object, without directives; False where it is one itself and is not kept."""
    if isinstance(value, dict):
        if _DIRECTIVE in value:
            return None, False
        kept = ((key, _without_directives(item)) for key, item in value.items() if not key.startswith("$"))
        return {key: item for key, (item, found) in kept if found}, True
    if isinstance(value, list):
        return [item for item, found in map(_without_directives, value) if found], True
    return value, True
