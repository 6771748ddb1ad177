"""The Prometheus text format: lines of an exporter to samples. Pure; what cannot be read is passed over and counted.

Format: prometheus.io/docs/instrumenting/exposition_formats, "Text-based format".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from console.text import clean

BLANK = 2.0**62  # DCGM writes values near 2^63 for "not supported"

_LINE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(.*)\}\s*|\s)([^\s{}]+)(?:\s+-?\d+)?\s*$")
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\\n]|\\.)*)"\s*(?:,|$)')
_ESCAPE = re.compile(r"\\(.)")


class Sample(NamedTuple):
    """One value of one series."""

    name: str
    labels: Mapping[str, str]
    value: float


def parse(text: str, wanted: Callable[[str], bool] = lambda name: True) -> tuple[list[Sample], int]:
    """Samples whose name is wanted, and how many lines could not be read. Values that say nothing are left out."""
    samples: list[Sample] = []
    unread = 0
    for line in text.splitlines():
        if not line or line[0] == "#":
            continue
        found = _LINE.match(line)
        if found is None:
            unread += 1 if line.strip() else 0
            continue
        name, inside, number = found.groups()
        if not wanted(name):
            continue
        labels = _labels(inside or "")
        try:
            value = float(number)
        except ValueError:
            labels = None
        if labels is None:
            unread += 1
        elif known(value):
            samples.append(Sample(name, labels, value))
    return samples, unread


def known(value: float) -> bool:
    """Whether a value says something: a number, and not DCGM's mark for a figure it does not have."""
    return math.isfinite(value) and value < BLANK


def _labels(inside: str) -> dict[str, str] | None:
    labels: dict[str, str] = {}
    at = 0
    while at < len(inside):
        found = _LABEL.match(inside, at)
        if found is None:
            return None if inside[at:].strip() else labels
        name, value = found.groups()
        labels[name] = clean(_ESCAPE.sub(_unescape, value) if "\\" in value else value)
        at = found.end()
    return labels


def _unescape(found: re.Match[str]) -> str:
    character = found.group(1)
    return "\n" if character == "n" else character
