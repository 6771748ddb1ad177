"""Themes: named colours from files, one theme a file."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import msgspec

from config.files import config_folder, read_yaml
from console.errors import UsageError


class Theme(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Colours as Textual reads them: `ansi_red` and the like for the terminal's own 16, or `#rrggbb`."""

    name: str
    dark: bool
    foreground: str
    background: str
    surface: str
    panel: str
    primary: str
    secondary: str
    accent: str
    ok: str
    running: str
    waiting: str
    warning: str
    error: str
    quiet: str


def load_themes(folder: Path | None = None) -> dict[str, Theme]:
    """Every shipped theme and those of the user's `themes` folder, by name."""
    themes: dict[str, Theme] = {}
    shipped = [
        (entry.name, entry.read_text("utf-8"))
        for entry in files("config").joinpath("themes").iterdir()
        if entry.name.endswith(".yaml")
    ]
    own = sorted(((folder or config_folder()) / "themes").glob("*.yaml"))
    for name, text in shipped + [(str(path), path.read_text("utf-8")) for path in own]:
        try:
            theme = msgspec.convert(read_yaml(text, name), Theme)
        except msgspec.ValidationError as error:
            raise UsageError(f"The theme file {name} is wrong: {error}.", "Compare it with a shipped theme.") from None
        themes[theme.name] = theme
    return themes
