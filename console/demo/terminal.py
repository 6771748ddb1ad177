"""What a pseudo-terminal does between a person and a command: echo, line editing, interrupt, and newlines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from console.demo.commands import Input

_KEYS = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1bO.|\x1b.", re.DOTALL)
_INTERRUPT, _END, _ERASE_LINE, _ERASE_WORD = 0x03, 0x04, 0x15, 0x17


class Terminal:
    """Raw keys in, edited lines to `stdin`, everything to show through `write`."""

    def __init__(self, stdin: Input, write: Callable[[bytes], None], interrupt: Callable[[], None]) -> None:
        """`interrupt` is called for ctrl-c."""
        self._stdin = stdin
        self._write = write
        self._interrupt = interrupt
        self._line = bytearray()

    def show(self, data: bytes) -> None:
        """Output of a command."""
        self._write(data.replace(b"\n", b"\r\n"))

    def keys(self, data: bytes) -> None:
        """What was typed. Cursor keys are taken and have no effect."""
        for byte in _KEYS.sub(b"", data):
            if byte in (0x0D, 0x0A):
                self._write(b"\r\n")
                self._stdin.feed(bytes(self._line) + b"\n")
                self._line.clear()
            elif byte in (0x7F, 0x08):
                self._erase(1)
            elif byte == _ERASE_LINE:
                self._erase(len(self._line))
            elif byte == _ERASE_WORD:
                kept = self._line.rstrip().rpartition(b" ")
                self._erase(len(self._line) - len(kept[0]) - len(kept[1]))
            elif byte == _INTERRUPT:
                self._write(b"^C\r\n")
                self._line.clear()
                self._interrupt()
            elif byte == _END:
                self._stdin.feed(bytes(self._line))
                self._line.clear()
            elif byte >= 0x20 or byte == 0x09:
                self._line.append(byte)
                self._write(bytes((byte,)))

    def _erase(self, count: int) -> None:
        for _ in range(min(count, len(self._line))):
            byte = self._line.pop()
            while byte & 0xC0 == 0x80 and self._line:  # the rest of a UTF-8 character
                byte = self._line.pop()
            self._write(b"\b \b")
