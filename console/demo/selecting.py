"""Label and field selectors: their grammar, and which records they pick.

Grammar and wording follow k8s.io/apimachinery pkg/labels and pkg/fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from console.demo.failures import bad_request

if TYPE_CHECKING:
    from console.demo.records import Record
    from console.demo.resources import ResourceType

Labels = dict[str, str]
Requirement = Callable[[Labels], bool]

_TOKEN = re.compile(r"\s*(==|!=|[=!><(),]|[^\s=!><(),]+|$)")
_NAME = re.compile(r"(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_PREFIX = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_NAME_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_PREFIX_RULE = (
    "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
    "must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


@lru_cache(maxsize=4096)
def key_faults(key: str) -> tuple[str, ...]:
    """What is wrong with a label or annotation key, as IsQualifiedName says it; empty for a good one."""
    prefix, slash, name = key.rpartition("/")
    if "/" in prefix:
        return (
            "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
            "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
            "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. "
            "'example.com/MyName')",
        )
    found = []
    if slash and not prefix:
        found.append("prefix part must be non-empty")
    elif prefix and len(prefix) > 253:
        found.append("prefix part must be no more than 253 bytes")
    elif prefix and not _PREFIX.fullmatch(prefix):
        found.append(_PREFIX_RULE)
    if not name:
        found.append("name part must be non-empty")
    elif len(name) > 63:
        found.append("name part must be no more than 63 bytes")
    if not _NAME.fullmatch(name):
        found.append(_NAME_RULE)
    return tuple(found)


@lru_cache(maxsize=4096)
def value_faults(value: str) -> tuple[str, ...]:
    """What is wrong with a label value, as IsValidLabelValue says it; empty for a good one."""
    found = ["must be no more than 63 bytes"] if len(value) > 63 else []
    if value and not _NAME.fullmatch(value):
        found.append(_VALUE_RULE)
    return tuple(found)


class _Tokens:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def peek(self) -> str:
        match = _TOKEN.match(self._text, self._at)
        return match.group(1) if match else ""

    def take(self) -> str:
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            return ""
        self._at = match.end()
        return match.group(1)


_SYMBOLS = frozenset(("", "=", "==", "!=", "!", ">", "<", "(", ")", ","))


def parse_labels(text: str) -> tuple[Requirement, ...]:
    """The requirements of a label selector, all of which must hold; ApiFailure 400 for a selector that is none."""
    tokens = _Tokens(text)
    if not tokens.peek():
        return ()
    found = [_requirement(tokens)]
    while (token := tokens.take()) == ",":
        following = tokens.peek()
        if following in ("", ","):
            raise _unparsed(f"found '{following}', expected: identifier after ','")
        found.append(_requirement(tokens))
    if token:
        raise _unparsed(f"found '{token}', expected: ',' or 'end of string'")
    return tuple(found)


def _requirement(tokens: _Tokens) -> Requirement:
    token = tokens.take()
    if token == "!":
        if tokens.peek() in _SYMBOLS:
            raise _unreadable(f"found '{tokens.peek()}', expected: identifier")
        key = _key(tokens.take())
        return lambda labels: key not in labels
    key = _key(token)
    operator = tokens.peek()
    if operator in ("", ","):
        return lambda labels: key in labels
    tokens.take()
    if operator in ("=", "=="):
        value = _value(tokens, key)
        return lambda labels: labels.get(key) == value
    if operator == "!=":
        value = _value(tokens, key)
        return lambda labels: labels.get(key) != value
    if operator == "in":
        values = _values(tokens, key)
        return lambda labels: labels.get(key) in values
    if operator == "notin":
        values = _values(tokens, key)
        return lambda labels: labels.get(key) not in values
    if operator in (">", "<"):
        return _compared(key, operator, _value(tokens, key))
    raise _unreadable(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")


def _compared(key: str, operator: str, value: str) -> Requirement:
    if not re.fullmatch(r"[+-]?\d+", value):
        raise _unreadable(
            f"values[0]: Invalid value: \"{value}\": for 'Gt', 'Lt' operators, the value must be an integer"
        )
    limit = int(value)
    above = operator == ">"

    def holds(labels: Labels) -> bool:
        text = labels.get(key, "")
        if not re.fullmatch(r"[+-]?\d+", text):
            return False
        return int(text) > limit if above else int(text) < limit

    return holds


def _key(token: str) -> str:
    if token in _SYMBOLS:
        raise _unparsed(f"found '{token}', expected: !, identifier, or 'end of string'")
    faults = key_faults(token)
    if faults:
        raise _unreadable(f'<nil>: Invalid value: "{token}": {"; ".join(faults)}')
    return token


def _value(tokens: _Tokens, key: str) -> str:
    following = tokens.peek()
    if following in ("", ","):
        return ""
    token = tokens.take()
    if token in _SYMBOLS:
        raise _unreadable(f"found '{token}', expected: identifier")
    return _checked(token, key)


def _values(tokens: _Tokens, key: str) -> frozenset[str]:
    token = tokens.take()
    if token != "(":
        raise _unreadable(f"found '{token}' expected: '('")
    values = set()
    while True:
        following = tokens.take()
        if following in (",", ")"):
            values.add("")
        elif following in _SYMBOLS:
            raise _unreadable(f"found '{following}', expected: ',', ')' or identifier")
        else:
            values.add(_checked(following, key))
            following = tokens.take()
        if following == ")":
            return frozenset(values)
        if following != ",":
            raise _unreadable(f"found '{following}', expected: ',' or ')'")


def _checked(token: str, key: str) -> str:
    faults = value_faults(token)
    if faults:
        raise _unreadable(f'values[0][{key}]: Invalid value: "{token}": {"; ".join(faults)}')
    return token


def _unparsed(why: str) -> Exception:
    return bad_request(why)


def _unreadable(why: str) -> Exception:
    """A fault inside one requirement, as opposed to one between them."""
    return _unparsed(f"unable to parse requirement: {why}")


def parse_fields(text: str) -> list[tuple[str, bool, str]]:
    """The terms of a field selector as (path, equal, value); ApiFailure 400 for a selector that is none."""
    terms = []
    for part in _unescaped_split(text):
        if not part:
            continue
        match = re.match(r"((?:[^\\=!]|\\.)*?)(==|!=|=)(.*)", part, re.DOTALL)
        if match is None or not match[1]:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        terms.append((match[1].strip(), match[2] != "!=", re.sub(r"\\([\\,=])", r"\1", match[3])))
    return terms


def _unescaped_split(text: str) -> list[str]:
    parts: list[str] = []
    current: list[str] = []
    escaped = False
    for character in text:
        if character == "," and not escaped:
            parts.append("".join(current))
            current = []
        else:
            current.append(character)
        escaped = character == "\\" and not escaped
    parts.append("".join(current))
    return parts


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records of a type a request is about."""

    labels: tuple[Requirement, ...] = ()
    fields: tuple[tuple[int, bool, str], ...] = ()  # (index in Record.fields, -1 name, -2 namespace; equal; value)

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return not self.labels and not self.fields

    @property
    def name(self) -> str:
        """The only name that can match, where the selector fixes one; else ""."""
        return next((value for index, equal, value in self.fields if index == -1 and equal), "")

    def matches(self, record: Record | None) -> bool:
        """Whether a record is picked; an absent one never is."""
        if record is None:
            return False
        for requirement in self.labels:
            if not requirement(record.labels):
                return False
        for index, equal, value in self.fields:
            actual = record.fields[index] if index >= 0 else record.name if index == -1 else record.namespace
            if (actual == value) is not equal:
                return False
        return True


def select(rt: ResourceType, labels: str, fields: str) -> Selection:
    """The selection of `labelSelector` and `fieldSelector`; ApiFailure 400 where a field is not selectable."""
    known = {label: index for index, (label, _) in enumerate(rt.selectable)}
    terms = []
    for path, equal, value in parse_fields(fields):
        if path == "metadata.name":
            terms.append((-1, equal, value))
        elif path == "metadata.namespace":
            terms.append((-2, equal, value))
        elif path in known:
            terms.append((known[path], equal, value))
        elif known:
            raise bad_request(f"field label not supported: {path}")
        else:
            raise bad_request(f'"{path}" is not a known field selector: only "metadata.name", "metadata.namespace"')
    return Selection(parse_labels(labels), tuple(terms))
