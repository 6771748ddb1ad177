"""Pieces of table cells that several kinds share: ages, selectors, containers, lists cut short.

Wording follows k8s.io/kubernetes pkg/printers/internalversion/printers.go of 1.34.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from console.clock import age, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Object = dict[str, Any]


def human_duration(seconds: float) -> str:
    """A duration as k8s.io/apimachinery duration.HumanDuration writes it; `<invalid>` for one in the future."""
    return "<invalid>" if seconds <= -2 else age(seconds)


def since(timestamp: str | None, now: float) -> str:
    """How long ago an RFC 3339 time was; `<unknown>` where there is none."""
    at = parse_time(timestamp)
    return "<unknown>" if at is None else human_duration(now - at)


def created(obj: Object, now: float) -> str:
    """The age of an object."""
    return since(obj["metadata"].get("creationTimestamp"), now)


def part(obj: Object, *keys: str) -> Object:
    """A mapping inside an object; an empty one where it is not there."""
    for key in keys:
        found = obj.get(key)
        if not isinstance(found, dict):
            return {}
        obj = found
    return obj


def labels_text(labels: Object | None) -> str:
    """`a=b,c=d` in order of keys, `<none>` for none."""
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels)) if labels else "<none>"


def selector_text(selector: Object | None, empty: str = "<none>") -> str:
    """A LabelSelector in the grammar of `kubectl -l`."""
    if not selector:
        return empty
    parts = [(key, f"{key}={value}") for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or ():
        key, values = expression.get("key", ""), ",".join(sorted(expression.get("values") or ()))
        operator = expression.get("operator")
        if operator in ("In", "NotIn"):
            parts.append((key, f"{key} {operator.lower()} ({values})"))
        elif operator in ("Exists", "DoesNotExist"):
            parts.append((key, key if operator == "Exists" else f"!{key}"))
        else:
            return "<error>" if empty else "<invalid>"
    return ",".join(text for _, text in sorted(parts, key=lambda pair: pair[0])) or empty


def containers_cells(template: Object) -> tuple[str, str]:
    """Names and images of a pod template's containers, each joined by commas."""
    containers = part(template, "spec").get("containers") or ()
    return ",".join(c.get("name", "") for c in containers), ",".join(c.get("image", "") for c in containers)


def some(texts: Iterable[str], limit: int = 3, unset: str = "<unset>") -> str:
    """At most `limit` texts joined by commas, and how many more there are."""
    listed = list(texts)
    shown = ",".join(listed[:limit])
    if len(listed) > limit:
        return f"{shown} + {len(listed) - limit} more..."
    return shown or unset


def condition(conditions: Sequence[Object] | None, kind: str) -> Object:
    """The condition of a type; an empty mapping where there is none."""
    return next((entry for entry in conditions or () if entry.get("type") == kind), {})


def is_true(conditions: Sequence[Object] | None, kind: str) -> bool:
    """Whether the condition of a type is True."""
    return condition(conditions, kind).get("status") == "True"
