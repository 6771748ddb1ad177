"""A node's GPUs: what the scheduler may give, and what is lost."""

from __future__ import annotations

from console.kinds.base import State
from console.kinds.nodes import KIND, join_pods, pod_node
from console.kinds.pods import KIND as PODS
from tests.kinds.kindobjects import NOW, condition, node, pod, row


def made(**more):
    return row(KIND, node("gpu-1", **more))


def with_pods(node_row, *items):
    return join_pods(node_row, {"pods": [row(PODS, item) for item in items]})


def test_status_is_kubectls():
    assert made().word == "Ready"
    assert made(ready="False").word == "NotReady"
    assert made(ready="Unknown").word == "NotReady"
    assert made(unschedulable=True).word == "Ready,SchedulingDisabled"


def test_free_is_allocatable_less_what_bound_pods_need():
    found = with_pods(made(), pod("a", gpus=2), pod("b", gpus=1, phase="Pending"))
    assert (found.used, found.free, found.pods) == (3, 5, 2)
    assert made().free is None


def test_finished_pods_hold_nothing_and_terminating_ones_still_do():
    finished = row(PODS, pod("a", gpus=2, phase="Succeeded", statuses=[]))
    leaving = row(PODS, pod("a", gpus=2, deletionTimestamp="2026-01-31T10:00:00Z"))
    assert (pod_node(finished), pod_node(leaving)) == ("", "gpu-1")


def test_gpus_in_capacity_but_not_allocatable_are_unhealthy():
    found = made(gpus=6, capacity=8)
    assert (found.gpus, found.unhealthy) == (6, 2)
    health = KIND.health(found, NOW)
    assert (health.state, health.reason) == (State.WARN, "2 of 8 GPUs are not allocatable")


def test_a_node_whose_device_plugin_is_gone_lost_all_it_promised():
    found = made(gpus=0, capacity=0, labels={"nvidia.com/gpu.count": "8"})
    assert (found.gpus, found.unhealthy) == (0, 8)


def test_pressure_taints_roles_and_model():
    found = row(
        KIND,
        node(
            "gpu-1",
            labels={"node-role.kubernetes.io/gpu": "", "kubernetes.io/role": "worker"},
            conditions=[condition("DiskPressure", message="disk is full")],
            taints=[
                {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"},
                {"key": "x", "effect": "NoExecute"},
            ],
        ),
    )
    assert found.roles == ("gpu", "worker")
    assert found.taints == ("nvidia.com/gpu=present:NoSchedule", "x:NoExecute")
    assert found.model == "NVIDIA-H100"
    assert KIND.health(found, NOW).reason == "DiskPressure: disk is full"


def test_a_node_without_gpus_shows_none():
    found = with_pods(made(gpus=0), pod("a"))
    column = next(column for column in KIND.columns if column.key == "gpus_used")
    assert column.value(found, NOW) is None
