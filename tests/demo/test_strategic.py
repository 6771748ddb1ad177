"""Strategic merge patches: lists by key, and the directives that kubectl writes."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.demo.resources import built_in
from console.demo.schemas import Schemas
from console.demo.strategic import StrategicFailure, merge

SCHEMAS = Schemas()
TYPES = {rt.kind: rt for rt in built_in() if rt.group != "metrics.k8s.io"}


def patched(kind, original, patch):
    schema = SCHEMAS.for_type(TYPES[kind])
    assert schema is not None
    return merge(copy.deepcopy(original), copy.deepcopy(patch), schema.root)


def pod(*containers, **spec):
    return {"spec": {"containers": list(containers), **spec}}


def names(obj):
    return [container["name"] for container in obj["spec"]["containers"]]


def test_containers_are_merged_by_name():
    merged = patched("Pod", pod({"name": "a", "image": "1"}, {"name": "b"}), pod({"name": "a", "tty": True}))
    assert merged == pod({"name": "a", "image": "1", "tty": True}, {"name": "b"})


def test_an_item_is_deleted_by_its_key():
    merged = patched("Pod", pod({"name": "a"}, {"name": "b"}), pod({"$patch": "delete", "name": "a"}))
    assert names(merged) == ["b"]


def test_a_list_is_replaced_where_the_patch_says_so():
    merged = patched("Pod", pod({"name": "a"}, {"name": "b"}), pod({"$patch": "replace"}, {"name": "c"}))
    assert names(merged) == ["c"]


def test_a_map_is_replaced_or_emptied_where_the_patch_says_so():
    original = {"metadata": {"labels": {"a": "1", "b": "2"}}}
    assert patched("Pod", original, {"metadata": {"labels": {"$patch": "replace", "c": "3"}}}) == {
        "metadata": {"labels": {"c": "3"}}
    }
    assert patched("Pod", original, {"metadata": {"labels": {"$patch": "delete"}}}) == {"metadata": {"labels": {}}}


def test_lists_without_a_merge_key_are_replaced():
    assert patched("Pod", pod({"name": "a", "command": ["x", "y"]}), pod({"name": "a", "command": ["z"]})) == pod(
        {"name": "a", "command": ["z"]}
    )


def test_primitive_lists_are_joined_and_may_lose_items():
    original = {"metadata": {"finalizers": ["a", "b"]}}
    assert patched("Pod", original, {"metadata": {"finalizers": ["c"]}})["metadata"]["finalizers"] == ["c", "a", "b"]
    merged = patched("Pod", original, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}})
    assert merged["metadata"]["finalizers"] == ["b"]


def test_the_order_of_items_is_the_one_asked_for():
    original = pod({"name": "a"}, {"name": "server-side"}, {"name": "b"})
    patch = {
        "spec": {
            "$setElementOrder/containers": [{"name": "b"}, {"name": "new"}, {"name": "a"}],
            "containers": [{"name": "new"}],
        }
    }
    order = names(patched("Pod", original, patch))
    assert [name for name in order if name != "server-side"] == ["b", "new", "a"]
    assert "server-side" in order


def test_an_order_that_contradicts_the_patch_is_refused():
    patch = {"spec": {"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "b"}]}}
    with pytest.raises(StrategicFailure, match="doesn't match"):
        patched("Pod", pod({"name": "a"}), patch)


def test_retained_keys_clear_the_others():
    original = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert patched("Deployment", original, patch) == {"spec": {"strategy": {"type": "Recreate"}}}
    wrong = {"spec": {"strategy": {"$retainKeys": ["rollingUpdate"], "type": "Recreate"}}}
    with pytest.raises(StrategicFailure) as failure:
        patched("Deployment", original, wrong)
    assert failure.value.code == 400


def test_a_volume_changes_its_kind_by_retained_keys():
    original = pod(volumes=[{"name": "v", "emptyDir": {}}])
    patch = {"spec": {"volumes": [{"$retainKeys": ["name", "secret"], "name": "v", "secret": {"secretName": "s"}}]}}
    merged = patched("Pod", original, patch)
    assert merged["spec"]["volumes"] == [{"name": "v", "secret": {"secretName": "s"}}]


def test_service_ports_are_merged_by_port():
    original = {"spec": {"ports": [{"port": 80, "name": "web"}, {"port": 443}]}}
    merged = patched("Service", original, {"spec": {"ports": [{"port": 80, "targetPort": 8080}]}})
    assert {"port": 80, "name": "web", "targetPort": 8080} in merged["spec"]["ports"]
    assert len(merged["spec"]["ports"]) == 2


def test_an_item_without_its_key_is_refused():
    with pytest.raises(StrategicFailure, match="does not contain declared merge key: name"):
        patched("Pod", pod({"name": "a"}), pod({"image": "x"}))


def test_an_unknown_directive_is_refused():
    with pytest.raises(StrategicFailure, match="unknown patch type: fly in map"):
        patched("Pod", {"metadata": {"labels": {}}}, {"metadata": {"labels": {"$patch": "fly"}}})


def test_nulls_delete_and_new_parts_keep_no_directive():
    original = {"spec": {"nodeName": "n", "tolerations": [1]}}
    patch = {"spec": {"nodeName": None, "securityContext": {"$patch": "delete"}, "affinity": {"x": None, "y": 1}}}
    assert patched("Pod", original, patch) == {"spec": {"tolerations": [1], "affinity": {"y": 1}}}


ITEMS = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abcd")}, optional={"image": st.sampled_from("xyz")}),
    max_size=4,
    unique_by=lambda item: item["name"],
)


@given(ITEMS, ITEMS)
def test_a_patch_without_directives_applied_twice_is_applied_once(original, patch):
    once = patched("Pod", pod(*original), pod(*patch))
    assert patched("Pod", once, pod(*patch)) == once


@given(ITEMS, ITEMS)
def test_every_item_of_both_sides_is_there_once(original, patch):
    merged = patched("Pod", pod(*original), pod(*patch))
    found = names(merged)
    assert sorted(found) == sorted({item["name"] for item in [*original, *patch]})
    for item in patch:
        assert item.items() <= next(c for c in merged["spec"]["containers"] if c["name"] == item["name"]).items()
