"""The keymap: which keys do what in which scope, for bindings, hint line and help alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from config.files import read_yaml
from console.errors import UsageError

_TEXTUAL = {
    "esc": "escape",
    "?": "question_mark",
    "/": "slash",
    ":": "colon",
    "!": "exclamation_mark",
    "-": "minus",
    "[": "left_square_bracket",
    "]": "right_square_bracket",
    ".": "full_stop",
    "ctrl-\\": "ctrl+backslash",
    "ctrl-space": "ctrl+@",
}


@dataclass(frozen=True, slots=True)
class Binding:
    """One action, the keys that start it and its words in help."""

    action: str
    keys: tuple[str, ...]  # as people write them: "ctrl-w", "shift-n", "?"
    help: str
    hint: bool = False

    @property
    def textual_keys(self) -> str:
        """The keys in Textual's spelling, joined by commas."""
        return ",".join(textual_key(key) for key in self.keys)


def textual_key(key: str) -> str:
    """`shift-n` -> `N`, `ctrl-w` -> `ctrl+w`, `?` -> `question_mark`: what a terminal really sends for it."""
    if key in _TEXTUAL:
        return _TEXTUAL[key]
    modifier, dash, rest = key.partition("-")
    if dash and rest and modifier == "shift" and len(rest) == 1:
        return rest.upper()
    return key.replace("-", "+") if dash and rest else key


class Keymap:
    """Bindings by scope, in the order of the file."""

    def __init__(self, scopes: Mapping[str, tuple[Binding, ...]]) -> None:
        self._scopes = scopes

    def bindings(self, scope: str) -> tuple[Binding, ...]:
        """The bindings of one scope; empty for a scope nobody named."""
        return self._scopes.get(scope, ())

    @property
    def scopes(self) -> tuple[str, ...]:
        """Every scope, `global` first."""
        return tuple(self._scopes)

    def find(self, scope: str, action: str) -> Binding | None:
        """The binding of an action in a scope, or else in `global`."""
        for name in (scope, "global"):
            for binding in self.bindings(name):
                if binding.action == action:
                    return binding
        return None


def load_keymap(user_file: Path | None = None) -> Keymap:
    """The shipped keymap with the user's own keys over it; UsageError names a wrong scope, action or clash."""
    shipped = read_yaml(files("config").joinpath("keymap.yaml").read_text("utf-8"), "keymap.yaml")
    scopes = {
        scope: {
            action: Binding(action, tuple(map(str, keys)), text, hint) for action, (keys, text, hint) in actions.items()
        }
        for scope, actions in shipped.items()
    }
    if user_file and user_file.exists():
        _override(scopes, read_yaml(user_file.read_text("utf-8"), str(user_file)), user_file)
    for scope, actions in scopes.items():
        _refuse_clashes(scope, actions)
    return Keymap({scope: tuple(actions.values()) for scope, actions in scopes.items()})


def _override(scopes: dict[str, dict[str, Binding]], wanted: Any, source: Path) -> None:
    if not isinstance(wanted, dict):
        raise UsageError(f"{source} is not a map of scopes.", "Write for example `table: {sort_age: [shift-t]}`.")
    for scope, actions in wanted.items():
        if scope not in scopes:
            raise UsageError(f"{source} names the unknown scope {scope!r}.", f"Scopes are {', '.join(scopes)}.")
        for action, keys in (actions or {}).items():
            if action not in scopes[scope]:
                raise UsageError(
                    f"{source} names the unknown action {scope}.{action}.", "Press ? in a view to see its actions."
                )
            chosen = (keys,) if isinstance(keys, str | int) else tuple(keys)
            old = scopes[scope][action]
            scopes[scope][action] = Binding(action, tuple(map(str, chosen)), old.help, old.hint)


def _refuse_clashes(scope: str, actions: Mapping[str, Binding]) -> None:
    taken: dict[str, str] = {}
    for binding in actions.values():
        for key in binding.keys:
            if key in taken:
                raise UsageError(
                    f"The key {key} of scope {scope} is given to both {taken[key]} and {binding.action}.",
                    "Give one of them another key in keymap.yaml.",
                )
            taken[key] = binding.action
