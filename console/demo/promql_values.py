"""What PromQL expressions have for values, and the range of samples a series gives over a window."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from console.demo.metrics import Labels, MetricSource, Value

SCRAPE = 15.0  # seconds between two samples of a series
MOST_POINTS = 1000  # of one series in one window; a longer window is sampled more widely
NAME = "__name__"
Key = tuple[tuple[str, str], ...]


class QueryFailure(Exception):
    """A query that cannot be answered; `kind` is Prometheus's errorType: bad_data or execution."""

    def __init__(self, message: str, kind: str = "execution") -> None:
        super().__init__(message)
        self.kind = kind


class Sample(NamedTuple):
    """A series at one time."""

    labels: Labels
    value: float


class Points(NamedTuple):
    """A series over a window: (time, value) pairs in order of time, and the window in seconds."""

    labels: Labels
    points: list[tuple[float, float]]
    start: float
    end: float


Vector = list[Sample]
Result = float | str | Vector


@dataclass(frozen=True, slots=True)
class Matcher:
    """One term of a selector."""

    name: str
    holds: Callable[[str], bool]


def matcher(name: str, operator: str, value: str) -> Matcher:
    """`operator` is =, !=, =~ or !~; QueryFailure for a bad regular expression."""
    if operator == "=":
        return Matcher(name, lambda text: text == value)
    if operator == "!=":
        return Matcher(name, lambda text: text != value)
    pattern = compiled(value)
    if operator == "=~":
        return Matcher(name, lambda text: pattern.fullmatch(text) is not None)
    return Matcher(name, lambda text: pattern.fullmatch(text) is None)


def compiled(text: str) -> re.Pattern[str]:
    """A regular expression of a query, anchored by its use of fullmatch."""
    try:
        return re.compile(text, re.DOTALL)
    except re.error as error:
        raise QueryFailure(f"invalid parameter: error parsing regexp: {error}: `{text}`", "bad_data") from error


def select(
    sources: Sequence[MetricSource], alternatives: Sequence[Sequence[Matcher]], start: float, end: float
) -> list[tuple[Labels, Value]]:
    """Series that satisfy every matcher of one of the alternatives, with their name among the labels."""
    found: dict[Key, tuple[Labels, Value]] = {}
    for matchers in alternatives:
        by_name = [m for m in matchers if m.name == NAME]
        others = [m for m in matchers if m.name != NAME]
        for source in sources:
            for name in list(source.names()):
                if not all(m.holds(name) for m in by_name):
                    continue
                for labels, value in source.series(name, start, end):
                    if all(m.holds(labels.get(m.name, "")) for m in others):
                        named = {NAME: name, **labels}
                        found.setdefault(key_of(named), (named, value))
    return list(found.values())


def key_of(labels: Labels) -> Key:
    """A label set as something to compare and group by."""
    return tuple(sorted(labels.items()))


def unnamed(labels: Labels) -> Labels:
    """The labels without the metric's name."""
    return {key: value for key, value in labels.items() if key != NAME}


def window(value: Value, start: float, end: float) -> list[tuple[float, float]]:
    """Samples in (start, end], the last at `end`."""
    step = max(SCRAPE, (end - start) / MOST_POINTS)
    count = int((end - start) / step - 1e-9) + 1
    points = []
    for index in range(count - 1, -1, -1):
        at = end - index * step
        figure = value(at)
        if figure is not None:
            points.append((at, figure))
    return points


def unique(vector: Iterable[Sample]) -> Vector:
    """The vector; QueryFailure where two samples have the same labels."""
    listed = list(vector)
    if len({key_of(sample.labels) for sample in listed}) != len(listed):
        raise QueryFailure("vector cannot contain metrics with the same labelset")
    return listed
