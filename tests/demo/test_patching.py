"""JSON patches and merge patches: what they make of an object, and how they are refused."""

from __future__ import annotations

import contextlib
import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.demo.failures import ApiFailure
from console.demo.json_patch import JsonPatchFailure, apply_operations
from console.demo.jsonvalues import same
from console.demo.patching import JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, apply_patch, merge_patch
from console.demo.resources import built_in
from console.demo.schemas import Schemas

SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3)
KEYS = st.sampled_from(["a", "b", "c/d", "e~f", "0"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)


def without_nulls(value):
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return value


@given(VALUES, OBJECTS)
def test_a_merge_patch_applied_twice_is_applied_once(target, patch):
    once = merge_patch(copy.deepcopy(target), patch)
    assert merge_patch(copy.deepcopy(once), patch) == once


@given(OBJECTS)
def test_an_empty_merge_patch_changes_nothing(target):
    assert merge_patch(copy.deepcopy(target), {}) == target


@given(OBJECTS)
def test_a_merge_patch_on_nothing_makes_the_patch_without_its_nulls(patch):
    assert merge_patch(None, patch) == without_nulls(patch)


@given(VALUES, SCALARS | st.lists(VALUES, max_size=2))
def test_a_merge_patch_that_is_no_object_replaces_everything(target, patch):
    assert merge_patch(target, patch) == patch


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [  # the examples of RFC 7386, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patches_follow_the_rfc(target, patch, result):
    assert merge_patch(target, patch) == result


def pointer(path):
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


@given(OBJECTS, VALUES, st.data())
def test_what_was_added_is_there_and_its_removal_restores(document, value, data):
    path = data.draw(st.sampled_from([p for p in places(document) if p] or [("new",)]))
    at = pointer(path)
    replaced = apply_operations([{"op": "add", "path": "/zz", "value": value}], document)
    assert same(replaced["zz"], value)
    assert apply_operations([{"op": "remove", "path": "/zz"}], replaced) == document
    if path != ("new",):
        copied = apply_operations([{"op": "copy", "from": at, "path": "/zz"}], document)
        assert apply_operations([{"op": "test", "path": "/zz", "value": copied["zz"]}], copied) == copied
        moved = apply_operations([{"op": "move", "from": at, "path": "/zz"}], document)
        assert same(moved["zz"], copied["zz"])


@given(
    OBJECTS, st.lists(st.fixed_dictionaries({"op": st.sampled_from(["remove", "test"]), "path": st.text(max_size=6)}))
)
def test_a_patch_never_changes_the_document_it_is_given(document, operations):
    before = copy.deepcopy(document)
    with contextlib.suppress(JsonPatchFailure):
        apply_operations(operations, document)
    assert document == before


@pytest.mark.parametrize(
    ("operations", "result"),
    [
        ([{"op": "add", "path": "/list/1", "value": 9}], {"list": [1, 9, 2], "map": {"a": 1}}),
        ([{"op": "add", "path": "/list/-", "value": 9}], {"list": [1, 2, 9], "map": {"a": 1}}),
        ([{"op": "remove", "path": "/list/0"}], {"list": [2], "map": {"a": 1}}),
        ([{"op": "replace", "path": "/map/a", "value": None}], {"list": [1, 2], "map": {"a": None}}),
        ([{"op": "move", "from": "/map/a", "path": "/list/0"}], {"list": [1, 1, 2], "map": {}}),
    ],
)
def test_operations_do_what_the_rfc_says(operations, result):
    assert apply_operations(operations, {"list": [1, 2], "map": {"a": 1}}) == result


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        ({"op": "test", "path": "/map/a", "value": True}, "testing value /map/a failed: test failed"),
        ({"op": "remove", "path": "/map/b"}, "Unable to remove nonexistent key: b"),
        (
            {"op": "replace", "path": "/map/b", "value": 1},
            "replace operation does not apply: doc is missing key: /map/b",
        ),
        ({"op": "add", "path": "/no/b", "value": 1}, 'add operation does not apply: doc is missing path: "/no/b"'),
        ({"op": "add", "path": "/list/7", "value": 1}, "Unable to access invalid index: 7"),
        ({"op": "add", "path": "/list/x", "value": 1}, "value was not a proper array index: 'x'"),
        ({"op": "fly", "path": "/list"}, "Unexpected kind: fly"),
    ],
)
def test_operations_that_do_not_apply_are_named(operation, text):
    with pytest.raises(JsonPatchFailure) as failure:
        apply_operations([operation], {"list": [1, 2], "map": {"a": 1}})
    assert text in str(failure.value)


def patched(content_type, patch, schema=None):
    return apply_patch(content_type, json.dumps(patch).encode(), {"a": {"b": 1}}, schema)


def test_a_failed_test_is_an_invalid_request_without_details():
    with pytest.raises(ApiFailure) as failure:
        patched(JSON_PATCH, [{"op": "test", "path": "/a/b", "value": 2}])
    assert failure.value.code == 422
    assert failure.value.message == "the server rejected our request due to an error in our request"


def test_custom_resources_take_no_strategic_patch():
    with pytest.raises(ApiFailure) as failure:
        patched(STRATEGIC_PATCH, {})
    assert failure.value.code == 415
    assert failure.value.message.endswith(
        "accepted media types include: application/json-patch+json, application/merge-patch+json, "
        "application/apply-patch+yaml"
    )


@pytest.mark.parametrize(
    ("kind", "body"), [(MERGE_PATCH, b"[]"), (JSON_PATCH, b"{}"), (MERGE_PATCH, b"{"), (JSON_PATCH, b"\xff")]
)
def test_bodies_that_are_no_patch_are_bad_requests(kind, body):
    with pytest.raises(ApiFailure) as failure:
        apply_patch(kind, body, {}, None)
    assert failure.value.code == 400


def test_too_many_operations_are_refused():
    with pytest.raises(ApiFailure) as failure:
        patched(JSON_PATCH, [{"op": "test", "path": "", "value": 1}] * 10_001)
    assert failure.value.code == 413


def test_the_stored_object_is_never_changed_by_a_patch():
    schema = Schemas().for_type(next(rt for rt in built_in() if rt.kind == "Pod"))
    current = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a"}]}}
    before = copy.deepcopy(current)
    patch = {"metadata": {"labels": {"a": None}}, "spec": {"containers": [{"name": "a", "image": "x"}]}}
    for kind in (MERGE_PATCH, STRATEGIC_PATCH):
        assert apply_patch(f"{kind}; charset=utf-8", json.dumps(patch).encode(), current, schema) != before
        assert current == before
