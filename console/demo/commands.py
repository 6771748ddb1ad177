"""Commands that can be run in a container, and what each is given: its pod, arguments, environment and streams."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console.demo.container_files import Files

if TYPE_CHECKING:
    from console.demo.records import Object
    from console.demo.runtime import Runtime

Command = Callable[["ExecContext"], "int | Awaitable[int]"]
"""Runs with a context and returns (or resolves to) the exit code."""


class Input:
    """Standard input: chunks in, chunks or lines out; b"" is its end."""

    def __init__(self) -> None:
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._rest = b""
        self._ended = False

    def feed(self, data: bytes) -> None:
        """More input; b"" for no more."""
        self._chunks.put_nowait(data)

    async def read(self) -> bytes:
        """The next bytes; b"" at the end."""
        if self._rest or self._ended:
            data, self._rest = self._rest, b""
            return data
        data = await self._chunks.get()
        self._ended = not data
        return data

    async def line(self) -> bytes:
        """The next line with its newline; b"" at the end."""
        found = self._rest
        while b"\n" not in found:
            self._rest = b""
            more = await self.read()
            if not more:
                return found
            found += more
        line, _, self._rest = found.partition(b"\n")
        return line + b"\n"


@dataclass(slots=True)
class ExecContext:
    """One run of a command in a container."""

    runtime: Runtime
    pod: Object
    container: str
    argv: list[str]
    env: dict[str, str]
    files: Files
    stdin: Input
    out: Callable[[bytes], None]
    err: Callable[[bytes], None]
    tty: bool = False
    cwd: str = "/"
    size: tuple[int, int] = (80, 24)  # columns, rows
    interrupt: Callable[[], None] | None = None  # what ctrl-c does, where a shell takes it

    @property
    def namespace(self) -> str:
        """The pod's namespace."""
        return str(self.pod["metadata"].get("namespace", ""))

    @property
    def name(self) -> str:
        """The pod's name, which is its host name too."""
        return str(self.pod["metadata"]["name"])

    def now(self) -> float:
        """Seconds since 1970 on the cluster's clock."""
        return self.runtime.store.now()

    def print(self, text: str = "") -> None:
        """Write a line to standard output."""
        self.out((text + "\n").encode("utf-8", "surrogateescape"))

    def complain(self, text: str) -> None:
        """Write a line to standard error."""
        self.err((text + "\n").encode("utf-8", "surrogateescape"))

    def called(self, argv: list[str]) -> ExecContext:
        """The same surroundings for another command."""
        return replace(self, argv=argv)


class NotInPath(Exception):
    """There is no such command in the container."""


async def run(context: ExecContext) -> int:
    """Run `context.argv`; NotInPath where the command does not exist."""
    command = context.runtime.commands.get(context.argv[0].rpartition("/")[2])
    if command is None:
        raise NotInPath(context.argv[0])
    result = command(context)
    return await result if inspect.isawaitable(result) else result


def _ls(context: ExecContext) -> int:
    flags = {letter for word in context.argv[1:] if word.startswith("-") for letter in word[1:]}
    paths = [word for word in context.argv[1:] if not word.startswith("-")] or ["."]
    code = 0
    for path in paths:
        full = context.files.resolve(context.cwd, path)
        names = context.files.listing(full)
        if names is None and context.files.read(full) is None:
            context.complain(f"ls: cannot access '{path}': No such file or directory")
            code = 2
            continue
        shown = [path] if names is None else sorted(n for n in names if "a" in flags or not n.startswith("."))
        if len(paths) > 1 and names is not None:
            context.print(f"{path}:")
        base = full if names is not None else full.rpartition("/")[0]
        for name in shown:
            context.print(_long(context, base, name) if "l" in flags else name)
    return code


def _long(context: ExecContext, base: str, name: str) -> str:
    path = context.files.resolve(base, name)
    directory = context.files.listing(path) is not None
    size = 4096 if directory else len(context.files.read(path) or b"")
    at = datetime.fromtimestamp(context.now(), UTC).strftime("%b %e %H:%M")
    return f"{'drwxr-xr-x' if directory else '-rw-r--r--'} 1 root root {size:>8} {at} {name}"


async def _cat(context: ExecContext) -> int:
    code = 0
    for path in context.argv[1:] or ["-"]:
        if path == "-":
            while data := await context.stdin.read():
                context.out(data)
            continue
        full = context.files.resolve(context.cwd, path)
        content = context.files.read(full)
        if content is None:
            directory = context.files.listing(full) is not None
            context.complain(f"cat: {path}: {'Is a directory' if directory else 'No such file or directory'}")
            code = 1
        else:
            context.out(content)
    return code


def _env(context: ExecContext) -> int:
    for key, value in context.env.items():
        context.print(f"{key}={value}")
    return 0


def _printenv(context: ExecContext) -> int:
    if len(context.argv) == 1:
        return _env(context)
    found = [context.env[name] for name in context.argv[1:] if name in context.env]
    for value in found:
        context.print(value)
    return 0 if len(found) == len(context.argv) - 1 else 1


def _echo(context: ExecContext) -> int:
    words = context.argv[1:]
    bare = bool(words) and words[0] == "-n"
    context.out(" ".join(words[bare:]).encode("utf-8", "surrogateescape") + (b"" if bare else b"\n"))
    return 0


def _date(context: ExecContext) -> int:
    at = datetime.fromtimestamp(context.now(), UTC)
    form = next((word[1:] for word in context.argv[1:] if word.startswith("+")), "%a %b %e %H:%M:%S UTC %Y")
    context.print(at.strftime(form))
    return 0


def _ps(context: ExecContext) -> int:
    context.print("    PID TTY          TIME CMD" if len(context.argv) == 1 else "PID   USER     TIME  COMMAND")
    for pid, command in ((1, context.files.command_line()), (37, " ".join(context.argv))):
        if len(context.argv) == 1:
            context.print(f"{pid:>7} ?        00:00:00 {command.split(' ', 1)[0].rpartition('/')[2]}")
        else:
            context.print(f"{pid:>5} root      0:00 {command}")
    return 0


async def _sleep(context: ExecContext) -> int:
    try:
        seconds = sum(float(word.rstrip("s")) for word in context.argv[1:])
    except ValueError:
        context.complain(f"sleep: invalid time interval '{context.argv[-1]}'")
        return 1
    if len(context.argv) < 2:
        context.complain("sleep: missing operand")
        return 1
    await asyncio.sleep(seconds)
    return 0


def _says(text: str) -> Command:
    def command(context: ExecContext) -> int:
        context.print(text)
        return 0

    return command


def _hostname(context: ExecContext) -> int:
    context.print(str(context.pod["spec"].get("hostname") or context.name))
    return 0


def _pwd(context: ExecContext) -> int:
    context.print(context.cwd)
    return 0


def _uname(context: ExecContext) -> int:
    full = f"Linux {context.name} 6.8.0-1021-gke #25-Ubuntu SMP x86_64 x86_64 x86_64 GNU/Linux"
    context.print(full if "-a" in context.argv else "Linux")
    return 0


def _stty(context: ExecContext) -> int:
    columns, rows = context.size
    known = f"speed 38400 baud; rows {rows}; columns {columns};"
    context.print(f"{rows} {columns}" if "size" in context.argv else known)
    return 0


async def _wc(context: ExecContext) -> int:
    data = b""
    for path in [word for word in context.argv[1:] if not word.startswith("-")]:
        data += context.files.read(context.files.resolve(context.cwd, path)) or b""
    if len([word for word in context.argv[1:] if not word.startswith("-")]) == 0:
        while chunk := await context.stdin.read():
            data += chunk
    counts = {"-l": data.count(b"\n"), "-w": len(data.split()), "-c": len(data)}
    asked = [counts[word] for word in context.argv[1:] if word in counts] or list(counts.values())
    context.print(" ".join(map(str, asked)))
    return 0


async def _grep(context: ExecContext) -> int:
    words = [word for word in context.argv[1:] if not word.startswith("-")]
    inverted = "-v" in context.argv
    if not words:
        context.complain("usage: grep [-v] PATTERN [FILE]...")
        return 2
    data = b"".join(context.files.read(context.files.resolve(context.cwd, path)) or b"" for path in words[1:])
    if len(words) == 1:
        while chunk := await context.stdin.read():
            data += chunk
    needle = words[0].encode()
    found = [line for line in data.splitlines() if (needle in line) is not inverted]
    for line in found:
        context.out(line + b"\n")
    return 0 if found else 1


BUILT_IN: dict[str, Command] = {
    "cat": _cat,
    "date": _date,
    "echo": _echo,
    "env": _env,
    "false": lambda context: 1,
    "grep": _grep,
    "hostname": _hostname,
    "id": _says("uid=0(root) gid=0(root) groups=0(root)"),
    "ls": _ls,
    "nproc": _says("16"),
    "printenv": _printenv,
    "ps": _ps,
    "pwd": _pwd,
    "sleep": _sleep,
    "stty": _stty,
    "true": lambda context: 0,
    "uname": _uname,
    "wc": _wc,
    "whoami": _says("root"),
}
