"""Defaults, pruning and validation of objects, built-in and custom, against the shipped schemas."""

from __future__ import annotations

import copy
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.demo import cel_rules, crds, quantities
from console.demo.failures import ApiFailure
from console.demo.resources import built_in, custom_types
from console.demo.schemas import Schemas

TYPES = {(rt.api_version, rt.kind): rt for rt in built_in()}
TYPES |= {(rt.api_version, rt.kind): rt for entry in crds.shipped() for rt in custom_types(entry)}
SCHEMAS = Schemas(lambda name: b'{"spec":' + crds.spec_bytes(name) + b"}")


def typed(obj):
    return TYPES[obj["apiVersion"], obj["kind"]]


def accepted(obj):
    """The object as the server would store it, but for what it takes from the rest of the cluster."""
    obj = copy.deepcopy(obj)
    SCHEMAS.prune(typed(obj), obj)
    SCHEMAS.default(typed(obj), obj)
    return obj


def causes(obj, old=None):
    return [(cause.field, cause.message) for cause in SCHEMAS.validate(typed(obj), obj, old)]


def pod(**spec):
    spec.setdefault("containers", [{"name": "c", "image": "busybox"}])
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}


def deployment(**spec):
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}


def train_job(**spec):
    head = {"apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainJob", "metadata": {"name": "t"}}
    return {**head, "spec": {"runtimeRef": {"name": "torch"}, **spec}}


# Finding schemas.


def test_every_type_that_is_stored_has_a_schema():
    for rt in TYPES.values():
        found = SCHEMAS.for_type(rt)
        assert (found is None) == (rt.group == "metrics.k8s.io"), rt
        assert found is None or found.custom == bool(rt.crd)


def test_a_schema_is_compiled_once_until_its_definition_changes():
    entry = crds.shipped()[0]
    first, again = custom_types(entry)[0], custom_types(entry)[0]
    assert SCHEMAS.for_type(first) is SCHEMAS.for_type(first)
    assert SCHEMAS.for_type(again) is not SCHEMAS.for_type(first)


def test_equal_parts_of_custom_schemas_are_kept_once():
    jobs = [SCHEMAS.for_type(TYPES["kubeflow.org/v1", kind]).root for kind in ("TFJob", "XGBoostJob")]
    specs = [
        root.fields["spec"].fields[key].values.fields["template"].fields["spec"]
        for root, key in zip(jobs, ("tfReplicaSpecs", "xgbReplicaSpecs"), strict=True)
    ]
    assert specs[0] is specs[1]


# Decoding built-in objects.


def test_unknown_fields_are_dropped_and_named():
    obj = pod(containers=[{"name": "c", "image": "i", "imagee": "x"}], foo=1)
    unknown = SCHEMAS.prune(typed(obj), obj)
    assert sorted(unknown) == ["spec.containers[0].imagee", "spec.foo"]
    assert "foo" not in obj["spec"]


@pytest.mark.parametrize(
    ("obj", "error"),
    [
        (
            deployment(replicas="3"),
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            pod(containers=[{"name": "c", "env": [{"name": "x", "value": 1}]}]),
            "json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string",
        ),
        (
            pod(containers={}),
            "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container",
        ),
        (
            pod(containers=[{"name": "c", "resources": {"limits": {"cpu": "1x"}}}]),
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        (
            pod(hostNetwork="yes"),
            "json: cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool",
        ),
        (deployment(replicas=2**40), "json: cannot unmarshal number 1099511627776 into Go struct field"),
    ],
)
def test_a_value_of_the_wrong_type_is_a_bad_request(obj, error):
    with pytest.raises(ApiFailure) as failure:
        SCHEMAS.prune(typed(obj), obj)
    assert failure.value.code == 400
    kind, version = obj["kind"], obj["apiVersion"].rpartition("/")[2]
    assert failure.value.message.startswith(f'{kind} in version "{version}" cannot be handled as a {kind}: {error}')


def test_nulls_are_the_same_as_absent():
    obj = pod(nodeName=None, securityContext=None)
    SCHEMAS.prune(typed(obj), obj)
    assert "nodeName" not in obj["spec"]
    assert "securityContext" not in obj["spec"]


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("1024Mi", "1Gi"),
        ("0.5", "500m"),
        ("1000m", "1"),
        ("1500", "1500"),
        ("2000", "2k"),
        ("1.5Gi", "1536Mi"),
        ("512Ki", "512Ki"),
        ("1e3", "1e3"),
        ("0", "0"),
        ("100", "100"),
        ("0.1Gi", "107374182400m"),
        ("-1", "-1"),
    ],
)
def test_quantities_get_their_canonical_form(given, canonical):
    assert quantities.canonical(given) == canonical


@given(st.integers(0, 10**12), st.sampled_from(["", "m", "k", "M", "Ki", "Mi", "Gi"]))
def test_the_canonical_form_is_the_same_amount_and_stays(number, suffix):
    made = quantities.canonical(f"{number}{suffix}")
    assert quantities.amount(made) == quantities.amount(f"{number}{suffix}")
    assert quantities.canonical(made) == made


def test_a_pod_takes_less_than_its_share_of_time():
    obj = pod(containers=[{"name": "c", "image": "i", "env": [{"name": f"E{n}", "value": "1"} for n in range(20)]}])
    many = [copy.deepcopy(obj) for _ in range(100)]
    rt = typed(obj)
    start = time.process_time()
    for one in many:
        SCHEMAS.prune(rt, one)
        SCHEMAS.default(rt, one)
        SCHEMAS.validate(rt, one)
    assert (time.process_time() - start) / len(many) < 0.0015


# Custom resources.


def test_custom_defaults_and_unknown_fields():
    obj = train_job(bogus=1, trainer={"numNodes": 2, "oops": {}})
    assert sorted(SCHEMAS.prune(typed(obj), obj)) == ["spec.bogus", "spec.trainer.oops"]
    SCHEMAS.default(typed(obj), obj)
    assert obj["spec"]["runtimeRef"] == {
        "name": "torch",
        "apiGroup": "trainer.kubeflow.org",
        "kind": "ClusterTrainingRuntime",
    }
    assert obj["spec"]["suspend"] is False


def test_custom_types_and_required_fields_are_judged():
    obj = train_job(runtimeRef={}, trainer={"numNodes": "x"})
    SCHEMAS.default(typed(obj), obj)
    text = 'Invalid value: "string": spec.trainer.numNodes in body must be of type integer: "string"'
    assert ("spec.trainer.numNodes", text) in causes(obj)
    assert ("spec.runtimeRef.name", "Required value") in causes(obj)
    assert causes(obj)[-1] == (
        "<nil>",
        "Invalid value: null: some validation rules were not checked because the object was invalid; correct the "
        "existing errors to complete validation",
    )


def test_a_rule_about_a_change_is_judged_on_updates_only():
    old = accepted(train_job(trainer={"numNodes": 2}))
    assert causes(old) == []
    new = copy.deepcopy(old)
    new["spec"]["trainer"]["numNodes"] = 3
    assert causes(new) == []
    assert causes(new, old) == [("spec.trainer", 'Invalid value: "object": field is immutable')]


def test_every_rule_of_the_shipped_definitions_can_be_compiled():
    found: set[str] = set()

    def collect(schema):
        if isinstance(schema, dict):
            rules = schema.get("x-kubernetes-validations")
            found.update(rule["rule"] for rule in rules or () if isinstance(rule, dict))
            for value in schema.values():
                collect(value)
        elif isinstance(schema, list):
            for value in schema:
                collect(value)

    for entry in crds.shipped():
        collect(msgspec.json.decode(crds.spec_bytes(entry["metadata"]["name"])))
    cel_rules.unjudged.clear()
    for rule in sorted(found):
        cel_rules._judge(rule)
    assert len(found) > 100
    assert cel_rules.unjudged == {}


@pytest.mark.parametrize(
    ("rule", "value", "old", "held"),
    [
        ("self == oldSelf", {"a": 1}, {"a": 1}, True),
        ("self == oldSelf", {"a": 1}, {"a": True}, False),
        ('self.all(key, size(key) < 3 && key.matches("^[a-z]+$"))', {"ab": 1}, None, True),
        ('url(self).getScheme() in ["http", "https"]', "ftp://x", None, False),
        ('self.substring(0, 2) == "ab"', "abc", None, True),
        ("[has(self.a), has(self.b)].filter(x, x).size() <= 1", {"a": 1, "b": 1}, None, False),
        ("self.a > 1", {}, None, None),
    ],
)
def test_rules_are_judged_as_cel_says(rule, value, old, held):
    assert cel_rules._judge(rule)(value, old) is held
