"""A scripted server and a session open on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import stamina

from console.cluster.session import Session, Target
from tests.cluster.scripted import Scripted, kubeconfig, scripted


@pytest.fixture(autouse=True)
def hasty() -> Iterator[None]:
    """Retries without their waiting times."""
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    async with scripted() as running:
        yield running


@pytest.fixture
async def session(server: Scripted, tmp_path: Path) -> AsyncIterator[Session]:
    opened = await Session.open(Target(kubeconfig=kubeconfig(tmp_path / "config", server.url)))
    yield opened
    await opened.close()
