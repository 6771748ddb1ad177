"""The embedded cluster put together: what it holds, who acts in it, and whether its time goes on.

Three kinds: a shipped scenario, a world file, which stands still, and a cluster of any size, which stands still too.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from console.demo.access import Access
from console.demo.app import build
from console.demo.bootstrap import bootstrap, give_accounts, give_addresses
from console.demo.client import ApiClient
from console.demo.controllers import start
from console.demo.default_roles import load_default_roles
from console.demo.garbage import EVENT_TTL, Collector
from console.demo.gpus import GpuFleet
from console.demo.runtime import Runtime
from console.demo.schemas import Schemas
from console.demo.seeding import seed
from console.demo.server import Server
from console.demo.services import install_samples, install_services
from console.demo.store import Store
from console.demo.streams import Streams
from console.demo.worlds import scenarios
from console.demo.worlds.default import plant
from console.demo.worlds.life import Life
from console.demo.worlds.loader import install, load_world
from console.demo.worlds.still import stand_still

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.applications import Starlette

DEFAULT = "default"  # the scenario when nothing else is asked for


@dataclass(slots=True)
class Assembly:
    """A cluster ready to be served; `start` sets it in motion once it can be reached."""

    server: Server
    runtime: Runtime
    gpus: GpuFleet
    token: str = field(repr=False)  # of the user whom the kubeconfig lets in
    simulated: bool = False  # whether controllers and kubelets run
    pace: float = 0.0  # of life in the scenario; see worlds.life
    app: Starlette = field(init=False)
    _collector: Collector = field(init=False)
    _client: ApiClient | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.server.kubelet = self.simulated
        self.app = build(self.server)
        self._collector = Collector(self.server, event_ttl=EVENT_TTL if self.simulated else None)

    def start(self, url: str, authority: Path | None = None) -> list[asyncio.Task[None]]:
        """Start the collector and, in a simulated world, the controllers, as clients of `url`."""
        tasks = [asyncio.create_task(self._collector.run())]
        if self.simulated:
            verify = ssl.create_default_context(cafile=str(authority)) if authority else True
            self._client = ApiClient(url, self.server.access.admin_token, verify=verify)
            tasks += start(self._client, self.runtime, self.gpus, self.server.store.now, self.server.seed)
            if self.pace:
                life = Life(self._client, pace=self.pace, seed=self.server.seed)
                tasks.append(asyncio.create_task(life.run(), name="life"))
        return tasks

    async def close(self) -> None:
        """Give back what `start` opened."""
        if self._client is not None:
            await self._client.close()


def assemble(
    *,
    world: str | None = None,
    scenario: str | None = None,
    pods: int | None = None,
    token_users: str | None = None,
    secure: bool = False,
    clock: Callable[[], float] = time.time,
) -> Assembly:
    """A cluster that holds what is asked for; UsageError for a file or scenario that cannot be used."""
    if world:
        made = _of_world(world, secure)
    elif pods:
        made = _of_size(pods, clock, secure)
    else:
        made = _of_scenario(scenarios.find(scenario or DEFAULT), clock, secure)
    if token_users:
        made.server.access.tokens.load(token_users)
    return made


def _empty(clock: Callable[[], float], secure: bool) -> tuple[Server, Runtime, GpuFleet]:
    store = Store(clock)
    store.load_shipped_crds()
    runtime = Runtime(store)
    server = Server(store, Schemas.of(store), Access(store), Streams(runtime), insecure=not secure)
    return server, runtime, GpuFleet(store.now)


def _of_world(path: str, secure: bool) -> Assembly:
    world = load_world(path)
    server, runtime, gpus = _empty(lambda: world.now, secure)
    load_default_roles(server.store)
    install(world, server.store, runtime)
    install_samples(runtime, world.metrics_samples)
    return Assembly(server, runtime, gpus, server.access.admin_token)


def _of_size(pods: int, clock: Callable[[], float], secure: bool) -> Assembly:
    server, runtime, gpus = _empty(clock, secure)
    load_default_roles(server.store)
    seed(server.store, pods)
    bootstrap(server)
    give_accounts(server)
    return Assembly(server, runtime, gpus, server.access.admin_token)


def _of_scenario(scenario: scenarios.Scenario, clock: Callable[[], float], secure: bool) -> Assembly:
    still = scenario.now
    server, runtime, gpus = _empty(clock if still is None else lambda: still, secure)
    load_default_roles(server.store)
    planted = scenario.seed(server.store.now())
    plant(planted, server.store, server.schemas, runtime)
    if not scenario.simulated:
        stand_still(planted.objects, runtime, gpus, server.store.now())
    give_addresses(server)
    bootstrap(server)
    give_accounts(server)
    server.access.tokens.read(scenario.token_users)
    server.figures = install_services(runtime, gpus=gpus)
    # A scenario's own user cannot be told from the administrator where tokens are not sent.
    server.insecure = server.insecure and not scenario.token
    token = scenario.token or server.access.admin_token
    return Assembly(server, runtime, gpus, token, scenario.simulated, scenario.pace)
