"""Exact amounts of a resource: sums, comparisons, and the canonical text Kubernetes writes for them.

Unlike console.quantity, which is for figures on a screen, this loses nothing and remembers the family of suffixes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

_FORM = re.compile(r"^([+-]?)(\d+\.?\d*|\.\d+)(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


@dataclass(frozen=True, slots=True)
class Amount:
    """A quantity in base units; `binary` when it is written with Ki, Mi, ..."""

    value: Fraction = Fraction(0)
    binary: bool = False

    def __add__(self, other: Amount) -> Amount:
        # Quantity.Add keeps the receiver's format, and takes the other's while the receiver is zero.
        return Amount(self.value + other.value, self.binary if self.value else other.binary)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.value - other.value, self.binary if self.value else other.binary)

    def __str__(self) -> str:
        """Canonical text (k8s.io/apimachinery/pkg/api/resource CanonicalizeBytes)."""
        value = self.value
        if self.binary and value.denominator == 1 and abs(value) >= 1024:
            for suffix, power in sorted(_BINARY.items(), key=lambda entry: -entry[1]):
                if value.numerator % 2**power == 0:
                    return f"{value.numerator // 2**power}{suffix}"
            return str(value.numerator)
        for suffix, exponent in sorted(_DECIMAL.items(), key=lambda entry: -entry[1]):
            scaled = value / Fraction(10) ** exponent
            if scaled.denominator == 1 and (scaled or suffix == ""):
                return f"{scaled.numerator}{suffix}"
        return f"{-(-value.numerator * 10**9 // value.denominator)}n"


ONE = Amount(Fraction(1))
ZERO = Amount()
Amounts = dict[str, Amount]


def parse_amount(text: object) -> Amount:
    """A quantity; ValueError for text that is none."""
    match = _FORM.match(str(text).strip())
    if match is None:
        raise ValueError(f"not a quantity: {text!r}")
    sign, digits, exponent, suffix = match.groups()
    value = Fraction(digits if not digits.endswith(".") else digits[:-1])
    if sign == "-":
        value = -value
    if exponent:
        return Amount(value * Fraction(10) ** int(exponent[1:]))
    if suffix in _BINARY:
        return Amount(value * 2 ** _BINARY[suffix], binary=True)
    return Amount(value * Fraction(10) ** _DECIMAL[suffix or ""])


def parse_amounts(quantities: object) -> Amounts:
    """A ResourceList; what is no quantity is left out, as validation refuses it with its field."""
    found = {}
    for name, text in quantities.items() if isinstance(quantities, dict) else ():
        try:
            found[str(name)] = parse_amount(text)
        except ValueError:
            continue
    return found


def add(total: Amounts, more: Amounts) -> None:
    """Add each resource of `more` to `total`."""
    for name, amount in more.items():
        total[name] = total[name] + amount if name in total else amount


def raise_to(total: Amounts, least: Amounts) -> None:
    """Raise each resource of `total` to at least what `least` has."""
    for name, amount in least.items():
        if name not in total or total[name].value < amount.value:
            total[name] = amount


def listed(amounts: Amounts) -> str:
    """`cpu=2,memory=4Gi`: the resources in order of name, as quota messages write them."""
    return ",".join(f"{name}={amounts[name]}" for name in sorted(amounts))
