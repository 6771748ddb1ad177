"""How containers and pods live: images, init containers, readiness, back-off, ends; and what they log."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from console.demo.controllers.behaviours import ANNOTATION, behaviour, default_behaviour
from console.demo.controllers.containers import full_image, image_id, pull_error
from console.demo.controllers.log_lines import Voice
from console.demo.controllers.nodes import leaves_at, wanted_taints
from console.demo.controllers.podrun import Happening, PodRun
from console.demo.controllers.references import references
from console.demo.controllers.scripts import FOREVER, read_script
from console.demo.gangs import Gang
from console.demo.gpu_figures import Mode

Object = dict[str, Any]
T0 = 1_800_000_000.0


class Around:
    """A node that has every image, or needs `seconds` to pull one; names resolve when they are added."""

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds
        self.names: set[str] = set()

    def pull_seconds(self, image: str, policy: str) -> tuple[float | None, int]:
        return self.seconds, 1234

    def resolves(self, host: str) -> bool:
        return host in self.names


def pod(*containers: Object, annotation: str = "", labels: Object | None = None, **spec: Any) -> Object:
    metadata = {"name": "p", "namespace": "ns", "uid": "u", "labels": labels or {}}
    if annotation:
        metadata["annotations"] = {ANNOTATION: annotation}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"nodeName": "n", "containers": list(containers) or [{"name": "c", "image": "nginx"}], **spec},
    }


def started(one: Object) -> PodRun:
    return PodRun(one, T0, "10.0.0.1", "10.244.0.5", lambda name: random.Random(name))


def states(run: PodRun, t: float = T0) -> dict[str, Object]:
    status = run.status(t)
    both = [*status.get("initContainerStatuses", ()), *status["containerStatuses"]]
    return {each["name"]: each["state"] for each in both}


def condition(run: PodRun, kind: str) -> Object:
    return next(each for each in run.status(T0)["conditions"] if each["type"] == kind)


def reasons(happened: list[Happening]) -> list[str]:
    return [each.note.reason for each in happened if each.note is not None]


def test_a_pod_pulls_starts_and_is_ready() -> None:
    run = started(pod())
    assert run.phase == "Pending"
    assert states(run)["c"] == {"waiting": {"reason": "ContainerCreating"}}
    assert condition(run, "ContainersReady")["reason"] == "ContainersNotReady"
    happened = run.advance(T0 + 10, Around(seconds=3))
    assert reasons(happened) == ["Pulling", "Pulled", "Created", "Started"]
    assert run.phase == "Running"
    status = run.status(T0 + 10)
    assert status["podIP"] == "10.244.0.5"
    assert condition(run, "Ready")["status"] == "True"
    only = status["containerStatuses"][0]
    assert only["image"] == "docker.io/library/nginx:latest"
    assert only["containerID"].startswith("containerd://")
    assert only["ready"] and only["started"]


def test_the_status_is_the_same_as_long_as_nothing_happens() -> None:
    run = started(pod())
    run.advance(T0 + 10, Around())
    first = run.status(T0 + 10)
    run.pod["status"] = first
    run.advance(T0 + 500, Around())
    assert run.status(T0 + 500) == first


def test_conditions_of_others_stay() -> None:
    one = pod()
    one["status"] = {"conditions": [{"type": "DisruptionTarget", "status": "True"}], "qosClass": "Guaranteed"}
    status = started(one).status(T0)
    assert status["conditions"][0]["type"] == "DisruptionTarget"
    assert status["qosClass"] == "Guaranteed"


def test_init_containers_run_one_after_the_other_before_the_rest() -> None:
    inits = [
        {"name": "one", "image": "busybox", "command": ["sleep", "5"]},
        {"name": "proxy", "image": "envoy", "restartPolicy": "Always"},
        {"name": "two", "image": "busybox", "command": ["sleep", "5"]},
    ]
    run = started(pod({"name": "c", "image": "nginx"}, initContainers=inits))
    run.advance(T0 + 3, Around())
    assert "running" in states(run)["one"]
    assert states(run)["two"] == {"waiting": {"reason": "PodInitializing"}}
    assert condition(run, "Initialized")["message"] == "containers with incomplete status: [one proxy two]"
    run.advance(T0 + 9, Around())
    assert states(run)["one"]["terminated"]["reason"] == "Completed"
    assert "running" in states(run)["proxy"]
    assert run.phase == "Pending"
    run.advance(T0 + 20, Around())
    assert run.phase == "Running"
    assert condition(run, "Initialized")["status"] == "True"


def test_sidecars_end_when_the_work_is_done() -> None:
    sidecar = {"name": "proxy", "image": "envoy", "restartPolicy": "Always"}
    run = started(
        pod({"name": "c", "image": "x", "command": ["sleep", "5"]}, initContainers=[sidecar], restartPolicy="Never")
    )
    run.advance(T0 + 60, Around())
    assert run.phase == "Succeeded"
    assert states(run)["proxy"]["terminated"]["exitCode"] == 0
    assert condition(run, "Ready")["reason"] == "PodCompleted"


def test_an_init_container_that_resolves_a_name_waits_for_it() -> None:
    init = {
        "name": "init-pytorch",
        "image": "alpine",
        "command": ["sh", "-c", "until nslookup job-master-0; do sleep 2; done"],
    }
    run, around = started(pod(initContainers=[init])), Around()
    run.advance(T0 + 30, around)
    assert run.phase == "Pending"
    around.names.add("job-master-0")
    run.advance(T0 + 40, around)
    assert run.phase == "Running"


def test_a_crashing_container_starts_again_at_once_and_then_backs_off_longer_and_longer() -> None:
    run = started(pod(annotation="{crash: 2, message: boom}"))
    run.advance(T0 + 4, Around())
    happened = run.advance(T0 + 8, Around())
    assert "BackOff" in reasons(happened)
    status = run.status(T0 + 8)["containerStatuses"][0]
    assert status["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert status["state"]["waiting"]["message"] == "back-off 10s restarting failed container=c pod=p_ns(u)"
    assert status["lastState"]["terminated"]["exitCode"] == 1
    assert status["lastState"]["terminated"]["message"] == "boom"
    assert status["restartCount"] == 1
    assert run.phase == "Running"
    run.advance(T0 + 3600, Around())
    restarts = run.status(T0)["containerStatuses"][0]["restartCount"]
    assert 10 < restarts < 20


def test_asking_for_the_image_at_every_start_does_not_shorten_the_back_off() -> None:
    run = started(pod({"name": "c", "image": "nginx", "imagePullPolicy": "Always"}, annotation="{crash: 2}"))
    run.advance(T0 + 60, Around(seconds=0.5))
    assert run.status(T0)["containerStatuses"][0]["restartCount"] <= 3


@pytest.mark.parametrize(
    ("policy", "exit_code", "phase"),
    [("Never", 0, "Succeeded"), ("Never", 3, "Failed"), ("OnFailure", 0, "Succeeded"), ("OnFailure", 3, "Running")],
)
def test_the_restart_policy_decides_what_an_exit_means(policy: str, exit_code: int, phase: str) -> None:
    run = started(pod(annotation=f"{{run: 2, exit: {exit_code}}}", restartPolicy=policy))
    run.advance(T0 + 30, Around())
    assert run.phase == phase


def test_an_oom_kill_is_exit_137_with_its_reason() -> None:
    run = started(pod(annotation="{oom: 5}", restartPolicy="Never"))
    run.advance(T0 + 30, Around())
    ended = states(run)["c"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")


def test_a_behaviour_may_fail_only_so_often_and_only_in_one_replica() -> None:
    one = pod({"name": "c", "image": "nginx"}, annotation="{replicas: {p: {fail: 1, failures: 2}, q: {oom: 1}}}")
    container = one["spec"]["containers"][0]
    assert behaviour(one, container, 0, random.Random(1)).exit == 1
    assert behaviour(one, container, 1, random.Random(1)).run == 1
    assert behaviour(one, container, 2, random.Random(1)).run is None


def test_a_broken_annotation_asks_for_nothing() -> None:
    for text in ("{", "[1]", "{run: soon}"):
        one = pod(annotation=text)
        container = one["spec"]["containers"][0]
        assert behaviour(one, container, 0, random.Random(1)) == default_behaviour(one, container, random.Random(1))


def test_a_bad_image_alternates_between_error_and_back_off() -> None:
    run = started(pod(annotation="{image_error: not found}"))
    happened = run.advance(T0 + 3, Around(seconds=1))
    assert reasons(happened) == ["Pulling", "Failed", "Failed"]
    assert states(run)["c"]["waiting"]["reason"] == "ErrImagePull"
    run.advance(T0 + 8, Around(seconds=1))
    waiting = states(run)["c"]["waiting"]
    assert waiting["reason"] == "ImagePullBackOff"
    assert waiting["message"].startswith('Back-off pulling image "nginx": ErrImagePull: rpc error')
    assert run.phase == "Pending"


def test_an_unreadable_image_name_is_said() -> None:
    run = started(pod({"name": "c", "image": "Not An Image"}))
    run.advance(T0 + 3, Around(seconds=1))
    assert states(run)["c"]["waiting"]["reason"] == "InvalidImageName"


def test_images_are_named_as_containerd_names_them() -> None:
    assert full_image("busybox") == "docker.io/library/busybox:latest"
    assert full_image("bitnami/redis:7") == "docker.io/bitnami/redis:7"
    assert full_image("registry.example/team/train:1") == "registry.example/team/train:1"
    assert image_id("busybox").startswith("docker.io/library/busybox@sha256:")
    assert "not found" in pull_error("busybox", "not found")


def test_a_missing_secret_stops_the_container_and_a_missing_volume_the_pod() -> None:
    run = started(pod())
    run.problems = {"c": 'secret "x" not found'}
    happened = run.advance(T0 + 3, Around())
    assert reasons(happened) == ["Failed"]
    assert states(run)["c"]["waiting"] == {"reason": "CreateContainerConfigError", "message": 'secret "x" not found'}
    run.problems = {}
    run.advance(T0 + 30, Around())
    assert run.phase == "Running"
    held = started(pod())
    held.problems = {"": 'configmap "y" not found'}
    held.advance(T0 + 60, Around())
    assert states(held)["c"]["waiting"]["reason"] == "ContainerCreating"


def test_what_a_pod_refers_to_is_read_from_volumes_and_environment() -> None:
    container = {
        "name": "c",
        "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
        "envFrom": [{"configMapRef": {"name": "m", "optional": True}}, {"configMapRef": {"name": "n"}}],
    }
    volumes = [
        {"name": "v", "secret": {"secretName": "t"}},
        {"name": "w", "projected": {"sources": [{"configMap": {"name": "root"}}, {"serviceAccountToken": {}}]}},
    ]
    found = {
        (each.kind, each.name, each.container or each.volume) for each in references(pod(container, volumes=volumes))
    }
    assert found == {("secret", "s", "c"), ("configmap", "n", "c"), ("secret", "t", "v"), ("configmap", "root", "w")}


def test_deleting_asks_every_process_to_end_and_kills_what_does_not() -> None:
    run = started(pod(annotation="{stop: 100}"))
    run.advance(T0 + 5, Around())
    assert reasons(run.stop(T0 + 10, 30)) == ["Killing"]
    run.stop_due(T0 + 20, 30)
    assert run.running
    run.stop_due(T0 + 40, 30)
    assert not run.running
    assert states(run)["c"]["terminated"]["exitCode"] == 137
    assert run.phase == "Failed"


def test_an_evicted_pod_and_one_over_its_deadline_fail_as_a_whole() -> None:
    run = started(pod(annotation="{evict: 60}"))
    run.advance(T0 + 100, Around())
    status = run.status(T0 + 100)
    assert (status["phase"], status["reason"]) == ("Failed", "Evicted")
    assert states(run)["c"]["terminated"]["exitCode"] == 137
    late = started(pod(activeDeadlineSeconds=20))
    late.advance(T0 + 100, Around())
    assert late.status(T0 + 100)["reason"] == "DeadlineExceeded"


def test_readiness_may_take_its_time_or_never_come() -> None:
    run = started(pod(annotation="{ready: 30}"))
    run.advance(T0 + 10, Around())
    assert condition(run, "Ready")["message"] == "containers with unready status: [c]"
    assert run.next_due() == pytest.approx(T0 + 31.3)
    run.advance(T0 + 40, Around())
    assert condition(run, "Ready")["status"] == "True"
    never = started(pod(annotation="{ready: .inf}"))
    never.advance(T0 + 4000, Around())
    assert condition(never, "Ready")["status"] == "False"


def test_a_hung_container_never_ends() -> None:
    run = started(pod(annotation="{run: 50, hang: 20}", restartPolicy="Never"))
    happened = run.advance(T0 + 1000, Around())
    assert "hung" in [each.kind for each in happened]
    assert run.phase == "Running"


def test_a_pod_that_runs_already_is_taken_over_as_it_is() -> None:
    one = pod({"name": "c", "image": "busybox", "command": ["sleep", "100"]}, restartPolicy="Never")
    first = started(one)
    first.advance(T0 + 10, Around())
    one["status"] = first.status(T0 + 10)
    again = PodRun(one, T0 + 50, "10.0.0.1", "10.244.0.5", lambda name: random.Random(name))
    again.adopt(T0 + 50)
    assert again.status(T0 + 50) == one["status"]
    again.advance(T0 + 200, Around())
    assert again.phase == "Succeeded"


def test_a_taken_over_crash_loop_goes_on() -> None:
    one = pod(annotation="{crash: 2}")
    first = started(one)
    first.advance(T0 + 8, Around())
    one["status"] = first.status(T0 + 8)
    again = PodRun(one, T0 + 9, "10.0.0.1", "10.244.0.5", lambda name: random.Random(name))
    again.adopt(T0 + 9)
    assert states(again) == states(first)
    again.advance(T0 + 120, Around())
    assert again.status(T0)["containerStatuses"][0]["restartCount"] > 1


@pytest.mark.parametrize(
    ("words", "seconds", "exit_code", "lines"),
    [
        (["sleep", "5"], 5, 0, []),
        (["/bin/sh", "-c", "echo hello; sleep 1m && exit 3"], 60, 3, ["hello"]),
        (["sh", "-c", "echo 'a b'; sleep infinity"], FOREVER, 0, ["a b"]),
        (["bash", "-c", "while true; do echo tick; sleep 1; done"], FOREVER, 0, ["tick"]),
        (["echo", "-e", "a\\nb"], 0, 0, ["a", "b"]),
        (["false"], 0, 1, []),
    ],
)
def test_simple_commands_are_understood(words: list[str], seconds: float, exit_code: int, lines: list[str]) -> None:
    script = read_script(words)
    assert script is not None
    assert (script.seconds, script.exit_code) == (seconds, exit_code)
    assert [line for _, line in script.lines] == lines


@pytest.mark.parametrize("words", [[], ["python", "train.py"], ["sh", "-c", "for x in 1 2; do echo $x; done"], ["sh"]])
def test_other_commands_are_not(words: list[str]) -> None:
    assert read_script(words) is None


def test_waiting_for_a_name_is_recognised() -> None:
    text = "err=1;for i in $(seq 100); do if nslookup bert-master-0; then err=0 && break; fi; sleep 2; done; exit $err"
    script = read_script(["sh", "-c", text])
    assert script is not None
    assert script.waits_for == "bert-master-0"


def test_training_pods_train_and_notebooks_stay() -> None:
    labels = {"training.kubeflow.org/job-name": "j", "training.kubeflow.org/replica-type": "worker"}
    trained = pod({"name": "pytorch", "image": "x", "command": ["python", "train.py"]}, labels=labels)
    found = default_behaviour(trained, trained["spec"]["containers"][0], random.Random(1))
    assert (found.profile, found.log) == ("training", "training")
    assert found.run is not None and found.run > 600
    notebook = pod({"name": "c", "image": "kubeflownotebookswg/jupyter-scipy:v1.10"})
    found = default_behaviour(notebook, notebook["spec"]["containers"][0], random.Random(1))
    assert (found.profile, found.run) == ("notebook", None)


def voice(**more: Any) -> Voice:
    return Voice("training", seed=11, own=5, started=T0, world=2, pod="w-0", **more)


def test_the_same_span_logs_the_same_lines_however_it_is_cut() -> None:
    whole = voice().lines(T0 + 600)
    cut = voice()
    parts = [line for t in range(2, 601, 2) for line in cut.lines(T0 + t)]
    assert [text for _, text in whole] == [text for _, text in parts]
    assert len(whole) > 60
    assert all(before[0] <= after[0] for before, after in itertools.pairwise(whole))


def test_a_long_past_is_cut_to_a_backlog() -> None:
    assert len(voice().lines(T0 + 86400)) <= 400


def test_ranks_stop_logging_steps_and_complain_while_a_peer_is_missing() -> None:
    gang = Gang(seed=11, size=2)
    gang.set_member("w-0", Mode.RUNNING, T0)
    gang.set_member("w-1", Mode.RUNNING, T0)
    one = voice(gang=gang)
    assert len(one.lines(T0 + 100)) > 10
    gang.set_member("w-1", Mode.WAITING, T0 + 100)
    said = [text for t in range(102, 200, 2) for _, text in one.lines(T0 + t)]
    assert 1 <= len(said) <= 8
    assert all("NCCL" in text for text in said)
    gang.set_member("w-1", Mode.RUNNING, T0 + 200)
    said = [text for _, text in one.lines(T0 + 230)]
    assert "resuming from checkpoint" in said[0]


def test_a_node_gets_the_taints_its_conditions_call_for() -> None:
    lost = {"spec": {"unschedulable": True}, "status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}
    assert [(taint["key"].split("/")[1], taint["effect"]) for taint in wanted_taints(lost)] == [
        ("unreachable", "NoSchedule"),
        ("unreachable", "NoExecute"),
        ("unschedulable", "NoSchedule"),
    ]
    assert wanted_taints({"spec": {}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}) == []


def test_pods_leave_a_tainted_node_when_their_toleration_runs_out() -> None:
    taint = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": "2027-01-15T08:00:00Z"}
    assert leaves_at(pod(), [taint], T0) == T0
    timed = {"key": taint["key"], "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    assert leaves_at(pod(tolerations=[timed]), [taint], T0) == T0 + 300
    assert leaves_at(pod(tolerations=[{"operator": "Exists"}]), [taint], T0) == float("inf")
