"""The connected cluster as screens see it, and how it is connected: after the first frame, in a worker.

Only this module opens sessions. The kubernetes package and the HTTP client are imported here, in a thread, so that
the first frame waits for neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from config import Settings
from console.clock import Clock
from console.errors import ConsoleError

if TYPE_CHECKING:
    from console.cluster.kubeconfig import ContextEntry
    from console.cluster.session import Session, Target
    from console.kinds.board import Board
    from console.kinds.catalog import Catalog
    from console.kinds.detail import Detail
    from console.telemetry.gpuwatch import GpuWatch
    from console.telemetry.jobwatch import JobWatch
    from console.telemetry.monitor import GpuMonitor

Say = Callable[[str], None]
Terminal = Callable[[], AbstractContextManager[Any]]


class Cluster(Protocol):
    """One cluster, connected. Tests put a fake in its place."""

    @property
    def context(self) -> str: ...
    @property
    def user(self) -> str: ...
    @property
    def namespace(self) -> str: ...  # the context's own
    @property
    def warning(self) -> str: ...  # why the connection is not protected; ""
    @property
    def clock(self) -> Clock: ...
    @property
    def session(self) -> Session: ...
    @property
    def catalog(self) -> Catalog: ...
    def board(self, kind: str, namespaces: tuple[str, ...] = (), selector: str = "") -> Board: ...
    def detail(self, kind: str, key: str, changed: Callable[[], None]) -> Detail: ...
    def job_watch(self, board: Board, key: str) -> JobWatch: ...
    def gpu_watch(self, boards: Mapping[str, Board]) -> GpuWatch: ...
    def namespaces(self) -> Mapping[str, object]: ...  # by name, as far as they may be listed; kept current
    def traffic(self) -> tuple[int, float]: ...  # (open watches, requests a second over the last minute)
    async def refresh(self) -> None: ...  # credentials, discovery and lists, read again
    async def close(self) -> None: ...


Connect = Callable[["Target", Say, Terminal], Awaitable[Cluster]]


@dataclass(slots=True)
class LiveCluster:
    """A session with its hub of watches and its catalog of kinds."""

    session: Session
    hub: Any
    catalog: Catalog
    settings: Settings
    _names: Mapping[str, object] | None = None
    _monitor: GpuMonitor | None = None

    @property
    def context(self) -> str:
        """The context's name."""
        return self.session.context

    @property
    def user(self) -> str:
        """Who acts."""
        return self.session.user

    @property
    def namespace(self) -> str:
        """The namespace asked for, or the context's own."""
        return self.session.namespace

    @property
    def warning(self) -> str:
        """Why the connection is not protected; "" when it is, or never leaves this machine."""
        return "" if self.session.local else self.session.warning

    @property
    def clock(self) -> Clock:
        """The cluster's time."""
        return self.session.clock

    def board(self, kind: str, namespaces: tuple[str, ...] = (), selector: str = "") -> Board:
        """Open the board of a kind; the caller closes it."""
        from console.kinds.board import Board

        return Board(self.hub, self.catalog, self.catalog.find(kind), namespaces=namespaces, selector=selector)

    def detail(self, kind: str, key: str, changed: Callable[[], None]) -> Detail:
        """Open one object; the caller closes it."""
        from console.kinds.detail import Detail

        return Detail(self.session, self.hub, self.catalog, self.catalog.find(kind), key, changed)

    @property
    def monitor(self) -> GpuMonitor:
        """The GPU figures of this cluster; its modules are loaded when they are first wanted."""
        if self._monitor is None:
            from console.telemetry.monitor import GpuMonitor

            self._monitor = GpuMonitor(self.session, self.settings)
        return self._monitor

    def job_watch(self, board: Board, key: str) -> JobWatch:
        """The replicas of one job of a board."""
        from console.telemetry.jobwatch import JobWatch

        return JobWatch(self.session, self.monitor, board, key)

    def gpu_watch(self, boards: Mapping[str, Board]) -> GpuWatch:
        """The GPUs of the cluster, by the boards that tell who holds them."""
        from console.telemetry.gpuwatch import GpuWatch

        return GpuWatch(self.monitor, boards)

    def namespaces(self) -> Mapping[str, object]:
        """Namespaces by name, watched as long as the cluster is connected."""
        if self._names is None:
            kind = self.catalog.get("namespaces")
            self._names = self.hub.open(self.catalog.source(kind)).rows if kind is not None else {}
        return self._names

    def traffic(self) -> tuple[int, float]:
        """(open watches, requests a second over the last minute)."""
        return self.session.stats.watches, self.session.stats.rate()

    async def refresh(self) -> None:
        """Make the credentials again and ask again which kinds are served."""
        from console.kinds.catalog import Catalog

        await self.session.reconnect()
        self.catalog = Catalog(await self.session.discovery(refresh=True))

    async def close(self) -> None:
        """Stop every watch and connection."""
        if self._monitor is not None:
            await self._monitor.close()
        await self.hub.stop()
        await self.session.close()


def contexts(target: Target) -> Sequence[ContextEntry]:
    """The contexts of the target's kubeconfig; none where there is no readable one."""
    from console.cluster.kubeconfig import read

    try:
        found = read(target.kubeconfig)
    except ConsoleError:
        return ()
    return found.contexts if found is not None else ()


def connector(settings: Settings) -> Connect:
    """How the real console connects: with the grace time of left views and the favourite namespaces of the settings."""

    async def connect(target: Target, say: Say, terminal: Terminal) -> Cluster:
        say("loading the kubeconfig")
        modules = ("console.cluster.session", "console.live.hub", "console.kinds.catalog", "console.kinds.board")
        await asyncio.to_thread(lambda: [import_module(name) for name in modules])
        from console.cluster.session import Session
        from console.kinds.catalog import Catalog
        from console.live.hub import Hub

        session = await Session.open(target, terminal=terminal)
        say(f"connecting to {session.context} at {session.server} as {session.user}")
        try:
            catalog = Catalog(await session.discovery())
        except BaseException:
            await session.close()
            raise
        values = settings.values
        hub = Hub(session, grace=values.unwatch_after, namespaces=values.favourites)
        return LiveCluster(session, hub, catalog, settings)

    return connect
