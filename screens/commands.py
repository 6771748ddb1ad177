"""The command line's grammar: `kind ns /filter @context`, and what could be typed next. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """One parsed command; parts that were not given are None or empty."""

    word: str = ""  # kind, alias or command
    namespaces: tuple[str, ...] | None = None  # () is every namespace, None: as it is
    filter: str = ""
    selector: str = ""
    context: str = ""
    argument: str = ""  # the first word after `word`, as typed


def parse(text: str) -> Command:
    """`pods team-a,team-b app=x /re @context`; several namespaces by commas, `all` or `-A` for every one.

    Everything from a word that begins with a slash to a last ` @context` is the filter. Never raises.
    """
    text = text.strip().removeprefix(":").strip()
    head, slash, rest = _split_filter(text)
    found_filter, context = "", ""
    if slash:
        body, at, last = rest.rpartition(" @")
        found_filter, context = (body, last.strip()) if at and " " not in last.strip() else (rest, "")
    words = head.split()
    word = words.pop(0) if words else ""
    if word.startswith("@"):
        context, word = word[1:], ""
    argument = words[0] if words else ""
    namespaces: tuple[str, ...] | None = None
    selectors: list[str] = []
    expect = ""
    for part in words:
        if expect == "-l" or (not expect and "=" in part):
            selectors.append(part)
        elif part in ("-n", "-l"):
            expect = part
            continue
        elif part in ("-A", "all") and not expect:
            namespaces = ()
        elif part.startswith("@"):
            context = part[1:]
        else:
            namespaces = (namespaces or ()) + tuple(name for name in part.split(",") if name)
        expect = ""
    return Command(word.lower(), namespaces, found_filter.strip(), ",".join(selectors), context, argument)


def _split_filter(text: str) -> tuple[str, str, str]:
    """Cut at the first word that begins with a slash; a slash inside a word is part of it."""
    if text.startswith("/"):
        return "", "/", text[1:]
    head, slash, rest = text.partition(" /")
    return head, slash, rest


def complete(
    text: str,
    words: Iterable[str],
    namespaces: Sequence[str],
    contexts: Sequence[str],
    *,
    takes_context: Iterable[str] = ("ctx", "context", "contexts"),
) -> list[str]:
    """Whole command lines that continue `text` by its last word: a kind first, then a namespace or a context."""
    head, space, last = text.rpartition(" ")
    if "/" in head or last.startswith("/"):
        return []
    if last.startswith("@"):
        return [f"{head}{space}@{name}" for name in contexts if name.startswith(last[1:])]
    if not space:
        return [word for word in words if word.startswith(last.lower())]
    known = contexts if head.split()[0] in takes_context else namespaces
    before, comma, part = last.rpartition(",")
    return [f"{head} {before}{comma}{name}" for name in known if name.startswith(part) and name != part]
