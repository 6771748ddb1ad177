"""A pod's row says what kubectl says, and why."""

from __future__ import annotations

import pytest

from console.kinds import devices
from console.kinds.base import State
from console.kinds.pods import KIND
from tests.kinds.kindobjects import NOW, at, container, crashing, pod, row, unschedulable, worker


def made(item):
    return row(KIND, item)


def status(name: str = "main", *, ready: bool = False, restarts: int = 0, **state):
    last = state.pop("last", None)
    return {"name": name, "ready": ready, "restartCount": restarts, "state": state, "lastState": last or {}}


RUNNING = {"running": {"startedAt": at(60)}}


@pytest.mark.parametrize(
    ("item", "word", "ready"),
    [
        (pod("a"), "Running", "1/1"),
        (pod("a", phase="Pending", statuses=[]), "Pending", "0/1"),
        (
            pod("a", phase="Pending", statuses=[status(waiting={"reason": "ContainerCreating"})]),
            "ContainerCreating",
            "0/1",
        ),
        (
            pod("a", phase="Succeeded", statuses=[status(terminated={"reason": "Completed", "exitCode": 0})]),
            "Completed",
            "0/1",
        ),
        (pod("a", phase="Failed", statuses=[status(terminated={"exitCode": 3})]), "ExitCode:3", "0/1"),
        (pod("a", phase="Failed", statuses=[status(terminated={"exitCode": 137, "signal": 9})]), "Signal:9", "0/1"),
        (
            pod("a", phase="Failed", statuses=[], status={"reason": "Evicted", "message": "low on memory"}),
            "Evicted",
            "0/1",
        ),
        (pod("a", deletionTimestamp=at(5)), "Terminating", "1/1"),
        (pod("a", deletionTimestamp=at(5), status={"reason": "NodeLost"}), "Unknown", "1/1"),
        (pod("a", phase="Succeeded", statuses=[], deletionTimestamp=at(5)), "Succeeded", "0/1"),
        (
            pod(
                "a",
                phase="Pending",
                statuses=[],
                conditions=[{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}],
            ),
            "SchedulingGated",
            "0/1",
        ),
    ],
)
def test_status_and_ready_are_kubectls(item, word, ready):
    made_row = made(item)
    assert (made_row.word, f"{made_row.ready}/{made_row.total}") == (word, ready)


def test_init_containers_lead_the_status_until_initialised():
    item = pod(
        "a",
        phase="Pending",
        statuses=[status(waiting={"reason": "PodInitializing"})],
        spec={"containers": [container()], "initContainers": [container("first"), container("second")]},
        status={
            "initContainerStatuses": [
                status("first", terminated={"exitCode": 0, "reason": "Completed"}),
                status("second", waiting={"reason": "PodInitializing"}),
            ]
        },
    )
    assert made(item).word == "Init:1/2"
    item["status"]["initContainerStatuses"][1] = status("second", restarts=4, terminated={"exitCode": 2})
    assert made(item).word == "Init:ExitCode:2"
    assert made(item).restarts == 4
    item["status"]["initContainerStatuses"][1] = status(
        "second", waiting={"reason": "ErrImagePull", "message": "no such tag"}
    )
    assert made(item).word == "Init:ErrImagePull"
    assert made(item).why == "container second: no such tag"


def test_a_started_sidecar_counts_as_a_container_and_its_restarts_stay():
    item = pod(
        "a",
        spec={
            "containers": [container()],
            "initContainers": [container("proxy", restartPolicy="Always"), container("setup")],
        },
        status={
            "initContainerStatuses": [
                status("proxy", ready=True, restarts=2, **RUNNING) | {"started": True},
                status("setup", restarts=5, terminated={"exitCode": 0}),
            ],
            "conditions": [{"type": "Initialized", "status": "True"}],
        },
    )
    made_row = made(item)
    assert (made_row.word, made_row.ready, made_row.total, made_row.restarts) == ("Running", 2, 2, 2)


def test_a_completed_container_beside_a_running_one_is_running_only_when_ready():
    statuses = [
        status("main", terminated={"reason": "Completed", "exitCode": 0}),
        status("proxy", ready=True, **RUNNING),
    ]
    item = pod("a", statuses=statuses, spec={"containers": [container("main"), container("proxy")]})
    assert made(item).word == "NotReady"
    item["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    assert made(item).word == "Running"


def test_restarts_tell_when_the_last_one_was():
    made_row = made(crashing("a"))
    column = next(column for column in KIND.columns if column.key == "restarts")
    assert column.cell(made_row, NOW) == "7 (2m ago)"
    assert column.value(made_row, NOW) == 7


def test_the_reason_is_the_last_exit_of_a_crash_loop_and_the_schedulers_text_of_a_pending_pod():
    assert made(crashing("a")).why == "last run ended with exit code 1"
    text = "0/5 nodes are available: 5 Insufficient nvidia.com/gpu."
    assert made(unschedulable("a", text)).why == text
    killed = pod("a", phase="Failed", statuses=[status(terminated={"exitCode": 137, "reason": "OOMKilled"})])
    assert made(killed).why == "OOMKilled (exit code 137)"


def test_what_befell_the_pod_comes_before_how_its_container_ended():
    shutdown = "Pod was terminated in response to imminent node shutdown."
    item = pod(
        "a",
        phase="Failed",
        statuses=[status(terminated={"exitCode": 137, "reason": "Error"})],
        status={"reason": "Terminated", "message": shutdown},
    )
    assert made(item).why == f"Terminated: {shutdown} (exit code 137)"
    evicted = pod("a", phase="Failed", statuses=[], status={"reason": "Evicted", "message": "low on memory"})
    assert made(evicted).why == "low on memory"


def test_health_is_glyph_and_word():
    assert KIND.health(made(pod("a")), NOW).state is State.RUNNING
    assert KIND.health(made(crashing("a")), NOW).state is State.BAD
    assert KIND.health(made(unschedulable("a", "no")), NOW).state is State.WAITING
    assert KIND.health(made(pod("a", phase="Failed", statuses=[])), NOW).state is State.BAD


def test_the_job_comes_from_labels_old_and_new():
    new = made(worker("mnist", 3))
    assert (new.job_kind, new.job, new.role, new.index) == ("PyTorchJob", "mnist", "worker", 3)
    old = made(
        pod("a", labels={"job-name": "mnist", "replica-type": "PS", "replica-index": "0"}, owner=("TFJob", "mnist"))
    )
    assert (old.job_kind, old.job, old.role, old.index) == ("TFJob", "mnist", "ps", 0)
    batch = made(pod("a", labels={"job-name": "nightly"}, owner=("Job", "nightly")))
    assert (batch.job_kind, batch.job) == ("Job", "nightly")
    labels = {
        "jobset.sigs.k8s.io/jobset-name": "llm",
        "jobset.sigs.k8s.io/replicatedjob-name": "node",
        "batch.kubernetes.io/job-completion-index": "2",
    }
    node = made(pod("a", labels=labels, owner=("Job", "llm-node-0")))
    assert (node.job_kind, node.job, node.role, node.index) == ("JobSet", "llm", "node", 2)
    web = made(pod("a", labels={"pod-template-hash": "6d4b"}, owner=("ReplicaSet", "triton-embed-6d4b")))
    assert (web.job_kind, web.job) == ("Deployment", "triton-embed")


def test_the_need_of_gpus_is_the_schedulers():
    def need(containers, init=()):
        item = pod("a", spec={"containers": containers, "initContainers": list(init)})
        return made(item).gpus

    assert need([container("a", 2), container("b", 1)]) == 3
    assert need([container("a", 1)], [container("i", 4)]) == 4
    assert need([container("a", 1)], [container("s", 2, restartPolicy="Always"), container("i", 4)]) == 6
    mig = container("a") | {
        "resources": {"requests": {"nvidia.com/mig-1g.10gb": 2}, "limits": {"nvidia.com/mig-1g.10gb": 2}}
    }
    assert made(pod("a", spec={"containers": [mig]})).devices == (("nvidia.com/mig-1g.10gb", 2),)
    assert not devices.is_device("hugepages-2Mi")


def test_equal_strings_are_kept_once():
    first, second = made(worker("mnist", 0)), made(worker("mnist", 1))
    for name in ("namespace", "node", "word", "job", "owner", "role", "containers"):
        assert getattr(first, name) is getattr(second, name)
