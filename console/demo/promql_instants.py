"""PromQL functions over an instant vector: arithmetic on values, histograms, and labels."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime

from console.demo.promql_values import Key, QueryFailure, Sample, Vector, compiled, key_of, unique, unnamed

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_REFERENCE = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})")


def _log(base: Callable[[float], float]) -> Callable[[float], float]:
    def logarithm(value: float) -> float:
        if value > 0:
            return base(value)
        return -math.inf if value == 0 else math.nan

    return logarithm


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def _whole(take: Callable[[float], int]) -> Callable[[float], float]:
    return lambda value: float(take(value)) if math.isfinite(value) else value


MATHS: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "ceil": _whole(math.ceil),
    "floor": _whole(math.floor),
    "exp": _exp,
    "ln": _log(math.log),
    "log2": _log(math.log2),
    "log10": _log(math.log10),
    "sqrt": lambda value: math.sqrt(value) if value >= 0 else math.nan,
    "sgn": lambda value: math.nan if math.isnan(value) else float((value > 0) - (value < 0)),
    "deg": math.degrees,
    "rad": math.radians,
}
TIMES: dict[str, Callable[[datetime], int]] = {
    "minute": lambda at: at.minute,
    "hour": lambda at: at.hour,
    "day_of_week": lambda at: at.isoweekday() % 7,
    "day_of_month": lambda at: at.day,
    "day_of_year": lambda at: at.timetuple().tm_yday,
    "month": lambda at: at.month,
    "year": lambda at: at.year,
}


def mapped(vector: Vector, change: Callable[[float], float]) -> Vector:
    """Every value changed, names dropped."""
    return unique(Sample(unnamed(labels), change(value)) for labels, value in vector)


def rounded(vector: Vector, nearest: float) -> Vector:
    """Values rounded to a multiple of `nearest`, halves up."""
    return mapped(vector, lambda value: math.floor(value / nearest + 0.5) * nearest if math.isfinite(value) else value)


def clamped(vector: Vector, least: float, most: float) -> Vector:
    """Values kept within bounds; nothing at all where the bounds are the wrong way round."""
    return [] if least > most else mapped(vector, lambda value: max(least, min(most, value)))


def time_part(vector: Vector, name: str) -> Vector:
    """A part of the UTC time each value is, in seconds since 1970."""
    return mapped(vector, lambda value: float(TIMES[name](datetime.fromtimestamp(value, UTC))))


def ordered(vector: Vector, *, descending: bool) -> Vector:
    """Samples by value, NaN last."""
    return sorted(vector, key=lambda s: (math.isnan(s.value), -s.value if descending else s.value))


def label_replace(vector: Vector, target: str, replacement: str, source: str, pattern: str) -> Vector:
    """Set a label to what a regular expression makes of another, where it matches whole."""
    if not _LABEL.fullmatch(target):
        raise QueryFailure(f"invalid destination label name in label_replace(): {target}")
    expression = compiled(pattern)
    replaced = []
    for labels, value in vector:
        match = expression.fullmatch(labels.get(source, ""))
        if match is None:
            replaced.append(Sample(labels, value))
            continue
        text = _REFERENCE.sub(lambda found, match=match: _referred(match, found), replacement)  # type: ignore[misc]
        replaced.append(Sample(_with(labels, target, text), value))
    return unique(replaced)


def _referred(match: re.Match[str], found: re.Match[str]) -> str:
    name = found[1] or found[2]
    if not name:
        return "$"
    try:
        return match[int(name) if name.isdigit() else name] or ""
    except (IndexError, KeyError):
        return ""


def label_join(vector: Vector, target: str, separator: str, sources: list[str]) -> Vector:
    """Set a label to other labels joined."""
    if not _LABEL.fullmatch(target):
        raise QueryFailure(f"invalid destination label name in label_join(): {target}")
    return unique(
        Sample(_with(labels, target, separator.join(labels.get(name, "") for name in sources)), value)
        for labels, value in vector
    )


def _with(labels: dict[str, str], name: str, text: str) -> dict[str, str]:
    rest = {key: value for key, value in labels.items() if key != name}
    return {**rest, name: text} if text else rest


def histogram_quantile(q: float, vector: Vector) -> Vector:
    """A quantile of classic histograms: series with cumulative counts by the label `le`."""
    groups: dict[Key, list[tuple[float, float]]] = {}
    for labels, value in vector:
        try:
            bound = float(labels.get("le", ""))
        except ValueError:
            continue
        rest = {key: text for key, text in unnamed(labels).items() if key != "le"}
        groups.setdefault(key_of(rest), []).append((bound, value))
    return [Sample(dict(key), _bucket_quantile(q, sorted(buckets))) for key, buckets in groups.items()]


def _bucket_quantile(q: float, buckets: list[tuple[float, float]]) -> float:
    if math.isnan(q):
        return math.nan
    if q < 0 or q > 1:
        return math.copysign(math.inf, q)
    if len(buckets) < 2 or not math.isinf(buckets[-1][0]):
        return math.nan
    counts: list[float] = []
    for _, count in buckets:  # cumulative counts never fall, whatever the scrapes say
        counts.append(max(count, counts[-1]) if counts else count)
    total = counts[-1]
    if total == 0 or math.isnan(total):
        return math.nan
    rank = q * total
    index = next(i for i, count in enumerate(counts) if count >= rank)
    if index == len(buckets) - 1:
        return buckets[-2][0]
    if index == 0 and buckets[0][0] <= 0:
        return buckets[0][0]
    start, end = (buckets[index - 1][0], buckets[index][0]) if index else (0.0, buckets[0][0])
    before = counts[index - 1] if index else 0.0
    inside = counts[index] - before
    return end if inside == 0 else start + (end - start) * (rank - before) / inside
