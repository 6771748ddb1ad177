"""Bytes become rows at once, and one odd object costs only itself."""

from __future__ import annotations

import json

import msgspec
import pytest

from console.kinds.base import State
from console.kinds.decoding import KindSource
from console.kinds.registry import KINDS
from console.live.source import collection_path
from tests.kinds.kindobjects import NOW, meta, pod, pytorchjob

PODS = KindSource(KINDS["pods"], "v1")
TRAINING = KindSource(KINDS["pytorchjobs"], "v1")


def encoded(**value) -> bytes:
    return json.dumps(value).encode()


def test_a_page_tells_where_the_list_goes_on():
    body = encoded(
        kind="PodList", metadata={"resourceVersion": "77", "continue": "abc", "remainingItemCount": 9}, items=[pod("a")]
    )
    page = PODS.page(body)
    assert ([row.name for row in page.rows], page.version, page.continue_, page.remaining) == (["a"], "77", "abc", 9)


def test_an_empty_list_may_be_null():
    assert PODS.page(encoded(metadata={"resourceVersion": "1"}, items=None)).rows == []


@pytest.mark.parametrize("body", [b"<html>login</html>", b"", b"{}", encoded(kind="Status", status="Failure")])
def test_what_is_not_a_list_is_refused(body):
    with pytest.raises(msgspec.DecodeError):
        PODS.page(body)


def test_one_object_of_another_shape_keeps_its_name_and_makes_no_claim():
    odd = {"metadata": meta("odd"), "spec": "what", "status": {"conditions": 7}}
    page = TRAINING.page(encoded(metadata={}, items=[pytorchjob("fine"), odd]))
    fine, bad = page.rows
    assert (fine.unread, bad.name) == ("", "odd")
    health = KINDS["pytorchjobs"].health(bad, NOW)
    assert (health.state, health.word) == (State.WARN, "Unreadable")


def test_numbers_written_as_text_are_numbers():
    item = pytorchjob("mnist")
    item["spec"]["pytorchReplicaSpecs"]["Worker"]["replicas"] = "5"
    assert TRAINING.page(encoded(metadata={}, items=[item])).rows[0].wanted == 6


def test_watch_lines():
    event = PODS.event(encoded(type="MODIFIED", object=pod("a")))
    assert (event.type, event.row.name, event.version) == ("MODIFIED", "a", "100")
    bookmark = PODS.event(encoded(type="BOOKMARK", object={"kind": "Pod", "metadata": {"resourceVersion": "12"}}))
    assert (bookmark.type, bookmark.row, bookmark.version) == ("BOOKMARK", None, "12")
    error = PODS.event(
        encoded(type="ERROR", object={"kind": "Status", "status": "Failure", "code": 410, "message": "too old"})
    )
    assert (error.type, error.code, error.message) == ("ERROR", 410, "too old")
    with pytest.raises(msgspec.DecodeError):
        PODS.event(b'{"type":"ADDED","object":{"metad')


def test_the_path_of_batch_jobs_is_jobs():
    source = KindSource(KINDS["jobs.batch"], "v1")
    assert collection_path(source, "a") == "/apis/batch/v1/namespaces/a/jobs"


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if not kind.members and not kind.table])
def test_every_kind_reads_an_object_of_which_nothing_but_the_name_is_there(name):
    kind = KINDS[name]
    row = KindSource(kind, kind.versions[0]).row(encoded(metadata={"name": "bare"}))
    assert row.unread == ""
    for column in (*kind.columns, *kind.extras):
        column.value(row, NOW)
        column.cell(row, NOW)
    kind.health(row, NOW)
    if kind.join is not None:
        kind.join(row, {join.kind: [] for join in kind.joins})
        kind.join(row, {join.kind: None for join in kind.joins})


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if not kind.members and not kind.table])
def test_nulls_are_absent_fields(name):
    kind = KINDS[name]
    body = encoded(
        metadata={"name": "bare", "labels": None, "annotations": None, "ownerReferences": None}, spec=None, status=None
    )
    assert KindSource(kind, kind.versions[0]).row(body).unread == ""
