"""Four views that do not change, compared whole with the pictures they had when somebody last looked at them."""

from __future__ import annotations

import pytest

from tests.journeys.conftest import Open


async def test_the_start_view(open_console: Open) -> None:
    async with open_console() as console:
        await console.until("Attention (9)", "Running jobs (12)", "unhealthy 1", "Platform  ok")
        await console.looks_like("start")


@pytest.mark.parametrize(
    ("command", "shown", "name"),
    [
        ("jobs team-nlp", "sft-mistral", "jobs"),
        ("gpus", "Prometheus monitoring/", "gpus"),
    ],
)
async def test_a_list(open_console: Open, command: str, shown: str, name: str) -> None:
    async with open_console(command) as console:
        await console.until(shown)
        await console.looks_like(name)


async def test_the_replica_board(open_console: Open) -> None:
    async with open_console("jobs team-nlp") as console:
        await console.until("llama-70b-pretrain")
        await console.move_to("llama-70b-pretrain")
        await console.press("enter")
        await console.until("worker-2", "Prometheus")
        await console.looks_like("replicas")
