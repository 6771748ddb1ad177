"""Untrusted text made safe for a terminal, and measured and cut by cells.

Every byte from a cluster passes `clean` before it meets the screen or a printed table.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# CSI and OSC sequences, two-character escapes, and their C1 forms.
_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[@-Z\\-_]"
    r"|\x9b[0-?]*[ -/]*[@-~]"
)


def clean(text: str) -> str:
    r"""One line of untrusted text without escape sequences, control, format or bidirectional characters.

    Sequences vanish, a tab becomes spaces, other blanks a space, any other character that is not printable
    (controls, bidirectional and zero-width marks, surrogates, unassigned) becomes `\xNN` or `\uNNNN`.
    """
    if text.isprintable():
        return text
    text = _SEQUENCES.sub("", text).expandtabs(4)
    return text if text.isprintable() else "".join(map(_safe, text))


def _safe(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    if unicodedata.category(character) == "Zs":
        return " "
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def clean_bytes(data: bytes) -> str:
    r"""A line of log bytes as safe text; bytes that are not UTF-8 are shown as `\xNN`."""
    return clean(data.decode("utf-8", "backslashreplace"))


def cells(text: str) -> int:
    """How many terminal cells a clean text takes."""
    return len(text) if text.isascii() else sum(_width(character) for character in text)


@lru_cache(maxsize=4096)
def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int, *, mark: str = "~") -> str:
    """`text` in at most `width` cells, the last one being `mark` where something was left out."""
    if cells(text) <= width:
        return text
    if width <= 0:
        return ""
    if text.isascii():
        return text[: width - 1] + mark
    taken, used = [], 0
    for character in text:
        size = _width(character)
        if used + size > width - 1:
            break
        taken.append(character)
        used += size
    return "".join(taken) + mark


def fit(text: str, width: int, *, right: bool = False, mark: str = "~") -> str:
    """`text` cut or padded to exactly `width` cells."""
    short = cut(text, width, mark=mark)
    padding = " " * (width - cells(short))
    return padding + short if right else short + padding
