"""The prompt on the last line, with the candidates above it: commands, filters and the palette are asked here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rich.segment import Segment
from textual import events
from textual.containers import Vertical
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from console.text import cells, clean, cut, fit
from screens.palette import Palette

_MOST = 8  # candidates shown


@dataclass(frozen=True, slots=True)
class Choice:
    """One candidate: the whole text the prompt would hold, and a word about it."""

    text: str
    note: str = ""
    shown: str = ""  # how it is listed, where that is not the text
    target: object = None  # what it stands for, where choosing it is more than its text


class Asking(Protocol):
    """What a prompt is for."""

    @property
    def lead(self) -> str: ...  # what stands before the text: ":", "/"

    def choices(self, text: str) -> Sequence[Choice]:
        """Candidates for what is typed, the best first."""
        ...

    def typed(self, text: str) -> None:
        """The text changed: show its effect, where that is cheap."""
        ...

    def submit(self, text: str, choice: Choice | None) -> str:
        """Enter: do it. Returns "" when it is done, or the sentence why not: the prompt stays open."""
        ...

    def cancel(self) -> None:
        """Escape: undo what `typed` did."""
        ...


class LineEditor:
    """A line of text with a cursor, edited by keys as a shell does. Pure."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.at = len(text)

    def insert(self, text: str) -> None:
        """Put text in at the cursor; line ends become spaces: a pasted newline confirms nothing."""
        text = clean(" ".join(text.splitlines()))
        self.text = self.text[: self.at] + text + self.text[self.at :]
        self.at += len(text)

    def replace(self, text: str) -> None:
        """Hold another text, the cursor at its end."""
        self.text, self.at = text, len(text)

    def press(self, key: str) -> bool:
        """Edit by a key in Textual's spelling; False for a key that edits nothing."""
        match key:
            case "left" | "ctrl+b":
                self.at = max(0, self.at - 1)
            case "right" | "ctrl+f":
                self.at = min(len(self.text), self.at + 1)
            case "home" | "ctrl+a":
                self.at = 0
            case "end" | "ctrl+e":
                self.at = len(self.text)
            case "backspace" | "ctrl+h":
                if self.at:
                    self.text = self.text[: self.at - 1] + self.text[self.at :]
                    self.at -= 1
            case "delete" | "ctrl+d":
                self.text = self.text[: self.at] + self.text[self.at + 1 :]
            case "ctrl+u":
                self.text, self.at = self.text[self.at :], 0
            case "ctrl+k":
                self.text = self.text[: self.at]
            case "ctrl+w":
                start = len(self.text[: self.at].rstrip().rpartition(" ")[0])
                start += 1 if start else 0
                self.text, self.at = self.text[:start] + self.text[self.at :], start
            case _:
                return False
        return True


class _Choices(Widget):
    """The candidates, one a line."""

    DEFAULT_CSS = "_Choices { height: auto; }"

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self.palette = palette
        self.choices: Sequence[Choice] = ()
        self.selected = -1

    def show(self, choices: Sequence[Choice], selected: int) -> None:
        """Take candidates; -1 selects none."""
        grew = min(len(choices), _MOST) != min(len(self.choices), _MOST)
        self.choices, self.selected = choices, selected
        self.refresh(layout=grew)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return min(len(self.choices), _MOST)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        top = max(0, min(self.selected - _MOST // 2, len(self.choices) - _MOST))
        index = y + top
        if index >= len(self.choices):
            return Strip.blank(width)
        choice = self.choices[index]
        here = index == self.selected
        shown = cut(choice.shown or choice.text, max(10, width - 24))
        segments = [
            Segment(" >" if here else "  ", self.palette.gutter),
            Segment(shown, self.palette.cursor if here else None),
            Segment(fit("  " + choice.note, max(0, width - 2 - cells(shown))), self.palette.quiet),
        ]
        return Strip(segments).adjust_cell_length(width)


class _Line(Widget):
    DEFAULT_CSS = "_Line { height: 1; }"

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self.palette = palette
        self.lead = ""
        self.editor = LineEditor()
        self.rest = ""  # what tab would add
        self.error = ""

    def render_line(self, y: int) -> Strip:
        width, editor = self.size.width, self.editor
        at = editor.text[editor.at : editor.at + 1]
        segments = [
            Segment(self.lead, self.palette.primary),
            Segment(editor.text[: editor.at]),
        ]
        if at or not self.rest:
            segments += [Segment(at or " ", self.palette.cursor), Segment(editor.text[editor.at + 1 :])]
        else:
            segments += [
                Segment(self.rest[0], self.palette.cursor),
                Segment(self.rest[1:], self.palette.quiet),
            ]
        if self.error:
            segments.append(Segment("   " + self.error, self.palette.error))
        strip = Strip(segments)
        if strip.cell_length > width:  # the end of the text is what is being typed
            over = 0 if self.error else strip.cell_length - width
            strip = strip.crop(over, over + width)
        return strip.adjust_cell_length(width)


class Prompt(Vertical, can_focus=True):
    """Asks for one line; hidden until `ask`."""

    DEFAULT_CSS = "Prompt { height: auto; display: none; }"

    class Closed(Message):
        """The prompt went away, done or cancelled."""

    def __init__(self, palette: Palette) -> None:
        self._list = _Choices(palette)
        self._line = _Line(palette)
        super().__init__(self._list, self._line)
        self._asking: Asking | None = None
        self._selected = -1
        self._history: dict[str, list[str]] = {}
        self._past = 0

    @property
    def open(self) -> bool:
        """Whether something is being asked."""
        return self._asking is not None

    @property
    def text(self) -> str:
        """What is typed."""
        return self._line.editor.text

    def ask(self, asking: Asking, text: str = "") -> None:
        """Open for one question."""
        self._asking = asking
        self._line.lead = asking.lead
        self._line.editor.replace(text)
        self._past = len(self._history.get(asking.lead, ()))
        self.display = True
        self.focus()
        self._update(typed=False)

    def close(self) -> None:
        """Go away."""
        self._asking = None
        self.display = False
        self.post_message(self.Closed())

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        self._line.editor.insert(event.text)
        self._update()

    def on_key(self, event: events.Key) -> None:
        asking = self._asking
        if asking is None:
            return
        event.stop()
        editor, key = self._line.editor, event.key
        if key in ("escape", "ctrl+c") or (key in ("backspace", "ctrl+h") and not editor.text):
            asking.cancel()
            self.close()
        elif key in ("enter", "ctrl+j"):
            self._submit(asking)
        elif key in ("tab", "right") and (key == "tab" or editor.at == len(editor.text)) and self._list.choices:
            editor.replace(self._list.choices[max(0, self._selected)].text)
            self._update()
        elif key in ("down", "ctrl+n", "up", "ctrl+p", "shift+tab"):
            self._step(1 if key in ("down", "ctrl+n") else -1)
        elif editor.press(key):
            self._update()
        elif event.is_printable and event.character:
            editor.insert(event.character)
            self._update()

    def _submit(self, asking: Asking) -> None:
        text = self.text
        choice = self._list.choices[self._selected] if 0 <= self._selected < len(self._list.choices) else None
        error = asking.submit(choice.text if choice is not None else text, choice)
        if error:
            self._line.error = error
            self._line.refresh()
            return
        past = self._history.setdefault(asking.lead, [])
        if text.strip() and (not past or past[-1] != text):
            past.append(text)
            del past[:-50]
        if self._asking is asking:
            self.close()

    def _step(self, steps: int) -> None:
        """Choose among the candidates; with none chosen, up goes back in what was asked before."""
        asking, choices = self._asking, self._list.choices
        past = self._history.get(asking.lead, []) if asking is not None else []
        if steps < 0 and self._selected <= 0 and past and (self._selected < 0 or not choices) and self._past:
            self._past -= 1
            self._line.editor.replace(past[self._past])
            self._update()
            return
        if choices:
            self._selected = max(-1, min(self._selected + steps, len(choices) - 1))
            self._show(choices)

    def _update(self, typed: bool = True) -> None:
        asking = self._asking
        if asking is None:
            return
        self._line.error = ""
        if typed:
            asking.typed(self.text)
        choices = asking.choices(self.text)
        self._selected = 0 if asking.lead == ">" and choices else -1
        self._show(choices)

    def _show(self, choices: Sequence[Choice]) -> None:
        best = choices[max(0, self._selected)].text if choices else ""
        self._line.rest = best[len(self.text) :] if best.lower().startswith(self.text.lower()) else ""
        self._list.show(choices, self._selected)
        self._line.refresh()
