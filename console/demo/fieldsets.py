"""Sets of fields as managedFields keep them: FieldsV1, worked on in that very form.

A set is a mapping of path elements (`f:spec`, `k:{"name":"web"}`, `v:"a"`) to sets; an element is a member when its
value is empty or holds `.`. Facts: sigs.k8s.io/structured-merge-diff fieldpath.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

Set = dict[str, Any]
Path = tuple[str, ...]

MEMBER = "."
_ORDER = {"f": 0, "k": 1, "v": 2, "i": 3}


def key_element(values: dict[str, Any]) -> str:
    """The path element of an item of a list that is keyed by these fields."""
    return "k:" + msgspec.json.encode(values, order="sorted").decode()


def value_element(value: Any) -> str:
    """The path element of an item of a set."""
    return "v:" + msgspec.json.encode(value).decode()


def split(node: Set) -> tuple[bool, Set]:
    """Whether an element is a member, and the set below it."""
    if not node:
        return True, {}
    if MEMBER in node:
        return True, {key: child for key, child in node.items() if key != MEMBER}
    return False, node


def join(member: bool, below: Set) -> Set:
    """The value of an element: the opposite of `split`."""
    if not below:
        return {}
    return {MEMBER: {}, **below} if member else below


class Builder:
    """Collects the members of a set; elements on the way to them are no members by that."""

    __slots__ = ("_below", "_members")

    def __init__(self) -> None:
        self._below: dict[str, Builder] = {}
        self._members: set[str] = set()

    def add(self, path: Path) -> None:
        """Make a path a member; the empty path is never one."""
        if not path:
            return
        node = self
        for element in path[:-1]:
            node = node._below.setdefault(element, Builder())
        node._members.add(path[-1])

    def build(self) -> Set:
        """The set."""
        below = {element: node.build() for element, node in self._below.items()}
        elements = below.keys() | self._members
        return {e: join(e in self._members, below.get(e, {})) for e in elements if e in self._members or below.get(e)}


def union(left: Set, right: Set) -> Set:
    """What is in either set."""
    if not right:
        return left
    out = dict(left)
    for element, theirs in right.items():
        mine = out.get(element)
        if mine is None:
            out[element] = theirs
        elif mine is not theirs:
            (was, below), (is_, more) = split(mine), split(theirs)
            out[element] = join(was or is_, union(below, more))
    return out


def difference(left: Set, right: Set) -> Set:
    """What is in the left set and not in the right; the left set itself where nothing is taken."""
    out = None
    for element, theirs in right.items():
        mine = left.get(element)
        if mine is None:
            continue
        (was, below), (gone, less) = split(mine), split(theirs)
        rest = difference(below, less) if below and less else below
        kept = was and not gone
        if kept == was and rest is below:
            continue
        out = dict(left) if out is None else out
        if kept or rest:
            out[element] = join(kept, rest)
        else:
            del out[element]
    return left if out is None else out


def intersection(left: Set, right: Set) -> Set:
    """What is in both sets."""
    out = {}
    for element, theirs in right.items():
        mine = left.get(element)
        if mine is None:
            continue
        (was, below), (is_, more) = split(mine), split(theirs)
        member, both = was and is_, intersection(below, more)
        if member or both:
            out[element] = join(member, both)
    return out


def paths(fields: Set, start: Path = ()) -> Iterator[Path]:
    """Every member, in the order of path elements."""
    for element in sorted(fields, key=sort_key):
        member, below = split(fields[element])
        if member:
            yield (*start, element)
        yield from paths(below, (*start, element))


def has(fields: Set, path: Path) -> bool:
    """Whether a path is a member."""
    for element in path[:-1]:
        fields = fields.get(element, {})
    return bool(path) and path[-1] in fields and split(fields[path[-1]])[0]


def sort_key(element: str) -> tuple[int, str]:
    """Fields before keys before values before indexes."""
    return (_ORDER.get(element[:1], -1), element)


def ordered(fields: Set) -> Set:
    """A set as it is written: `.` first, then by path element."""
    return {element: ordered(fields[element]) for element in sorted(fields, key=sort_key)}


def read(fields: Any) -> Set:
    """FieldsV1 from outside: keys and values in one canonical form; ValueError where it is no field set."""
    if not isinstance(fields, dict):
        raise ValueError("fieldsV1 must be an object")
    out = {}
    for element, below in fields.items():
        if element == MEMBER or element.startswith(("f:", "i:")):
            out[element] = read(below)
        elif element.startswith("k:"):
            out[key_element(_decode(element[2:]))] = read(below)
        elif element.startswith("v:"):
            out[value_element(_decode(element[2:]))] = read(below)
        else:
            raise ValueError(f"unknown path element {element!r}")
    return out


def _decode(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None


def text(path: Path) -> str:
    """A path as messages write it: `.spec.containers[name="web"].image`."""
    return "".join(map(_element_text, path))


def _element_text(element: str) -> str:
    kind, rest = element[0], element[2:]
    if kind == "f":
        return f".{rest}"
    if kind == "k":
        pairs = msgspec.json.decode(rest)
        shown = ",".join(f"{key}={msgspec.json.encode(pairs[key]).decode()}" for key in sorted(pairs))
        return f"[{shown}]"
    return f"[={rest}]" if kind == "v" else f"[{rest}]"
