"""The Prometheus text exposition format to samples, as far as exporters use it.

Grammar: prometheus.io/docs/instrumenting/exposition_formats. Lines that are not samples are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from console.telemetry.metrics import Metric

_SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*$")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"\s*,?\s*')
_ESCAPED = re.compile(r'\\(["\\n])')


def samples(text: str, names: Container[str] | None = None) -> Iterator[Metric]:
    """Every sample, or those of the given metric names."""
    for line in text.split("\n"):
        if not line or line.startswith("#"):
            continue
        found = _SAMPLE.match(line)
        if found is None:
            continue
        name, labels, number = found.groups()
        if names is not None and name not in names:
            continue
        try:
            value = float(number)
        except ValueError:
            continue
        yield Metric(name, _labels(labels or ""), value)


def _labels(text: str) -> dict[str, str]:
    return {key: _ESCAPED.sub(_unescaped, value) for key, value in _LABEL.findall(text)}


def _unescaped(found: re.Match[str]) -> str:
    return "\n" if found.group(1) == "n" else found.group(1)
