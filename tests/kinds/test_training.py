"""The phase of a training job is derived, whatever its conditions leave out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.kinds import jobsets, mpijobs, pytorchjobs, trainjobs, workloads
from console.kinds.base import State
from console.kinds.jobrow import join_pods, replicas_text
from console.kinds.meta import Condition
from console.kinds.pods import KIND as PODS
from console.kinds.training import condition_phase
from tests.kinds.kindobjects import (
    NOW,
    at,
    condition,
    crashing,
    meta,
    pod,
    pytorchjob,
    row,
    trainjob,
    unschedulable,
    worker,
)

SCHEDULER = "0/12 nodes are available: 12 Insufficient nvidia.com/gpu."
RUNNING = [condition("Created"), condition("Running")]


def job(**more):
    return row(pytorchjobs.KIND, pytorchjob("mnist", **more))


def joined(job_row, pods=(), workload=None):
    rows = [row(PODS, item) for item in pods]
    found = None if workload is None else [row(workloads.KIND, item) for item in workload]
    return join_pods(job_row, {"pods": rows, "workloads": found})


def workload(admitted: bool = False, active: bool = True, message: str = "insufficient unused quota"):
    owner = {"kind": "PyTorchJob", "name": "mnist", "controller": True}
    quota = condition("QuotaReserved", "True" if admitted else "False", message=message, reason="Pending")
    return {
        "metadata": meta("pytorchjob-mnist-1a2b3", ownerReferences=[owner]),
        "spec": {"queueName": "team-a", "active": active},
        "status": {"conditions": [quota, *([condition("Admitted")] if admitted else [])]},
    }


@pytest.mark.parametrize(
    ("conditions", "phase"),
    [
        (None, "Pending"),
        ([condition("Created")], "Created"),
        (RUNNING, "Running"),
        ([condition("Created"), condition("Running", "False"), condition("Restarting")], "Restarting"),
        ([condition("Created"), condition("Running", "False"), condition("Succeeded")], "Succeeded"),
        (
            [condition("Created"), condition("Running", "False"), condition("Failed", message="1 Worker failed")],
            "Failed",
        ),
        ([condition("Created"), condition("Running", "False"), condition("Suspended")], "Suspended"),
        ([condition("Created"), condition("Suspended", "False"), condition("Running")], "Running"),
    ],
)
def test_the_phase_by_conditions(conditions, phase):
    assert job(conditions=conditions).phase == phase


def test_a_created_job_whose_pods_wait_is_pending_with_the_schedulers_reason():
    made = joined(job(conditions=[condition("Created")]), [worker("mnist", 0, make=unschedulable, message=SCHEDULER)])
    assert (made.phase, made.pending) == ("Pending", 1)
    assert made.reason == f"mnist-worker-0 Pending: {SCHEDULER}"


def test_running_follows_the_master_and_says_who_does_not_run():
    made = joined(
        job(conditions=RUNNING, statuses={"Master": {"active": 1}, "Worker": {"active": 1}}),
        [worker("mnist", 0, "master"), worker("mnist", 0), worker("mnist", 1, make=unschedulable, message=SCHEDULER)],
    )
    assert (made.phase, made.running, made.wanted, made.pending) == ("Running", 2, 3, 1)
    assert made.reason == f"1 of 3 not running: mnist-worker-1 Pending: {SCHEDULER}"
    assert pytorchjobs.KIND.health(made, NOW).state is State.WARN


def test_a_healthy_running_job_has_no_reason():
    made = joined(job(conditions=RUNNING), [worker("mnist", 0, "master"), worker("mnist", 0)])
    assert (made.reason, made.clear) == ("", True)
    assert pytorchjobs.KIND.health(made, NOW).state is State.RUNNING


def test_restarts_are_those_of_its_pods_and_unknown_without_them():
    made = job(conditions=RUNNING)
    assert made.restarts is None
    assert joined(made, [worker("mnist", 0, make=crashing)]).restarts == 7


def test_gpus_are_those_of_all_replicas():
    made = job(conditions=RUNNING, workers=3, gpus=8)
    assert (made.gpus, made.wanted) == (32, 4)


def test_a_suspended_job_is_queued_while_kueue_keeps_it():
    labels = {"kueue.x-k8s.io/queue-name": "team-a"}
    held = job(conditions=[condition("Created"), condition("Suspended")], suspend=True, labels=labels)
    assert held.phase == "Suspended"
    queued = joined(held, workload=[workload()])
    assert (queued.phase, queued.reason) == ("Queued", "insufficient unused quota")
    assert joined(held).phase == "Queued"  # no Workload can be read: the label speaks
    assert joined(held, workload=[]).phase == "Suspended"
    deactivated = joined(held, workload=[workload(active=False)])
    assert deactivated.phase == "Suspended"
    assert "deactivated" in deactivated.reason


def test_suspend_in_the_spec_counts_before_the_controller_says_so():
    assert job(conditions=[condition("Created")], suspend=True).phase == "Suspended"
    assert job(conditions=RUNNING, suspend=True).phase == "Running"


def test_mpi_of_either_operator():
    template = {"spec": {"containers": [{"name": "mpi", "resources": {"limits": {"nvidia.com/gpu": 4}}}]}}
    item = {
        "metadata": meta("bert"),
        "spec": {
            "slotsPerWorker": 4,
            "runPolicy": {"cleanPodPolicy": "Running", "suspend": False},
            "mpiReplicaSpecs": {
                "Launcher": {"replicas": 1, "template": {"spec": {"containers": [{"name": "mpi"}]}}},
                "Worker": {"replicas": 2, "template": template},
            },
        },
        "status": {"conditions": None, "replicaStatuses": {"Launcher": {}, "Worker": {"active": 2}}},
    }
    made = row(mpijobs.KIND, item)
    assert (made.gpus, made.wanted, made.running) == (8, 3, 2)
    assert mpijobs.KIND.versions == ("v1", "v2beta1")


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        ({}, "Creating"),
        ({"jobs": [{"name": "node", "active": 1}]}, "Pending"),
        ({"jobs": [{"name": "dataset-initializer", "active": 1, "ready": 1}]}, "Initializing"),
        ({"jobs": [{"name": "node", "ready": 1, "active": 1}]}, "Running"),
        ({"conditions": [condition("Suspended")]}, "Suspended"),
        ({"conditions": [condition("Complete")], "jobs": [{"name": "node", "ready": 1}]}, "Succeeded"),
        ({"conditions": [condition("Failed"), condition("Suspended", "False")]}, "Failed"),
    ],
)
def test_a_train_job_needs_no_condition(status, phase):
    assert row(trainjobs.KIND, trainjob("llm", **status)).phase == phase


def test_nodes_of_a_train_job_are_counted_from_pods():
    labels = {"jobset.sigs.k8s.io/jobset-name": "llm", "jobset.sigs.k8s.io/replicatedjob-name": "node"}
    made = row(trainjobs.KIND, trainjob("llm", nodes=None, resources=False, jobs=[{"name": "node", "ready": 1}]))
    assert (made.gpus, made.wanted, replicas_text(made)) == (None, None, "-/-")
    made = joined(made, [pod("llm-node-0-0", labels=labels, gpus=8), pod("llm-node-0-1", labels=labels, gpus=8)])
    assert (made.gpus, replicas_text(made)) == (16, "2/2")
    key = trainjobs.KIND.joins[0].key
    assert key(row(PODS, pod("llm-node-0-0", labels=labels))) == made.key


def test_a_jobset_multiplies_replicas_by_parallelism():
    inner = {
        "spec": {
            "parallelism": 4,
            "template": {"spec": {"containers": [{"name": "n", "resources": {"limits": {"nvidia.com/gpu": 8}}}]}},
        }
    }
    item = {
        "metadata": meta("sets"),
        "spec": {"replicatedJobs": [{"name": "node", "replicas": 2, "template": inner}]},
        "status": {
            "restarts": 3,
            "replicatedJobsStatus": [{"name": "node", "active": 2, "ready": 1}],
            "conditions": None,
        },
    }
    made = row(jobsets.KIND, item)
    assert (made.wanted, made.gpus, made.phase, made.restarts) == (8, 64, "Running", 3)


conditions = st.lists(
    st.builds(
        Condition,
        type=st.sampled_from(["Created", "Running", "Restarting", "Suspended", "Succeeded", "Failed", "Odd"]),
        status=st.sampled_from(["True", "False", "Unknown"]),
    ),
    max_size=8,
)


@given(conditions, st.booleans())
def test_an_end_wins_over_everything_and_a_false_condition_never_counts(entries, suspend):
    phase, told = condition_phase(entries, suspend)
    true = {entry.type for entry in entries if entry.status == "True"}
    for end in ("Failed", "Succeeded", "Suspended"):
        if end in true:
            assert phase == end
            break
    else:
        if "Restarting" in true or "Running" in true:
            newest = [e.type for e in entries if e.status == "True" and e.type in ("Running", "Restarting")]
            assert phase == newest[-1]
        elif suspend:
            assert phase == "Suspended"
        else:
            assert phase in ({"Created"} & true or {""})
    assert told is None or told.status == "True"


pods_of_job = st.lists(
    st.tuples(st.sampled_from(["Running", "Pending", "Failed", "Succeeded"]), st.booleans()), max_size=6
)


@given(pods_of_job, conditions)
def test_joined_pods_never_undo_an_end_and_never_lose_a_pending_pod(states, entries):
    items = [worker("mnist", i, phase=phase, node="n" if bound else "") for i, (phase, bound) in enumerate(states)]
    listed = [condition(entry.type, entry.status) for entry in entries]
    before = job(conditions=listed)
    after = joined(before, items)
    assert after.pending == sum(phase == "Pending" for phase, _ in states)
    assert after is not before
    if before.over:
        assert after.phase == before.phase
    if after.phase == "Pending" and before.phase != "Pending":
        assert before.phase == "Created"
        assert after.pending


def test_duration_ends_with_the_job():
    item = pytorchjob("mnist", conditions=[condition("Succeeded")])
    item["status"]["completionTime"] = at(600)
    column = next(column for column in pytorchjobs.KIND.columns if column.key == "duration")
    assert column.cell(row(pytorchjobs.KIND, item), NOW) == "10m"
