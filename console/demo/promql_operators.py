"""PromQL operators: arithmetic and comparison with vector matching, set operators, and aggregation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from console.demo.metrics import Labels
from console.demo.promql_ranges import quantile, variance
from console.demo.promql_values import NAME, Key, QueryFailure, Sample, Vector, key_of, unique, unnamed


def _divided(a: float, b: float) -> float:
    if b == 0:
        return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1.0, b)
    return a / b


def _modulo(a: float, b: float) -> float:
    return math.nan if b == 0 or math.isinf(a) else math.fmod(a, b)


def _power(a: float, b: float) -> float:
    try:
        result = a**b
    except ZeroDivisionError:
        return math.inf
    except OverflowError:
        return math.inf
    return math.nan if isinstance(result, complex) else result


ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divided,
    "%": _modulo,
    "^": _power,
    "atan2": math.atan2,
}
COMPARISON: dict[str, Callable[[float, float], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}


@dataclass(frozen=True, slots=True)
class Matching:
    """How two vectors are matched: `on` these labels or ignoring them; `many` is "", left or right."""

    labels: tuple[str, ...] = ()
    on: bool = False
    many: str = ""
    include: tuple[str, ...] = ()

    def key(self, labels: Labels) -> Key:
        """The labels that have to be equal on both sides."""
        if self.on:
            return tuple((name, labels.get(name, "")) for name in sorted(self.labels))
        return tuple(sorted((k, v) for k, v in labels.items() if k != NAME and k not in self.labels))


def scalars(operator: str, left: float, right: float) -> float:
    """An operator between two numbers; a comparison gives 0 or 1."""
    if operator in ARITHMETIC:
        return ARITHMETIC[operator](left, right)
    return float(COMPARISON[operator](left, right))


def with_scalar(operator: str, vector: Vector, number: float, *, swapped: bool, as_bool: bool) -> Vector:
    """An operator between a vector and a number; `swapped` when the number stands left."""
    found = []
    for labels, value in vector:
        left, right = (number, value) if swapped else (value, number)
        if operator in ARITHMETIC:
            found.append(Sample(unnamed(labels), ARITHMETIC[operator](left, right)))
        elif as_bool:
            found.append(Sample(unnamed(labels), float(COMPARISON[operator](left, right))))
        elif COMPARISON[operator](left, right):
            found.append(Sample(labels, value))
    return unique(found)


def with_vector(operator: str, left: Vector, right: Vector, matching: Matching, *, as_bool: bool) -> Vector:
    """An operator between two vectors; QueryFailure where a match is not unique."""
    many, one = (right, left) if matching.many == "right" else (left, right)
    unmatched: dict[Key, Sample] = {}
    for sample in one:
        key = matching.key(sample.labels)
        if key in unmatched:
            side = "left" if matching.many == "right" else "right"
            raise QueryFailure(
                f"found duplicate series for the match group {_shown(dict(key))} on the {side} hand-side of the "
                f"operation: [{_shown(sample.labels)}, {_shown(unmatched[key].labels)}];"
                "many-to-many matching not allowed: matching labels must be unique on one side"
            )
        unmatched[key] = sample
    found: list[Sample] = []
    seen: set[Key] = set()
    for sample in many:
        key = matching.key(sample.labels)
        other = unmatched.get(key)
        if other is None:
            continue
        a, b = (other.value, sample.value) if matching.many == "right" else (sample.value, other.value)
        if operator in ARITHMETIC:
            value = ARITHMETIC[operator](a, b)
        elif as_bool:
            value = float(COMPARISON[operator](a, b))
        elif COMPARISON[operator](a, b):
            value = a
        else:
            continue
        labels = _result(sample.labels, other.labels, matching, named=operator in COMPARISON and not as_bool)
        mark = key if not matching.many else key_of(labels)
        if mark in seen:
            if matching.many:
                raise QueryFailure("multiple matches for labels: grouping labels must ensure unique matches")
            raise QueryFailure(
                "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
            )
        seen.add(mark)
        found.append(Sample(labels, value))
    return found


def _result(labels: Labels, other: Labels, matching: Matching, *, named: bool) -> Labels:
    kept = dict(labels) if named else unnamed(labels)
    if not matching.many:
        if matching.on:
            return {key: value for key, value in kept.items() if key in matching.labels}
        return {key: value for key, value in kept.items() if key not in matching.labels}
    for name in matching.include:
        if other.get(name):
            kept[name] = other[name]
        else:
            kept.pop(name, None)
    return kept


def sets(operator: str, left: Vector, right: Vector, matching: Matching) -> Vector:
    """and, or, unless."""
    keys = {matching.key(sample.labels) for sample in (left if operator == "or" else right)}
    if operator == "or":
        return [*left, *(sample for sample in right if matching.key(sample.labels) not in keys)]
    return [sample for sample in left if (matching.key(sample.labels) in keys) is (operator == "and")]


def _shown(labels: Labels) -> str:
    inside = ", ".join(f'{key}="{value}"' for key, value in sorted(labels.items()) if key != NAME)
    return f"{labels.get(NAME, '')}{{{inside}}}"


def _extreme(pick: Callable[[Sequence[float]], float]) -> Callable[[list[float]], float]:
    def chosen(values: list[float]) -> float:
        numbers = [value for value in values if not math.isnan(value)]
        return pick(numbers) if numbers else math.nan

    return chosen


AGGREGATIONS: dict[str, Callable[[list[float]], float]] = {
    "sum": math.fsum,
    "avg": lambda values: math.fsum(values) / len(values),
    "min": _extreme(min),
    "max": _extreme(max),
    "count": lambda values: float(len(values)),
    "group": lambda values: 1.0,
    "stddev": lambda values: math.sqrt(variance(values)),
    "stdvar": variance,
}


def grouped(vector: Vector, labels: tuple[str, ...], *, without: bool) -> dict[Key, Vector]:
    """The vector by its `by` labels, or by all but the `without` labels."""
    groups: dict[Key, Vector] = {}
    for sample in vector:
        if without:
            kept = {k: v for k, v in sample.labels.items() if k != NAME and k not in labels}
        else:
            kept = {k: sample.labels[k] for k in labels if k in sample.labels}
        groups.setdefault(key_of(kept), []).append(sample)
    return groups


def aggregate(operator: str, groups: dict[Key, Vector], parameter: float | str) -> Vector:
    """An aggregation over groups; `parameter` is that of topk, quantile and the like."""
    if operator in AGGREGATIONS:
        reduce = AGGREGATIONS[operator]
        return [Sample(dict(key), _summed(reduce, [s.value for s in group])) for key, group in groups.items()]
    if operator == "count_values":
        return [sample for key, group in groups.items() for sample in _counted(key, group, str(parameter))]
    number = float(parameter)
    if operator == "quantile":
        return [Sample(dict(key), quantile(number, [s.value for s in group])) for key, group in groups.items()]
    size = max(0, int(number)) if math.isfinite(number) else 0
    if operator == "limitk":
        return [sample for group in groups.values() for sample in group[:size]]
    if operator in ("topk", "bottomk"):
        sign = -1 if operator == "topk" else 1
        order = lambda s: (math.isnan(s.value), sign * s.value)  # noqa: E731  # a sort key used once
        return [sample for group in groups.values() for sample in sorted(group, key=order)[:size]]
    raise QueryFailure(f"aggregation {operator} is not supported")


def _summed(reduce: Callable[[list[float]], float], values: list[float]) -> float:
    try:
        return reduce(values)
    except (OverflowError, ValueError):  # fsum refuses infinities of both signs
        return math.nan


def _counted(key: Key, group: Vector, label: str) -> Vector:
    counts: dict[str, int] = {}
    for sample in group:
        text = number_text(sample.value)
        counts[text] = counts.get(text, 0) + 1
    return [Sample({**dict(key), label: text}, float(count)) for text, count in counts.items()]


def number_text(value: float) -> str:
    """A number as Prometheus writes it: shortest form, no trailing `.0`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(int(value)) if value == int(value) and abs(value) < 1e21 else repr(value)
