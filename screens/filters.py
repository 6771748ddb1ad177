"""What is typed after the slash: a regular expression, its inverse, a fuzzy text or a label selector. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from console.errors import UsageError


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter; an empty one accepts everything."""

    accept: Callable[[str], bool] | None = None  # cells of a row, one a line -> shown
    selector: str = ""  # evaluated by the server


def parse(text: str) -> Filter:
    """`re`, `!re`, `-f text`, `-l selector`; case does not matter. UsageError for a broken regular expression."""
    text = text.strip()
    if not text or text in ("-f", "-l", "!"):
        return Filter()
    if text.startswith("-l "):
        return Filter(selector=text[3:].strip().replace(" ", ""))
    if text.startswith("-f "):
        wanted = text[3:].strip().lower()
        return Filter(lambda row: score(wanted, row.lower()) is not None)
    inverse = text.startswith("!")
    try:
        found = re.compile(text.removeprefix("!").strip(), re.IGNORECASE | re.MULTILINE).search
    except re.error as error:
        raise UsageError(
            f"This is no regular expression: {error}.", "Put a backslash before special characters."
        ) from None
    if inverse:
        return Filter(lambda row: found(row) is None)
    return Filter(lambda row: found(row) is not None)


def score(wanted: str, text: str) -> int | None:
    """How well `text` holds the letters of `wanted` in order: lower is better, None where it does not. Lower case."""
    whole = text.find(wanted)
    if whole >= 0:
        before = text[whole - 1] if whole else " "
        return (0 if not before.isalnum() else 10) + min(whole, 9)
    at, gaps = -1, 0
    for letter in wanted:
        if letter == " ":
            continue
        found = text.find(letter, at + 1)
        if found < 0:
            return None
        gaps += found - at - 1 if at >= 0 else 0
        at = found
    return 100 + gaps if gaps <= 3 * len(wanted) else None
