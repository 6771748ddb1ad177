"""Trainer v2: TrainJobs rendered into JobSets, JobSets into Jobs, and the little status they have."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from console.demo.controllers import jobset, jobset_jobs, trainjob, trainjob_render

Object = dict[str, Any]
NOW = 1795403520.0  # 2026-11-23T03:12:00Z
AT = "2026-11-23T03:12:00Z"


def runtime(policy: Object | None = None, *steps: str) -> Object:
    """A runtime whose node step waits for the initializers named in `steps`."""
    jobs = []
    for step in (*steps, "node"):
        ancestor = "trainer" if step == "node" else step
        depends = [{"name": each, "status": "Complete"} for each in steps] if step == "node" and steps else []
        jobs.append(
            {
                "name": step,
                **({"dependsOn": depends} if depends else {}),
                "template": {
                    "metadata": {"labels": {trainjob_render.ANCESTOR: ancestor}},
                    "spec": {"template": {"spec": {"containers": [{"name": step, "image": "example/runtime:1"}]}}},
                },
            }
        )
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "ClusterTrainingRuntime",
        "metadata": {"name": "torch-distributed"},
        "spec": {"mlPolicy": policy or {"numNodes": 1, "torch": {}}, "template": {"spec": {"replicatedJobs": jobs}}},
    }


def train_job(**spec: Any) -> Object:
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": "llm", "namespace": "team-a", "uid": "t-1", "creationTimestamp": AT},
        "spec": {"runtimeRef": {"name": "torch-distributed", "kind": "ClusterTrainingRuntime"}, **spec},
    }


def node(rendered: Object) -> Object:
    return rendered["spec"]["replicatedJobs"][-1]["template"]["spec"]


def env(rendered: Object) -> dict[str, Any]:
    container = node(rendered)["template"]["spec"]["containers"][0]
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}


def test_nodes_become_completion_indexes_of_one_job() -> None:
    trainer = {"numNodes": 4, "image": "example/train:2", "resourcesPerNode": {"limits": {"nvidia.com/gpu": 8}}}
    rendered = trainjob_render.jobset(train_job(trainer=trainer), runtime())
    assert rendered["metadata"]["name"] == "llm"
    assert (node(rendered)["parallelism"], node(rendered)["completions"]) == (4, 4)
    container = node(rendered)["template"]["spec"]["containers"][0]
    assert container["image"] == "example/train:2"
    assert container["resources"] == {"limits": {"nvidia.com/gpu": 8}}
    found = env(rendered)
    assert (found["PET_NNODES"], found["PET_NPROC_PER_NODE"]) == ("4", "auto")
    assert (found["PET_MASTER_ADDR"], found["PET_MASTER_PORT"]) == ("llm-node-0-0.llm", "29500")
    rank = found["PET_NODE_RANK"]["fieldRef"]["fieldPath"]
    assert rank == "metadata.annotations['batch.kubernetes.io/job-completion-index']"


def test_without_gpus_the_processes_are_the_cpus() -> None:
    trainer = {"resourcesPerNode": {"requests": {"cpu": "3"}}}
    assert env(trainjob_render.jobset(train_job(trainer=trainer), runtime()))["PET_NPROC_PER_NODE"] == "3"


def test_initializers_get_their_uri_and_secret() -> None:
    initializer = {"dataset": {"storageUri": "hf://some/data", "secretRef": {"name": "hf"}}}
    rendered = trainjob_render.jobset(train_job(initializer=initializer), runtime(None, "dataset-initializer"))
    first = rendered["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]["containers"][0]
    assert first["env"] == [{"name": "STORAGE_URI", "value": "hf://some/data"}]
    assert first["envFrom"] == [{"secretRef": {"name": "hf"}}]


def test_runtime_patches_reach_the_pods_and_the_jobset() -> None:
    pod = {"nodeSelector": {"pool": "a"}, "tolerations": [{"key": "x", "operator": "Exists"}]}
    template = {
        "metadata": {"labels": {"team": "ml"}},
        "spec": {"replicatedJobs": [{"name": "node", "template": {"spec": {"template": {"spec": pod}}}}]},
    }
    patches = [{"manager": "example.io/platform", "trainingRuntimeSpec": {"template": template}}]
    rendered = trainjob_render.jobset(train_job(runtimePatches=patches), runtime())
    assert rendered["metadata"]["labels"] == {"team": "ml"}
    assert node(rendered)["template"]["spec"]["nodeSelector"] == {"pool": "a"}
    assert node(rendered)["template"]["spec"]["containers"][0]["image"] == "example/runtime:1"


def test_rendering_leaves_the_runtime_as_it_was() -> None:
    given = runtime()
    before = copy.deepcopy(given)
    trainjob_render.jobset(train_job(trainer={"env": [{"name": "A", "value": "1"}]}), given)
    assert given == before


def test_mpi_runtime_gets_hosts_and_a_key() -> None:
    given = runtime({"numNodes": 1, "mpi": {"numProcPerNode": 2, "runLauncherAsNode": True}})
    given["spec"]["template"]["spec"]["replicatedJobs"].append({"name": "launcher", "template": {}})
    made = dict(trainjob_render.mpi_companions(train_job(trainer={"numNodes": 3}), given))
    hosts = made["configmaps"]["data"]["hostfile"]
    assert hosts == "llm-node-0-0.llm slots=2\nllm-node-0-1.llm slots=2\nllm-launcher-0-0.llm slots=2\n"
    assert made["secrets"]["metadata"]["name"] == "llm-mpi-ssh-auth"


def decided(manifest: Object, made: Object | None = None, now: float = NOW) -> Any:
    return trainjob.decide(manifest, runtime(), made, {}, now)


def test_a_running_trainjob_has_no_condition() -> None:
    plan = decided(train_job())
    assert [each.manifest["kind"] for each in plan.create] == ["JobSet"]
    assert plan.status is None
    counts = [{"name": "node", "ready": 1, "active": 1, "succeeded": 0, "failed": 0, "suspended": 0}]
    made = {**trainjob_render.jobset(train_job(), runtime()), "status": {"replicatedJobsStatus": counts}}
    plan = decided(train_job(), made)
    assert plan.status == {"jobsStatus": counts}


def test_a_process_of_known_length_reports_its_progress_every_minute() -> None:
    made = trainjob_render.jobset(train_job(), runtime())
    made["status"] = {"replicatedJobsStatus": [{"name": "node", "ready": 1}]}
    assert "trainerStatus" not in decided(train_job(), made, NOW + 90).status
    pod = made["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]
    pod["metadata"] = {"annotations": {"demo.kfconsole.dev/behaviour": "run: 600"}}
    plan = decided(train_job(), made, NOW + 150)
    reported = plan.status["trainerStatus"]
    assert (reported["progressPercentage"], reported["estimatedRemainingSeconds"]) == (20, 480)
    assert (reported["lastUpdatedTime"], plan.again_in) == ("2026-11-23T03:14:00Z", 30)
    assert decided({**train_job(), "status": plan.status}, made, NOW + 170).status is None


def test_suspending_and_resuming_are_told_and_passed_on() -> None:
    manifest = train_job(suspend=True)
    made = trainjob_render.jobset(train_job(), runtime())
    plan = decided(manifest, made)
    assert plan.status["conditions"][0]["reason"] == "Suspended"
    assert [each.patch for each in plan.change] == [{"spec": {"suspend": True}}]
    manifest = {**train_job(), "status": plan.status}
    made["spec"]["suspend"] = True
    plan = decided(manifest, made)
    assert (plan.status["conditions"][0]["status"], plan.status["conditions"][0]["reason"]) == ("False", "Resumed")
    assert [each.patch for each in plan.change] == [{"spec": {"suspend": False}}]


def test_a_suspended_jobset_follows_its_runtime() -> None:
    made = trainjob_render.jobset(train_job(suspend=True), runtime())
    assert decided(train_job(suspend=True), made).change == []
    changed = runtime()
    changed["spec"]["mlPolicy"]["numNodes"] = 2
    plan = trainjob.decide(train_job(suspend=True), changed, made, {}, NOW)
    assert plan.change[0].patch["spec"]["replicatedJobs"][0]["template"]["spec"]["parallelism"] == 2


@pytest.mark.parametrize(
    ("theirs", "reason", "own"),
    [("Completed", "AllJobsCompleted", "Complete"), ("Failed", "ReachedMaxRestarts", "Failed")],
)
def test_the_end_of_the_jobset_is_the_end_of_the_trainjob(theirs: str, reason: str, own: str) -> None:
    ended = {"type": theirs, "status": "True", "reason": reason, "message": "why", "lastTransitionTime": AT}
    made = {**trainjob_render.jobset(train_job(), runtime()), "status": {"conditions": [ended]}}
    plan = decided(train_job(), made, NOW + 60)
    (condition,) = plan.status["conditions"]
    assert (condition["type"], condition["reason"], condition["lastTransitionTime"]) == (own, reason, AT)
    again = decided({**train_job(), "status": plan.status}, made, NOW + 120)
    assert again.status is None


def test_a_missing_runtime_is_an_event_and_an_unknown_one_a_failure() -> None:
    plan = trainjob.decide(train_job(), None, None, {}, NOW)
    (note,) = plan.events
    assert note.reason == "TrainJobResourcesCreationFailed"
    assert note.message.endswith('clustertrainingruntimes.trainer.kubeflow.org "torch-distributed" not found')
    manifest = train_job(runtimeRef={"name": "x", "kind": "Other"})
    plan = trainjob.decide(manifest, None, None, {}, NOW)
    assert plan.status["conditions"][0]["reason"] == "TrainingRuntimeNotSupported"
    assert trainjob.decide({**manifest, "status": plan.status}, None, None, {}, NOW + 9).status is None


def test_a_deadline_suspends_the_jobset_and_fails_the_trainjob() -> None:
    manifest, made = train_job(activeDeadlineSeconds=60), trainjob_render.jobset(train_job(), runtime())
    assert decided(manifest, made, NOW + 10).again_in == 50
    plan = decided(manifest, made, NOW + 61)
    assert plan.status["conditions"][0]["reason"] == "DeadlineExceeded"


class JobSets:
    """Carries a JobSet's plans out on dicts."""

    def __init__(self, **spec: Any) -> None:
        def replicated(name: str, **rest: Any) -> Object:
            pods = {"template": {"spec": {"containers": [{"name": name, "image": "i"}]}}}
            return {"name": name, "template": {"spec": {"parallelism": 2, **pods}}, **rest}

        jobs = spec.pop("replicatedJobs", None) or [replicated("leader"), replicated("workers", replicas=2)]
        self.jobset: Object = {
            "apiVersion": "jobset.x-k8s.io/v1alpha2",
            "kind": "JobSet",
            "metadata": {"name": "js", "namespace": "team-a", "uid": "j-1"},
            "spec": {"replicatedJobs": jobs, **spec},
        }
        self.jobs: dict[str, Object] = {}
        self.service = False
        self.events: list[str] = []

    def step(self) -> JobSets:
        for _ in range(10):
            plan = jobset.decide(self.jobset, list(self.jobs.values()), self.service, NOW)
            for deletion in plan.delete:
                self.jobs.pop(deletion.path.rsplit("/", 1)[1])
            for creation in plan.create:
                if creation.manifest["kind"] == "Service":
                    self.service = True
                else:
                    self.jobs[creation.manifest["metadata"]["name"]] = creation.manifest
            for change in plan.change:
                self.jobs[change.path.rsplit("/", 1)[1]]["spec"]["suspend"] = change.patch["spec"]["suspend"]
            self.events += [note.reason for note in plan.events]
            if plan.status is not None:
                self.jobset = {**self.jobset, "status": plan.status}
            if not (plan.delete or plan.create or plan.change or plan.status):
                return self
        raise AssertionError("the controller does not come to rest")

    def end(self, name: str, kind: str) -> JobSets:
        reason = {"Failed": "BackoffLimitExceeded"}.get(kind, "")
        ended = {"type": kind, "status": "True", "reason": reason, "message": "", "lastTransitionTime": AT}
        self.jobs[name]["status"] = {"conditions": [ended]}
        return self

    @property
    def conditions(self) -> list[str]:
        found = self.jobset["status"].get("conditions") or []
        return [f"{each['type']}={each['status']} {each['reason']}" for each in found]


def test_jobs_carry_jobset_labels_and_indexes() -> None:
    sets = JobSets().step()
    assert sorted(sets.jobs) == ["js-leader-0", "js-workers-0", "js-workers-1"]
    labels = sets.jobs["js-workers-1"]["spec"]["template"]["metadata"]["labels"]
    prefix = jobset_jobs.LABEL
    assert labels[f"{prefix}jobset-name"] == "js"
    assert (labels[f"{prefix}job-index"], labels[f"{prefix}job-global-index"]) == ("1", "2")
    assert (labels[f"{prefix}replicatedjob-replicas"], labels[f"{prefix}global-replicas"]) == ("2", "3")
    assert sets.jobs["js-leader-0"]["spec"]["completionMode"] == "Indexed"
    assert sets.jobs["js-leader-0"]["spec"]["template"]["spec"]["subdomain"] == "js"
    assert sets.service


def test_a_jobset_completes_when_all_its_jobs_do() -> None:
    sets = JobSets().step()
    for name in list(sets.jobs):
        assert "Completed" not in str(sets.conditions)
        sets.end(name, "Complete").step()
    assert sets.conditions == ["Completed=True AllJobsCompleted"]
    assert sets.jobset["status"]["terminalState"] == "Completed"


def test_one_failed_job_fails_a_jobset_without_policy() -> None:
    sets = JobSets().step().end("js-workers-1", "Failed").step()
    assert sets.conditions == ["Failed=True FailedJobs"]
    message = sets.jobset["status"]["conditions"][0]["message"]
    assert message == "jobset failed due to one or more job failures (first failed job: js-workers-1)"
    assert list(sets.jobs) == ["js-workers-1"]  # the others are deleted


def test_restarts_recreate_every_job_until_they_are_used_up() -> None:
    sets = JobSets(failurePolicy={"maxRestarts": 1}).step().end("js-leader-0", "Failed").step()
    assert sets.jobset["status"]["restarts"] == 1
    assert sets.jobs["js-workers-0"]["metadata"]["labels"][jobset_jobs.RESTARTS] == "1"
    assert sets.events == ["RestartJobSetFailurePolicyAction"]
    sets.end("js-leader-0", "Failed").step()
    assert sets.conditions == ["Failed=True ReachedMaxRestarts"]


def test_failure_rules_choose_the_action() -> None:
    rules = [
        {"action": "FailJobSet", "targetReplicatedJobs": ["leader"]},
        {"action": "RestartJob", "targetReplicatedJobs": ["workers"]},
    ]
    policy = {"maxRestarts": 3, "rules": rules}
    one = JobSets(failurePolicy=policy).step().end("js-workers-0", "Failed").step()
    assert one.jobset["status"].get("restarts") == 0
    assert "status" not in one.jobs["js-workers-0"]  # made anew, alone
    other = JobSets(failurePolicy=policy).step().end("js-leader-0", "Failed").step()
    assert other.conditions == ["Failed=True FailJobSetFailurePolicyAction"]


def test_dependencies_are_started_in_their_order() -> None:
    jobs = [
        {"name": "init", "template": {"spec": {"template": {"spec": {"containers": [{"name": "a"}]}}}}},
        {
            "name": "node",
            "dependsOn": [{"name": "init", "status": "Complete"}],
            "template": {"spec": {"template": {"spec": {"containers": [{"name": "b"}]}}}},
        },
    ]
    sets = JobSets(replicatedJobs=jobs).step()
    assert list(sets.jobs) == ["js-init-0"]
    sets.end("js-init-0", "Complete").step()
    assert list(sets.jobs) == ["js-init-0", "js-node-0"]


def test_suspension_reaches_the_jobs_and_comes_back() -> None:
    sets = JobSets(suspend=True).step()
    assert all(each["spec"]["suspend"] for each in sets.jobs.values())
    assert sets.conditions == ["Suspended=True SuspendedJobs"]
    sets.jobset["spec"]["suspend"] = False
    sets.step()
    assert not any(each["spec"]["suspend"] for each in sets.jobs.values())
    assert sets.conditions == ["Suspended=False ResumeJobs"]


def test_ready_counts_jobs_whose_pods_are_all_up() -> None:
    sets = JobSets().step()
    sets.jobs["js-workers-0"]["status"] = {"active": 2, "ready": 2}
    sets.jobs["js-workers-1"]["status"] = {"active": 2, "ready": 1}
    sets.step()
    workers = sets.jobset["status"]["replicatedJobsStatus"][1]
    assert (workers["name"], workers["ready"], workers["active"]) == ("workers", 1, 2)
