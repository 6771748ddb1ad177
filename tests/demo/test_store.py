"""The store: stamps, order, logs and the past."""

from __future__ import annotations

import pytest

from console.demo.failures import ApiFailure
from console.demo.store import Store


def config_map(name: str, namespace: str = "default", **metadata: object) -> dict:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "data": {"key": name},
    }


@pytest.fixture
def store() -> Store:
    return Store(lambda: 1_000_000.0, max_changes=5)


@pytest.fixture
def maps(store: Store):
    return store.resources.find("", "v1", "configmaps")


def test_every_write_takes_the_next_revision(store, maps):
    first = store.put(maps, config_map("a"))
    second = store.put(maps, config_map("b"))
    assert int(second["metadata"]["resourceVersion"]) == int(first["metadata"]["resourceVersion"]) + 1


def test_objects_are_kept_with_kind_and_version_first(store, maps):
    store.put(maps, config_map("a"))
    assert store.raw(maps, "default", "a").startswith(b'{"kind":"ConfigMap","apiVersion":"v1",')


def test_records_come_in_the_order_of_etcd_keys(store, maps):
    for namespace, name in (("b", "x"), ("a-b", "x"), ("a", "y"), ("a", "x")):
        store.put(maps, config_map(name, namespace))
    keys = [record.key for record in store.collection(maps).records()]
    assert keys == [("a-b", "x"), ("a", "x"), ("a", "y"), ("b", "x")]


def test_a_decoded_object_is_a_copy(store, maps):
    store.put(maps, config_map("a"))
    store.get(maps, "default", "a")["data"]["key"] = "changed"
    assert store.get(maps, "default", "a")["data"]["key"] == "a"


def test_the_past_can_be_listed_while_the_log_reaches_back(store, maps):
    store.put(maps, config_map("a"))
    store.put(maps, config_map("b"))
    then = store.revision
    store.remove(maps, "default", "a")
    store.put(maps, {**config_map("b"), "data": {"key": "new"}})
    store.put(maps, config_map("c"))
    past = store.collection(maps).record_at(None, then)
    assert [(r.name, r.decode()["data"]["key"]) for r in past] == [("a", "a"), ("b", "b")]


def test_what_the_log_forgot_is_gone(store, maps):
    store.put(maps, config_map("a"))
    then = store.revision
    for number in range(10):
        store.put(maps, {**config_map("a"), "data": {"key": str(number)}})
    with pytest.raises(ApiFailure) as refused:
        store.collection(maps).since(then)
    assert refused.value.code == 410
    assert refused.value.message.startswith(f"too old resource version: {then} (")


def test_compacting_forgets_every_change(store, maps):
    store.put(maps, config_map("a"))
    then = store.revision
    store.put(maps, config_map("a"))
    store.compact()
    with pytest.raises(ApiFailure):
        store.collection(maps).since(then)
    assert store.collection(maps).since(store.revision) == []


def test_a_removed_object_carries_the_revision_of_its_removal(store, maps):
    store.put(maps, config_map("a"))
    gone = store.remove(maps, "default", "a")
    assert gone["metadata"]["resourceVersion"] == str(store.revision)


def test_loaded_objects_are_kept_as_given_and_move_the_revision(store, maps):
    store.load(config_map("a", resourceVersion="48230007", uid="u", generation=3))
    assert store.get(maps, "default", "a")["metadata"]["resourceVersion"] == "48230007"
    assert store.put(maps, config_map("b"))["metadata"]["resourceVersion"] == "48230008"


def test_an_object_of_a_kind_that_is_not_served_cannot_be_loaded(store):
    with pytest.raises(KeyError):
        store.load({"apiVersion": "nowhere/v1", "kind": "Thing", "metadata": {"name": "x"}})


def test_dependents_are_found_by_the_uid_of_their_owner(store, maps):
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "u-1"}
    store.put(maps, config_map("a", ownerReferences=[owner]))
    assert store.owned("u-1") == [(("", "configmaps"), "default", "a")]
    store.put(maps, config_map("a"))
    assert store.owned("u-1") == []


def test_events_of_both_groups_are_the_same_objects(store):
    core = store.resources.find("", "v1", "events")
    new = store.resources.find("events.k8s.io", "v1", "events")
    made = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e", "namespace": "default"},
        "involvedObject": {"kind": "Pod", "name": "p"},
        "message": "hello",
        "reason": "Started",
    }
    store.put(core, made)
    read = store.get(new, "default", "e")
    assert (read["apiVersion"], read["note"], read["regarding"]["name"]) == ("events.k8s.io/v1", "hello", "p")
    store.put(new, {**read, "note": "again"})
    assert store.get(core, "default", "e")["message"] == "again"


def test_a_custom_object_is_served_in_every_version_of_its_definition(store):
    store.load_shipped_crds()
    old = store.resources.find("kueue.x-k8s.io", "v1beta1", "resourceflavors")
    new = store.resources.find("kueue.x-k8s.io", "v1beta2", "resourceflavors")
    store.put(old, {"apiVersion": old.api_version, "kind": old.kind, "metadata": {"name": "f"}, "spec": {}})
    assert store.get(new, "", "f")["apiVersion"] == "kueue.x-k8s.io/v1beta2"
    assert store.raw(old, "", "f").startswith(b'{"kind":"ResourceFlavor","apiVersion":"kueue.x-k8s.io/v1beta1",')


def test_shipped_definitions_are_whole_when_they_are_read(store):
    store.load_shipped_crds()
    rt = store.resources.find("apiextensions.k8s.io", "v1", "customresourcedefinitions")
    crd = store.get(rt, "", "pytorchjobs.kubeflow.org")
    assert "openAPIV3Schema" in crd["spec"]["versions"][0]["schema"]
    assert [c["type"] for c in crd["status"]["conditions"]] == ["NamesAccepted", "Established"]
    assert len(list(store.collection(rt).records())) == 79


def test_an_autoscaler_is_read_in_both_versions(store):
    v1 = store.resources.find("autoscaling", "v1", "horizontalpodautoscalers")
    v2 = store.resources.find("autoscaling", "v2", "horizontalpodautoscalers")
    obj = {
        "apiVersion": "autoscaling/v1",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "h", "namespace": "d"},
    }
    store.put(v1, {**obj, "spec": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 70}})
    assert store.get(v2, "d", "h")["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 70
    assert store.get(v1, "d", "h")["spec"]["targetCPUUtilizationPercentage"] == 70
