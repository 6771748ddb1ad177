"""Server-side apply: owners of fields, conflicts, and what happens to fields nobody wants any more."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.demo.applying import server_side_apply, track_update
from console.demo.failures import ApiFailure
from console.demo.fieldsets import difference, has, intersection, ordered, paths, read, text, union
from console.demo.managers import MAX_UPDATERS, read_managed, write_managed
from console.demo.resources import built_in
from console.demo.schemas import Schemas
from console.demo.typed import compare, field_set, merge

SCHEMA = Schemas().for_type(next(rt for rt in built_in() if rt.kind == "Deployment"))
NODE = SCHEMA.root
T1, T2 = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def deployment(**spec):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "n"}, "spec": spec}


def containers(*items):
    return {"template": {"spec": {"containers": list(items)}}}


def apply(live, config, manager="alice", *, force=False, now=T1, subresource=""):
    return server_side_apply(
        live,
        config,
        SCHEMA,
        manager=manager,
        force=force,
        api_version="apps/v1",
        now=now,
        subresource=subresource,
    )


def update(live, changed, manager="bob", now=T2, **more):
    after = copy.deepcopy(changed)
    if live is not None:
        after["metadata"].setdefault("managedFields", live["metadata"].get("managedFields", []))
    track_update(live, after, SCHEMA, manager=manager, api_version="apps/v1", now=now, **more)
    return after


def owned(obj, manager, operation=None):
    return {
        text(path)
        for entry in obj["metadata"].get("managedFields", ())
        if entry["manager"] == manager and operation in (None, entry["operation"])
        for path in paths(read(entry["fieldsV1"]))
    }


def test_what_is_applied_is_owned_and_metadata_of_the_server_is_not():
    live = apply(None, deployment(replicas=3, **containers({"name": "c", "ports": [{"containerPort": 80}]})))
    assert owned(live, "alice") == {
        ".spec.replicas",
        '.spec.template.spec.containers[name="c"]',
        '.spec.template.spec.containers[name="c"].name',
        '.spec.template.spec.containers[name="c"].ports[containerPort=80,protocol="TCP"]',
        '.spec.template.spec.containers[name="c"].ports[containerPort=80,protocol="TCP"].containerPort',
    }
    assert live["metadata"]["managedFields"][0]["time"] == T1


def test_a_different_value_of_an_owned_field_is_a_conflict():
    live = apply(None, deployment(replicas=3))
    with pytest.raises(ApiFailure) as failure:
        apply(live, deployment(replicas=4), "carol")
    assert failure.value.code == 409
    assert failure.value.message == 'Apply failed with 1 conflict: conflict with "alice": .spec.replicas'
    assert failure.value.status["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "alice"', "field": ".spec.replicas"}
    ]


def test_several_conflicts_are_listed_by_manager():
    live = update(None, deployment(replicas=3, **containers({"name": "c", "image": "1"})), "kubectl-client-side-apply")
    with pytest.raises(ApiFailure) as failure:
        apply(live, deployment(replicas=4, **containers({"name": "c", "image": "2"})))
    assert failure.value.message == (
        'Apply failed with 2 conflicts: conflicts with "kubectl-client-side-apply" using apps/v1:\n'
        '- .spec.replicas\n- .spec.template.spec.containers[name="c"].image'
    )


def test_force_takes_a_field_over():
    live = apply(apply(None, deployment(replicas=3)), deployment(replicas=4), "carol", force=True)
    assert live["spec"]["replicas"] == 4
    assert owned(live, "alice") == set()
    assert owned(live, "carol") == {".spec.replicas"}


def test_the_same_value_is_owned_together():
    live = apply(apply(None, deployment(replicas=3)), deployment(replicas=3), "carol")
    assert owned(live, "alice") == owned(live, "carol") == {".spec.replicas"}
    live = apply(live, deployment(paused=True))
    assert live["spec"] == {"replicas": 3, "paused": True}


def test_a_field_nobody_applies_any_more_is_removed():
    live = apply(None, deployment(replicas=3, paused=True))
    assert apply(live, deployment(replicas=3))["spec"] == {"replicas": 3}


def test_a_list_item_nobody_applies_any_more_is_removed_and_others_stay():
    live = apply(None, deployment(**containers({"name": "mine", "image": "1"}, {"name": "old"})))
    live = apply(live, deployment(**containers({"name": "sidecar"})), "injector")
    live = apply(live, deployment(**containers({"name": "mine", "image": "2"})))
    assert live["spec"]["template"]["spec"]["containers"] == [{"name": "mine", "image": "2"}, {"name": "sidecar"}]


def test_atomic_lists_are_replaced_as_a_whole():
    live = apply(None, deployment(**containers({"name": "c", "command": ["a", "b"]})))
    with pytest.raises(ApiFailure):
        apply(live, deployment(**containers({"name": "c", "command": ["a"]})), "carol")
    live = apply(live, deployment(**containers({"name": "c", "command": ["z"]})))
    assert live["spec"]["template"]["spec"]["containers"][0]["command"] == ["z"]


def test_duplicate_keys_are_refused():
    with pytest.raises(ApiFailure) as failure:
        apply(None, deployment(**containers({"name": "c"}, {"name": "c"})))
    assert failure.value.message == (
        "failed to create typed patch object (n/d; apps/v1, Kind=Deployment): "
        '.spec.template.spec.containers: duplicate entries for key [name="c"]'
    )


def test_applying_the_same_again_changes_nothing_not_even_the_time():
    live = apply(None, deployment(replicas=3))
    assert apply(live, deployment(replicas=3), now=T2) == live


def test_status_is_applied_on_its_own():
    live = apply(None, deployment(replicas=3) | {"status": {"replicas": 1}})
    assert "status" not in live
    live = apply(live, deployment(replicas=9) | {"status": {"replicas": 1}}, "controller", subresource="status")
    assert live["spec"] == {"replicas": 3}
    assert live["status"] == {"replicas": 1}
    entry = next(e for e in live["metadata"]["managedFields"] if e["manager"] == "controller")
    assert entry["subresource"] == "status"
    assert entry["fieldsV1"] == {"f:status": {"f:replicas": {}}}


def test_an_update_takes_what_it_changes_from_others():
    live = apply(None, deployment(replicas=3, paused=True))
    live = update(live, live | {"spec": {"replicas": 5, "paused": True}})
    assert owned(live, "alice") == {".spec.paused"}
    assert owned(live, "bob") == {".spec.replicas"}
    assert [e["operation"] for e in live["metadata"]["managedFields"]] == ["Apply", "Update"]


def test_an_update_that_removes_fields_leaves_them_to_nobody():
    live = update(apply(None, deployment(replicas=3, paused=True)), deployment(replicas=3))
    assert owned(live, "alice") == {".spec.replicas"}
    assert owned(live, "bob") == set()


def test_an_update_without_a_change_is_not_recorded():
    live = update(None, deployment(replicas=3))
    assert update(live, live, "carol") == live


def test_an_empty_list_of_managers_forgets_them():
    live = apply(None, deployment(replicas=3))
    after = copy.deepcopy(live)
    after["metadata"]["managedFields"] = []
    track_update(live, after, SCHEMA, manager="bob", api_version="apps/v1", now=T2)
    assert "managedFields" not in after["metadata"]


def test_broken_managers_are_replaced_by_those_of_before():
    live = apply(None, deployment(replicas=3))
    after = copy.deepcopy(live)
    after["metadata"]["managedFields"] = [{"manager": "x", "operation": "Fly", "fieldsV1": 7}]
    track_update(live, after, SCHEMA, manager="bob", api_version="apps/v1", now=T2)
    assert after == live


def test_an_object_without_managers_gets_one_for_what_was_there():
    live = deployment(replicas=3)
    assert owned(apply(live, deployment(replicas=3)), "before-first-apply") == {".spec", ".spec.replicas"}


def test_kubectl_moves_from_client_side_to_server_side_without_conflicts():
    annotation = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(deployment(replicas=3))}
    created = deployment(replicas=3)
    created["metadata"]["annotations"] = annotation
    live = update(None, created, "kubectl-client-side-apply", now=T1)
    moved = apply(live, deployment(replicas=4), "kubectl")
    assert moved["spec"]["replicas"] == 4
    kept = json.loads(moved["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"])
    assert kept["spec"] == {"replicas": 4}
    with pytest.raises(ApiFailure):
        apply(live, deployment(replicas=4), "argocd")


def test_old_updaters_are_put_together():
    live = deployment(replicas=0)
    for index in range(MAX_UPDATERS + 5):
        changed = copy.deepcopy(live)
        changed["metadata"].setdefault("labels", {})[f"l{index}"] = "x"
        live = update(live, changed, f"updater-{index:02}", now=f"2026-01-01T00:00:{index:02}Z")
    managers = {entry["manager"] for entry in live["metadata"]["managedFields"]}
    assert len(managers) == MAX_UPDATERS
    assert ".metadata.labels.l0" in owned(live, "ancient-changes")


# Properties over many configurations.

LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xy"), max_size=3)
PORTS = st.lists(
    st.fixed_dictionaries(
        {"containerPort": st.sampled_from([80, 81])}, optional={"protocol": st.sampled_from(["TCP", "UDP"])}
    ),
    max_size=2,
    unique_by=lambda port: (port["containerPort"], port.get("protocol", "TCP")),
)
CONTAINERS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from("pqr")},
        optional={
            "image": st.sampled_from("12"),
            "ports": PORTS,
            "command": st.lists(st.sampled_from("ab"), max_size=2),
        },
    ),
    max_size=3,
    unique_by=lambda container: container["name"],
)


@st.composite
def configurations(draw):
    config = deployment()
    if draw(st.booleans()):
        config["metadata"]["labels"] = draw(LABELS)
    if draw(st.booleans()):
        config["metadata"]["finalizers"] = draw(st.lists(st.sampled_from("fgh"), max_size=2, unique=True))
    if draw(st.booleans()):
        config["spec"]["replicas"] = draw(st.integers(0, 2))
    if draw(st.booleans()):
        config["spec"] |= containers(*draw(CONTAINERS))
    return config


@given(configurations(), configurations())
@settings(max_examples=40, deadline=None)
def test_applying_twice_is_applying_once(first, second):
    live = apply(apply(None, first, "x"), second, force=True)
    assert apply(live, second, force=True, now=T2) == live


@given(configurations(), configurations())
@settings(max_examples=40, deadline=None)
def test_what_is_applied_is_there(first, second):
    live = apply(apply(None, first, "x"), second, force=True)
    assert compare(merge(live, second, NODE), live, NODE) == compare({}, {}, NODE)


@given(configurations(), configurations())
@settings(max_examples=40, deadline=None)
def test_managers_of_different_fields_never_conflict(first, second):
    shared = intersection(field_set(first, NODE), field_set(second, NODE))
    apart = {
        path for path in paths(shared) if len(path) > 1 and path[0] not in ("f:apiVersion", "f:kind", "f:metadata")
    }
    live = apply(None, first, "x")
    if not apart and not first["metadata"].get("labels") and not first["metadata"].get("finalizers"):
        apply(live, second)
    else:
        apply(live, second, force=True)


@given(configurations(), configurations())
@settings(max_examples=40, deadline=None)
def test_giving_everything_up_leaves_what_others_want(first, second):
    live = apply(apply(None, first, "x"), second, force=True)
    nothing = deployment()
    del nothing["spec"]
    left = apply(live, nothing, force=True)
    remaining = [entry["manager"] for entry in left["metadata"].get("managedFields", ())]
    assert set(remaining) <= {"x", "before-first-apply"}
    for entry in left["metadata"].get("managedFields", ()):
        for path in paths(read(entry["fieldsV1"])):
            assert has(field_set(left, NODE), path) or path[-1].startswith("f:")


@given(configurations(), configurations())
@settings(max_examples=40, deadline=None)
def test_field_sets_behave_as_sets(first, second):
    left, right = field_set(first, NODE), field_set(second, NODE)
    a, b = set(paths(left)), set(paths(right))
    assert set(paths(union(left, right))) == a | b
    assert set(paths(intersection(left, right))) == a & b
    assert set(paths(difference(left, right))) == a - b


@given(configurations())
@settings(max_examples=40, deadline=None)
def test_fields_are_read_back_as_they_were_written(config):
    fields = field_set(config, NODE)
    written = json.loads(json.dumps(ordered(fields)))
    assert read(written) == fields
    live = apply(None, config)
    entries = live["metadata"].get("managedFields", [])
    assert write_managed(read_managed(json.loads(json.dumps(entries)))) == entries


def test_the_library_is_never_given_its_arguments_back_changed():
    live, config = apply(None, deployment(replicas=3)), deployment(replicas=4)
    before = copy.deepcopy((live, config))
    apply(live, config, force=True)
    assert (live, config) == before
