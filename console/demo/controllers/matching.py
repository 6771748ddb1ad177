"""Label selectors and node selectors as objects carry them, matched against labels (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from console.demo.client import Object

Labels = Mapping[str, str]


def labels_of(obj: Object) -> Labels:
    """The labels of an object."""
    return obj["metadata"].get("labels") or {}


def matches(selector: Object | None, labels: Labels) -> bool:
    """Whether a LabelSelector (matchLabels, matchExpressions) selects the labels; None selects nothing."""
    if selector is None:
        return False
    wanted = selector.get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        requirement_met(each, labels) for each in selector.get("matchExpressions") or ()
    )


def requirement_met(requirement: Object, labels: Labels) -> bool:
    """One matchExpressions entry; Gt and Lt are those of node selectors. An operator nobody knows selects nothing."""
    key = requirement["key"]
    values: Sequence[str] = requirement.get("values") or ()
    present, value = key in labels, labels.get(key, "")
    match requirement.get("operator"):
        case "In":
            return present and value in values
        case "NotIn":
            return not present or value not in values
        case "Exists":
            return present
        case "DoesNotExist":
            return not present
        case "Gt" | "Lt" as operator:
            return present and len(values) == 1 and _compare(value, str(values[0]), operator)
    return False


def _compare(value: str, bound: str, operator: str) -> bool:
    try:
        return int(value) > int(bound) if operator == "Gt" else int(value) < int(bound)
    except ValueError:
        return False


def node_terms_met(terms: Sequence[Object], node: Object) -> bool:
    """Whether any nodeSelectorTerm holds for the node; a term without requirements holds for none."""
    fields = {"metadata.name": node["metadata"]["name"]}
    for term in terms:
        expressions, by_field = term.get("matchExpressions") or (), term.get("matchFields") or ()
        if (expressions or by_field) and all(
            [
                *(requirement_met(each, labels_of(node)) for each in expressions),
                *(requirement_met(each, fields) for each in by_field),
            ]
        ):
            return True
    return False


def tolerated(taint: Object, tolerations: Sequence[Object]) -> Object | None:
    """The first toleration that covers the taint."""
    for toleration in tolerations:
        if toleration.get("effect") not in (None, "", taint["effect"]):
            continue
        key = toleration.get("key") or ""
        if key and key != taint["key"]:
            continue
        if toleration.get("operator", "Equal") == "Exists" or (
            key and (toleration.get("value") or "") == (taint.get("value") or "")
        ):
            return toleration
    return None
