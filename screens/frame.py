"""What the terminal shows, remembered, so that only cells that differ are sent to it.

Textual sends whole spans of every line it drew again. This stands between its compositor and the driver: each update
is laid over the remembered frame and only differing runs are written, and a block of lines that merely moved is moved
by the terminal itself (scroll region with delete or insert line: known to every VT100 descendant).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from rich.color import ColorSystem
from rich.console import COLOR_SYSTEMS, Console, RenderableType
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate

from console.text import cells

_GAP = 8  # equal cells between two runs that are cheaper to send than to jump over
_ERASE = 12  # blanks at a line's end from which erasing is cheaper
_MOVED = 3  # lines that must have merely moved before the terminal is asked to move them
_MARKS = 3  # cells at a line's start that may differ where a block moved: the cursor and the marks of a table

Cell = tuple[str, str]  # (character, sequence that sets its look); a character of two cells is followed by ("", look)
_BLANK: Cell = (" ", "")
_UNKNOWN: Cell = ("\0", "")


class Frame:
    """The remembered screen of one terminal."""

    def __init__(self) -> None:
        self._lines: list[list[Cell]] = []
        self._width = 0

    def forget(self) -> None:
        """Somebody else wrote to the terminal: the next update is sent whole."""
        self._lines = []

    def reduce(self, renderable: RenderableType | CompositorUpdate | None) -> Any:
        """The same update, which will send only what differs. Other renderables pass unchanged."""
        if isinstance(renderable, LayoutUpdate | ChopsUpdate):
            return _Reduced(self, renderable)
        if renderable is not None:
            self.forget()
        return renderable

    def draw(self, update: LayoutUpdate | ChopsUpdate, console: Console) -> str:
        """Lay an update over the frame; the sequences that bring the terminal from the old frame to the new one."""
        if isinstance(update, LayoutUpdate):
            width, height = update.region.size
            if (width, height) != (self._width, len(self._lines)):
                self._width = width
                self._lines = [[_UNKNOWN] * width for _ in range(height)]
        elif not self._lines:
            return update.render_segments(console)  # nothing is known yet to compare with
        color = COLOR_SYSTEMS[console.color_system] if console.color_system else None
        changed: dict[int, list[Cell]] = {}
        for y, pieces in _pieces(update):
            if y < len(self._lines):
                line = list(self._lines[y])
                for x, segments in pieces:
                    _lay(line, x, segments, color)
                if line != self._lines[y]:
                    changed[y] = line
        out: list[str] = []
        if len(changed) > _MOVED:
            self._scroll(changed, out)
        for y in sorted(changed):
            _write(out, y, self._lines[y], changed[y])
            self._lines[y] = changed[y]
        return "".join(out)

    def _scroll(self, changed: dict[int, list[Cell]], out: list[str]) -> None:
        """Let the terminal move a block of lines where enough of them are old ones in another place."""
        top, bottom, lines = min(changed), max(changed), self._lines
        places = {_text(lines[y]): y for y in range(top, bottom + 1)}
        shifts: dict[int, int] = {}
        for y, line in changed.items():
            text = _text(line)
            old = places.get(text)
            if old is not None and old != y and not text.isspace():
                shifts[old - y] = shifts.get(old - y, 0) + 1
        shift, count = max(shifts.items(), key=lambda item: item[1], default=(0, 0))
        if count < _MOVED or count * 3 < len(changed):
            return
        for y in range(top, bottom + 1):
            changed.setdefault(y, lines[y])
        blank = [[_BLANK] * self._width for _ in range(abs(shift))]
        out.append(f"\x1b[0m\x1b[{top + 1};{bottom + 1}r\x1b[{top + 1};1H")
        out.append(f"\x1b[{shift}M" if shift > 0 else f"\x1b[{-shift}L")
        out.append("\x1b[r")
        block = lines[top : bottom + 1]
        lines[top : bottom + 1] = block[shift:] + blank if shift > 0 else blank + block[:shift]


class _Reduced(CompositorUpdate):
    """An update whose sequences come from the frame."""

    def __init__(self, frame: Frame, update: LayoutUpdate | ChopsUpdate) -> None:
        self._frame = frame
        self._update = update

    def render_segments(self, console: Console) -> str:
        return self._frame.draw(self._update, console)


def _pieces(update: LayoutUpdate | ChopsUpdate) -> Iterable[tuple[int, list[tuple[int, Iterable[Segment]]]]]:
    """(line, its (column, segments)) of an update."""
    if isinstance(update, LayoutUpdate):
        x, y = update.region.offset
        for index, strips in enumerate(update.strips):
            yield y + index, [(x, [segment for strip in strips for segment in strip])]
    else:
        for y in {span[0] for span in update.spans}:
            yield y, [(x, strip) for x, strip in update.chops[y].items() if strip is not None]


def _text(line: list[Cell]) -> str:
    return "".join([character for character, _ in line[_MARKS:]])


def _lay(line: list[Cell], x: int, segments: Iterable[Segment], color: ColorSystem | None) -> None:
    """Put segments into a line from column x on."""
    width = len(line)
    for text, style, control in segments:
        if control:
            continue
        look, shows = _look(style, color)
        if text.isascii():
            laid = [(character, look) for character in text]
        else:
            laid = []
            for character in text:
                size = cells(character)
                if size:
                    laid.append((character, look))
                    laid.extend([("", look)] * (size - 1))
                elif laid:
                    laid[-1] = (laid[-1][0] + character, look)
        if look and not shows:
            laid = [_BLANK if character == " " else (character, look) for character, look in laid]
        line[x : x + len(laid)] = laid[: max(0, width - x)]
        x += len(laid)


def _write(out: list[str], y: int, old: list[Cell], new: list[Cell]) -> None:
    """The runs of one line that differ."""
    width = blank_from = len(new)
    while blank_from and new[blank_from - 1] == _BLANK:
        blank_from -= 1
    for start, end in _runs(old, new):
        while start and not new[start][0]:  # never begin or end inside a wide character
            start -= 1
        while end < width and not new[end][0]:
            end += 1
        erase = end - max(start, blank_from) >= _ERASE
        stop = max(start, blank_from) if erase else end
        out.append(f"\x1b[{y + 1};{start + 1}H")
        at = start
        while at < stop:
            look, begin = new[at][1], at
            while at < stop and new[at][1] == look:
                at += 1
            text = "".join([character for character, _ in new[begin:at]])
            out.append(f"{look}{text}\x1b[0m" if look else text)
        if erase:
            out.append("\x1b[K")
            return


def _runs(old: list[Cell], new: list[Cell]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for x, cell in enumerate(new):
        if cell != old[x]:
            if runs and x - runs[-1][1] < _GAP:
                runs[-1] = (runs[-1][0], x + 1)
            else:
                runs.append((x, x + 1))
    return runs


@lru_cache(maxsize=512)
def _look(style: Style | None, color: ColorSystem | None) -> tuple[str, bool]:
    """The sequence that sets a style, and whether it shows on a blank."""
    if style is None:
        return "", False
    front = style.color if style.color and not style.color.is_default else None
    back = style.bgcolor if style.bgcolor and not style.bgcolor.is_default else None
    own = style.without_color + Style(color=front, bgcolor=back)  # a run begins after a reset: defaults need no code
    shows = bool(style.reverse or style.underline or style.strike or back)
    return own.render("\0", color_system=color).partition("\0")[0], shows
