from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

from config import Settings, load
from console.cluster.session import Target
from console.errors import ConsoleError
from screens.app import KfconsoleApp
from screens.places import Place
from tests.screens.fakes import FakeCluster, FakeHub, world


class Driver:
    """A console on a fake cluster, pressed and read as a person does."""

    def __init__(self, app: KfconsoleApp, pilot: Pilot[int], cluster: FakeCluster) -> None:
        self.app, self.pilot, self.cluster = app, pilot, cluster

    async def press(self, *keys: str) -> None:
        for key in keys:
            self.app.post_message(events.Key(key, key if len(key) == 1 else None))
            await self.settle()

    async def type(self, text: str) -> None:
        """Put text into the prompt as a terminal's paste does: one event, where keys would be one each."""
        self.app.post_message(events.Paste(text))
        await self.settle()

    async def settle(self) -> None:
        """Until every message is handled, no view waits for a delivery, and the screen is drawn."""
        quiet = 0
        for _ in range(600):
            await self.pilot.pause(0)
            views = self.app.views
            waiting = any(following.pending for view in views for following in view.followed)
            waiting = waiting or any(getattr(view, "_scheduled", False) or not view.is_mounted for view in views)
            waiting = waiting or self.app.focused not in (self.app.front, self.app.prompt)
            quiet = 0 if waiting else quiet + 1
            if quiet > 3:
                return
            if waiting:
                await asyncio.sleep(0.005)

    @property
    def lines(self) -> list[str]:
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def cursor(self) -> str:
        """The line under the cursor."""
        (found,) = [line for line in self.lines if line.startswith(" >")]
        return found

    def line(self, part: str) -> str:
        """The only line that holds `part`."""
        found = [line for line in self.lines if part in line]
        assert len(found) == 1, f"{part!r} is on {len(found)} lines of:\n{self.text}"
        return found[0]


Open = Callable[..., AbstractAsyncContextManager[Driver]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({}, environ={}, folder=tmp_path)


@pytest.fixture
def open_console(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """`async with open_console("pods", size=(80, 24)) as console`."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    @asynccontextmanager
    async def opened(
        line: str = "",
        *,
        hub: FakeHub | None = None,
        size: tuple[int, int] = (80, 24),
        target: Target | None = None,
        error: ConsoleError | None = None,
        own: Settings | None = None,
        namespaces: tuple[str, ...] = (),
        **cluster: Any,
    ) -> AsyncIterator[Driver]:
        fake = FakeCluster(hub or world(), **cluster)

        async def connect(target: Target, say: Any, terminal: Any) -> FakeCluster:
            say("connecting to the fake")
            if error is not None:
                raise error
            return fake

        first = Place("command", option=line, namespaces=namespaces) if line else Place("start", namespaces=namespaces)
        app = KfconsoleApp(target or Target(), own or settings, first, connect=connect)
        async with app.run_test(size=size) as pilot:
            console = Driver(app, pilot, fake)
            for _ in range(200):
                await console.settle()
                if app.linked is not None or app.failure is not None or not app.is_running:
                    break
            await console.settle()
            yield console

    return opened
