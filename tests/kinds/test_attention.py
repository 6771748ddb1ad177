"""What is broken, whose, since when: one line a trouble, in the cluster's own words."""

from __future__ import annotations

from console.kinds.attention import Facts, attention, running_jobs
from console.kinds.base import State
from console.kinds.registry import KINDS
from tests.kinds.kindobjects import (
    NOW,
    at,
    condition,
    container,
    crashing,
    meta,
    node,
    pod,
    pytorchjob,
    row,
    trainjob,
    unschedulable,
    worker,
)

SCHEDULER = "0/12 nodes are available: 12 Insufficient nvidia.com/gpu."
RUNNING = [condition("Created"), condition("Running")]


def rows(kind, *items):
    return [row(KINDS[kind], item) for item in items]


def told(**facts):
    return attention(Facts(**facts), NOW)


def deployment(name, *, replicas=2, ready=0, conditions=()):
    return {
        "metadata": meta(name, generation=1),
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [container()]}}},
        "status": {"readyReplicas": ready, "observedGeneration": 1, "conditions": list(conditions)},
    }


def event(kind, name, reason, message, seconds_ago=60, type="Warning"):
    return {
        "metadata": meta(f"{name}.1"),
        "involvedObject": {"kind": kind, "name": name, "namespace": "team-a"},
        "type": type,
        "reason": reason,
        "message": message,
        "firstTimestamp": at(seconds_ago + 60),
        "lastTimestamp": at(seconds_ago),
        "count": 4,
    }


def test_a_quiet_cluster_wants_nothing():
    assert told(pods=rows("pods", pod("a")), nodes=rows("nodes", node("n"))) == []


def test_a_job_swallows_its_pods():
    items = told(
        jobs=rows("pytorchjobs", pytorchjob("mnist", conditions=RUNNING)),
        pods=rows(
            "pods", worker("mnist", 0, "master"), worker("mnist", 0, make=crashing), worker("mnist", 1, make=crashing)
        ),
    )
    assert [(item.kind, item.name, item.count, item.severity) for item in items] == [
        ("PyTorchJob", "mnist", 2, State.BAD)
    ]
    assert items[0].what == "2 of 3 replicas: mnist-worker-0 CrashLoopBackOff: last run ended with exit code 1"
    assert items[0].since == NOW - 120


def test_a_failed_job_tells_the_pods_reason_and_grows_old():
    failed = pytorchjob("mnist", conditions=[condition("Failed", message="1 Worker failed")])
    killed = worker(
        "mnist",
        0,
        phase="Failed",
        statuses=[{"name": "main", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}],
    )
    items = told(jobs=rows("pytorchjobs", failed), pods=rows("pods", killed))
    assert items[0].what == "mnist-worker-0 OOMKilled: OOMKilled (exit code 137)"
    failed["status"]["completionTime"] = at(3 * 86400)
    assert told(jobs=rows("pytorchjobs", failed)) == []


def test_pending_counts_as_stuck_only_after_a_grace():
    job = rows("pytorchjobs", pytorchjob("mnist", conditions=RUNNING))
    soon = rows("pods", worker("mnist", 0, make=unschedulable, message=SCHEDULER, seconds_ago=30))
    late = rows("pods", worker("mnist", 0, make=unschedulable, message=SCHEDULER, seconds_ago=3000))
    assert told(jobs=job, pods=soon) == []
    item = told(jobs=job, pods=late)[0]
    assert (item.severity, item.what) == (State.WARN, f"mnist-worker-0 Unschedulable: {SCHEDULER}")


def test_a_quota_denial_is_told_on_the_job_that_lacks_pods():
    denial = 'pods "mnist-worker-1" is forbidden: exceeded quota: kf-resource-quota'
    items = told(
        jobs=rows("pytorchjobs", pytorchjob("mnist", conditions=[condition("Created")])),
        pods=rows("pods", worker("mnist", 0, "master")),
        events=rows("events", event("PyTorchJob", "mnist", "FailedCreatePod", denial)),
    )
    assert [item.what for item in items] == [f"2 pods rejected: {denial}"]


def test_a_job_without_pods_says_so_and_never_why_it_does_not_know():
    item = told(jobs=rows("trainjobs", trainjob("llm")))[0]
    assert item.what == "Creating, and it has no pods"


def test_forty_pods_of_one_deployment_are_one_line():
    labels = {"pod-template-hash": "6d4b"}
    pods = [
        pod(
            f"triton-{i}",
            phase="Failed",
            statuses=[],
            labels=labels,
            owner=("ReplicaSet", "triton-6d4b"),
            status={"reason": "UnexpectedAdmissionError", "message": "Allocate failed"},
        )
        for i in range(40)
    ]
    items = told(pods=rows("pods", *pods), deployments=rows("deployments", deployment("triton")))
    assert [(item.kind, item.name, item.count) for item in items] == [("Deployment", "triton", 40)]
    assert items[0].what == "40 pods UnexpectedAdmissionError: Allocate failed"
    assert told(pods=rows("pods", *pods))[0].kind == "Deployment"


def test_a_deployment_that_cannot_make_its_pods():
    items = told(
        deployments=rows("deployments", deployment("web")),
        events=rows("events", event("ReplicaSet", "web-6d4b", "FailedCreate", "exceeded quota: q")),
    )
    assert items[0].what == "2 of 2 pods rejected: exceeded quota: q"


def test_nodes_not_ready_and_lost_gpus_come_before_pressure():
    items = told(
        nodes=rows(
            "nodes",
            node("pressed", conditions=[condition("MemoryPressure")]),
            node("lost", gpus=7, capacity=8),
            node("gone", ready="Unknown"),
            node("cordoned", unschedulable=True),
        )
    )
    assert [(item.name, item.severity) for item in items] == [
        ("gone", State.BAD),
        ("lost", State.BAD),
        ("pressed", State.WARN),
    ]
    assert items[0].what == "NotReady: kubelet stopped posting"


def test_a_lost_gpu_quotes_the_nodes_last_warning():
    xid = "NVRM: Xid (PCI:0000:BB:00): 79, GPU has fallen off the bus."
    warned = event("Node", "lost", "GPUXidError", xid, seconds_ago=600)
    item = told(nodes=rows("nodes", node("lost", gpus=7, capacity=8)), events=rows("events", warned))[0]
    assert item.what == f"1 of 8 GPUs are not allocatable; last warning: {xid}"
    assert item.since == NOW - 660


def test_a_claim_that_only_waits_for_its_first_consumer_is_fine():
    claims = rows(
        "pvcs" if "pvcs" in KINDS else "persistentvolumeclaims",
        {"metadata": meta("data"), "status": {"phase": "Pending"}},
    )
    waits = rows("events", event("PersistentVolumeClaim", "data", "WaitForFirstConsumer", "waiting", type="Normal"))
    fails = rows("events", event("PersistentVolumeClaim", "data", "ProvisioningFailed", "no class fast"))
    assert told(claims=claims, events=waits) == []
    assert told(claims=claims, events=fails)[0].what == "Pending: no class fast"


def test_experiments_and_services():
    experiment = {
        "metadata": meta("hpo"),
        "status": {"conditions": [condition("Running")], "trials": 16, "trialMetricsUnavailable": 14},
    }
    service = {"metadata": meta("fraud"), "status": {"conditions": [condition("Ready")]}}
    isvc = row(KINDS["inferenceservices"], service)
    down = row(KINDS["pods"], crashing("fraud-0", labels={"serving.kserve.io/inferenceservice": "fraud"}))
    isvc = KINDS["inferenceservices"].join(isvc, {"pods": [down]})
    items = told(experiments=rows("experiments", experiment), services=[isvc], pods=[down])
    assert [item.what for item in items] == [
        "Ready=True, 0/1 pods serve: fraud-0 CrashLoopBackOff: last run ended with exit code 1",
        "14 trials without a metric",
    ]


def test_the_owner_is_the_namespaces():
    space = {"metadata": meta("team-a", "", annotations={"owner": "ada@example.com"}), "status": {"phase": "Active"}}
    items = told(pods=rows("pods", crashing("a")), namespaces=rows("namespaces", space))
    assert items[0].owner == "ada@example.com"


def test_running_jobs_lead_with_the_most_gpus():
    jobs = rows(
        "pytorchjobs",
        pytorchjob("small", conditions=RUNNING),
        pytorchjob("big", conditions=RUNNING, gpus=8),
        pytorchjob("waits", conditions=[condition("Created")]),
    )
    assert [job.name for job in running_jobs(jobs)] == ["big", "small"]
