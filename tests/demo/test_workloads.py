"""What the workload controllers decide: sets, deployments, jobs, cron jobs, endpoints, budgets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.clock import format_time
from console.demo.controllers.budgets import budget_status
from console.demo.controllers.cronjobs import due_time, plan_cronjob
from console.demo.controllers.daemonsets import node_of, plan_daemonset
from console.demo.controllers.deployments import REVISION, limits, plan_deployment
from console.demo.controllers.endpoints import endpoint_subsets, port_number, slice_content
from console.demo.controllers.jobs import format_indexes, index_of, parse_indexes, plan_job
from console.demo.controllers.plan import Plan
from console.demo.controllers.pod_failures import judge
from console.demo.controllers.replicasets import plan_replicaset
from console.demo.controllers.schedules import parse_schedule
from console.demo.controllers.statefulsets import plan_statefulset
from console.demo.controllers.templates import resolve_share, same_template, template_hash

Object = dict[str, Any]
NOW = 1_800_000_000.0
AT = format_time(NOW)
TEMPLATE = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}}


def owner(kind: str, api: str = "apps/v1", **spec: Any) -> Object:
    metadata = {
        "name": "x",
        "namespace": "ns",
        "uid": "u",
        "resourceVersion": "1",
        "generation": 1,
        "creationTimestamp": AT,
    }
    base = {"selector": {"matchLabels": {"app": "x"}}, "template": TEMPLATE}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": base | spec}


def pod(name: str, *, ready: bool = True, phase: str = "Running", going: bool = False, **metadata: Any) -> Object:
    meta = {"name": name, "namespace": "ns", "uid": name, "labels": {"app": "x"}, "creationTimestamp": AT} | metadata
    if going:
        meta["deletionTimestamp"] = AT
    ready_condition = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": AT}
    status = {"phase": phase, "podIP": "10.0.0.1", "conditions": [ready_condition]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta,
        "spec": {"nodeName": "n", "containers": []},
        "status": status,
    }


def created(plan: Plan) -> list[Object]:
    return [creation.manifest for creation in plan.create]


def deleted(plan: Plan) -> list[str]:
    return [deletion.path.rpartition("/")[2] for deletion in plan.delete]


def status(plan: Plan) -> Object:
    assert plan.status is not None
    return plan.status


# ReplicaSets


def test_a_replicaset_makes_what_is_missing_and_deletes_the_least_useful() -> None:
    plan = plan_replicaset(owner("ReplicaSet", replicas=3), [pod("a"), pod("b", going=True)], NOW)
    assert len(created(plan)) == 2
    made = created(plan)[0]
    assert made["metadata"]["name"].startswith("x-")
    assert made["metadata"]["ownerReferences"][0]["controller"] is True
    plan = plan_replicaset(owner("ReplicaSet", replicas=1), [pod("a"), pod("b", ready=False)], NOW)
    assert deleted(plan) == ["b"]


def test_a_replicaset_counts_ready_and_available_pods_apart() -> None:
    obj = owner("ReplicaSet", replicas=2, minReadySeconds=30)
    plan = plan_replicaset(obj, [pod("a"), pod("b", ready=False)], NOW + 10)
    assert (status(plan)["readyReplicas"], status(plan).get("availableReplicas")) == (1, None)
    assert plan.again_in == pytest.approx(20.1)
    assert status(plan_replicaset(obj, [pod("a")], NOW + 40))["availableReplicas"] == 1


def test_a_finished_pod_of_a_replicaset_is_replaced() -> None:
    assert len(created(plan_replicaset(owner("ReplicaSet", replicas=1), [pod("a", phase="Failed")], NOW))) == 1


# Deployments


def replicaset(name: str, image: str, replicas: int, available: int, revision: int = 1) -> Object:
    template = {
        "metadata": {"labels": {"app": "x", "pod-template-hash": name}},
        "spec": {"containers": [{"name": "c", "image": image}]},
    }
    metadata = {"name": name, "namespace": "ns", "uid": name, "annotations": {REVISION: str(revision)}}
    counts = {"replicas": replicas, "readyReplicas": available, "availableReplicas": available}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": metadata,
        "spec": {"replicas": replicas, "template": template},
        "status": counts,
    }


def scales(plan: Plan) -> dict[str, int]:
    return {
        change.path.rpartition("/")[2]: change.patch["spec"]["replicas"]
        for change in plan.change
        if "replicas" in change.patch.get("spec", {})
    }


def test_a_new_deployment_makes_a_replicaset_of_full_size() -> None:
    plan = plan_deployment(owner("Deployment", replicas=3), [], AT, False)
    made = created(plan)[0]
    assert made["spec"]["replicas"] == 3
    digest = made["metadata"]["labels"]["pod-template-hash"]
    assert made["metadata"]["name"] == f"x-{digest}"
    assert made["spec"]["selector"]["matchLabels"]["pod-template-hash"] == digest
    assert made["metadata"]["annotations"][REVISION] == "1"
    assert plan.events[0].message == f"Scaled up replica set x-{digest} from 0 to 3"


def test_a_rolling_update_goes_up_within_the_surge_and_down_within_what_may_be_missing() -> None:
    deployment = owner("Deployment", replicas=4)
    assert limits(deployment) == (1, 1)
    old = replicaset("old", "nginx:old", 4, 4)
    first = plan_deployment(deployment, [old], AT, True)
    assert created(first)[0]["spec"]["replicas"] == 1
    assert created(first)[0]["metadata"]["annotations"][REVISION] == "2"
    new = replicaset("new", "nginx", 1, 0, 2)
    assert scales(plan_deployment(deployment, [old, new], AT, True))["old"] == 3
    shrunk = replicaset("old", "nginx:old", 3, 3)
    assert scales(plan_deployment(deployment, [shrunk, new], AT, True))["new"] == 2
    ready = replicaset("new", "nginx", 2, 2, 2)
    assert scales(plan_deployment(deployment, [shrunk, ready], AT, True))["old"] == 1


def test_pods_that_are_broken_anyway_are_given_up_first() -> None:
    old, new = replicaset("old", "nginx:old", 4, 2), replicaset("new", "nginx", 1, 0, 2)
    assert scales(plan_deployment(owner("Deployment", replicas=4), [old, new], AT, True))["old"] == 3


def test_rolling_back_gives_the_old_replicaset_the_newest_revision() -> None:
    back, current = replicaset("back", "nginx", 0, 0, 1), replicaset("current", "nginx:bad", 3, 3, 2)
    plan = plan_deployment(owner("Deployment", replicas=3), [back, current], AT, True)
    changes = [change.patch["metadata"]["annotations"] for change in plan.change if change.path.endswith("/back")]
    assert {REVISION: "3", "deployment.kubernetes.io/revision-history": "1"} in changes
    assert scales(plan)["back"] == 1


def test_recreate_waits_until_the_old_pods_are_gone() -> None:
    deployment = owner("Deployment", replicas=2, strategy={"type": "Recreate"})
    old = replicaset("old", "nginx:old", 2, 2)
    plan = plan_deployment(deployment, [old], AT, True)
    assert created(plan)[0]["spec"]["replicas"] == 0
    assert scales(plan) == {"old": 0}
    gone, new = replicaset("old", "nginx:old", 0, 0), replicaset("new", "nginx", 0, 0, 2)
    assert "new" not in scales(plan_deployment(deployment, [gone, new], AT, True))
    assert scales(plan_deployment(deployment, [gone, new], AT, False)) == {"new": 2}


def test_a_paused_deployment_scales_but_does_not_roll() -> None:
    deployment = owner("Deployment", replicas=5, paused=True)
    old = replicaset("old", "nginx:old", 3, 3)
    plan = plan_deployment(deployment, [old], AT, True)
    assert not created(plan)
    assert scales(plan) == {"old": 5}


def conditions(plan: Plan) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in status(plan)["conditions"]}


def test_the_conditions_of_a_deployment_follow_its_roll_out() -> None:
    deployment = owner("Deployment", replicas=2)
    plan = plan_deployment(deployment, [replicaset("new", "nginx", 2, 0)], AT, False)
    assert conditions(plan) == {
        "Available": ("False", "MinimumReplicasUnavailable"),
        "Progressing": ("True", "NewReplicaSetCreated"),
    }
    deployment["status"] = status(plan)
    late = plan_deployment(deployment, [replicaset("new", "nginx", 2, 0)], format_time(NOW + 700), False)
    assert conditions(late)["Progressing"] == ("False", "ProgressDeadlineExceeded")
    done = plan_deployment(deployment, [replicaset("new", "nginx", 2, 2)], AT, False)
    assert conditions(done)["Progressing"] == ("True", "NewReplicaSetAvailable")
    deployment["status"] = status(done)
    again = plan_deployment(deployment, [replicaset("new", "nginx", 2, 2)], format_time(NOW + 60), False)
    assert again.status == done.status


def test_old_replicasets_go_when_the_history_is_full() -> None:
    old = [replicaset(f"old{number}", f"nginx:{number}", 0, 0, number) for number in range(1, 5)]
    deployment = owner("Deployment", replicas=1, revisionHistoryLimit=2)
    assert deleted(plan_deployment(deployment, [*old, replicaset("new", "nginx", 1, 1, 9)], AT, False)) == [
        "old1",
        "old2",
    ]


def test_templates_are_equal_whatever_their_hash_label_says() -> None:
    assert same_template(TEMPLATE, replicaset("h", "nginx", 1, 1)["spec"]["template"])
    assert not same_template(TEMPLATE, replicaset("h", "other", 1, 1)["spec"]["template"])
    assert template_hash(TEMPLATE) == template_hash(dict(reversed(TEMPLATE.items())))


@pytest.mark.parametrize(("value", "up", "found"), [(2, True, 2), ("25%", True, 3), ("25%", False, 2), (None, True, 1)])
def test_shares_round_as_asked(value: int | str | None, up: bool, found: int) -> None:
    assert resolve_share(value, 9, up=up, default=1) == found


# StatefulSets


def stateful(pods: Sequence[Object], **spec: Any) -> Plan:
    return plan_statefulset(owner("StatefulSet", serviceName="x", **spec), pods, [], lambda name: False, NOW)


def test_a_statefulset_makes_one_pod_after_the_other_with_its_claims() -> None:
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    plan = stateful([], replicas=3, volumeClaimTemplates=[claim])
    kinds = [made["kind"] for made in created(plan)]
    assert kinds == ["ControllerRevision", "PersistentVolumeClaim", "Pod"]
    made = created(plan)[-1]
    assert made["metadata"]["name"] == "x-0"
    assert made["spec"]["volumes"] == [{"name": "data", "persistentVolumeClaim": {"claimName": "data-x-0"}}]
    assert (made["spec"]["hostname"], made["spec"]["subdomain"]) == ("x-0", "x")
    names = [each["metadata"]["name"] for each in created(stateful([pod("x-0", ready=False)], replicas=3))]
    assert "x-1" not in names
    assert created(stateful([pod("x-0")], replicas=3))[-1]["metadata"]["name"] == "x-1"


def test_a_parallel_statefulset_does_not_wait() -> None:
    made = created(stateful([], replicas=3, podManagementPolicy="Parallel"))
    assert [each["metadata"]["name"] for each in made if each["kind"] == "Pod"] == ["x-0", "x-1", "x-2"]


def test_a_statefulset_shrinks_from_the_top_one_at_a_time() -> None:
    assert deleted(stateful([pod("x-0"), pod("x-1"), pod("x-2")], replicas=1)) == ["x-2"]


def test_a_statefulset_updates_from_the_top_down_to_the_partition() -> None:
    old = {"labels": {"app": "x", "controller-revision-hash": "x-old"}}
    pods = [pod("x-0", **old), pod("x-1", **old), pod("x-2", **old)]
    assert deleted(stateful(pods, replicas=3)) == ["x-2"]
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"partition": 3}}
    assert deleted(stateful(pods, replicas=3, updateStrategy=rolling)) == []
    assert deleted(stateful(pods, replicas=3, updateStrategy={"type": "OnDelete"})) == []


# DaemonSets


def node(name: str, *taints: Object) -> Object:
    return {"metadata": {"name": name, "labels": {}}, "spec": {"taints": list(taints)}}


def test_a_daemonset_wants_a_pod_on_every_node_that_suits_it() -> None:
    taint = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}
    nodes = [node("a"), node("b"), node("c", taint)]
    placed = pod("d-1")
    placed["spec"]["nodeName"] = "a"
    plan = plan_daemonset(owner("DaemonSet"), [placed], nodes, [], NOW)
    assert [node_of(made) for made in created(plan) if made["kind"] == "Pod"] == ["b"]
    assert status(plan)["desiredNumberScheduled"] == 2
    assert status(plan)["numberReady"] == 1


def test_a_daemons_pod_stays_on_a_node_that_takes_no_new_ones() -> None:
    lost = {"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule"}
    placed = pod("d-1")
    placed["spec"]["nodeName"] = "a"
    assert deleted(plan_daemonset(owner("DaemonSet"), [placed], [node("a", lost)], [], NOW)) == []
    assert not [
        m for m in created(plan_daemonset(owner("DaemonSet"), [], [node("a", lost)], [], NOW)) if m["kind"] == "Pod"
    ]
    expelled = {"key": "gone", "effect": "NoExecute"}
    assert deleted(plan_daemonset(owner("DaemonSet"), [placed], [node("a", expelled)], [], NOW)) == ["d-1"]


def test_a_daemonset_replaces_outdated_pods_one_node_at_a_time() -> None:
    pods = [pod(name, labels={"controller-revision-hash": "old"}) for name in ("d-1", "d-2")]
    for each, name in zip(pods, "ab", strict=True):
        each["spec"]["nodeName"] = name
    plan = plan_daemonset(owner("DaemonSet"), pods, [node("a"), node("b")], [], NOW)
    assert deleted(plan) == ["d-1"]


# Jobs


def job(**spec: Any) -> Object:
    return owner(
        "Job", "batch/v1", template={"metadata": {}, "spec": {"containers": [], "restartPolicy": "Never"}}, **spec
    )


def done(name: str, phase: str, code: int = 0, index: int | None = None, ago: float = 100.0) -> Object:
    annotations = {"batch.kubernetes.io/job-completion-index": str(index)} if index is not None else {}
    made = pod(name, ready=False, phase=phase, annotations=annotations)
    ended = {"exitCode": code, "finishedAt": format_time(NOW - ago)}
    made["status"]["containerStatuses"] = [{"name": "c", "state": {"terminated": ended}}]
    return made


def test_a_job_keeps_its_parallelism_until_enough_succeeded() -> None:
    assert len(created(plan_job(job(completions=5, parallelism=3), [], NOW))) == 3
    plan = plan_job(job(completions=3, parallelism=3), [done("a", "Succeeded"), done("b", "Succeeded")], NOW)
    assert len(created(plan)) == 1
    assert status(plan)["succeeded"] == 2


def test_an_indexed_job_gives_every_index_to_one_pod() -> None:
    obj = job(completions=4, parallelism=3, completionMode="Indexed")
    running = pod("r", annotations={"batch.kubernetes.io/job-completion-index": "2"})
    plan = plan_job(obj, [done("a", "Succeeded", index=0), running], NOW)
    made = created(plan)
    assert [index_of(each) for each in made] == [1, 3]
    assert made[0]["spec"]["hostname"] == "x-1"
    assert made[0]["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] == "1"
    assert status(plan)["completedIndexes"] == "0"


def test_a_complete_job_has_both_conditions_in_order() -> None:
    plan = plan_job(job(completions=1, parallelism=1), [done("a", "Succeeded")], NOW)
    assert [each["type"] for each in status(plan)["conditions"]] == ["SuccessCriteriaMet", "Complete"]
    assert status(plan)["completionTime"] == AT
    assert [note.reason for note in plan.events] == ["Completed"]


def test_a_job_over_its_back_off_limit_stops_its_pods_before_it_is_failed() -> None:
    obj = job(completions=2, parallelism=2, backoffLimit=0)
    plan = plan_job(obj, [done("a", "Failed", 1), pod("b")], NOW)
    assert deleted(plan) == ["b"]
    assert [each["type"] for each in status(plan)["conditions"]] == ["FailureTarget"]
    obj["status"] = status(plan)
    plan = plan_job(obj, [done("a", "Failed", 1)], NOW)
    failed = status(plan)["conditions"][-1]
    assert (failed["type"], failed["reason"]) == ("Failed", "BackoffLimitExceeded")
    assert failed["message"] == "Job has reached the specified backoff limit"


def test_failed_pods_are_replaced_after_a_growing_wait() -> None:
    plan = plan_job(job(completions=1, parallelism=1), [done("a", "Failed", 1, ago=4)], NOW)
    assert not created(plan)
    assert plan.again_in == pytest.approx(6.05)
    assert len(created(plan_job(job(completions=1), [done("a", "Failed", 1, ago=11)], NOW))) == 1


def test_suspending_deletes_the_pods_and_resuming_starts_the_clock_again() -> None:
    obj = job(completions=1, suspend=True)
    obj["status"] = {"startTime": format_time(NOW - 50)}
    plan = plan_job(obj, [pod("a")], NOW)
    assert deleted(plan) == ["a"]
    assert "startTime" not in status(plan)
    obj["status"], obj["spec"]["suspend"] = status(plan), False
    plan = plan_job(obj, [], NOW)
    assert status(plan)["startTime"] == AT
    assert conditions(plan)["Suspended"] == ("False", "JobResumed")


def test_a_job_past_its_deadline_fails_and_a_finished_one_goes_after_its_time() -> None:
    obj = job(completions=1, activeDeadlineSeconds=30)
    obj["status"] = {"startTime": format_time(NOW - 31)}
    assert status(plan_job(obj, [], NOW))["conditions"][-1]["reason"] == "DeadlineExceeded"
    over = job(ttlSecondsAfterFinished=60)
    over["status"] = {
        "conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": format_time(NOW - 61)}]
    }
    assert plan_job(over, [], NOW).remove


def test_a_pod_failure_policy_ignores_or_ends_the_job() -> None:
    rules = [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}},
    ]
    assert judge({"rules": rules}, done("a", "Failed", 1)).action == "Count"
    verdict = judge({"rules": rules}, done("a", "Failed", 42))
    assert verdict.message == "Container c for pod ns/a failed with exit code 42 matching FailJob rule at index 1"
    disrupted = done("b", "Failed", 137)
    disrupted["status"]["conditions"].append({"type": "DisruptionTarget", "status": "True"})
    assert judge({"rules": rules}, disrupted).action == "Ignore"
    plan = plan_job(job(completions=1, podFailurePolicy={"rules": rules}), [done("a", "Failed", 42)], NOW)
    assert status(plan)["conditions"][0]["reason"] == "PodFailurePolicy"


def test_a_job_of_another_manager_is_left_alone() -> None:
    plan = plan_job(job(managedBy="kueue.x-k8s.io/multikueue"), [], NOW)
    assert plan.status is None
    assert not created(plan)


@given(st.sets(st.integers(0, 40)))
def test_completed_indexes_read_back_as_written(indexes: set[int]) -> None:
    assert parse_indexes(format_indexes(indexes)) == indexes


def test_completed_indexes_are_written_short() -> None:
    assert format_indexes({0, 1, 2, 5, 7, 8}) == "0-2,5,7,8"


# CronJobs


def when(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("*/15 * * * *", when(2027, 1, 15, 8, 15)),
        ("@daily", when(2027, 1, 16, 0, 0)),
        ("0 9 * * mon-fri", when(2027, 1, 15, 9, 0)),
        ("30 6 1 feb *", when(2027, 2, 1, 6, 30)),
        ("0 0 13 * 5", when(2027, 1, 22, 0, 0)),
    ],
)
def test_schedules_come_round_when_they_say(text: str, after: float) -> None:
    assert parse_schedule(text).after(when(2027, 1, 15, 8, 2)) == after


@pytest.mark.parametrize("text", ["", "* * * *", "61 * * * *", "a * * * *", "*/0 * * * *"])
def test_nonsense_schedules_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_schedule(text)


def test_a_schedule_follows_its_time_zone() -> None:
    assert parse_schedule("0 9 * * *", "Asia/Tokyo").after(when(2027, 1, 15, 8, 2)) == when(2027, 1, 16, 0, 0)
    with pytest.raises(ValueError, match="unknown time zone"):
        parse_schedule("0 9 * * *", "Nowhere/Land")


def cron(**spec: Any) -> Object:
    base = {"schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": TEMPLATE}}}
    obj = owner("CronJob", "batch/v1", **base | spec)
    obj["metadata"]["creationTimestamp"] = format_time(NOW - 400)
    return obj


def test_a_cronjob_makes_the_job_that_is_due_once() -> None:
    plan = plan_cronjob(cron(), [], NOW)
    assert [made["metadata"]["name"] for made in created(plan)] == [f"x-{int(NOW // 300 * 5)}"]
    obj = cron()
    obj["status"] = status(plan)
    assert not created(plan_cronjob(obj, [], NOW + 1))
    assert due_time(parse_schedule("*/5 * * * *"), NOW - 400, NOW) == NOW // 300 * 300


def test_a_suspended_or_busy_cronjob_makes_none() -> None:
    assert not created(plan_cronjob(cron(suspend=True), [], NOW))
    busy = owner("Job", "batch/v1")
    assert not created(plan_cronjob(cron(concurrencyPolicy="Forbid"), [busy], NOW))
    replaced = plan_cronjob(cron(concurrencyPolicy="Replace"), [busy], NOW)
    assert deleted(replaced) == ["x"]
    assert len(created(replaced)) == 1


# Services and budgets


def service(**spec: Any) -> Object:
    ports = [{"name": "http", "port": 80, "targetPort": "web"}]
    return {"metadata": {"name": "s", "namespace": "ns"}, "spec": {"selector": {"app": "x"}, "ports": ports} | spec}


def serving(name: str, *, ready: bool = True) -> Object:
    made = pod(name, ready=ready)
    made["spec"]["containers"] = [{"name": "c", "ports": [{"name": "web", "containerPort": 8080}]}]
    return made


def test_endpoints_hold_ready_pods_apart_from_the_others() -> None:
    subsets = endpoint_subsets(service(), [serving("a"), serving("b", ready=False)])
    assert [each["targetRef"]["name"] for each in subsets[0]["addresses"]] == ["a"]
    assert [each["targetRef"]["name"] for each in subsets[0]["notReadyAddresses"]] == ["b"]
    assert subsets[0]["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    assert (
        "notReadyAddresses"
        not in endpoint_subsets(service(publishNotReadyAddresses=True), [serving("b", ready=False)])[0]
    )


def test_a_slice_says_what_is_ready_serving_and_terminating() -> None:
    going = serving("a")
    going["metadata"]["deletionTimestamp"] = AT
    piece = slice_content(service(), [going])
    assert piece["endpoints"][0]["conditions"] == {"ready": False, "serving": True, "terminating": True}


def test_a_named_target_port_is_looked_up_in_the_pod() -> None:
    assert port_number({"port": 80, "targetPort": "web"}, serving("a")) == 8080
    assert port_number({"port": 80}, serving("a")) == 80
    assert port_number({"port": 80, "targetPort": "other"}, serving("a")) is None


def test_a_budget_allows_what_is_over_the_wanted_minimum() -> None:
    budget = {"metadata": {"name": "b", "namespace": "ns"}, "spec": {"minAvailable": 2}}
    found = budget_status(budget, [pod("a"), pod("b"), pod("c")], 3, AT)
    assert (found["disruptionsAllowed"], found["desiredHealthy"], found["currentHealthy"]) == (1, 2, 3)
    budget["spec"] = {"maxUnavailable": "50%"}
    assert budget_status(budget, [pod("a"), pod("b", ready=False)], 2, AT)["disruptionsAllowed"] == 0
