"""What a container's command does, read from simple shell words: echo, sleep, exit, waiting for a name (pure).

Nothing is run: a command nobody here understands is left to the defaults of behaviours.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

FOREVER = float("inf")
_SHELLS = frozenset({"sh", "bash", "ash", "dash", "/bin/sh", "/bin/bash", "/bin/ash", "/bin/dash"})
_LOOKUP = re.compile(
    r"(?:nslookup|getent\s+(?:ahosts|hosts)|host|nc\s+(?:-\S+\s+)*|ping\s+(?:-\S+\s+(?:\d+\s+)?)*)\s*"
    r"([a-z0-9](?:[-a-z0-9.]*[a-z0-9])?)"
)
_SLEEP = re.compile(r"^(\d+(?:\.\d+)?)([smhd]?)$")
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_MOOT = frozenset({"set", ":", "true", "cd", "export", "mkdir", "touch", "trap", "umask", "wait"})


@dataclass(frozen=True, slots=True)
class Script:
    """A command's course: (seconds after the start, line) pairs, then the end; FOREVER when it has none."""

    lines: tuple[tuple[float, str], ...] = ()
    seconds: float = 0.0
    exit_code: int = 0
    waits_for: str = ""  # a host name it waits for until it resolves


def read_script(words: Sequence[str]) -> Script | None:
    """The course of a command with its arguments; None when it is not understood."""
    if not words:
        return None
    if words[0] in _SHELLS:
        index = next((i for i, word in enumerate(words[1:], 1) if re.fullmatch(r"-[a-z]*c", word)), 0)
        return _read_shell(words[index + 1]) if index and index + 1 < len(words) else None
    return _read_commands([list(words)])


def _read_shell(text: str) -> Script | None:
    if re.search(r"\buntil\b|\bwhile\s+!|\bfor\b.*\bif\b", text, re.DOTALL) and (found := _LOOKUP.search(text)):
        return Script(waits_for=found[1])
    if re.search(r"\bwhile\s+(true|:|\[\s*1\s*\])|\bsleep\s+inf(inity)?\b|\btail\s+-f", text):
        said = re.search(r"\becho\s+([^;&|\n]+)", text)
        return Script(lines=((0.0, _unquoted(said[1])),) if said else (), seconds=FOREVER)
    if re.search(r"\b(for|if|case|until|while)\b|[`]|<<", text):
        return None
    commands = []
    for part in re.split(r"&&|;|\n|\|\|", text):
        try:
            words = shlex.split(part.split("#")[0].split("|")[0])
        except ValueError:
            return None
        if words:
            commands.append(words)
    return _read_commands(commands)


def _unquoted(text: str) -> str:
    try:
        return " ".join(shlex.split(text))
    except ValueError:
        return text


def _read_commands(commands: list[list[str]]) -> Script | None:
    lines: list[tuple[float, str]] = []
    seconds = 0.0
    for words in commands:
        name = words[0].rpartition("/")[2]
        if name == "exec" and len(words) > 1:
            words = words[1:]
            name = words[0].rpartition("/")[2]
        if name == "sleep" and len(words) > 1:
            if words[1].startswith("inf"):
                return Script(tuple(lines), FOREVER)
            if (length := _SLEEP.match(words[1])) is None:
                return None
            seconds += float(length[1]) * _UNITS[length[2]]
        elif name in ("echo", "printf"):
            said = " ".join(word for word in words[1:] if word not in ("-e", "-n", ">&2"))
            lines += [(seconds, each) for each in said.replace("\\n", "\n").splitlines() or [""]]
        elif name == "exit":
            return Script(tuple(lines), seconds, int(words[1]) if len(words) > 1 and words[1].isdigit() else 0)
        elif name == "false":
            return Script(tuple(lines), seconds, 1)
        elif name in ("pause", "tail"):
            return Script(tuple(lines), FOREVER)
        elif name in ("date", "hostname", "env", "ls", "cat", "pwd", "uname", "id"):
            seconds += 0.1
        elif name not in _MOOT:
            return None
    return Script(tuple(lines), seconds)
