"""A program under a pseudo-terminal: what it draws, the bytes that costs, its CPU time and memory."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Sequence

import psutil
import pyte


class Terminal:
    """One program and a model of its screen; `close` ends it."""

    def __init__(self, argv: Sequence[str], *, columns: int = 140, rows: int = 40, env: dict[str, str] | None = None):
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.received = 0
        self.raw = bytearray()
        environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": str(rows), **(env or {})}
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.execvpe(argv[0], list(argv), environ)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = psutil.Process(self.pid)
        self.status: int | None = None

    def pump(self, quiet: float) -> int:
        """Read until nothing came for `quiet` seconds (at most 20 times that); returns the bytes read."""
        got, end = 0, time.monotonic() + 20 * quiet
        while time.monotonic() < end:
            ready, _, _ = select.select([self._fd], [], [], quiet)
            if not ready:
                break
            try:
                data = os.read(self._fd, 1 << 16)
            except OSError:
                break
            if not data:
                break
            got += len(data)
            self._answer(data)
            self.raw += data
            self._stream.feed(data)
        self.received += got
        return got

    def _answer(self, data: bytes) -> None:
        """Answer what a real terminal answers, so that no program waits for it."""
        if b"\x1b[6n" in data:
            os.write(self._fd, b"\x1b[1;1R")
        if b"\x1b[c" in data or b"\x1b[0c" in data:
            os.write(self._fd, b"\x1b[?62;c")

    @property
    def text(self) -> str:
        """The screen as lines of text."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def until(self, pattern: str, *, timeout: float = 60.0) -> str:
        """Wait until the screen matches; returns it. The timeout only ends a hung test."""
        end, regex = time.monotonic() + timeout, re.compile(pattern)
        while time.monotonic() < end:
            self.pump(0.02)
            if regex.search(self.text):
                return self.text
        raise AssertionError(f"{pattern!r} never appeared on:\n{self.text}")

    def send(self, keys: str) -> None:
        """Type; nothing is waited for."""
        os.write(self._fd, keys.encode())

    def key(self, keys: str, *, quiet: float = 0.15) -> int:
        """Type and return the bytes the answer took."""
        self.send(keys)
        return self.pump(quiet)

    def cpu(self) -> float:
        """CPU seconds of the program itself, without its children."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> float:
        """Resident MiB of the program itself, without its children."""
        return float(self.process.memory_info().rss / 2**20)

    def close(self) -> int:
        """End the program politely; returns its exit status."""
        for name in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.kill(self.pid, name)
            except ProcessLookupError:
                break
            end = time.monotonic() + 5
            while time.monotonic() < end:
                done, status = os.waitpid(self.pid, os.WNOHANG)
                if done:
                    self.status = os.waitstatus_to_exitcode(status)
                    break
                self.pump(0.02)
            if self.status is not None:
                break
        os.close(self._fd)
        return self.status if self.status is not None else -1
