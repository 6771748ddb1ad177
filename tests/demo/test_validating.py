"""Structural schemas: every keyword, in the words of apiextensions-apiserver; and what ratcheting lets pass."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.demo.formats import fits
from console.demo.nodes import Pool
from console.demo.structural import default, drop_nulls, prune
from console.demo.validating import compile_pattern, validate

POOL = Pool()


def node(schema):
    return POOL.compile({"type": "object", "properties": {"x": schema}})


def causes(schema, value, old=None):
    return [(c.field, c.message, c.reason) for c in validate({"x": value}, node(schema), old)]


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"type": "string"}, 1, 'Invalid value: "integer": x in body must be of type string: "integer"'),
        ({"type": "integer"}, 1.5, 'Invalid value: "number": x in body must be of type integer: "number"'),
        ({"type": "boolean"}, "true", 'Invalid value: "string": x in body must be of type boolean: "string"'),
        ({"type": "object"}, [], 'Invalid value: "array": x in body must be of type object: "array"'),
        ({"type": "string"}, None, 'Invalid value: "null": x in body must be of type string: "null"'),
        (
            {"x-kubernetes-int-or-string": True},
            True,
            'Invalid value: "boolean": x in body must be of type integer,string: "boolean"',
        ),
        ({"type": "integer", "minimum": 1}, 0, "Invalid value: 0: x in body should be greater than or equal to 1"),
        ({"type": "integer", "maximum": 5}, 6, "Invalid value: 6: x in body should be less than or equal to 5"),
        (
            {"type": "number", "minimum": 1, "exclusiveMinimum": True},
            1,
            "Invalid value: 1: x in body should be greater than 1",
        ),
        ({"type": "integer", "multipleOf": 4}, 6, "Invalid value: 6: x in body should be a multiple of 4"),
        ({"type": "string", "minLength": 2}, "a", 'Invalid value: "a": x in body should be at least 2 chars long'),
        ({"type": "string", "maxLength": 2}, "abc", "Too long: may not be more than 2 bytes"),
        ({"type": "string", "pattern": "^a+$"}, "b", "Invalid value: \"b\": x in body should match '^a+$'"),
        ({"type": "string", "pattern": "^a+$"}, "a\n", "Invalid value: \"a\\n\": x in body should match '^a+$'"),
        ({"type": "string", "enum": ["a", "b"]}, "c", 'Unsupported value: "c": supported values: "a", "b"'),
        ({"type": "integer", "enum": [1, 2]}, 3, 'Unsupported value: 3: supported values: "1", "2"'),
        ({"type": "array", "maxItems": 1}, [1, 2], "Too many: 2: must have at most 1 item"),
        ({"type": "array", "minItems": 1}, [], "Invalid value: 0: x in body should have at least 1 items"),
        ({"type": "array", "uniqueItems": True}, [1, 1], 'Invalid value: "": x in body shouldn\'t contain duplicates'),
        (
            {"type": "object", "maxProperties": 1, "additionalProperties": True},
            {"a": 1, "b": 2},
            "Too many: 2: must have at most 1 item",
        ),
        (
            {"type": "string", "format": "date-time"},
            "soon",
            'Invalid value: "soon": x in body must be of type date-time: "soon"',
        ),
    ],
)
def test_each_keyword_has_its_words(schema, value, message):
    assert [(field, text) for field, text, _ in causes(schema, value)] == [("x", message)]


def test_required_fields_are_named_by_their_path():
    schema = {
        "type": "array",
        "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
    }
    assert causes(schema, [{}]) == [("x[0].name", "Required value", "FieldValueRequired")]


def test_a_type_error_has_its_own_reason():
    assert causes({"type": "string"}, 1)[0][2] == "FieldValueTypeInvalid"


def test_duplicates_in_sets_and_maps():
    assert causes({"type": "array", "x-kubernetes-list-type": "set"}, ["a", "b", "a", "a"]) == [
        ("x[2]", 'Duplicate value: "a"', "FieldValueDuplicate")
    ]
    keyed = {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["n"],
        "items": {"type": "object"},
    }
    assert causes(keyed, [{"n": 1}, {"n": 1}]) == [("x[1]", 'Duplicate value: {"n":1}', "FieldValueDuplicate")]


def test_branches_speak_of_the_whole():
    one = {
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
    }
    assert causes(one, {"a": 1}) == []
    assert causes(one, {})[0][:2] == (
        "<nil>",
        'Invalid value: "": "x" must validate one and only one schema (oneOf). Found none valid',
    )
    assert causes(one, {"a": 1, "b": 1})[0][1].endswith("Found 2 valid alternatives")
    any_of = {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    assert causes(any_of, "1") == []
    assert causes(any_of, [])[0][1] == 'Invalid value: "": "x" must validate at least one schema (anyOf)'
    assert causes({"not": {"type": "string"}}, "s")[0][1].endswith('"x" must not validate the schema (not)')
    assert causes({"allOf": [{"minimum": 3}]}, 1)[0][0] == "x"


def test_what_did_not_change_is_not_judged_again():
    schema = {"type": "object", "properties": {"bad": {"type": "string", "enum": ["a"]}, "n": {"type": "integer"}}}
    old = {"x": {"bad": "zzz", "n": 1}}
    assert causes(schema, {"bad": "zzz", "n": 2}, old) == []
    assert causes(schema, {"bad": "yyy", "n": 2}, old) != []


def test_items_of_keyed_lists_are_compared_with_themselves():
    item = {"type": "object", "properties": {"n": {"type": "string"}, "v": {"type": "string", "enum": ["a"]}}}
    keyed = {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"], "items": item}
    old = {"x": [{"n": "1", "v": "old"}]}
    assert causes(keyed, [{"n": "2", "v": "a"}, {"n": "1", "v": "old"}], old) == []
    assert (
        causes({**keyed, "x-kubernetes-list-type": "atomic"}, [{"n": "2", "v": "a"}, {"n": "1", "v": "old"}], old) != []
    )


def test_metadata_is_left_to_others():
    schema = POOL.root({"type": "object", "properties": {"metadata": {"type": "object"}}})
    assert validate({"metadata": 7}, schema) == []


# Pruning and defaulting.


def test_unknown_fields_go_unless_they_are_preserved():
    schema = POOL.compile(
        {
            "type": "object",
            "properties": {
                "known": {"type": "object", "properties": {"a": {"type": "integer"}}},
                "open": {
                    "type": "object",
                    "x-kubernetes-preserve-unknown-fields": True,
                    "properties": {"known": {"type": "object", "properties": {"a": {"type": "integer"}}}},
                },
                "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"a": {}}}},
                "list": {"type": "array", "items": {"type": "object", "properties": {"a": {}}}},
            },
        }
    )
    obj = {
        "known": {"a": 1, "b": 2},
        "open": {"free": {"x": 1}, "known": {"b": 2}},
        "map": {"k": {"a": 1, "b": 2}},
        "list": [{"b": 2}],
        "other": 1,
    }
    assert sorted(prune(obj, schema)) == ["known.b", "list[0].b", "map.k.b", "open.known.b", "other"]
    assert obj == {"known": {"a": 1}, "open": {"free": {"x": 1}, "known": {}}, "map": {"k": {"a": 1}}, "list": [{}]}


def test_an_embedded_resource_keeps_its_head():
    schema = POOL.compile(
        {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {"spec": {"type": "object"}}}
    )
    obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {"gone": 1}, "gone": 1}
    assert sorted(prune(obj, schema)) == ["gone", "spec.gone"]
    assert obj == {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {}}


DEFAULTED = POOL.compile(
    {
        "type": "object",
        "properties": {
            "a": {"type": "integer", "default": 3},
            "b": {"type": "object", "default": {}, "properties": {"c": {"type": "string", "default": "d"}}},
            "n": {"type": "string", "nullable": True, "default": "e"},
            "l": {
                "type": "array",
                "items": {"type": "object", "properties": {"p": {"type": "string", "default": "TCP"}}},
            },
        },
    }
)


def test_defaults_are_filled_in_at_every_depth():
    obj = {"a": None, "n": None, "l": [{}]}
    default(obj, DEFAULTED)
    assert obj == {"a": 3, "b": {"c": "d"}, "n": None, "l": [{"p": "TCP"}]}


@given(st.dictionaries(st.sampled_from("abnlz"), st.none() | st.integers() | st.just({}), max_size=4))
def test_defaulting_twice_is_defaulting_once(obj):
    default(obj, DEFAULTED)
    once = copy.deepcopy(obj)
    default(obj, DEFAULTED)
    assert obj == once


def test_a_default_is_never_shared_between_objects():
    first, second = {}, {}
    default(first, DEFAULTED)
    default(second, DEFAULTED)
    first["b"]["c"] = "changed"
    assert second["b"] == {"c": "d"}


def test_nulls_that_may_not_be_are_dropped():
    obj = {"a": None, "n": None, "l": [{"p": None}]}
    drop_nulls(obj, DEFAULTED)
    assert obj == {"n": None, "l": [{}]}


def test_a_pattern_that_python_cannot_read_is_not_judged():
    assert compile_pattern("(?P<a>x)(?P<a>y)") is None
    assert causes({"type": "string", "pattern": "("}, "x") == []


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("date-time", "2026-01-01T00:00:00Z", "2026-01-01"),
        ("date", "2026-01-01", "1.1.2026"),
        ("duration", "1h30m", "soon"),
        ("byte", "YWJj", "%%"),
        ("ipv4", "10.0.0.1", "10.0.0.256"),
        ("ipv6", "::1", "10.0.0.1"),
        ("cidr", "10.0.0.0/8", "10.0.0.0/64"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123"),
        ("uri", "https://example.org/x", "no uri"),
        ("email", "a@b", "a"),
        ("hostname", "a.example", "-a"),
    ],
)
def test_formats_are_checked(form, good, bad):
    assert fits(form, good)
    assert not fits(form, bad)


def test_a_format_nobody_knows_fits_anything():
    assert fits("shape", "anything")
