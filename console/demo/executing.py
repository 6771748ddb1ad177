"""Exec and attach over WebSocket channels: streams wired to a command or a log, and the Status it ends with."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from console.demo.channels import CLOSE, ERROR, RESIZE, STDERR, STDIN, STDOUT, Channels
from console.demo.commands import ExecContext, Input, NotInPath, run
from console.demo.container_files import Files
from console.demo.terminal import Terminal

if TYPE_CHECKING:
    from console.demo.records import Object
    from console.demo.requests import Query
    from console.demo.runtime import Runtime

_INTERRUPTED = 130


def exit_status(code: int) -> Object:
    """The Status on the error stream for an exit code."""
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def _not_in_path(name: str) -> Object:
    missing = f'exec: "{name}": executable file not found in $PATH'
    message = (
        "Internal error occurred: error executing command in container: failed to exec in container: failed to start "
        f"exec: OCI runtime exec failed: exec failed: unable to start container process: {missing}: unknown"
    )
    return {"metadata": {}, "status": "Failure", "message": message, "reason": "InternalError", "code": 500}


class Session:
    """One exec: a command whose streams are channels, until it ends or the client goes away."""

    def __init__(self, runtime: Runtime, pod: Object, container: str, query: Query, channels: Channels) -> None:
        self._channels = channels
        self._command: asyncio.Task[int] | None = None
        tty = query.flag("tty")
        stdin = Input()
        files = Files(runtime.store, pod, container)
        self._wants_input = query.flag("stdin")
        if not self._wants_input:
            stdin.feed(b"")
        self._stdin = stdin
        self._terminal = Terminal(stdin, self._out, self._interrupt) if tty else None
        write = self._terminal.show if self._terminal else self._out
        self._context = ExecContext(
            runtime,
            pod,
            container,
            query.all("command"),
            files.environment(),
            files,
            stdin,
            write,
            write if tty else self._err,
            tty,
        )

    async def serve(self) -> None:
        """Run the command to its end and send its Status."""
        reader = asyncio.create_task(self._read())
        self._command = asyncio.create_task(self._run())
        try:
            await asyncio.wait((reader, self._command), return_when=asyncio.FIRST_COMPLETED)
            if not self._command.done():
                return  # the client is gone
            send_status(self._channels, await self._command_status())
        finally:
            for task in (reader, self._command):
                task.cancel()
            await asyncio.gather(reader, self._command, return_exceptions=True)
            await self._channels.close()

    async def _command_status(self) -> Object:
        assert self._command is not None
        try:
            return exit_status(await self._command)
        except NotInPath as missing:
            return _not_in_path(str(missing))
        except asyncio.CancelledError:
            return exit_status(_INTERRUPTED)

    async def _run(self) -> int:
        return await run(self._context)

    async def _read(self) -> None:
        async for channel, data in self._channels.messages():
            if channel == STDIN and self._wants_input:
                (self._terminal.keys if self._terminal else self._stdin.feed)(data)
            elif channel == RESIZE:
                with suppress(msgspec.DecodeError, TypeError, AttributeError):
                    size: dict[str, Any] = msgspec.json.decode(data)
                    self._context.size = (int(size.get("Width", 80)), int(size.get("Height", 24)))
            elif channel == CLOSE and data[:1] == bytes((STDIN,)):
                self._stdin.feed(b"")

    def _out(self, data: bytes) -> None:
        self._channels.send(STDOUT, data)

    def _err(self, data: bytes) -> None:
        self._channels.send(STDERR, data)

    def _interrupt(self) -> None:
        if self._context.interrupt is not None:
            self._context.interrupt()
        elif self._command is not None:
            self._command.cancel()


def send_status(channels: Channels, status: Object) -> None:
    """Put a Status on the error stream, as text for protocols that know no Status."""
    if channels.structured:
        channels.send(ERROR, msgspec.json.encode(status))
    elif status["status"] != "Success":
        channels.send(ERROR, str(status["message"]).encode())


async def attach(runtime: Runtime, pod: Object, container: str, channels: Channels) -> None:
    """Show a running container's output from now on, until it ends or the client goes away."""
    metadata = pod["metadata"]
    ended = asyncio.Event()
    log = runtime.logs.of(metadata.get("namespace", ""), metadata["name"], container)

    def heard(line: Any) -> None:
        if line is None:
            ended.set()
        else:
            channels.send(STDOUT, line.text + b"\n")

    async def read() -> None:
        async for _ in channels.messages():
            pass
        ended.set()

    log.listeners.append(heard)
    reader = asyncio.create_task(read())
    try:
        await ended.wait()
        send_status(channels, exit_status(0))
    finally:
        if heard in log.listeners:
            log.listeners.remove(heard)
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        await channels.close()
