"""Kueue in small: jobs are held until quota is there, and what is said while they wait."""

from __future__ import annotations

from typing import Any

from console.demo.controllers.kueue import State, Steps, cycle

Object = dict[str, Any]
NOW = 1795403520.0


def queue(gpus: int, *, name: str = "gpu-cq", **spec: Any) -> Object:
    resources = [{"name": "nvidia.com/gpu", "nominalQuota": gpus}]
    group = {"coveredResources": ["nvidia.com/gpu"], "flavors": [{"name": "a100", "resources": resources}]}
    return {"kind": "ClusterQueue", "metadata": {"name": name}, "spec": {"resourceGroups": [group], **spec}}


def job(name: str, gpus: int = 1, workers: int = 1) -> Object:
    limits = {"resources": {"limits": {"nvidia.com/gpu": gpus}}}
    replica = {"replicas": workers, "template": {"spec": {"containers": [{"name": "pytorch", **limits}]}}}
    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": {
            "name": name,
            "namespace": "team-a",
            "uid": f"uid-{name}",
            "labels": {"kueue.x-k8s.io/queue-name": "team-a"},
        },
        "spec": {"pytorchReplicaSpecs": {"Worker": replica}},
    }


class Kueue:
    """Carries passes out on dicts."""

    def __init__(self, *queues: Object, **state: Any) -> None:
        local = {"kind": "LocalQueue", "metadata": {"name": "team-a", "namespace": "team-a"}}
        flavor = {"metadata": {"name": "a100"}, "spec": {"nodeLabels": {"gpu": "a100"}}}
        self.state = State(
            jobs=[],
            workloads=[],
            cluster_queues={each["metadata"]["name"]: each for each in queues},
            local_queues={"team-a/team-a": {**local, "spec": {"clusterQueue": "gpu-cq"}}},
            flavors={"a100": flavor},
            **state,
        )
        self.events: list[str] = []

    def run(self, *jobs: Object) -> Kueue:
        self.state.jobs = [*self.state.jobs, *jobs]
        for _ in range(10):
            steps: Steps = cycle(self.state, NOW)
            for one, patch in steps.patch:
                one["spec"].setdefault("runPolicy", {}).update(patch["spec"]["runPolicy"])
            for at, workload in enumerate(steps.create):
                workload["metadata"]["creationTimestamp"] = f"2026-11-23T03:{len(self.state.workloads) + at:02}:00Z"
            self.state.workloads = [*self.state.workloads, *steps.create]
            for obj, status in steps.status:
                obj["status"] = status
            self.events += [reason for _, _, reason, _ in steps.events]
            if not (steps.patch or steps.create or steps.status):
                return self
        raise AssertionError("the controller does not come to rest")

    def workload(self, name: str) -> Object:
        return next(each for each in self.state.workloads if f"-{name}-" in each["metadata"]["name"])

    def condition(self, name: str, kind: str) -> Object:
        return next(each for each in self.workload(name)["status"]["conditions"] if each["type"] == kind)


def held(one: Object) -> bool:
    return bool(one["spec"]["runPolicy"]["suspend"])


def test_a_job_that_fits_is_held_then_admitted() -> None:
    first = job("first", gpus=8, workers=2)
    kueue = Kueue(queue(16)).run(first)
    assert not held(first)
    workload = kueue.workload("first")
    assert workload["metadata"]["labels"] == {"kueue.x-k8s.io/job-uid": "uid-first"}
    assert workload["spec"]["podSets"][0]["count"] == 2
    (assignment,) = workload["status"]["admission"]["podSetAssignments"]
    assert assignment == {
        "name": "worker",
        "flavors": {"nvidia.com/gpu": "a100"},
        "resourceUsage": {"nvidia.com/gpu": "16"},
        "count": 2,
    }
    assert kueue.condition("first", "Admitted")["reason"] == "Admitted"
    assert kueue.events == ["CreatedWorkload", "QuotaReserved", "Admitted", "Started"]


def test_a_job_that_does_not_fit_now_says_how_much_is_missing() -> None:
    first, second = job("first", gpus=12), job("second", gpus=8)
    kueue = Kueue(queue(16)).run(first).run(second)
    assert (held(first), held(second)) == (False, True)
    condition = kueue.condition("second", "QuotaReserved")
    assert (condition["status"], condition["reason"]) == ("False", "Pending")
    assert condition["message"] == (
        "couldn't assign flavors to pod set worker: insufficient unused quota for nvidia.com/gpu in flavor a100, "
        "4 more needed"
    )
    status = kueue.state.cluster_queues["gpu-cq"]["status"]
    assert (status["pendingWorkloads"], status["admittedWorkloads"]) == (1, 1)
    assert status["flavorsUsage"][0]["resources"][0] == {"name": "nvidia.com/gpu", "total": "12", "borrowed": "0"}


def test_a_job_that_can_never_fit_says_so() -> None:
    kueue = Kueue(queue(16)).run(job("huge", gpus=64))
    assert kueue.condition("huge", "QuotaReserved")["message"].endswith("(64) > maximum capacity (16)")


def test_a_finished_job_makes_room_for_the_next() -> None:
    first, second = job("first", gpus=16), job("second", gpus=16)
    kueue = Kueue(queue(16)).run(first, second)
    assert held(second)
    first["status"] = {"conditions": [{"type": "Succeeded", "status": "True", "message": "done"}]}
    kueue.run()
    assert not held(second)
    assert kueue.condition("first", "Finished")["reason"] == "Succeeded"


def test_resuming_by_hand_is_undone() -> None:
    first, second = job("first", gpus=16), job("second", gpus=16)
    kueue = Kueue(queue(16)).run(first, second)
    second["spec"]["runPolicy"]["suspend"] = False
    kueue.run()
    assert held(second)


def test_deactivating_a_workload_evicts_it() -> None:
    first = job("first")
    kueue = Kueue(queue(16)).run(first)
    kueue.workload("first")["spec"]["active"] = False
    kueue.run()
    assert held(first)
    assert kueue.condition("first", "Evicted")["reason"] == "Deactivated"
    kueue.workload("first")["spec"]["active"] = True
    kueue.run()
    assert not held(first)


def test_missing_and_stopped_queues_are_named() -> None:
    kueue = Kueue(queue(16, stopPolicy="Hold")).run(job("first"))
    assert kueue.condition("first", "QuotaReserved")["message"] == "ClusterQueue gpu-cq is inactive"
    other = job("other")
    other["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] = "nowhere"
    kueue = Kueue(queue(16)).run(other)
    assert kueue.condition("other", "QuotaReserved")["message"] == "LocalQueue nowhere doesn't exist"


def test_the_head_of_a_strict_queue_blocks_the_rest_without_a_word() -> None:
    first, second = job("first", gpus=32), job("second", gpus=1)
    kueue = Kueue(queue(16, queueingStrategy="StrictFIFO")).run(first, second)
    assert held(second)
    assert "conditions" not in kueue.workload("second").get("status", {})


def test_a_cohort_lends_what_is_unused() -> None:
    kueue = Kueue(queue(8, cohortName="all"), queue(8, name="other-cq", cohortName="all")).run(job("big", gpus=12))
    assert kueue.condition("big", "QuotaReserved")["status"] == "True"
    usage = kueue.state.cluster_queues["gpu-cq"]["status"]["flavorsUsage"][0]["resources"][0]
    assert (usage["total"], usage["borrowed"]) == ("12", "4")


def test_priority_goes_before_age() -> None:
    first, second, third = job("first", gpus=16), job("second", gpus=16), job("third", gpus=16)
    third["metadata"]["labels"]["kueue.x-k8s.io/priority-class"] = "high"
    kueue = Kueue(queue(16), priorities={"high": 1000}).run(first, second, third)
    first["status"] = {"conditions": [{"type": "Failed", "status": "True"}]}
    kueue.run()
    assert (held(second), held(third)) == (True, False)
