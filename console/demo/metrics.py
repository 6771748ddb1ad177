"""Where Prometheus series come from: figures that can be asked for at any time, by name.

A source computes; it keeps no history of its own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from console.clock import parse_time
from console.errors import UsageError

Labels = dict[str, str]
Value = Callable[[float], float | None]


class MetricSource(Protocol):
    """A set of series."""

    def names(self) -> Iterable[str]:
        """The metric names the source has now."""
        ...

    def series(self, name: str, at_from: float, at_to: float) -> Iterable[tuple[Labels, Value]]:
        """The series of a metric that may have values between two times (seconds).

        Labels leave out `__name__`; a Value gives the figure at a time, or None where the series is absent then.
        """
        ...


class Renamed:
    """A source as Prometheus stores it when scraping with `honor_labels: false`: clashing labels are exported_*."""

    def __init__(self, source: MetricSource, target: Callable[[Labels], Labels | None]) -> None:
        """`target` gives the labels of the scraped target of a series (namespace, pod, ...); None: none scrapes it."""
        self._source = source
        self._target = target

    def names(self) -> Iterable[str]:
        """The names of the source."""
        return self._source.names()

    def series(self, name: str, at_from: float, at_to: float) -> Iterable[tuple[Labels, Value]]:
        """The series with the target's labels; what the source itself said under such a name moves."""
        for labels, value in self._source.series(name, at_from, at_to):
            target = self._target(labels)
            if target is None:
                continue
            moved = {f"exported_{key}" if key in target else key: text for key, text in labels.items()}
            yield {**moved, **target}, value


class SampleSource:
    """The `metrics_samples` of a world file.

    Between two samples a counter grows evenly and anything else keeps its last value; after the last sample both stay.
    """

    def __init__(self, entries: Sequence[dict[str, Any]]) -> None:
        self._series: dict[str, list[tuple[Labels, list[float], list[float], bool]]] = {}
        for number, entry in enumerate(entries, 1):
            name, labels, times, values = _read(entry, number)
            counter = entry.get("unit") == "count" or name.endswith(("_total", "_count", "_sum", "_bucket"))
            self._series.setdefault(name, []).append((labels, times, values, counter))

    def names(self) -> Iterable[str]:
        """The metrics of the file."""
        return self._series

    def series(self, name: str, at_from: float, at_to: float) -> Iterable[tuple[Labels, Value]]:
        """The series of a metric that have begun before `at_to`."""
        for labels, times, values, counter in self._series.get(name, ()):
            if times and times[0] <= at_to:
                yield labels, _at(times, values, counter)


def _read(entry: dict[str, Any], number: int) -> tuple[str, Labels, list[float], list[float]]:
    try:
        name = str(entry["metric"])
        labels = {str(key): str(value) for key, value in (entry.get("labels") or {}).items()}
        pairs = sorted((_time(at), float(value)) for at, value in entry.get("samples") or ())
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"Entry {number} of metrics_samples is not a metric with labels and [time, value] samples ({error})."
        ) from error
    return name, labels, [at for at, _ in pairs], [value for _, value in pairs]


def _time(at: object) -> float:
    seconds = float(at) if isinstance(at, int | float) else parse_time(str(at))
    if seconds is None:
        raise ValueError(f"no time: {at!r}")
    return seconds


def _at(times: list[float], values: list[float], counter: bool) -> Value:
    def value(t: float) -> float | None:
        index = bisect_right(times, t)
        if index == 0:
            return None
        if not counter or index == len(times):
            return values[index - 1]
        start, end = times[index - 1], times[index]
        before, after = values[index - 1], values[index]
        if after < before:  # the counter was reset
            return before
        return before + (after - before) * (t - start) / (end - start)

    return value
