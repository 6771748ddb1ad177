"""A small shell: enough of sh to look around in a container, interactively or with -c.

Lists (`;`, `&&`, `||`), pipes, quotes, variables, `cd`, `export`, `exit`, and redirection between the outputs and to
/dev/null; no control flow.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from console.demo.commands import Command, ExecContext, Input, NotInPath, run

_NAME = re.compile(r"\$(?:\{(\w+)\}|(\w+|\?))")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_REDIRECTION = re.compile(r"([12]?)>>?(&[12]|/dev/null)")
_OPERATORS = ("&&", "||", ";", "|", "\n")


class _Exit(Exception):
    def __init__(self, code: int) -> None:
        self.code = code


class Unfinished(Exception):
    """A quote was not closed."""


def words(line: str, value_of: Callable[[str], str]) -> Iterator[tuple[str, bool]]:
    """A line as (word, whether it is an operator), quotes taken off; Unfinished where a quote is not closed.

    Words come one by one, so that `value_of` sees what the commands before a variable did.
    """
    at, size = 0, len(line)
    word: list[str] | None = None
    while at < size:
        character = line[at]
        operator = next((op for op in _OPERATORS if line.startswith(op, at)), "")
        if operator or character.isspace():
            if word is not None:
                yield "".join(word), False
                word = None
            if operator:
                yield operator, True
            at += len(operator) or 1
        elif character == "#" and word is None:
            at = line.find("\n", at) if "\n" in line[at:] else size
        else:
            text, at = _piece(line, at, value_of)
            word = [*(word or ()), text]
    if word is not None:
        yield "".join(word), False


def _piece(line: str, at: int, value_of: Callable[[str], str]) -> tuple[str, int]:
    character = line[at]
    if character == "'":
        end = line.find("'", at + 1)
        if end < 0:
            raise Unfinished
        return line[at + 1 : end], end + 1
    if character == '"':
        return _quoted(line, at + 1, value_of)
    if character == "\\" and at + 1 < len(line):
        return line[at + 1], at + 2
    match = _NAME.match(line, at)
    if match:
        return value_of(match[1] or match[2]), match.end()
    return character, at + 1


def _quoted(line: str, at: int, value_of: Callable[[str], str]) -> tuple[str, int]:
    text: list[str] = []
    while at < len(line):
        match = _NAME.match(line, at)
        if line[at] == '"':
            return "".join(text), at + 1
        if match:
            text.append(value_of(match[1] or match[2]))
            at = match.end()
        elif line[at] == "\\" and at + 1 < len(line) and line[at + 1] in '"\\$`':
            text.append(line[at + 1])
            at += 2
        else:
            text.append(line[at])
            at += 1
    raise Unfinished


class Shell:
    """One shell process: its directory, variables and last exit code."""

    def __init__(self, context: ExecContext) -> None:
        self._context = context
        self._name = context.argv[0].rpartition("/")[2]
        self._code = 0
        self._running: asyncio.Future[int] | None = None
        self._broken = False  # the running line was interrupted

    async def run_line(self, line: str) -> int:
        """Run a command line; returns the exit code of its last command."""
        try:
            for operator, pipeline in _pipelines(words(line, self._value)):
                if (operator == "&&" and self._code) or (operator == "||" and not self._code):
                    continue
                if pipeline:
                    self._code = await self._pipe(pipeline)
        except Unfinished:
            self._context.complain(f"{self._name}: 1: Syntax error: Unterminated quoted string")
            self._code = 2
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
        context.interrupt = self._interrupted
        while True:
            if context.tty:
                self._prompt()
            line = await context.stdin.line()
            if not line:
                if context.tty:
                    context.print("exit" if self._name == "bash" else "")
                return self._code
            self._running = asyncio.ensure_future(self.run_line(line.decode("utf-8", "replace").rstrip("\n")))
            try:
                await self._running
            except _Exit as end:
                return end.code
            except asyncio.CancelledError:
                if not self._broken:
                    self._running.cancel()
                    raise
                self._broken, self._code = False, 130
            finally:
                self._running = None

    def _value(self, name: str) -> str:
        return str(self._code) if name == "?" else self._context.env.get(name, "")

    def _prompt(self) -> None:
        context = self._context
        where = f"root@{context.name}:{context.cwd}# " if self._name == "bash" else "# "
        context.out(where.encode())

    def _interrupted(self) -> None:
        if self._running is not None:
            self._broken = True
            self._running.cancel()
        else:
            self._prompt()

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
        _redirect(child)
        if not child.argv:
            return 0
        try:
            return await run(child)
        except NotInPath:
            context.complain(
                f"bash: {argv[0]}: command not found"
                if self._name == "bash"
                else f"{self._name}: 1: {argv[0]}: not found"
            )
            return 127


def _redirect(context: ExecContext) -> None:
    """Take redirections out of the arguments and do what they say, from left to right."""
    arguments, kept = list(context.argv), []
    while arguments:
        word = arguments.pop(0)
        if re.fullmatch(r"[12]?>>?", word) and arguments:
            word += arguments.pop(0)
        match = _REDIRECTION.fullmatch(word)
        if match is None:
            kept.append(word)
            continue
        target = {"&1": context.out, "&2": context.err}.get(match[2], _nowhere)
        if match[1] == "2":
            context.err = target
        else:
            context.out = target
    context.argv = kept


def _nowhere(data: bytes) -> None:
    """What /dev/null does."""


def _pipelines(parsed: Iterable[tuple[str, bool]]) -> Iterator[tuple[str, list[list[str]]]]:
    """(the operator before it, a pipeline of argument lists), in order."""
    operator = ""
    pipeline: list[list[str]] = []
    argv: list[str] = []
    for word, is_operator in chain(parsed, ((";", True),)):
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
