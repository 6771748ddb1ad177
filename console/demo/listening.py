"""The application on a socket: uvicorn, started and ended inside a running event loop."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import uvicorn

from console.demo.sockets import KubernetesSockets
from console.errors import UsageError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from console.demo.tls import Certificates

_END_SECONDS = 3  # for answers under way when the server goes down


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ending = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait for the end; the base class looks for it ten times a second."""
        await self.on_tick(0)
        await self.ending.wait()

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Leave signals to whoever runs the loop: uvicorn would raise them anew after its end."""
        return nullcontext()


class Listener:
    """One listening socket on the loopback and the server behind it."""

    def __init__(self, app: ASGIApp, port: int = 0, certificates: Certificates | None = None) -> None:
        """Bind 127.0.0.1:`port` (0 takes a free one); UsageError where that is not possible."""
        # The protocol has to be named: asyncio sets TCP_NODELAY only then, and without it every answer whose head and
        # body are written apart waits 40 ms for an acknowledgement.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind(("127.0.0.1", port))
            self._socket.listen(512)
        except (OSError, OverflowError) as error:
            self._socket.close()
            raise UsageError(f"Port {port} of 127.0.0.1 cannot be used: {error}.", "Choose another --port.") from error
        self.port: int = self._socket.getsockname()[1]
        self.url = f"{'https' if certificates else 'http'}://127.0.0.1:{self.port}"
        self._server = _Uvicorn(
            uvicorn.Config(
                app,
                loop="asyncio",
                http="httptools",
                ws=KubernetesSockets,
                ws_per_message_deflate=False,
                lifespan="off",
                log_level="error",
                access_log=False,
                date_header=False,
                server_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=_END_SECONDS,
                ssl_certfile=str(certificates.certificate) if certificates else None,
                ssl_keyfile=str(certificates.key) if certificates else None,
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serve from now on; returns once connections are taken."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started:
            if self._task.done():
                await self._task
                return
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Take no more connections, let answers under way end, and close."""
        self._server.should_exit = True
        self._server.ending.set()
        if self._task is not None:
            await self._task
        self._socket.close()
