"""Log lines: their time, their level, what they say in readable form, and a buffer of them bounded by bytes. Pure."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from datetime import datetime

import msgspec

from console.text import clean, clean_bytes

_OVERHEAD = 120  # bytes a kept line costs beside its text
_LONGEST = 8192  # characters of one line that are kept and shown

_KLOG = re.compile(r"^([IWEF])\d{4} \d\d:\d\d:\d\d")
_WORD = re.compile(r"\b(FATAL|CRITICAL|ERROR|WARNING|WARN|INFO|DEBUG)\b|level=(\w+)", re.IGNORECASE)
_RAISED = re.compile(
    r"^(?:\[rank\d+\]:? ?)?"
    r"(Traceback \(most recent call last\)|[\w.]*(Error|Exception)\b[:( ]|panic: |Segmentation fault)"
)
_LEVELS = {
    "F": "E",
    "E": "E",
    "W": "W",
    "I": "I",
    "FATAL": "E",
    "CRITICAL": "E",
    "ERROR": "E",
    "ERR": "E",
    "PANIC": "E",
    "WARNING": "W",
    "WARN": "W",
    "INFO": "I",
    "DEBUG": "D",
}
_MESSAGE_KEYS = ("msg", "message", "event")
_LEVEL_KEYS = ("level", "severity", "lvl", "levelname")
_TIME_KEYS = frozenset({"ts", "time", "timestamp", "@timestamp", "asctime"})


class LogLine(msgspec.Struct, gc=False, frozen=True):
    """One line, safe for a terminal."""

    at: float  # seconds since 1970; 0.0 unknown
    source: int  # index of the target it came from; -1 for a remark of the console
    level: str  # E, W, I, D or ""
    text: str


def split_time(line: bytes) -> tuple[str, bytes]:
    """(time, rest) of a line asked for with timestamps; the time is padded so that texts sort as times do."""
    head, space, rest = line.partition(b" ")
    if space and len(head) >= 20 and head[-1:] == b"Z" and head[4:5] == b"-":
        whole, _, fraction = head[:-1].decode("ascii", "replace").partition(".")
        return f"{whole}.{fraction:0<9}", rest
    return "", line


def seconds(time: str) -> float:
    """A time of `split_time` in seconds since 1970; 0.0 where it is none."""
    try:
        return datetime.fromisoformat(time[:26] + "+00:00").timestamp() if time else 0.0
    except ValueError:
        return 0.0


def level_of(text: str) -> str:
    """E, W, I or D by the conventions of klog, Python's logging and logfmt; "" where none is seen."""
    found = _KLOG.match(text)
    if found:
        return _LEVELS[found.group(1)]
    if _RAISED.match(text):
        return "E"
    word = _WORD.search(text, 0, 120)
    if word is None:
        return ""
    return _LEVELS.get((word.group(1) or word.group(2)).upper(), "")


def readable(text: str) -> tuple[str, str]:
    """(level, text) of a line; a JSON line becomes its message followed by its other fields as `key=value`."""
    if text.startswith("{") and text.endswith("}"):
        try:
            fields = msgspec.json.decode(text.encode())
        except msgspec.DecodeError:
            fields = None
        if isinstance(fields, dict):
            message = next((str(fields.pop(key)) for key in _MESSAGE_KEYS if key in fields), "")
            level = next((str(fields.pop(key)) for key in _LEVEL_KEYS if key in fields), "")
            rest = " ".join(f"{key}={value}" for key, value in fields.items() if key not in _TIME_KEYS)
            known = _LEVELS.get(level.upper(), "")
            return known or level_of(message), "  ".join(filter(None, (level.upper(), message, rest)))
    return level_of(text), text


def log_line(source: int, line: bytes) -> tuple[str, LogLine]:
    """(time, line) of the bytes of one line with a timestamp."""
    time, rest = split_time(line)
    level, text = readable(clean_bytes(rest[: 4 * _LONGEST].rstrip(b"\r")))
    text = clean(text)
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]} ... ({len(text) - _LONGEST} more characters)"
    return time, LogLine(seconds(time), source, level, text)


class LogBuffer:
    """The newest lines within a bound of bytes. Lines have numbers that never change: `first` to `end`."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.first = 0  # number of the oldest line kept: so many were dropped or cleared
        self.dropped = 0  # lines dropped because of the bound
        self.bytes = 0
        self._lines: deque[LogLine] = deque()

    @property
    def end(self) -> int:
        """One past the number of the newest line."""
        return self.first + len(self._lines)

    def __getitem__(self, number: int) -> LogLine:
        return self._lines[number - self.first]

    def numbered(self, start: int = 0) -> Iterator[tuple[int, LogLine]]:
        """(number, line) of the lines from a number on."""
        skip = max(0, start - self.first)
        for offset, line in enumerate(self._lines):
            if offset >= skip:
                yield self.first + offset, line

    def append(self, line: LogLine) -> None:
        """Keep a line; the oldest go where the bound is passed."""
        self._lines.append(line)
        self.bytes += len(line.text) + _OVERHEAD
        while self.bytes > self.max_bytes and len(self._lines) > 1:
            gone = self._lines.popleft()
            self.bytes -= len(gone.text) + _OVERHEAD
            self.first += 1
            self.dropped += 1

    def clear(self) -> None:
        """Forget every line; a person asked for it, so nothing counts as dropped."""
        self.first = self.end
        self._lines.clear()
        self.bytes = 0
