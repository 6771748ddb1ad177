"""x-kubernetes-validations: CEL rules of custom resources, judged and worded as apiextensions-apiserver does.

The CEL library is loaded when the first rule has to be run: it costs 20 MiB and a tenth of a second. A rule it cannot
run is not judged; `unjudged` says which those are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from console.demo import causes
from console.demo.jsonvalues import same

if TYPE_CHECKING:
    from console.demo.failures import Cause
    from console.demo.nodes import Node

Judge = Callable[[Any, Any], bool | None]

_GONE = object()
_BLOCKING = {
    "FieldValueNotSupported",
    "FieldValueRequired",
    "FieldValueTooLong",
    "FieldValueTooMany",
    "FieldValueTypeInvalid",
}
unjudged: dict[str, str] = {}  # rule -> why it could not be run


def blocked(found: list[Cause]) -> list[Cause]:
    """What is said instead of judging rules, where the object is too broken for them."""
    if not any(cause.reason in _BLOCKING for cause in found):
        return []
    text = "some validation rules were not checked because the object was invalid; correct the existing errors to "
    return [causes.invalid("<nil>", None, text + "complete validation")]


def check(value: Any, node: Node, old: Any = None) -> list[Cause]:
    """The rules a whole object breaks; `old` is the object it replaces."""
    return _check(value, node, "", _GONE if old is None else old)


def _check(value: Any, node: Node, path: str, old: Any) -> list[Cause]:
    if not node.deep_rules or value is None or (old is not _GONE and old == value):
        return []
    found = [_broken(rule, node, path) for rule in node.rules if not _holds(rule, value, old)]
    if isinstance(value, dict):
        before = old if isinstance(old, dict) else {}
        for key, item in value.items():
            child = node.child(key)
            if child is not None and child.deep_rules:
                declared = node.fields is not None and key in node.fields
                below = (f"{path}.{key}" if path else key) if declared else f"{path}[{key}]"
                found += _check(item, child, below, before.get(key, _GONE))
    elif isinstance(value, list) and node.items is not None:
        olds = _by_key(old, node)
        for index, item in enumerate(value):
            found += _check(item, node.items, f"{path}[{index}]", olds.get(_item_key(item, node), _GONE))
    return found


def _by_key(old: Any, node: Node) -> dict[Any, Any]:
    if node.list_type != "map" or not isinstance(old, list):
        return {}
    return {_item_key(item, node): item for item in old}


def _item_key(item: Any, node: Node) -> Any:
    return tuple(str(item.get(key)) for key in node.keys) if isinstance(item, dict) else None


def _holds(rule: dict[str, Any], value: Any, old: Any) -> bool:
    text = rule["rule"]
    if old is _GONE and "oldSelf" in text:
        return True  # a rule about a transition, and there is none
    return _judge(text)(value, None if old is _GONE else old) is not False


def _broken(rule: dict[str, Any], node: Node, path: str) -> Cause:
    at = path + rule.get("fieldPath", "")
    at = at.removeprefix(".") or "<nil>"
    detail = (rule.get("message") or f"failed rule: {rule['rule'].strip()}").strip()
    match rule.get("reason"):
        case "FieldValueForbidden":
            return causes.forbidden(at, detail)
        case "FieldValueRequired":
            return causes.required(at, detail)
        case "FieldValueDuplicate":
            return causes.duplicate(at, node.type)
    return causes.invalid(at, node.type, detail)


@cache
def _judge(text: str) -> Judge:
    """A function from self and oldSelf to whether a rule holds; None where it cannot be told."""
    if text.strip() == "self == oldSelf":
        return same
    import celpy  # only clusters that use such rules pay for it

    try:
        environment = celpy.Environment()
        program = environment.program(environment.compile(text), functions=_functions())
    except (celpy.CELParseError, ValueError) as error:
        unjudged[text] = str(error)
        return lambda _value, _old: None

    def judge(value: Any, old: Any) -> bool | None:
        variables = {"self": celpy.json_to_cel(value)}
        if "oldSelf" in text:
            variables["oldSelf"] = celpy.json_to_cel(old)
        try:
            return bool(program.evaluate(variables))
        except (celpy.CELEvalError, ValueError, TypeError) as error:
            unjudged[text] = str(error)
            return None

    return judge


def _functions() -> dict[str, Callable[..., Any]]:
    """Functions that Kubernetes adds to CEL, those that custom resources of Kubeflow use."""
    from celpy import celtypes

    def substring(text: str, start: int, end: int | None = None) -> Any:
        return celtypes.StringType(str(text)[int(start) : None if end is None else int(end)])

    return {
        "substring": substring,
        "url": lambda text: text,
        "getScheme": lambda url: celtypes.StringType(urlsplit(str(url)).scheme),
        "getHost": lambda url: celtypes.StringType(urlsplit(str(url)).netloc),
    }
