"""The terminal as a resource: clipboard, files, suspending, and lending it to programs that ask for something."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

from rich.console import RenderableType
from textual.app import App
from textual.filter import LineFilter, NoColor
from textual.screen import Screen

from config import Settings, state_folder
from screens.frame import Frame

_NO_COLOR = NoColor()
COPY_LIMIT = 74_994  # bytes of base64 that common terminals take in one OSC 52


def clipboard_sequence(text: str, *, in_tmux: bool) -> str | None:
    """OSC 52 for a text, wrapped so that tmux passes it on; None where it is larger than terminals take."""
    encoded = base64.b64encode(text.encode()).decode()
    if len(encoded) > COPY_LIMIT:
        return None
    sequence = f"\x1b]52;c;{encoded}\x07"
    if in_tmux:  # DCS passthrough; tmux doubles every escape inside it. The plain form serves set-clipboard on.
        return sequence + "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return sequence


def saved_name(name: str, now: datetime) -> str:
    """A file name from free text: `pods-20260102-030405.csv` of `pods.csv`."""
    stem, dot, suffix = name.rpartition(".")
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", stem if dot else name).strip("-.")[:80] or "view"
    return f"{stem}-{now:%Y%m%d-%H%M%S}{dot}{suffix if dot else ''}"


def write_private(path: Path, text: str) -> Path:
    """Write a new file that only its owner may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return path


class TerminalApp(App[int], inherit_bindings=False):
    """An app that owns its terminal."""

    settings: Settings

    def __init__(self) -> None:
        super().__init__()
        self.frame = Frame()
        self.backdrop: LineFilter | None = None
        self._lent = False

    def say(self, sentence: str, *, bad: bool = False) -> None:
        """One sentence on screen."""
        raise NotImplementedError

    # clipboard and files

    def copy(self, text: str, what: str) -> None:
        """Put a text on the terminal's clipboard; one that is too large goes to a file instead."""
        sequence = clipboard_sequence(text, in_tmux=self.settings.in_tmux)
        if sequence is None:
            path = write_private(state_folder() / "copied.txt", text)
            self.say(f"{what} is too large for the terminal's clipboard: it is in {path}")
            return
        if self._driver is not None:
            self._driver.write(sequence)
        self.say(f"Copied {what}.")

    def save(self, name: str, text: str) -> None:
        """Write a file into the state folder, readable by its owner only, and say where it is."""
        path = state_folder() / saved_name(name, datetime.now(UTC))
        try:
            write_private(path, text)
        except OSError as error:
            self.say(f"{path} could not be written: {error.strerror}.", bad=True)
            return
        self.say(f"Saved {path}")

    # the terminal itself

    def do_suspend(self) -> None:
        """Give the shell back; `fg` returns."""
        self.action_suspend_process()

    @contextmanager
    def lend(self) -> Iterator[None]:
        """Give the terminal to a program while the context lasts; entered in a thread other than the app's."""
        if self._driver is None or not self._driver.can_suspend:
            yield
            return
        taken, returned = Event(), Event()

        async def hold() -> None:
            self._lent = True
            try:
                with self.suspend():
                    taken.set()
                    await asyncio.to_thread(returned.wait)
            finally:
                taken.set()
                self._lent = False
                self.repaint()

        self.call_from_thread(lambda: void(self.run_worker(hold(), group="terminal")))
        taken.wait()
        try:
            yield
        finally:
            returned.set()

    def repaint_on_return(self) -> None:
        """Whenever the terminal was somebody else's, send the whole screen again."""
        self.app_resume_signal.subscribe(self, lambda _: self.repaint())

    def repaint(self) -> None:
        """Send the whole screen again."""
        self.frame.forget()
        self.refresh(layout=True)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """With NO_COLOR every colour goes, also of themes in true colour; bold and reverse stay."""
        if self.no_color:
            return [_NO_COLOR]
        return super().get_line_filters() if self.backdrop is None else [self.backdrop]

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if not self._lent:
            super()._display(screen, self.frame.reduce(renderable))

    def leave_on(self, *signals: signal.Signals) -> None:
        """End cleanly on a signal: the terminal restored, every watch closed."""
        loop = asyncio.get_running_loop()
        for number in signals:
            loop.add_signal_handler(number, self.exit, 128 + int(number))


def void(_: object) -> None:
    """Take a value that nobody needs."""
