"""What the prompt is asked for: a command, a filter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from screens.commands import complete
from screens.registry import WORDS
from screens.widgets.prompt import Choice

if TYPE_CHECKING:
    from screens.cluster import Cluster

_COMMANDS = {
    "q": "leave",
    "ctx": "contexts of the kubeconfig",
    "ns": "namespaces",
    "save": "this table to a file: csv, json, md",
}


class Commander(Protocol):
    """Who does commands, and knows the names that complete them."""

    linked: Cluster | None

    @property
    def known_namespaces(self) -> Sequence[str]: ...
    @property
    def known_contexts(self) -> Sequence[str]: ...
    def command(self, text: str) -> str: ...


class CommandAsking:
    """`:` kind, namespaces, filter, context."""

    lead = ":"

    def __init__(self, commander: Commander) -> None:
        self._commander = commander

    def choices(self, text: str) -> list[Choice]:
        """Kinds first, then namespaces or contexts; nothing before the first letter."""
        if not text.strip():
            return []
        commander = self._commander
        words: list[str] = []
        notes: dict[str, str] = {**dict.fromkeys(WORDS, "view"), **_COMMANDS}
        if " " not in text:
            if commander.linked is not None:
                words = commander.linked.catalog.complete(text)
            words = [word for word in notes if word.startswith(text) and word not in words] + words
        found = complete(text, words, commander.known_namespaces, commander.known_contexts)
        return [Choice(line, self._note(line, notes)) for line in found[:200]]

    def _note(self, line: str, notes: dict[str, str]) -> str:
        if line in notes:
            return notes[line]
        cluster = self._commander.linked
        if " " in line or cluster is None:
            return ""
        kind = cluster.catalog.find(line)
        return "" if kind.name == line and not kind.group else kind.qualified if kind.name == line else kind.name

    def typed(self, text: str) -> None:
        """Nothing happens before enter."""

    def submit(self, text: str, choice: Choice | None) -> str:
        """Do the command."""
        return self._commander.command(text) if text.strip() else ""

    def cancel(self) -> None:
        """Nothing to undo."""


class FilterAsking:
    """`/` narrows what is in front while it is typed."""

    lead = "/"

    def __init__(self, apply: Callable[[str, bool], str], before: str) -> None:
        """`apply(text, final)` narrows the view and returns "" or what is wrong with the text."""
        self._apply = apply
        self._before = before

    def choices(self, text: str) -> list[Choice]:
        """A filter has no candidates."""
        return []

    def typed(self, text: str) -> None:
        """Narrow while typing."""
        self._apply(text, False)

    def submit(self, text: str, choice: Choice | None) -> str:
        """Keep the filter."""
        return self._apply(text, True)

    def cancel(self) -> None:
        """Put the filter back that was there before."""
        self._apply(self._before, True)


class SearchAsking:
    """`/` in a text: what to search for, done at enter."""

    lead = "/"

    def __init__(self, search: Callable[[str], str]) -> None:
        """`search(text)` goes to the first match and returns "" or what is wrong with the text."""
        self._search = search

    def choices(self, text: str) -> list[Choice]:
        """A search has no candidates."""
        return []

    def typed(self, text: str) -> None:
        """Nothing happens before enter."""

    def submit(self, text: str, choice: Choice | None) -> str:
        """Search."""
        return self._search(text)

    def cancel(self) -> None:
        """Nothing to undo."""
