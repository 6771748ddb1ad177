"""PromQL functions over a range: what a window of samples comes to (as in prometheus promql/functions.go)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

from console.demo.promql_values import Points

Figures = list[tuple[float, float]]
Reduced = Callable[[Points], float | None]


def extrapolated(window: Points, *, counter: bool, per_second: bool) -> float | None:
    """rate, increase and delta: the change over the samples, stretched to the window's ends."""
    points = window.points
    if len(points) < 2:
        return None
    (first_at, first), (last_at, last) = points[0], points[-1]
    change = last - first
    if counter:
        change += sum(before for (_, before), (_, after) in itertools.pairwise(points) if after < before)
    sampled = last_at - first_at
    between = sampled / (len(points) - 1)
    to_start, to_end = first_at - window.start, window.end - last_at
    threshold = between * 1.1
    if to_start >= threshold:
        to_start = between / 2
    if counter and change > 0 and first >= 0:
        to_start = min(to_start, sampled * (first / change))
    if to_end >= threshold:
        to_end = between / 2
    change *= (sampled + to_start + to_end) / sampled
    return change / (window.end - window.start) if per_second else change


def _instant(window: Points, *, counter: bool, per_second: bool) -> float | None:
    if len(window.points) < 2:
        return None
    (before_at, before), (at, last) = window.points[-2:]
    change = last if counter and last < before else last - before
    return change / (at - before_at) if per_second else change


def quantile(q: float, values: list[float]) -> float:
    """The q-quantile, interpolated; NaN of nothing."""
    if not values or math.isnan(q):
        return math.nan
    if q < 0:
        return -math.inf
    if q > 1:
        return math.inf
    ordered = sorted(values)
    rank = q * (len(ordered) - 1)
    low = max(0, math.floor(rank))
    high = min(len(ordered) - 1, low + 1)
    weight = rank - low
    return ordered[low] * (1 - weight) + ordered[high] * weight


def regression(points: Figures, at: float) -> tuple[float, float] | None:
    """(slope a second, value at `at`) of the least-squares line; None of fewer than two samples."""
    if len(points) < 2:
        return None
    count = len(points)
    xs = [t - at for t, _ in points]
    ys = [v for _, v in points]
    mean_x, mean_y = math.fsum(xs) / count, math.fsum(ys) / count
    spread = math.fsum((x - mean_x) ** 2 for x in xs)
    slope = math.fsum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
    return slope, mean_y - slope * mean_x


def variance(values: list[float]) -> float:
    """The population variance."""
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / len(values)


def _over(reduce: Callable[[list[float]], float]) -> Reduced:
    def reduced(window: Points) -> float | None:
        values = [value for _, value in window.points]
        return reduce(values) if values else None

    return reduced


def _transitions(counts: Callable[[float, float], bool]) -> Reduced:
    return _over(lambda values: float(sum(counts(a, b) for a, b in itertools.pairwise(values))))


def _differs(a: float, b: float) -> bool:
    return a != b and not (math.isnan(a) and math.isnan(b))


def _deriv(window: Points) -> float | None:
    line = regression(window.points, window.end)
    return None if line is None else line[0]


REDUCERS: dict[str, Reduced] = {
    "rate": lambda w: extrapolated(w, counter=True, per_second=True),
    "increase": lambda w: extrapolated(w, counter=True, per_second=False),
    "delta": lambda w: extrapolated(w, counter=False, per_second=False),
    "irate": lambda w: _instant(w, counter=True, per_second=True),
    "idelta": lambda w: _instant(w, counter=False, per_second=False),
    "deriv": _deriv,
    "changes": _transitions(_differs),
    "resets": _transitions(lambda a, b: b < a),
    "avg_over_time": _over(lambda values: math.fsum(values) / len(values)),
    "min_over_time": _over(min),
    "max_over_time": _over(max),
    "sum_over_time": _over(math.fsum),
    "count_over_time": _over(lambda values: float(len(values))),
    "last_over_time": _over(lambda values: values[-1]),
    "present_over_time": _over(lambda values: 1.0),
    "stddev_over_time": _over(lambda values: math.sqrt(variance(values))),
    "stdvar_over_time": _over(variance),
    "mad_over_time": _over(lambda values: quantile(0.5, [abs(v - quantile(0.5, values)) for v in values])),
}
KEEP_NAME = {"last_over_time"}
