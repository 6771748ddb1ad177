"""Container logs, bounded by bytes: the oldest lines go first and are counted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

_LINE_COST = 120  # bytes Python keeps for a line besides its text


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its newline, and when it was written."""

    at: float
    text: bytes


class ContainerLog:
    """The log of one run of a container."""

    __slots__ = ("_bytes", "_limit", "closed", "dropped", "lines", "listeners")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self.lines: deque[Line] = deque()
        self.dropped = 0  # lines that had to go
        self.closed = False
        self.listeners: list[Callable[[Line | None], None]] = []  # None: no more will come

    def append(self, at: float, text: str) -> None:
        """Write a line; text with newlines becomes several."""
        self.closed = False
        for part in text.split("\n"):
            line = Line(at, part.encode("utf-8", "surrogateescape"))
            self.lines.append(line)
            self._bytes += len(line.text) + _LINE_COST
            while self._bytes > self._limit and len(self.lines) > 1:
                self._bytes -= len(self.lines.popleft().text) + _LINE_COST
                self.dropped += 1
            for listener in list(self.listeners):
                listener(line)

    def close(self) -> None:
        """Nothing more will be written in this run; followers end."""
        self.closed = True
        listeners, self.listeners = self.listeners, []
        for listener in listeners:
            listener(None)


class Logs:
    """The current and the previous log of every container."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pods: dict[tuple[str, str], dict[tuple[str, bool], ContainerLog]] = {}

    def of(self, namespace: str, pod: str, container: str, *, previous: bool = False) -> ContainerLog:
        """The log, empty where nothing was written yet."""
        logs = self._pods.setdefault((namespace, pod), {})
        log = logs.get((container, previous))
        if log is None:
            log = logs[container, previous] = ContainerLog(self._limit)
        return log

    def find(self, namespace: str, pod: str, container: str, *, previous: bool = False) -> ContainerLog | None:
        """The log, or None where there is none."""
        return self._pods.get((namespace, pod), {}).get((container, previous))

    def rotate(self, namespace: str, pod: str, container: str) -> None:
        """The current log becomes the previous one."""
        logs = self._pods.setdefault((namespace, pod), {})
        current = logs.pop((container, False), None)
        if current is not None:
            current.close()
            logs[container, True] = current

    def forget(self, namespace: str, pod: str) -> None:
        """Drop every log of a pod and end its followers."""
        for log in self._pods.pop((namespace, pod), {}).values():
            log.close()
