"""`kfconsole get` prints what the console's table shows, and says on standard error what it could not read."""

from __future__ import annotations

import asyncio
import json

import pytest
import yaml

from console.errors import CannotReach, Denied, Exit, NotFound, UsageError
from console.headless.output import Out
from tests.kinds.kindobjects import condition, crashing, node, pod, pytorchjob, worker

RUNNING = [condition("Created"), condition("Running")]


async def test_a_table_of_the_contexts_namespace(cluster, run):
    cluster.holds("/api/v1/namespaces/team-a/pods", pod("b", gpus=2), crashing("a"), pod("c"))
    code, text = await run("po")
    assert code == Exit.FINE
    lines = text.splitlines()
    assert lines[0].split() == ["NAME", "READY", "STATUS", "RESTARTS", "GPUS", "AGE", "NODE", "JOB", "REASON"]
    assert [line.split()[0] for line in lines[1:]] == ["a", "b", "c"]
    assert lines[1].split()[:3] == ["a", "0/1", "CrashLoopBackOff"]


async def test_all_namespaces_have_a_column(cluster, run):
    cluster.holds("/api/v1/pods", pod("a"), pod("a", "team-b"))
    _, text = await run("pods", all_namespaces=True)
    assert text.splitlines()[0].startswith("NAMESPACE   NAME")
    assert text.splitlines()[2].startswith("team-b      a")


async def test_wide_shows_more_columns_and_cuts_nothing(cluster, run):
    cluster.holds("/api/v1/namespaces/team-a/pods", pod("a", status={"podIP": "10.0.0.9"}))
    _, text = await run("pods", output="wide")
    assert "IP" in text.splitlines()[0].split()
    assert "10.0.0.9" in text


async def test_json_is_a_list_of_rows_with_stable_keys(cluster, run):
    cluster.holds("/api/v1/pods", *(pod(f"p-{number}", gpus=1) for number in range(5)))
    code, text = await run("pods", all_namespaces=True, output="json")
    rows = json.loads(text)
    assert (code, [row["name"] for row in rows]) == (Exit.FINE, [f"p-{number}" for number in range(5)])
    assert rows[0] | {"uid": ""} == {
        "kind": "Pod",
        "namespace": "team-a",
        "name": "p-0",
        "ready": "1/1",
        "status": "Running",
        "restarts": 0,
        "gpus": 1,
        "age": 3600,
        "node": "gpu-1",
        "job": None,
        "ip": None,
        "owner": None,
        "reason": None,
        "role": None,
        "index": None,
        "job_kind": None,
        "phase": "Running",
        "containers": ["main"],
        "gpu_resources": {"nvidia.com/gpu": 1},
        "uid": "",
        "created": "2026-01-31T09:00:00Z",
        "health": "running",
        "health_word": "Running",
        "health_reason": None,
    }


async def test_yaml_holds_the_same_rows(cluster, run):
    cluster.holds("/api/v1/pods", pod("a"), crashing("b"))
    _, as_json = await run("pods", all_namespaces=True, output="json")
    _, as_yaml = await run("pods", all_namespaces=True, output="yaml")
    assert yaml.safe_load(as_yaml) == json.loads(as_json)


async def test_names_are_kubectls(cluster, run):
    cluster.holds("/apis/kubeflow.org/v1/namespaces/team-a/pytorchjobs", pytorchjob("mnist"))
    cluster.holds("/api/v1/namespaces/team-a/pods")
    _, text = await run("pytorchjobs", output="name")
    assert text == "pytorchjob.kubeflow.org/mnist\n"


async def test_jobs_are_joined_with_their_pods_and_looked_for_everywhere(cluster, run):
    cluster.holds(
        "/apis/kubeflow.org/v1/pytorchjobs", pytorchjob("mnist", conditions=RUNNING, statuses={"Master": {"active": 1}})
    )
    cluster.holds("/api/v1/pods", worker("mnist", 0, "master"), worker("mnist", 0, make=crashing))
    _, text = await run("jobs", output="json")
    job = json.loads(text)[0]
    assert (job["kind"], job["phase"], job["replicas"], job["restarts"], job["health"]) == (
        "PyTorchJob",
        "Running",
        "1/3",
        7,
        "warn",
    )
    assert job["reason"] == "2 of 3 not running: mnist-worker-0 CrashLoopBackOff: last run ended with exit code 1"


async def test_a_name_prints_that_row_alone(cluster, run):
    cluster.holds("/api/v1/namespaces/team-a/pods", pod("a"), pod("b"), pod("c"))
    _, text = await run("pods", name="b", output="json")
    assert [row["name"] for row in json.loads(text)] == ["b"]
    assert cluster.server.requests("/api/v1/namespaces/team-a/pods", fieldSelector="metadata.name=b")


async def test_a_name_that_is_not_there_is_not_found(cluster, run):
    cluster.holds("/api/v1/namespaces/team-a/pods")
    with pytest.raises(NotFound) as told:
        await run("pods", name="nope")
    assert "'nope' in namespace team-a" in str(told.value)


async def test_nothing_found_is_fine_and_said(cluster, run, capsys):
    cluster.holds("/api/v1/namespaces/team-a/pods")
    assert await run("pods") == (Exit.FINE, "")
    assert "no pods found in namespace team-a" in capsys.readouterr().err
    assert await run("pods", output="json") == (Exit.FINE, "[]\n")
    assert await run("pods", output="yaml") == (Exit.FINE, "[]\n")


async def test_the_selector_is_the_servers_to_evaluate(cluster, run):
    cluster.holds("/api/v1/namespaces/team-a/pods", pod("a"))
    await run("pods", selector="app=x")
    assert cluster.server.requests("/api/v1/namespaces/team-a/pods", labelSelector="app=x")


async def test_denied_is_an_error_only_when_nothing_could_be_read(cluster, run, capsys):
    cluster.server.fails("GET", "/api/v1/namespaces/team-a/pods", 403, "Forbidden", 'User "alice" cannot list pods')
    with pytest.raises(Denied):
        await run("pods")
    cluster.holds("/api/v1/namespaces/team-b/pods", pod("b", "team-b"))
    code, text = await run("pods", namespaces=("team-a", "team-b"), output="name")
    assert (code, text) == (Exit.FINE, "pod/b\n")
    assert "pods could not be read" in capsys.readouterr().err


async def test_wrong_words_and_unreachable_clusters_have_their_own_errors(cluster, run):
    with pytest.raises(UsageError):
        await run("podz")
    with pytest.raises(UsageError):
        await run("pods", output="csv")
    with pytest.raises(NotFound):
        await run("tfjobs")
    cluster.server.on("GET", "/api", _drops)
    cluster.server.on("GET", "/apis", _drops)
    with pytest.raises(CannotReach):
        await run("pods")


async def _drops(asked, reply):
    reply.drop()


async def test_watching_prints_changed_rows_one_a_line(cluster, run):
    path = "/api/v1/namespaces/team-a/pods"
    cluster.holds(path, pod("a"), pod("b"))
    printed: list[str] = []

    class Lines(Out):
        def write(self, text: str) -> None:
            printed.extend(text.splitlines())
            seen.set()

    seen = asyncio.Event()
    task = asyncio.create_task(run("pods", watch=True, output="json", out=Lines()))

    async def until(count: int) -> None:
        while len(printed) < count:
            seen.clear()
            await seen.wait()

    async with asyncio.timeout(10):
        await until(2)
        while path not in cluster.watches:
            await asyncio.sleep(0)
        changed = pod("a", phase="Failed", statuses=[])
        changed["metadata"]["resourceVersion"] = "501"
        await cluster.watches[path].event("MODIFIED", changed)
        await until(3)
        gone = pod("b")
        gone["metadata"]["resourceVersion"] = "502"
        await cluster.watches[path].event("DELETED", gone)
        await until(4)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    rows = [json.loads(line) for line in printed]
    assert [row["name"] for row in rows[:2]] == ["a", "b"]
    assert (rows[2]["name"], rows[2]["status"]) == ("a", "Failed")
    assert rows[3] == {"kind": "Pod", "namespace": "team-a", "name": "b", "removed": True}


async def test_a_kind_nobody_wrote_a_file_for(cluster, run):
    table = {
        "kind": "Table",
        "metadata": {"resourceVersion": "1"},
        "columnDefinitions": [{"name": "Name", "type": "string"}, {"name": "Schedule", "type": "string"}],
        "rows": [{"cells": ["nightly", "0 3 * * *"], "object": {"metadata": pod("nightly")["metadata"]}}],
    }
    path = "/apis/stable.example.com/v1/namespaces/team-a/crontabs"

    async def handler(asked, reply):
        assert asked.header("accept").startswith("application/json;as=Table")
        if asked.one("watch"):
            await reply.begin()
            await reply.silence()
        else:
            await reply.send(table)

    cluster.server.on("GET", path, handler)
    _, text = await run("ct", output="json")
    assert json.loads(text)[0]["schedule"] == "0 3 * * *"
    _, text = await run("ct")
    assert text.splitlines() == ["NAME      SCHEDULE    AGE", "nightly   0 3 * * *   60m"]


async def test_gpus_are_an_inventory_with_unknown_figures_null(cluster, run):
    cluster.holds("/api/v1/nodes", node("gpu-1"), node("gpu-2", gpus=7, capacity=8))
    cluster.holds("/api/v1/pods", worker("mnist", 0, gpus=4), pod("web"))
    code, text = await run("gpus", output="json")
    report = json.loads(text)
    assert code == Exit.FINE
    assert report["totals"] | {"idle": None} == {
        "total": 16,
        "used": 4,
        "free": 11,
        "blocked": 0,
        "unhealthy": 1,
        "unhealthy_nodes": ["gpu-2"],
        "pending": 0,
        "largest_free": 7,
        "idle": None,
    }
    assert [(line["node"], line["used"], line["util"]) for line in report["nodes"]] == [
        ("gpu-1", 4, None),
        ("gpu-2", 0, None),
    ]
    assert [(line["kind"], line["name"]) for line in report["jobs"]] == [("PyTorchJob", "mnist")]
    assert report["source"] is None
    assert report["why_none"]
    _, text = await run("gpus")
    assert "GPUs used 4/16, free 11, unhealthy 1, largest free block 7" in text
    _, text = await run("gpus", name="gpu-2", output="name")
    assert text == "node/gpu-2\n"
    with pytest.raises(NotFound):
        await run("gpus", name="nope")
