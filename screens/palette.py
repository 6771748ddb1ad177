"""The colours of what is drawn, made once from a theme file: a state's colour only repeats its glyph and word."""

from __future__ import annotations

from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import Theme as TextualTheme

from config import Theme
from console.kinds.base import State


def _rich(colour: str) -> str:
    return "default" if colour == "ansi_default" else colour.removeprefix("ansi_")


@dataclass(frozen=True, slots=True)
class Palette:
    """Styles by what they mean."""

    plain: Style
    quiet: Style  # rules, headers, what is less important
    strong: Style
    accent: Style
    primary: Style
    ok: Style
    running: Style
    waiting: Style
    warning: Style
    error: Style
    cursor: Style  # the name under the cursor
    gutter: Style  # the cursor's mark
    mark: Style  # rows a person marked
    series: tuple[Style, ...]  # told apart by number: the labels of replicas

    @classmethod
    def of(cls, theme: Theme) -> Palette:
        """The styles of one theme."""

        def colour(name: str, *, bold: bool | None = None) -> Style:
            return Style(color=_rich(getattr(theme, name)), bold=bold)

        return cls(
            plain=Style.null(),
            quiet=colour("quiet"),
            strong=Style(bold=True),
            accent=colour("accent"),
            primary=colour("primary", bold=True),
            ok=colour("ok"),
            running=colour("running"),
            waiting=colour("waiting"),
            warning=colour("warning"),
            error=colour("error"),
            cursor=Style(reverse=True),
            gutter=colour("accent", bold=True),
            mark=colour("accent", bold=True),
            series=tuple(colour(name) for name in ("primary", "ok", "waiting", "secondary", "accent", "running")),
        )

    def state(self, state: State) -> Style:
        """The colour that repeats a state."""
        match state:
            case State.OK:
                return self.ok
            case State.DONE:
                return self.quiet
            case State.RUNNING:
                return self.running
            case State.WAITING:
                return self.waiting
            case State.WARN:
                return self.warning
            case State.BAD:
                return self.error
            case _:
                return self.plain


def textual_theme(theme: Theme) -> TextualTheme:
    """The same theme for stylesheets; one of the terminal's own colours is passed through untouched."""
    ansi = theme.background.startswith("ansi_")
    return TextualTheme(
        name=theme.name,
        dark=theme.dark,
        ansi=ansi,
        variables={"ansi-background": "ansi_black" if theme.dark else "ansi_white"} if ansi else {},
        primary=theme.primary,
        secondary=theme.secondary,
        warning=theme.warning,
        error=theme.error,
        success=theme.ok,
        accent=theme.accent,
        foreground=theme.foreground,
        background=theme.background,
        surface=theme.surface,
        panel=theme.panel,
    )


class Backdrop(LineFilter):
    """A true-colour theme's own foreground and background, under whatever a line says of its colours."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._base = Style(color=theme.foreground, bgcolor=theme.background)

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        base = self._base
        return [Segment(text, base if style is None else base + style, control) for text, style, control in segments]


def backdrop(theme: Theme) -> Backdrop | None:
    """The backdrop of a theme; None for one that lets the terminal's own colours through."""
    return None if theme.background.startswith("ansi_") else Backdrop(theme)
