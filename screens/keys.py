"""Which action a key starts in a view, and the words for it: one keymap drives keys, hint line and help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from config import Binding, Keymap
from config.keymap import textual_key

# What a terminal sends for some keys has more than one name in Textual.
_SAME = {"backspace": "ctrl+h", "ctrl+@": "ctrl+space", "tab": "ctrl+i", "enter": "ctrl+m"}


@dataclass(frozen=True, slots=True)
class Hint:
    """One key of the hint line."""

    key: str
    word: str


class Keys:
    """The keys of some scopes, the first scope winning over those after it."""

    def __init__(self, keymap: Keymap, *scopes: str) -> None:
        self._bindings = [(scope, binding) for scope in (*scopes, "global") for binding in keymap.bindings(scope)]
        self._actions: dict[str, str] = {}
        for _, binding in self._bindings:
            for key in binding.keys:
                name = textual_key(key)
                self._actions.setdefault(name, binding.action)
                if name in _SAME:
                    self._actions.setdefault(_SAME[name], binding.action)

    def action(self, key: str) -> str:
        """The action of a key in Textual's spelling; "" where it has none."""
        return self._actions.get(key, "")

    def shown(self) -> list[Binding]:
        """Every binding that still has a key of its own, in order, each action once: what help lists."""
        shown: dict[str, Binding] = {}
        for _, binding in self._bindings:
            keys = tuple(key for key in binding.keys if self._actions.get(textual_key(key)) == binding.action)
            if keys and binding.action not in shown:
                shown[binding.action] = Binding(binding.action, keys, binding.help, binding.hint)
        return list(shown.values())

    def hints(self, available: Callable[[str], bool]) -> list[Hint]:
        """What the hint line says: the hinted bindings whose action is available, help last."""
        hinted = [binding for binding in self.shown() if binding.hint and available(binding.action)]
        hinted.sort(key=lambda binding: binding.action == "help")
        return [Hint(b.keys[0], "help" if b.action == "help" else _short(b.help)) for b in hinted]


def _short(text: str) -> str:
    """The first words of a help text, enough for the hint line."""
    return text.partition(":")[0].partition(";")[0].strip()
