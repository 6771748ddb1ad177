"""Kubernetes quantities: `500m`, `2Gi`, `1e3`, `8` to numbers and back to short text.

The grammar is that of k8s.io/apimachinery/pkg/api/resource.
"""

from __future__ import annotations

import re

_FORM = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$")
_SCALE = {
    "": 1.0,
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
    "Pi": 2.0**50,
    "Ei": 2.0**60,
}


def parse_quantity(text: str | float | None) -> float:
    """A quantity as a number in base units (cores, bytes, items); 0.0 for absent; ValueError for nonsense."""
    if text is None:
        return 0.0
    if isinstance(text, int | float):
        return float(text)
    match = _FORM.match(text.strip())
    if not match:
        raise ValueError(f"not a Kubernetes quantity: {text!r}")
    number, exponent, suffix = match.groups()
    return float(number + exponent) if exponent else float(number) * _SCALE[suffix or ""]


def format_bytes(value: float) -> str:
    """Bytes in at most five cells: `512`, `64Ki`, `1.5Gi`, `400Gi`."""
    for suffix, scale in (("Pi", 2.0**50), ("Ti", 2.0**40), ("Gi", 2.0**30), ("Mi", 2.0**20), ("Ki", 2.0**10)):
        if value >= scale:
            number = value / scale
            return f"{number:.1f}".rstrip("0").rstrip(".") + suffix if number < 10 else f"{number:.0f}{suffix}"
    return f"{value:.0f}"


def format_cores(value: float) -> str:
    """Cores in at most five cells: `250m`, `1.5`, `96`."""
    if 0 < value < 1:
        return f"{value * 1000:.0f}m"
    return f"{value:.1f}".rstrip("0").rstrip(".")
