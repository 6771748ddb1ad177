"""The embedded API server for tests: in this process on a free loopback port, stopped after each test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from console.demo.access import Access
from console.demo.app import build
from console.demo.bootstrap import bootstrap, give_accounts
from console.demo.default_roles import load_default_roles
from console.demo.garbage import Collector
from console.demo.listening import Listener
from console.demo.schemas import Schemas
from console.demo.server import Server
from console.demo.store import Store

START = 1_790_000_000.0  # seconds; the tests' own now


@dataclass
class Api:
    """A served cluster, its parts, and a client that is its administrator."""

    server: Server
    store: Store
    collector: Collector
    client: httpx.AsyncClient
    url: str
    token: str
    clock: list[float]

    async def settle(self) -> None:
        """Let the collectors do all that follows from the writes so far."""
        self.collector.work()
        await asyncio.sleep(0)

    async def send(self, method: str, path: str, status: int | None = None, **more: Any) -> Any:
        """Send a request, check its status where one is given, and decode the answer where it is JSON."""
        answer = await self.client.request(method, path, **more)
        if status is not None:
            assert answer.status_code == status, answer.text
        json = answer.headers.get("content-type", "").startswith("application/json")
        return answer.json() if json else answer.text


@asynccontextmanager
async def serving(**store_options: int) -> AsyncIterator[Api]:
    """An embedded API server with the shipped definitions, nothing simulated on it."""
    clock = [START]
    store = Store(lambda: clock[0], **store_options)
    store.load_shipped_crds()
    access = Access(store)
    server = Server(store, Schemas.of(store), access)
    load_default_roles(store)
    bootstrap(server)
    give_accounts(server)
    collector = Collector(server)
    collecting = asyncio.create_task(collector.run())
    listener = Listener(build(server))
    await listener.start()
    headers = {"authorization": f"Bearer {access.admin_token}"}
    try:
        async with httpx.AsyncClient(base_url=listener.url, headers=headers, timeout=20, trust_env=False) as client:
            yield Api(server, store, collector, client, listener.url, access.admin_token, clock)
    finally:
        server.close_watches()
        await listener.stop()
        collecting.cancel()


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """A served cluster."""
    async with serving() as served:
        yield served


@pytest.fixture
def pod() -> Callable[..., dict[str, Any]]:
    """Makes manifests of small pods."""

    def make(name: str = "p", namespace: str = "default", **metadata: Any) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, **metadata},
            "spec": {"containers": [{"name": "main", "image": "busybox:1.36"}]},
        }

    return make
