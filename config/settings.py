"""Settings: defaults, then the user's file, then the environment, then flags."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from config.files import config_folder, read_yaml
from config.keymap import Keymap, load_keymap
from console.errors import UsageError


class ContextSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for one kubeconfig context only."""

    read_only: bool = False
    protected: bool = False
    prometheus: str = ""


class Values(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every setting of config/defaults.yaml, checked."""

    theme: str
    ascii: bool
    mouse: bool
    header: bool
    frames: int
    frames_ssh: int
    tick: float
    unwatch_after: float
    favourites: tuple[str, ...]
    prometheus: str
    gpu_every: float
    log_bytes: int
    log_tail: int
    prices: dict[str, float]
    currency: str
    contexts: dict[str, ContextSettings]


class Settings:
    """The values in force, and the keymap."""

    def __init__(self, values: Values, keymap: Keymap, environ: Mapping[str, str]) -> None:
        self.values = values
        self.keymap = keymap
        self.no_color = bool(environ.get("NO_COLOR"))
        self.over_ssh = bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"))
        self.in_tmux = bool(environ.get("TMUX"))

    def context(self, name: str) -> ContextSettings:
        """What the settings say of one context."""
        return self.values.contexts.get(name, ContextSettings())

    def prometheus(self, context: str) -> str:
        """`namespace/service:port[/prefix]` configured for a context, or "" to find it by labels."""
        return self.context(context).prometheus or self.values.prometheus


def load(
    flags: Mapping[str, Any] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """Read the settings; `flags` holds only what was given on the command line.

    `KFCONSOLE_<SETTING>` in the environment sets one (`KFCONSOLE_THEME`, `KFCONSOLE_PROMETHEUS`). Raises UsageError
    with the file and the setting that is wrong.
    """
    environ = os.environ if environ is None else environ
    folder = config_folder() if folder is None else folder
    merged: dict[str, Any] = read_yaml(files("config").joinpath("defaults.yaml").read_text("utf-8"), "defaults.yaml")
    source = folder / "config.yaml"
    if source.exists():
        own = read_yaml(source.read_text("utf-8"), str(source)) or {}
        if not isinstance(own, dict):
            raise UsageError(f"{source} is not a map of settings.", "Write one `setting: value` a line.")
        merged |= own
    merged |= _from_environment(environ, merged)
    merged |= {name: value for name, value in (flags or {}).items() if value is not None}
    if not merged["ascii"]:
        merged["ascii"] = not _speaks_utf8(environ)
    try:
        values = msgspec.convert(merged, Values, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"A setting is wrong: {error}.", f"See {source} and the KFCONSOLE_* variables.") from None
    return Settings(values, load_keymap(folder / "keymap.yaml"), environ)


def _from_environment(environ: Mapping[str, str], known: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in known:
        text = environ.get(f"KFCONSOLE_{name.upper()}")
        if text is not None:
            found[name] = read_yaml(text, f"KFCONSOLE_{name.upper()}")
    return found


def _speaks_utf8(environ: Mapping[str, str]) -> bool:
    """Whether the locale's character set is UTF-8 (LC_ALL, then LC_CTYPE, then LANG; none set: assumed)."""
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        value = environ.get(name)
        if value:
            return "utf-8" in value.lower() or "utf8" in value.lower()
    return True
