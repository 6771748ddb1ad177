"""Label and field selectors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.demo.failures import ApiFailure
from console.demo.records import Record
from console.demo.resources import Resources
from console.demo.selecting import parse_fields, parse_labels, select

PODS = Resources().find("", "v1", "pods")
MAPS = Resources().find("", "v1", "configmaps")


def holds(selector: str, labels: dict[str, str]) -> bool:
    return all(requirement(labels) for requirement in parse_labels(selector))


@pytest.mark.parametrize(
    ("selector", "labels", "picked"),
    [
        ("", {}, True),
        ("a", {"a": ""}, True),
        ("a", {}, False),
        ("!a", {}, True),
        ("!a", {"a": "1"}, False),
        ("a=1", {"a": "1"}, True),
        ("a==1", {"a": "1"}, True),
        ("a = 1 , b = 2", {"a": "1", "b": "2"}, True),
        ("a=1,b=2", {"a": "1"}, False),
        ("a!=1", {}, True),
        ("a!=1", {"a": "1"}, False),
        ("a=", {"a": ""}, True),
        ("a in (1,2)", {"a": "2"}, True),
        ("a in (1, 2)", {"a": "3"}, False),
        ("a in (1,)", {"a": ""}, True),
        ("a notin (1,2)", {}, True),
        ("a notin (1,2)", {"a": "1"}, False),
        ("a>3", {"a": "10"}, True),
        ("a>3", {"a": "x"}, False),
        ("a<3", {"a": "-1"}, True),
        ("training.kubeflow.org/job-name=x", {"training.kubeflow.org/job-name": "x"}, True),
        ("in in (in)", {"in": "in"}, True),
    ],
)
def test_a_label_selector_picks(selector, labels, picked):
    assert holds(selector, labels) is picked


@pytest.mark.parametrize(
    "selector", ["=", "a=1,", "a in", "a in (", "a in 1", "a=1 b", "a=(", "a>x", "a,,b", "/a=1", "A_/x", "a=!", "-a"]
)
def test_a_broken_label_selector_is_refused(selector):
    with pytest.raises(ApiFailure) as refused:
        parse_labels(selector)
    assert refused.value.code == 400


NAMES = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)


@given(NAMES, st.sets(NAMES, min_size=1, max_size=4), st.dictionaries(NAMES, NAMES, max_size=4))
def test_in_and_notin_are_opposites(key, values, labels):
    listed = ",".join(sorted(values))
    assert holds(f"{key} in ({listed})", labels) is not holds(f"{key} notin ({listed})", labels)


@given(st.text(max_size=40))
def test_any_text_is_a_selector_or_a_bad_request(text):
    for parse in (parse_labels, parse_fields):
        try:
            parse(text)
        except ApiFailure as refused:
            assert refused.code == 400


def test_field_terms_may_hold_escaped_separators():
    assert parse_fields(r"metadata.name=a\,b,status.phase!=X") == [
        ("metadata.name", True, "a,b"),
        ("status.phase", False, "X"),
    ]


def pod_record(**fields: str) -> Record:
    names = [label for label, _ in PODS.selectable]
    values = tuple(fields.get(name.replace(".", "_"), "") for name in names)
    return Record("ns", "p", b"{}", 1, "u", {}, values)


def test_a_field_selector_compares_what_the_record_kept():
    record = pod_record(spec_nodeName="n1", status_phase="Running")
    assert select(PODS, "", "spec.nodeName=n1,status.phase!=Failed").matches(record)
    assert not select(PODS, "", "spec.nodeName=").matches(record)
    assert select(PODS, "", "metadata.name=p,metadata.namespace=ns").matches(record)


def test_an_unknown_field_is_refused_in_the_words_of_its_kind():
    with pytest.raises(ApiFailure, match=r"field label not supported: spec\.image"):
        select(PODS, "", "spec.image=x")
    with pytest.raises(ApiFailure, match=r'"spec\.image" is not a known field selector'):
        select(MAPS, "", "spec.image=x")


def test_nothing_absent_is_ever_picked():
    assert not select(PODS, "", "").matches(None)
