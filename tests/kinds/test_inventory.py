"""Where the GPUs are; what nobody measured is unknown."""

from __future__ import annotations

from console.kinds import inventory
from console.kinds.inventory import Use
from console.kinds.nodes import join_pods, pod_node
from console.kinds.registry import KINDS
from tests.kinds.kindobjects import node, pod, row, unschedulable, worker


def cluster():
    pods = [
        row(KINDS["pods"], item)
        for item in (
            worker("mnist", 0, gpus=4),
            worker("mnist", 1, gpus=4, node="gpu-2"),
            pod("nb-0", "team-b", gpus=1, node="gpu-2"),
            pod("done", gpus=8, phase="Succeeded", statuses=[]),
            unschedulable("big", "no room", gpus=8),
        )
    ]
    nodes = [
        join_pods(row(KINDS["nodes"], item), {"pods": [p for p in pods if pod_node(p) == item["metadata"]["name"]]})
        for item in (
            node("gpu-1"),
            node("gpu-2", unschedulable=True),
            node("gpu-3", gpus=6, capacity=8),
            node("cpu", gpus=0),
        )
    ]
    return nodes, pods


def test_by_node_keeps_free_and_blocked_apart():
    nodes, pods = cluster()
    lines = {line.node: line for line in inventory.by_node(nodes, pods)}
    assert set(lines) == {"gpu-1", "gpu-2", "gpu-3"}
    assert (lines["gpu-1"].used, lines["gpu-1"].free, lines["gpu-1"].blocked) == (4, 4, 0)
    assert (lines["gpu-2"].used, lines["gpu-2"].free, lines["gpu-2"].blocked) == (5, 0, 3)
    assert (lines["gpu-3"].total, lines["gpu-3"].unhealthy) == (8, 2)
    assert lines["gpu-1"].idle is None


def test_totals():
    nodes, pods = cluster()
    found = inventory.totals(nodes, pods)
    assert (found.total, found.used, found.free, found.blocked, found.unhealthy) == (24, 9, 10, 3, 2)
    assert (found.pending, found.largest_free, found.unhealthy_nodes) == (8, 6, ("gpu-3",))
    assert found.idle is None


def test_without_pods_nothing_is_claimed():
    nodes = [row(KINDS["nodes"], node("gpu-1"))]
    found = inventory.totals(nodes, None)
    assert (found.total, found.used, found.free, found.pending, found.largest_free) == (8, None, None, None, None)


def test_by_namespace_and_by_job():
    _, pods = cluster()
    spaces = {line.namespace: line for line in inventory.by_namespace(pods)}
    assert (spaces["team-a"].used, spaces["team-a"].pending, spaces["team-b"].used) == (8, 8, 1)
    jobs = inventory.by_job(pods)
    assert [(line.kind, line.name, line.used, line.pending) for line in jobs] == [
        ("PyTorchJob", "mnist", 8, 0),
        ("Pod", "nb-0", 1, 0),
        ("Pod", "big", 0, 8),
    ]
    assert jobs[0].nodes == ("gpu-1", "gpu-2")


def test_idle_and_utilisation_come_from_readings_alone():
    nodes, pods = cluster()
    readings = {
        "team-a/mnist-worker-0": Use(util=90.0),
        "team-a/mnist-worker-1": Use(),
        "team-b/nb-0": Use(0.0, 7200.0),
    }
    lines = {line.node: line for line in inventory.by_node(nodes, pods, readings)}
    assert (lines["gpu-1"].util, lines["gpu-2"].util, lines["gpu-3"].util) == (90.0, 0.0, None)
    idle = inventory.totals(nodes, pods, readings).idle
    assert (idle.gpus, idle.seconds, idle.owners) == (1, 7200.0, ("team-b",))
    assert inventory.totals(nodes, pods, readings, idle_after=9000).idle.gpus == 0


def test_a_gpu_seen_still_once_is_not_called_idle():
    nodes, pods = cluster()
    assert inventory.totals(nodes, pods, {"team-b/nb-0": Use(util=0.0)}).idle is None


def test_utilisation_is_the_mean_of_gpus_not_of_pods():
    nodes, pods = cluster()
    readings = {"team-a/mnist-worker-1": Use(util=100.0), "team-b/nb-0": Use(util=0.0)}
    lines = {line.node: line for line in inventory.by_node(nodes, pods, readings)}
    assert lines["gpu-2"].util == 80.0  # four GPUs at 100 %, one at 0 %
