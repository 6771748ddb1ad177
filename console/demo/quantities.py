"""Quantities as the API server writes them back: `1024Mi` becomes `1Gi`, `0.5` becomes `500m`.

Facts: k8s.io/apimachinery pkg/api/resource quantity.go. Amounts are exact; below a nano they are rounded up.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

PATTERN = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
_FORM = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE])([+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)")
_TENS = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_TWOS = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_NAMES = {power: name for name, power in _TENS.items()}


@lru_cache(maxsize=4096)
def amount(text: str) -> Decimal:
    """A quantity as an exact number; ValueError where it is none."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"quantities must match the regular expression '{PATTERN}'")
    number, exponential, exponent, suffix = match.groups()
    value = Decimal(number)
    if exponential:
        return value.scaleb(int(exponent))
    if suffix in _TWOS:
        return value * Decimal(2 ** _TWOS[suffix])
    return value.scaleb(_TENS[suffix or ""])


@lru_cache(maxsize=4096)
def canonical(text: str) -> str:
    """A quantity in its canonical form; ValueError where it is none."""
    value = amount(text)
    match = _FORM.fullmatch(text)
    assert match is not None
    if match[4] in _TWOS and abs(value) >= 1024 and value == value.to_integral_value():
        return _binary(int(value))
    return _decimal(value, exponential=bool(match[2]))


def _binary(value: int) -> str:
    power = 0
    while value % 1024 == 0 and power < 60:
        value //= 1024
        power += 10
    return f"{value}{next((name for name, at in _TWOS.items() if at == power), '')}"


def _decimal(value: Decimal, *, exponential: bool) -> str:
    scaled = value.scaleb(9).to_integral_value(ROUND_CEILING)
    if not scaled:
        return "0"
    number, power = int(scaled), -9
    while number % 1000 == 0 and power < 18:
        number //= 1000
        power += 3
    if exponential:
        return f"{number}e{power}" if power else str(number)
    return f"{number}{_NAMES[power]}"
