from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from textual import events
from textual.pilot import Pilot

from config import load
from console.clock import Clock
from console.cluster.session import Session, Target
from console.demo.child import Child, start
from screens.app import KfconsoleApp
from screens.places import Place

PICTURES = Path(__file__).parent / "pictures"
REWRITE = "KFCONSOLE_REWRITE_PICTURES"  # set it to write the pictures anew instead of comparing them
PATIENCE = 30.0  # seconds; ends a hung test only
STILL_AT = 1795403520.0  # where the quiet world's clock stands

_TRAFFIC = re.compile(r" +(\w+) +\d+ watch(es)? +[\d.]+ req/s$")


class Request(dict[str, Any]):
    """One line of the server's request log."""

    @property
    def path(self) -> str:
        return str(self["path"])

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self["query"]).items()}

    @property
    def watches(self) -> bool:
        return self.query.get("watch") in ("true", "1")


class Console:
    """The console on a real, still cluster: pressed and read as a person does."""

    def __init__(self, app: KfconsoleApp, pilot: Pilot[int], cluster: Child, size: tuple[int, int]) -> None:
        self.app, self.pilot, self.size = app, pilot, size
        self._url = cluster.url

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Put text into the open prompt in one event, as a paste does."""
        self.app.post_message(events.Paste(text))
        await self.pilot.pause()

    async def command(self, text: str) -> None:
        """`:text` and enter."""
        await self.press("colon")
        await self.type(text)
        await self.press("enter")

    async def filter(self, text: str) -> None:
        """`/text` and enter."""
        await self.press("slash")
        await self.type(text)
        await self.press("enter")

    async def move_to(self, part: str) -> None:
        """Press j until the cursor is on a line that holds `part`."""
        for _ in range(100):
            if part in self.cursor:
                return
            await self.press("j")
        raise AssertionError(f"the cursor never came to {part!r} on:\n{self.text}")

    @property
    def lines(self) -> list[str]:
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def cursor(self) -> str:
        """The line under the cursor, or ""."""
        return next((line for line in self.lines if line.startswith(" >")), "")

    def line(self, part: str) -> str:
        """The only line that holds `part`."""
        found = [line for line in self.lines if part in line]
        assert len(found) == 1, f"{part!r} is on {len(found)} lines of:\n{self.text}"
        return found[0]

    async def until(self, *parts: str | re.Pattern[str]) -> str:
        """Wait until the screen shows every part; returns it."""
        end = time.monotonic() + PATIENCE
        while True:
            text = self.text
            missing = [p for p in parts if not (p.search(text) if isinstance(p, re.Pattern) else p in text)]
            if not missing:
                return text
            assert time.monotonic() < end, f"{missing[0]!r} never appeared on:\n{text}"
            await asyncio.sleep(0.02)
            await self.pilot.pause()

    async def requests(self, *, clear: bool = False) -> list[Request]:
        """What the server was asked since the console was opened, or since they were last cleared."""
        async with httpx.AsyncClient(base_url=self._url, trust_env=False) as client:
            answer = await client.get("/debug/requests", params={"clear": "1"} if clear else None)
        return [Request(entry) for entry in answer.json() if entry["agent"].startswith("kfconsole")]

    async def asked(self, wanted: Callable[[Request], bool]) -> Request:
        """Wait for a request; returns the first that is wanted."""
        end = time.monotonic() + PATIENCE
        while True:
            requests = await self.requests()
            found = next(filter(wanted, requests), None)
            if found is not None:
                return found
            assert time.monotonic() < end, "\n".join(f"{r['method']} {r.path}?{r['query']}" for r in requests)
            await asyncio.sleep(0.05)

    async def quiet(self, seconds: float = 3.0) -> None:
        """Forget what was asked so far, once nothing was asked for a while, and look on for a few seconds."""
        while await self.requests(clear=True):
            await asyncio.sleep(0.5)
        await asyncio.sleep(seconds)

    async def looks_like(self, name: str) -> None:
        """Compare the screen with its picture, once it stands still."""
        await self.until(" live ")
        file = PICTURES / f"{name}-{self.size[0]}x{self.size[1]}.txt"
        shown = await self._still()
        if os.environ.get(REWRITE):
            file.write_text(shown, encoding="utf-8")
        end = time.monotonic() + PATIENCE / 6
        wanted = file.read_text(encoding="utf-8")
        while shown != wanted and time.monotonic() < end:
            shown = await self._still()
        assert shown == wanted, f"{file.name} differs; {REWRITE}=1 writes it anew"

    async def _still(self) -> str:
        """The screen without what differs between two runs, after it was the same for a while."""
        seen, since = "", 0.0
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            now = "\n".join(masked(line) for line in self.lines) + "\n"
            if now != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > 0.6:
                break
            await asyncio.sleep(0.05)
            await self.pilot.pause()
        return seen


def masked(line: str) -> str:
    """A line without the counts of watches and requests, whose number depends on how fast things went."""
    return _TRAFFIC.sub(r"   \1 - watches - req/s", line)


Open = Callable[..., AbstractAsyncContextManager[Console]]


class StillClock(Clock):
    """The quiet world's time, in which nothing passes."""

    def now(self) -> float:
        return STILL_AT


@pytest.fixture(scope="session")
def quiet() -> Iterator[Child]:
    """One still cluster for every journey of a worker."""
    with start(scenario="quiet") as cluster:
        yield cluster


@pytest.fixture(params=[(80, 24), (140, 40)], ids=["80x24", "140x40"])
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    return request.param


@pytest.fixture
def open_console(quiet: Child, size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """`async with open_console("pods") as console`: on the start view, or where the command leads."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    real = Session.open

    async def at_the_worlds_time(target: Target, **options: Any) -> Session:
        return await real(target, **{**options, "clock": StillClock()})

    monkeypatch.setattr(Session, "open", staticmethod(at_the_worlds_time))

    @asynccontextmanager
    async def opened(line: str = "") -> AsyncIterator[Console]:
        first = Place("command", option=line) if line else Place("start")
        settings = load({}, environ={}, folder=tmp_path)
        app = KfconsoleApp(Target(kubeconfig=quiet.kubeconfig), settings, first)
        async with app.run_test(size=size) as pilot:
            console = Console(app, pilot, quiet, size)
            await console.requests(clear=True)
            await console.until("? help")
            yield console

    return opened
