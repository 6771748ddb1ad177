"""Where pods may go, what is said when they may not, and what the scheduler writes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.demo.controllers.matching import matches, node_terms_met, requirement_met, tolerated
from console.demo.controllers.placement import NodeLoad, Refusal, explain, explain_early, refusal, score, victims
from console.demo.needs import pod_requests

Object = dict[str, Any]
TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}


def node(name: str, *, gpus: int = 0, labels: Object | None = None, taints: list[Object] | None = None) -> NodeLoad:
    allocatable = {"cpu": "8", "memory": "32Gi", "pods": "10"} | ({"nvidia.com/gpu": str(gpus)} if gpus else {})
    load = NodeLoad({"metadata": {"name": name, "labels": labels or {}}, "spec": {"taints": taints or []}})
    load.set_node(load.node | {"status": {"allocatable": allocatable}})
    return load


def pod(name: str = "p", *, gpus: int = 0, cpu: str = "1", **spec: Any) -> Object:
    resources = {"requests": {"cpu": cpu}, "limits": {"nvidia.com/gpu": str(gpus)} if gpus else {}}
    return {
        "metadata": {"name": name, "namespace": "ns", "labels": spec.pop("labels", {})},
        "spec": {"containers": [{"name": "c", "resources": resources}], **spec},
    }


def why(one: Object, load: NodeLoad, *others: NodeLoad) -> tuple[str, ...]:
    no = refusal(one, pod_requests(one), load, [load, *others])
    return no.reasons if no else ()


def test_requests_count_sidecars_the_largest_init_container_and_limits_without_requests() -> None:
    spec = {
        "initContainers": [
            {"name": "proxy", "restartPolicy": "Always", "resources": {"requests": {"cpu": "1"}}},
            {"name": "prepare", "resources": {"requests": {"cpu": "5", "memory": "1Gi"}}},
        ],
        "containers": [
            {"name": "a", "resources": {"requests": {"cpu": "2"}, "limits": {"nvidia.com/gpu": "4"}}},
            {"name": "b", "resources": {"requests": {"cpu": "500m"}}},
        ],
        "overhead": {"cpu": "250m"},
    }
    assert pod_requests({"spec": spec}) == {"cpu": 6.25, "nvidia.com/gpu": 4.0, "memory": 2.0**30}


@pytest.mark.parametrize(
    ("operator", "values", "labels", "met"),
    [
        ("In", ["a"], {"k": "a"}, True),
        ("In", ["a"], {}, False),
        ("NotIn", ["a"], {}, True),
        ("NotIn", ["a"], {"k": "a"}, False),
        ("Exists", None, {"k": ""}, True),
        ("DoesNotExist", None, {"k": ""}, False),
        ("Gt", ["5"], {"k": "6"}, True),
        ("Gt", ["5"], {"k": "x"}, False),
        ("Lt", ["5"], {"k": "4"}, True),
        ("Like", ["a"], {"k": "a"}, False),
    ],
)
def test_every_operator_of_a_selector(operator: str, values: list[str] | None, labels: Object, met: bool) -> None:
    assert requirement_met({"key": "k", "operator": operator, "values": values}, labels) is met


@given(st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy")), st.sampled_from("ab"), st.sampled_from("xy"))
def test_in_and_not_in_are_opposites(labels: dict[str, str], key: str, value: str) -> None:
    def selects(operator: str) -> bool:
        return matches({"matchExpressions": [{"key": key, "operator": operator, "values": [value]}]}, labels)

    assert selects("In") is not selects("NotIn")


def test_no_selector_and_a_term_without_requirements_select_nothing() -> None:
    assert not matches(None, {})
    assert matches({}, {"a": "b"})
    assert not node_terms_met([{}], {"metadata": {"name": "n"}})


def test_tolerations_match_by_key_value_and_effect() -> None:
    assert tolerated(TAINT, [{"operator": "Exists"}])
    assert tolerated(TAINT, [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}])
    assert tolerated(TAINT, [{"key": "nvidia.com/gpu", "value": "present"}])
    assert not tolerated(TAINT, [{"key": "nvidia.com/gpu", "value": "absent"}])
    assert not tolerated(TAINT, [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoExecute"}])


def test_each_rule_refuses_in_kube_schedulers_words() -> None:
    tainted = node("n", gpus=8, taints=[TAINT])
    assert why(pod(), tainted) == ("node(s) had untolerated taint {nvidia.com/gpu: present}",)
    assert why(pod(gpus=9, tolerations=[{"operator": "Exists"}]), tainted) == ("Insufficient nvidia.com/gpu",)
    assert why(pod(nodeSelector={"zone": "a"}), node("n")) == ("node(s) didn't match Pod's node affinity/selector",)
    cordoned = node("n")
    cordoned.node["spec"]["unschedulable"] = True
    assert why(pod(), cordoned) == ("node(s) were unschedulable",)
    full = node("n")
    for index in range(10):
        full.add(f"ns/{index}", pod(cpu="1"))
    assert why(pod(), full) == ("Too many pods", "Insufficient cpu")


def test_affinity_to_and_against_neighbours_follows_the_topology_key() -> None:
    term = {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "zone"}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    here, same_zone, elsewhere = (
        node(name, labels={"zone": zone}) for name, zone in (("a", "1"), ("b", "1"), ("c", "2"))
    )
    same_zone.add("ns/db", pod("db", labels={"app": "db"}))
    against = pod(affinity={"podAntiAffinity": required})
    assert why(against, here, same_zone, elsewhere) == ("node(s) didn't match pod anti-affinity rules",)
    assert why(against, elsewhere, here, same_zone) == ()
    towards = pod(affinity={"podAffinity": required})
    assert why(towards, here, same_zone, elsewhere) == ()
    assert why(towards, elsewhere, here, same_zone) == ("node(s) didn't match pod affinity rules",)


def test_the_first_pod_of_a_group_with_affinity_to_itself_is_placed() -> None:
    term = {"labelSelector": {"matchLabels": {"app": "x"}}, "topologyKey": "zone"}
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    assert why(pod(labels={"app": "x"}, affinity=affinity), node("n")) == ()


def test_the_message_counts_reasons_and_says_what_preemption_could_do() -> None:
    refusals = [
        *[Refusal(("Insufficient nvidia.com/gpu",), curable=True)] * 4,
        *[Refusal(("node(s) had untolerated taint {nvidia.com/gpu: present}",), curable=False)] * 8,
    ]
    assert explain(refusals) == (
        "0/12 nodes are available: 4 Insufficient nvidia.com/gpu, "
        "8 node(s) had untolerated taint {nvidia.com/gpu: present}. preemption: 0/12 nodes are available: "
        "4 No preemption victims found for incoming pod, 8 Preemption is not helpful for scheduling."
    )
    assert explain(refusals[:1], "") == "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
    assert explain_early(2, 'persistentvolumeclaim "x" not found') == (
        '0/2 nodes are available: persistentvolumeclaim "x" not found. preemption: 0/2 nodes are available: '
        "2 Preemption is not helpful for scheduling."
    )


def test_gpu_pods_are_packed_and_others_spread_away_from_gpus() -> None:
    half, empty, plain = node("a", gpus=8), node("b", gpus=8), node("c")
    half.add("ns/x", pod("x", gpus=4))
    asking = pod_requests(pod(gpus=2))
    assert score(asking, half) > score(asking, empty)
    asking = pod_requests(pod())
    assert score(asking, plain) > score(asking, empty) > score(asking, half)


def test_preemption_takes_the_least_important_pods_and_no_more_than_needed() -> None:
    load = node("n", gpus=8)
    load.add("ns/low", pod("low", gpus=2, priority=1))
    load.add("ns/mid", pod("mid", gpus=4, priority=5))
    load.add("ns/high", pod("high", gpus=2, priority=100))
    asking = pod("new", gpus=4, priority=50)
    assert victims(asking, pod_requests(asking), load, [load]) == ["ns/mid"]
    asking = pod("new", gpus=8, priority=50)
    assert victims(asking, pod_requests(asking), load, [load]) is None


def test_a_removed_pod_gives_back_what_it_held() -> None:
    load = node("n", gpus=8)
    load.add("ns/a", pod("a", gpus=8))
    assert why(pod(gpus=1), load) == ("Insufficient nvidia.com/gpu",)
    load.remove("ns/a")
    assert why(pod(gpus=8), load) == ()
