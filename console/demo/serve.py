"""The embedded cluster as a process: served until it is told to end, with one line that says it is ready."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from console.demo.assembly import Assembly, assemble
from console.demo.credentials import kubeconfig, write_private
from console.demo.listening import Listener
from console.demo.tls import Certificates, make_certificates

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What `kfconsole demo --serve` was asked for; at most one of `world`, `scenario` and `pods` counts."""

    port: int = 0
    kubeconfig_out: str | None = None
    world: str | None = None  # a world file
    scenario: str | None = None
    pods: int | None = None
    token_users: str | None = None  # a static token file
    tls: bool = False
    until_stdin_closes: bool = False


def serve(options: ServeOptions) -> int:
    """Serve until SIGTERM, SIGINT or, where asked for, the end of standard input; returns 0.

    UsageError for a port, file or scenario that cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="kfconsole-tls-") as folder:
        certificates = make_certificates(Path(folder)) if options.tls else None
        assembly = assemble(
            world=options.world,
            scenario=options.scenario,
            pods=options.pods,
            token_users=options.token_users,
            secure=options.tls,
        )
        listener = Listener(assembly.app, options.port, certificates)
        return asyncio.run(_serve(options, assembly, listener, certificates))


async def _serve(
    options: ServeOptions, assembly: Assembly, listener: Listener, certificates: Certificates | None
) -> int:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    await listener.start()
    if options.kubeconfig_out:
        authority = certificates.authority if certificates else None
        text = kubeconfig(listener.url, assembly.token, authority)
        write_private(Path(options.kubeconfig_out), text)
    # What was loaded stays: the collector need not look at it again, and its pages stay shared.
    gc.collect()
    gc.freeze()
    if options.until_stdin_closes:
        _watch_stdin(lambda: loop.call_soon_threadsafe(ending.set))
    tasks = assembly.start(listener.url, certificates.authority if certificates else None)
    sys.stdout.write(f"kfconsole demo ready: {listener.url}\n")
    sys.stdout.flush()
    try:
        await ending.wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await assembly.close()
        assembly.server.close_watches()
        await listener.stop()
    return 0


def _watch_stdin(ended: Callable[[], object]) -> None:
    """Call back once standard input is at its end; a thread, since a pipe, a file and a terminal differ for a loop."""

    def read() -> None:
        # os.read, for a lock on sys.stdin would hang the interpreter's end
        with suppress(OSError):
            while os.read(0, 65536):
                pass
        with suppress(RuntimeError):  # the loop has ended meanwhile
            ended()

    threading.Thread(target=read, daemon=True).start()
