"""The Prometheus text exposition format: the series of a source at one time, as an exporter's /metrics shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from console.demo.metrics import Labels, MetricSource
from console.demo.promql_operators import number_text

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def escape(text: str) -> str:
    """A label value inside its quotes."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def expose(
    source: MetricSource,
    at: float,
    *,
    about: Mapping[str, tuple[str, str]],
    keep: Callable[[Labels], bool] = lambda labels: True,
) -> str:
    """Every series at `at` that `keep` takes; `about` gives (help, type) by metric name."""
    return "".join(_lines(source, at, about, keep))


def _lines(
    source: MetricSource, at: float, about: Mapping[str, tuple[str, str]], keep: Callable[[Labels], bool]
) -> Iterator[str]:
    for name in list(source.names()):
        rows = []
        for labels, value in source.series(name, at, at):
            figure = value(at) if keep(labels) else None
            if figure is not None:
                inside = ",".join(f'{key}="{escape(text)}"' for key, text in labels.items())
                rows.append(
                    f"{name}{{{inside}}} {number_text(figure)}\n" if inside else f"{name} {number_text(figure)}\n"
                )
        if rows:
            text, kind = about.get(name, ("", "untyped"))
            yield f"# HELP {name} {text}\n# TYPE {name} {kind}\n"
            yield from rows
