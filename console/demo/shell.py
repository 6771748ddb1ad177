"""A small shell: enough of sh to look around in a container, interactively or with -c.

Lists (`;`, `&&`, `||`), pipes, quotes, variables, `cd`, `export` and `exit`; no redirection, no control flow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from console.demo.commands import Command, ExecContext, Input, NotInPath, run

_NAME = re.compile(r"\$(?:\{(\w+)\}|(\w+|\?))")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_OPERATORS = ("&&", "||", ";", "|", "\n")


class _Exit(Exception):
    def __init__(self, code: int) -> None:
        self.code = code


class Unfinished(Exception):
    """A quote was not closed."""


def words(line: str, variables: dict[str, str]) -> list[tuple[str, bool]]:
    """A line as (word, whether it is an operator); variables are replaced, quotes taken off."""
    found: list[tuple[str, bool]] = []
    at, size = 0, len(line)
    word: list[str] | None = None
    while at < size:
        character = line[at]
        if character == "'":
            end = line.find("'", at + 1)
            if end < 0:
                raise Unfinished
            word = [*(word or ()), line[at + 1 : end]]
            at = end + 1
        elif character == '"':
            text, at = _quoted(line, at + 1)
            word = [*(word or ()), _expand(text, variables)]
        elif character == "\\" and at + 1 < size:
            word = [*(word or ()), line[at + 1]]
            at += 2
        elif character == "#" and word is None:
            at = line.find("\n", at) if "\n" in line[at:] else size
        elif operator := next((op for op in _OPERATORS if line.startswith(op, at)), ""):
            if word is not None:
                found.append(("".join(word), False))
                word = None
            found.append((operator, True))
            at += len(operator)
        elif character.isspace():
            if word is not None:
                found.append(("".join(word), False))
                word = None
            at += 1
        elif character == "$" and (match := _NAME.match(line, at)):
            word = [*(word or ()), variables.get(match[1] or match[2], "")]
            at = match.end()
        else:
            word = [*(word or ()), character]
            at += 1
    if word is not None:
        found.append(("".join(word), False))
    return found


def _quoted(line: str, at: int) -> tuple[str, int]:
    text: list[str] = []
    while at < len(line):
        if line[at] == '"':
            return "".join(text), at + 1
        if line[at] == "\\" and at + 1 < len(line) and line[at + 1] in '"\\$`':
            text.append("\0$" if line[at + 1] == "$" else line[at + 1])
            at += 2
        else:
            text.append(line[at])
            at += 1
    raise Unfinished


def _expand(text: str, variables: dict[str, str]) -> str:
    parts = text.split("\0$")
    return "$".join(_NAME.sub(lambda match: variables.get(match[1] or match[2], ""), part) for part in parts)


class Shell:
    """One shell process: its directory, variables and last exit code."""

    def __init__(self, context: ExecContext) -> None:
        self._context = context
        self._name = context.argv[0].rpartition("/")[2]
        self._code = 0

    async def run_line(self, line: str) -> int:
        """Run a command line; returns the exit code of its last command."""
        try:
            parsed = words(line, {**self._context.env, "?": str(self._code)})
        except Unfinished:
            self._context.complain(f"{self._name}: 1: Syntax error: Unterminated quoted string")
            self._code = 2
            return 2
        for operator, pipeline in _pipelines(parsed):
            if (operator == "&&" and self._code) or (operator == "||" and not self._code):
                continue
            if pipeline:
                self._code = await self._pipe(pipeline)
        return self._code

    async def run_script(self, text: str) -> int:
        """Run lines up to their end or `exit`."""
        try:
            return await self.run_line(text)
        except _Exit as end:
            return end.code

    async def interactive(self) -> int:
        """Read and run lines until the input ends or `exit`; prompts on a terminal."""
        context = self._context
        while True:
            if context.tty:
                where = f"root@{context.name}:{context.cwd}# " if self._name == "bash" else "# "
                context.out(where.encode())
            line = await context.stdin.line()
            if not line:
                if context.tty:
                    context.print("exit" if self._name == "bash" else "")
                return self._code
            try:
                await self.run_line(line.decode("utf-8", "replace").rstrip("\n"))
            except _Exit as end:
                return end.code

    async def _pipe(self, pipeline: list[list[str]]) -> int:
        context, code = self._context, 0
        data: bytes | None = None
        for index, argv in enumerate(pipeline):
            last = index == len(pipeline) - 1
            stdin, collected = context.stdin, bytearray()
            if data is not None:
                stdin = Input()
                stdin.feed(data)
                stdin.feed(b"")
            code = await self._simple(argv, stdin, None if last else collected)
            data = bytes(collected)
        return code

    async def _simple(self, argv: list[str], stdin: Input, collected: bytearray | None) -> int:
        context = self._context
        while argv and _ASSIGNMENT.match(argv[0]):
            name, _, value = argv[0].partition("=")
            context.env[name] = value
            argv = argv[1:]
        if not argv:
            return 0
        own = _OWN.get(argv[0])
        if own is not None:
            return own(context, argv, self._code)
        child = context.called(argv)
        child.stdin = stdin
        if collected is not None:
            child.out = collected.extend
        try:
            return await run(child)
        except NotInPath:
            context.complain(
                f"bash: {argv[0]}: command not found"
                if self._name == "bash"
                else f"{self._name}: 1: {argv[0]}: not found"
            )
            return 127


def _pipelines(parsed: list[tuple[str, bool]]) -> Iterator[tuple[str, list[list[str]]]]:
    """(the operator before it, a pipeline of argument lists), in order."""
    operator = ""
    pipeline: list[list[str]] = []
    argv: list[str] = []
    for word, is_operator in (*parsed, (";", True)):
        if not is_operator:
            argv.append(word)
            continue
        if argv:
            pipeline.append(argv)
            argv = []
        if word != "|":
            yield operator, pipeline
            operator, pipeline = word, []


def _cd(context: ExecContext, argv: list[str], code: int) -> int:
    path = context.files.resolve(context.cwd, argv[1] if len(argv) > 1 else context.env.get("HOME", "/"))
    if context.files.listing(path) is None:
        context.complain(f"{context.argv[0]}: 1: cd: can't cd to {argv[-1]}")
        return 2
    context.cwd = path
    return 0


def _export(context: ExecContext, argv: list[str], code: int) -> int:
    for word in argv[1:]:
        name, equals, value = word.partition("=")
        if equals:
            context.env[name] = value
    return 0


def _exit(context: ExecContext, argv: list[str], code: int) -> int:
    raise _Exit(int(argv[1]) % 256 if len(argv) > 1 and argv[1].isdigit() else code)


_OWN = {"cd": _cd, "export": _export, "exit": _exit}


async def _shell(context: ExecContext) -> int:
    shell = Shell(context)
    arguments = context.argv[1:]
    while arguments and arguments[0].startswith("-"):
        option = arguments.pop(0)
        if option.endswith("c") and not option.startswith("--") and arguments:
            return await shell.run_script(arguments[0])
    if arguments:
        script = context.files.read(context.files.resolve(context.cwd, arguments[0]))
        if script is None:
            context.complain(f"{context.argv[0]}: 0: cannot open {arguments[0]}: No such file")
            return 2
        return await shell.run_script(script.decode("utf-8", "replace"))
    return await shell.interactive()


SHELLS: dict[str, Command] = {"sh": _shell, "bash": _shell, "ash": _shell, "dash": _shell}
