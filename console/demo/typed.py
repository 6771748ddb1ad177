"""Objects as server-side apply sees them: which fields there are, what two objects differ in, how they merge.

The schema says what is owned as a whole (scalars, atomic lists and maps) and by which keys list items are told apart;
what it does not know is taken by the shape of the value. Facts: sigs.k8s.io/structured-merge-diff typed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from console.demo.fieldsets import Builder, Path, Set, key_element, split, text, value_element
from console.demo.nodes import ANYTHING, UNSET, Node

if TYPE_CHECKING:
    from collections.abc import Iterable

GONE = object()
_SCALAR, _LIST, _MAP, _WHOLE = "scalar", "list", "map", "whole"


class Untypable(Exception):
    """An object that breaks the rules of its lists: str() says which."""


def _kind(value: Any, node: Node) -> str:
    """How a value is handled: as a leaf, item by item or key by key."""
    if isinstance(value, dict):
        return _WHOLE if node.atomic and node.type != "array" else _MAP
    if isinstance(value, list):
        return _LIST if node.type == "array" and not node.atomic else _WHOLE
    if value is None:
        if node.type == "array":
            return _WHOLE if node.atomic else _LIST
        if node.type in ("object", ""):
            return _SCALAR if node.int_or_string else _WHOLE if node.atomic else _MAP
    return _SCALAR


def _field(node: Node, name: str) -> Node:
    return node.child(name) or ANYTHING


def _element(item: Any, node: Node) -> str:
    """The path element of a list item."""
    if not node.keys:
        if isinstance(item, dict | list) or item is None:
            raise Untypable("associative list without keys has an element that's not a scalar")
        return value_element(item)
    if not isinstance(item, dict):
        raise Untypable("associative list with keys may not have non-map elements")
    values = {}
    for key in node.keys:
        if key in item:
            values[key] = item[key]
        elif node.items is not None and (child := node.items.child(key)) is not None and child.default is not UNSET:
            values[key] = child.default
    if not values:
        names = " ".join(f'"{key}"' for key in node.keys)
        raise Untypable(
            f"associative list with keys has an element that omits all key fields [{names}] (and doesn't have default "
            "values for any key fields)"
        )
    return key_element(values)


def _indexed(items: Iterable[Any], node: Node) -> dict[str, list[Any]]:
    """List items by their path element, in order; several where they share one."""
    found: dict[str, list[Any]] = {}
    for item in items:
        found.setdefault(_element(item, node), []).append(item)
    return found


def field_set(value: Any, node: Node) -> Set:
    """Every field of an object."""
    found = Builder()
    _collect(value, node, (), found)
    return found.build()


def _collect(value: Any, node: Node, path: Path, found: Builder) -> None:
    kind = _kind(value, node)
    if kind in (_SCALAR, _WHOLE):
        found.add(path)
    elif kind == _LIST:
        below = node.items or ANYTHING
        for element, items in _indexed(value or (), node).items():
            at = (*path, element)
            if len(items) == 1:
                _collect(items[0], below, at, found)
            found.add(at)
    else:
        for key, item in (value or {}).items():
            at = (*path, f"f:{key}")
            _collect(item, _field(node, key), at, found)
            declared = node.fields is not None and key in node.fields
            if item is None or item == {} or not declared:
                found.add(at)


@dataclass(frozen=True, slots=True)
class Difference:
    """What a second object removed, modified and added."""

    removed: Set
    modified: Set
    added: Set


class _Comparison:
    def __init__(self) -> None:
        self.removed, self.modified, self.added = Builder(), Builder(), Builder()

    def compare(self, left: Any, right: Any, node: Node, path: Path) -> None:
        if left is not GONE and right is not GONE and type(left) is type(right) and left == right:
            return
        shape = left if right is GONE or right is None else right
        kind = _kind(shape, node)
        if left is not GONE and right is not GONE and None not in (left, right) and _kind(left, node) != kind:
            self._leaf(left, right, path)
            return
        empty = not self._filled(left) and not self._filled(right)
        if kind in (_SCALAR, _WHOLE) or empty:
            self._leaf(left, right, path)
            return
        if kind == _LIST:
            self._lists(left, right, node, path)
        else:
            before = left if isinstance(left, dict) else {}
            after = right if isinstance(right, dict) else {}
            for key in before.keys() | after.keys():
                pair = before.get(key, GONE), after.get(key, GONE)
                self.compare(*pair, _field(node, key), (*path, f"f:{key}"))
        if left is GONE:
            self.added.add(path)
        elif right is GONE:
            self.removed.add(path)

    @staticmethod
    def _filled(value: Any) -> bool:
        return bool(value) if isinstance(value, dict | list) else False

    def _leaf(self, left: Any, right: Any, path: Path) -> None:
        if left is GONE:
            self.added.add(path)
        elif right is GONE:
            self.removed.add(path)
        else:
            self.modified.add(path)

    def _lists(self, left: Any, right: Any, node: Node, path: Path) -> None:
        before = _indexed(left, node) if isinstance(left, list) else {}
        after = _indexed(right, node) if isinstance(right, list) else {}
        below = node.items or ANYTHING
        for element in [*before, *(e for e in after if e not in before)]:
            olds, news = before.get(element, []), after.get(element, [])
            at = (*path, element)
            if len(olds) <= 1 and len(news) <= 1:
                self.compare(olds[0] if olds else GONE, news[0] if news else GONE, below, at)
            elif len(olds) > 1 and len(news) > 1:
                if olds != news:
                    self.modified.add(at)
            elif len(olds) > 1:  # were duplicates: what is there now is new
                if news:
                    self.compare(GONE, news[0], below, at)
                self.removed.add(at)
            else:
                if olds:
                    self.compare(olds[0], GONE, below, at)
                self.added.add(at)


def compare(left: Any, right: Any, node: Node) -> Difference:
    """What makes the right object of the left one."""
    found = _Comparison()
    found.compare(left, right, node, ())
    return Difference(found.removed.build(), found.modified.build(), found.added.build())


def merge(left: Any, right: Any, node: Node, path: str = "") -> Any:
    """The left object with what the right one says laid over it. Untypable for duplicates in the right one."""
    if right is GONE:
        return left
    if left is GONE:
        return _checked(right, node, path)
    kind = _kind(right if right is not None else left, node)
    if kind == _MAP and isinstance(right, dict) and isinstance(left, dict):
        keys = [*left, *(key for key in right if key not in left)]
        return {
            key: merge(left.get(key, GONE), right.get(key, GONE), _field(node, key), f"{path}.{key}") for key in keys
        }
    if kind == _LIST and isinstance(right, list) and isinstance(left, list):
        return _merge_lists(left, right, node, path)
    return _checked(right, node, path)


def _checked(value: Any, node: Node, path: str) -> Any:
    kind = _kind(value, node)
    if kind == _LIST:
        _unique(value or [], node, path)
        for item in value or ():
            _checked(item, node.items or ANYTHING, path)
    elif kind == _MAP:
        for key, item in (value or {}).items():
            _checked(item, _field(node, key), f"{path}.{key}")
    return value


def _unique(items: list[Any], node: Node, path: str) -> dict[str, Any]:
    try:
        indexed = _indexed(items, node)
    except Untypable as error:
        raise Untypable(f"{path}: {error}") from None
    for element, same in indexed.items():
        if len(same) > 1:
            raise Untypable(f"{path}: duplicate entries for key {text((element,))}")
    return {element: same[0] for element, same in indexed.items()}


def _merge_lists(left: list[Any], right: list[Any], node: Node, path: str) -> list[Any]:
    """Items of both, those of the right in its order, those of the left alone where they stood."""
    news = _unique(right, node, path)
    olds = [(_element(item, node), item) for item in left]
    once = {e: item for e, item in olds if sum(other == e for other, _ in olds) == 1}
    below = node.items or ANYTHING
    wanted = list(news)
    shared = [element for element in wanted if any(e == element for e, _ in olds)]
    merged: set[str] = set()
    out: list[Any] = []

    def take(element: str) -> None:
        merged.add(element)
        out.append(merge(once.get(element, GONE), news[element], below, path))
        if shared and shared[0] == element:
            shared.pop(0)

    at = next_ = 0
    while at < len(olds) or next_ < len(wanted):
        if at < len(olds) and next_ < len(wanted):
            element = olds[at][0]
            if element == wanted[next_]:
                take(element)
                at, next_ = at + 1, next_ + 1
                continue
            if element in news and shared and shared[0] != element:
                at += 1  # the right list wants another shared item first
                continue
        if at < len(olds):
            element, item = olds[at]
            if element not in news:
                out.append(item)
                at += 1
                continue
            at += element in merged
        if next_ < len(wanted):
            take(wanted[next_])
            next_ += 1
    return out


def remove(value: Any, fields: Set, node: Node) -> Any:
    """An object without the members of a set; a list or map that became empty by that is null."""
    if not fields or not value or not isinstance(value, dict | list):
        return value
    kind = _kind(value, node)
    if kind == _WHOLE:
        return value
    out: Any
    if isinstance(value, list):
        below = node.items or ANYTHING
        out = []
        for item in value:
            kept = _without(item, fields.get(_element(item, node)), below)
            if kept is not GONE:
                out.append(kept)
    else:
        out = {}
        for key, item in value.items():
            kept = _without(item, fields.get(f"f:{key}"), _field(node, key))
            if kept is not GONE:
                out[key] = kept
    return out or None


def _without(value: Any, fields: Set | None, node: Node) -> Any:
    if fields is None:
        return value
    member, below = split(fields)
    return GONE if member else remove(value, below, node)


def with_containers(fields: Set, node: Node) -> Set:
    """A set that also holds the declared fields on the way to its members."""
    out = {}
    for element, value in fields.items():
        member, below = split(value)
        child = ANYTHING
        declared = False
        if element.startswith("f:"):
            name = element[2:]
            child = _field(node, name)
            declared = node.fields is not None and name in node.fields
        elif element.startswith("k:") and node.items is not None:
            child = node.items
        below = with_containers(below, child) if below else below
        out[element] = {".": {}, **below} if (member or declared) and below else below
    return out
