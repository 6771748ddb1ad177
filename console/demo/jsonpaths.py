"""JSONPath as additionalPrinterColumns and kubectl use it: compiled once, then run over objects.

Facts: k8s.io/client-go util/jsonpath. Fields, quoted fields, wildcards, indexes, slices, unions, filters and
recursive descent; no templates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from console.demo.jsonvalues import same

Step = Callable[[list[Any]], list[Any]]

_FIELD = re.compile(r"\.?((?:[^.\[\]\\]|\\.)+)")
_QUOTED = re.compile(r"""\[\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*\]""")
_SLICE = re.compile(r"\[\s*(-?\d*)\s*(:\s*(-?\d*)\s*(?::\s*(-?\d*)\s*)?)?\]")
_UNION = re.compile(r"""\[\s*((?:-?\d+|'[^']*'|"[^"]*")(?:\s*,\s*(?:-?\d+|'[^']*'|"[^"]*"))+)\s*\]""")
_COMPARE = re.compile(r"""^(?P<left>.*?)\s*(?P<operator>==|!=|<=|>=|<|>)\s*(?P<right>.*)$""")


class PathFailure(Exception):
    """A path that cannot be read, or that does not fit the object (an index out of bounds)."""


@lru_cache(maxsize=1024)
def compile_path(text: str) -> Callable[[Any], list[Any]]:
    """A function from an object to the values at a path (`.status.conditions[?(@.type=="Ready")].status`).

    Values that are not there are left out. PathFailure for a path that cannot be read.
    """
    steps = tuple(_steps(text.strip().removeprefix("{").removesuffix("}").removeprefix("$").removeprefix("@")))

    def find(value: Any) -> list[Any]:
        found = [value]
        for step in steps:
            found = step(found)
            if not found:
                break
        return found

    return find


def _steps(text: str) -> Iterator[Step]:
    at = 0
    while at < len(text):
        if text.startswith("..", at):
            yield _descend
            at += 2
            if at < len(text) and text[at] not in "[*":
                text, at = "." + text[at:], 0
        elif text.startswith((".*", "[*]"), at):
            yield _every
            at += 2 if text[at] == "." else 3
        elif text.startswith("[?(", at):
            end = _closing(text, at + 3)
            yield _filter(text[at + 3 : end])
            at = end + 2
        elif text[at] == "[":
            step, at = _bracket(text, at)
            yield step
        elif text[at] == "." and at + 1 == len(text):
            at += 1
        else:
            match = _FIELD.match(text, at)
            if match is None:
                raise PathFailure(f"unrecognized path {text!r}")
            yield _field(re.sub(r"\\(.)", r"\1", match[1]))
            at = match.end()


def _bracket(text: str, at: int) -> tuple[Step, int]:
    if match := _QUOTED.match(text, at):
        return _field(re.sub(r"\\(.)", r"\1", match[1] if match[1] is not None else match[2])), match.end()
    if match := _SLICE.match(text, at):
        if match[2] is None and not match[1]:
            raise PathFailure(f"invalid array index in {text!r}")
        return _slice(match), match.end()
    if match := _UNION.match(text, at):
        parts = [part.strip() for part in match[1].split(",")]
        return _union([compile_path(f"[{part}]") for part in parts]), match.end()
    raise PathFailure(f"invalid array index in {text!r}")


def _closing(text: str, at: int) -> int:
    """Where the filter that starts at `at` ends: its `)]`, outside of quotes."""
    quote = ""
    for index in range(at, len(text)):
        character = text[index]
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif text.startswith(")]", index):
            return index
    raise PathFailure(f"unterminated filter in {text!r}")


def _field(name: str) -> Step:
    return lambda values: [value[name] for value in values if isinstance(value, dict) and name in value]


def _every(values: list[Any]) -> list[Any]:
    return [item for value in values for item in _below(value)]


def _below(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _descend(values: list[Any]) -> list[Any]:
    found = []
    for value in values:
        found.append(value)
        found += _descend(_below(value))
    return found


def _union(paths: list[Callable[[Any], list[Any]]]) -> Step:
    return lambda values: [item for path in paths for value in values for item in path(value)]


def _slice(match: re.Match[str]) -> Step:
    single = match[2] is None
    first = int(match[1]) if match[1] else 0
    last = int(match[3]) if match[3] else None
    step = int(match[4]) if match[4] else 1
    if step <= 0:
        raise PathFailure("step must be > 0")

    def cut(values: list[Any]) -> list[Any]:
        found: list[Any] = []
        for value in values:
            if value is None:
                continue
            if not isinstance(value, list):
                raise PathFailure("not an array or slice")
            size = len(value)
            start = first + size if first < 0 else first
            end = start + 1 if single else size if last is None else last + size if last < 0 else last
            if start == end:
                continue
            if not 0 <= start < size or not 0 <= end <= size or start > end:
                raise PathFailure(f"array index out of bounds: index {start}, length {size}")
            found += value[start:end:step]
        return found

    return cut


def _filter(text: str) -> Step:
    compared = _COMPARE.match(_masked(text))
    if compared is None:
        path = compile_path(text.strip())
        return lambda values: [item for value in values for item in _list(value) if path(item)]
    left, right = _operand(text[: compared.end("left")]), _operand(text[compared.start("right") :])
    operator = compared["operator"]

    def keep(item: Any) -> bool:
        lefts, rights = left(item), right(item)
        return len(lefts) == 1 and len(rights) == 1 and _compare(operator, lefts[0], rights[0])

    return lambda values: [item for value in values for item in _list(value) if keep(item)]


def _masked(text: str) -> str:
    """The text with what stands in quotes blanked out, so that operators are found outside only."""
    return re.sub(r"""'[^']*'|"[^"]*\"""", lambda match: "_" * len(match[0]), text)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise PathFailure("not an array or slice and cannot be filtered")
    return value


def _operand(text: str) -> Callable[[Any], list[Any]]:
    text = text.strip()
    if text.startswith(("@", ".", "$")):
        return compile_path(text)
    constant: Any
    if text[:1] in ("'", '"') and text[-1:] == text[:1]:
        constant = text[1:-1]
    elif text in ("true", "false"):
        constant = text == "true"
    else:
        try:
            constant = float(text) if "." in text else int(text)
        except ValueError:
            raise PathFailure(f"unrecognized operand {text!r}") from None
    return lambda _item: [constant]


def _compare(operator: str, left: Any, right: Any) -> bool:
    if operator == "==":
        return same(left, right)
    if operator == "!=":
        return not same(left, right)
    numbers = isinstance(left, int | float) and isinstance(right, int | float)
    if not numbers and not (isinstance(left, str) and isinstance(right, str)):
        raise PathFailure("incompatible types for comparison")
    if operator in ("<", "<="):
        return bool(left < right) or (operator == "<=" and bool(left == right))
    return bool(left > right) or (operator == ">=" and bool(left == right))
