"""A board is one list: merged, joined as things change, and honest about what it does not know."""

from __future__ import annotations

import asyncio

import pytest

from console.errors import Denied
from console.kinds.board import Board
from console.kinds.catalog import Catalog
from console.kinds.freshness import merge_freshness
from console.live.feed import Freshness
from tests.kinds.kindfakes import everything
from tests.kinds.kindobjects import condition, meta, node, pod, pytorchjob, trainjob, worker

RUNNING = [condition("Created"), condition("Running")]


def opened(hub, word, **more):
    catalog = Catalog(everything())
    board = Board(hub, catalog, catalog.find(word), **more)
    told = []
    board.subscribe(told.append)
    return board, told


async def test_a_plain_board_passes_the_feeds_rows_on(hub):
    board, told = opened(hub, "pods")
    hub["pods"].put(pod("a"), pod("b"))
    assert list(board.rows) == ["team-a/a", "team-a/b"]
    assert told[-1].upserted == {"team-a/a", "team-a/b"}
    hub["pods"].drop("team-a/a")
    assert told[-1].removed == {"team-a/a"}
    board.close()
    assert hub.open_count == 0


async def test_joined_figures_are_unknown_until_all_pods_are_there(hub):
    board, told = opened(hub, "nodes")
    hub["nodes"].put(node("gpu-1"))
    hub["nodes"].turn("live")
    hub["pods"].put(pod("a", gpus=2))
    assert board.rows["gpu-1"].used is None
    hub["pods"].put(pod("b", gpus=3))
    hub["pods"].turn("live")
    assert (board.rows["gpu-1"].used, board.rows["gpu-1"].free) == (5, 3)
    assert told[-1].upserted == {"gpu-1"}
    board.close()


async def test_a_changed_pod_touches_only_its_row(hub):
    board, told = opened(hub, "nodes")
    hub["nodes"].put(node("gpu-1"), node("gpu-2"))
    hub["nodes"].turn("live")
    hub["pods"].put(pod("a", gpus=2))
    hub["pods"].turn("live")
    told.clear()
    hub["pods"].put(pod("a", gpus=2, node="gpu-2"))
    assert told[-1].upserted == {"gpu-1", "gpu-2"}
    assert (board.rows["gpu-1"].used, board.rows["gpu-2"].used) == (0, 2)
    told.clear()
    hub["pods"].put(pod("a", gpus=2, node="gpu-2", labels={"a": "b"}))
    assert told == []
    hub["pods"].put(pod("a", gpus=2, node="gpu-2", phase="Succeeded"))
    assert board.rows["gpu-2"].used == 0
    hub["pods"].put(pod("c", gpus=4, node="gpu-2"))
    hub["pods"].drop("team-a/c")
    assert board.rows["gpu-2"].used == 0
    board.close()


async def test_a_composite_holds_jobs_of_one_name_and_two_kinds(hub):
    board, _ = opened(hub, "jobs")
    hub["pytorchjobs"].put(pytorchjob("llm", conditions=RUNNING))
    hub["trainjobs"].put(trainjob("llm", jobs=[{"name": "node", "ready": 1}]))
    assert set(board.rows) == {"team-a/llm:PyTorchJob", "team-a/llm:TrainJob"}
    for feed in hub.feeds.values():
        feed.turn("live")
    hub["pods"].put(worker("llm", 0, "master"))
    await board.complete()
    assert [row.name for row in board.related("pods", "team-a/llm:PyTorchJob")] == ["llm-master-0"]
    assert board.rows["team-a/llm:PyTorchJob"].pending == 0
    hub["pytorchjobs"].drop("team-a/llm:PyTorchJob")
    assert set(board.rows) == {"team-a/llm:TrainJob"}
    board.close()


async def test_pods_one_may_not_list_leave_their_figures_unknown_and_are_named(hub):
    board, _ = opened(hub, "nodes")
    hub["nodes"].put(node("gpu-1"))
    hub["nodes"].turn("live")
    hub["pods"].error = Denied("You may not list pods.", code=403)
    hub["pods"].turn("denied", error=hub["pods"].error)
    await board.complete()
    assert board.rows["gpu-1"].free is None
    assert board.freshness.phase == "live"
    assert board.freshness.missing == (("pods", "You may not list pods."),)
    board.close()


async def test_pods_of_some_namespaces_do_not_make_a_nodes_figures(hub):
    board, _ = opened(hub, "nodes")
    hub["nodes"].put(node("gpu-1"))
    hub["nodes"].turn("live")
    hub["pods"].put(pod("a", gpus=2))
    hub["pods"].turn("live", denied=("team-b",))
    await board.complete()
    assert board.rows["gpu-1"].used is None
    board.close()


async def test_nothing_readable_raises(hub):
    board, _ = opened(hub, "pods")
    hub["pods"].error = Denied("You may not list pods.", code=403)
    hub["pods"].turn("denied", error=hub["pods"].error)
    with pytest.raises(Denied):
        await board.first_page()
    assert board.freshness.phase == "denied"
    board.close()


async def test_several_namespaces_are_several_feeds_of_one_board(hub):
    board, _ = opened(hub, "pods", namespaces=("team-a", "team-b"))
    hub.feeds["pods", "team-a"].put(pod("a"))
    hub.feeds["pods", "team-b"].put(pod("a", "team-b"))
    assert set(board.rows) == {"team-a/a", "team-b/a"}
    board.close()


async def test_a_reset_rebuilds_everything(hub):
    board, told = opened(hub, "jobs")
    hub["pytorchjobs"].put(pytorchjob("old"), pytorchjob("new"))
    del hub["pytorchjobs"].rows["team-a/old:PyTorchJob"]
    hub["pytorchjobs"].tell(set(), set(), True)
    assert told[-1].reset
    assert set(board.rows) == {"team-a/new:PyTorchJob"}
    board.close()


async def test_a_generic_kinds_columns_come_with_its_first_page(hub):
    board, _ = opened(hub, "crontabs")
    assert [column.key for column in board.kind.columns] == ["namespace", "name", "age"]
    feed = hub["crontabs"]
    table = {
        "kind": "Table",
        "metadata": {"resourceVersion": "1"},
        "columnDefinitions": [
            {"name": "Name", "type": "string"},
            {"name": "Spec", "type": "string", "priority": 0},
            {"name": "Replicas", "type": "integer", "priority": 1},
            {"name": "Age", "type": "date"},
        ],
        "rows": [{"cells": ["a", "* * *", 3, "5d"], "object": {"metadata": meta("a")}}],
    }
    rows = feed.source.page(__import__("json").dumps(table).encode()).rows
    feed.rows.update({row.key: row for row in rows})
    feed.tell(set(feed.rows))
    assert [column.key for column in board.kind.columns] == ["namespace", "name", "spec", "replicas", "age"]
    assert [column.wide for column in board.kind.columns] == [False, False, False, True, False]
    row = board.rows["team-a/a"]
    assert [column.value(row, 0) for column in board.kind.columns][2:4] == ["* * *", 3]
    board.close()


async def test_closing_stops_waiting(hub):
    board, _ = opened(hub, "nodes")
    board.close()
    board.close()
    await asyncio.sleep(0)
    assert all(not feed.readers for feed in hub.feeds.values())


def test_the_worst_list_speaks_for_a_board():
    live, stale, loading = Freshness("live", 10), Freshness("stale", 5), Freshness("loading", remaining=7)
    denied = Freshness("denied", error=Denied("You may not."))
    assert merge_freshness([("a", live), ("b", stale)]).phase == "stale"
    assert merge_freshness([("a", live), ("b", loading), ("c", stale)]).phase == "loading"
    assert merge_freshness([("a", live), ("b", denied)]).missing == (("b", "You may not."),)
    assert merge_freshness([("a", denied), ("b", Freshness("absent"))]).phase == "denied"
    assert merge_freshness([("a", live), ("b", stale)]).since == 5
