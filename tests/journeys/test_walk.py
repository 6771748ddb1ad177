"""The main job with keys only: from what is broken to each replica's GPUs, and what the server was asked on the way."""

from __future__ import annotations

import re

import pytest

from screens.registry import VIEWS
from tests.journeys.conftest import Open


async def test_the_start_view_shows_trouble_jobs_gpus_and_namespaces(open_console: Open) -> None:
    async with open_console() as console:
        await console.until("Attention (9)", "Running jobs (12)", "GPUs  used 65/78  free 10", "unhealthy 1 (gpu-a-02)")
        line = console.line("dlrm-embeddings      team-recsys")
        assert line.split()[:6] == [">", "x", "PyTorchJob", "dlrm-embeddings", "team-recsys", "2m54s"]
        assert re.search(r"llama-70b-pretrain +team-nlp +32 +4/4 +9h +Running", console.text)
        if console.size == (80, 24):  # further down on a short screen
            await console.press("end")
        else:
            assert "Namespaces (18)" in console.text
        await console.until(re.compile(r"team-vision +8 +12"))


async def test_from_namespaces_to_the_gpus_of_each_replica_and_back(open_console: Open) -> None:
    async with open_console() as console:
        await console.command("ns")
        await console.until("team-robotics", re.compile(r"team-nlp +Active +10"))
        await console.move_to("team-nlp")
        await console.press("enter")
        await console.until("jobs in team-nlp", "sft-mistral")
        await console.move_to("llama-70b-pretrain")
        await console.press("enter")
        await console.until("PyTorchJob llama-70b-pretrain", "Prometheus monitoring/", "4/4 replicas", "32 GPUs")
        row = console.line(" SLOW")
        assert re.search(r"worker-2 +Running +\d+%", row), row
        assert re.search(r"GPU \d+ % mean, \d+ to \d+", console.text)
        asked = await console.asked(lambda r: "/proxy/api/v1/query" in r.path)
        assert asked["path"].startswith("/api/v1/namespaces/monitoring/services/")
        assert asked["status"] == 200
        await console.press("escape")
        await console.until("jobs in team-nlp")
        assert "llama-70b-pretrain" in console.cursor
        await console.press("escape")
        await console.until("start > namespaces")
        assert "team-nlp" in console.cursor
        await console.press("escape")
        await console.until("Attention (9)")
        assert {r["method"] for r in await console.requests()} <= {"GET", "POST"}
        posted = {r.path for r in await console.requests() if r["method"] == "POST"}
        assert all(path.startswith("/apis/authorization.k8s.io/") for path in posted)


async def test_a_job_that_failed_shows_why_on_its_board(open_console: Open) -> None:
    async with open_console("jobs team-nlp") as console:
        await console.until("sft-mistral")
        await console.move_to("sft-mistral")
        await console.press("enter")
        text = await console.until("PyTorchJob sft-mistral", "Failed")
        assert "exit code 1" in text or "Error" in text


@pytest.mark.skipif("logs" not in VIEWS, reason="there is no view of logs yet")
async def test_the_logs_of_all_replicas_of_a_job(open_console: Open) -> None:
    async with open_console("jobs team-nlp") as console:
        await console.until("llama-70b-pretrain")
        await console.move_to("llama-70b-pretrain")
        await console.press("l")
        await console.until("master", "worker")
        names = set()
        for rank in ("master-0", "worker-0", "worker-1", "worker-2"):
            asked = await console.asked(lambda r, rank=rank: r.path.endswith(f"llama-70b-pretrain-{rank}/log"))
            names.add(asked["path"])
        assert len(names) == 4
        await console.until("following  4/4 streams", "[rank3] step")
        await console.press("e")
        await console.until("There is no error in these lines.", "following  4/4 streams")
        await console.press("escape")
        await console.until("jobs in team-nlp")


async def test_the_gpu_board_by_node_namespace_and_job(open_console: Open) -> None:
    async with open_console("gpus") as console:
        await console.until("by node", "78 GPUs", "Prometheus monitoring/", "gpu-a-02", re.compile(r"gpu-h-01 .* \d+%"))
        assert re.search(r"x +gpu-a-02 +Ready +#######x", console.text)
        await console.press("v")
        await console.until("by namespace", "team-speech")
        await console.press("v")
        await console.until("by job", "llama-70b-pretrain")
        await console.press("v")
        await console.until("by node")
