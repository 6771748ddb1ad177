"""Training v1 jobs: the pods they get, and the status that follows from how the pods fare."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from console.demo.controllers import training_mpi
from console.demo.controllers.training import decide, trouble
from console.demo.controllers.training_kinds import BY_KIND, KINDS, with_defaults

Object = dict[str, Any]
NOW = 1795403520.0  # 2026-11-23T03:12:00Z


def job(
    kind: str = "PyTorchJob", /, policy: Object | None = None, spec: Object | None = None, **replicas: Any
) -> Object:
    """A job with `replicas`: type to (count, restart policy)."""
    described = BY_KIND[kind]
    specs = {
        name: {
            "replicas": count,
            **({"restartPolicy": restart} if restart else {}),
            "template": {"spec": {"containers": [{"name": described.container, "image": "example/train:1"}]}},
        }
        for name, (count, restart) in replicas.items()
    }
    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": kind,
        "metadata": {"name": "mnist", "namespace": "team-a", "uid": "u-1"},
        "spec": {described.replicas_field: specs, "runPolicy": policy or {}, **(spec or {})},
    }


class Cluster:
    """Carries plans out on dicts, so that a test can step through a job's life."""

    def __init__(self, manifest: Object) -> None:
        self.kind, self.job = BY_KIND[manifest["kind"]], manifest
        self.pods: dict[str, Object] = {}
        self.services: dict[str, Object] = {}
        self.events: list[tuple[str, str, str]] = []
        self.removed = False

    def step(self, now: float = NOW) -> Cluster:
        """Reconcile until nothing changes."""
        for _ in range(10):
            before = copy.deepcopy((self.job, self.pods, self.services))
            plan = decide(self.kind, self.job, list(self.pods.values()), list(self.services.values()), {}, now)
            for deletion in plan.delete:
                into = self.pods if "/pods/" in deletion.path else self.services
                into.pop(deletion.path.rsplit("/", 1)[1], None)
            for creation in plan.create:
                name, into = creation.manifest["metadata"]["name"], creation.collection.rsplit("/", 1)[1]
                if into == "pods":
                    self.pods[name] = {**creation.manifest, "status": {"phase": "Pending"}}
                elif into == "services":
                    self.services[name] = creation.manifest
            self.events += [(note.type, note.reason, note.message) for note in plan.events]
            if plan.status is not None:
                self.job = {**self.job, "status": plan.status}
            self.removed = self.removed or plan.remove
            if before == (self.job, self.pods, self.services):
                return self
        raise AssertionError("the controller does not come to rest")

    def phase(self, name: str, phase: str, code: int | None = None, restarts: int = 0, reason: str = "") -> Cluster:
        """Set a pod's phase, and how its main container ended."""
        state: Object = {} if code is None else {"terminated": {"exitCode": code, "reason": "Error"}}
        status: Object = {"phase": phase}
        if code is not None or restarts:
            status["containerStatuses"] = [{"name": self.kind.container, "restartCount": restarts, "state": state}]
        if reason:
            status["reason"] = reason
        self.pods[name]["status"] = status
        return self

    @property
    def conditions(self) -> list[str]:
        """`Type=Status` in the order of the list."""
        return [f"{each['type']}={each['status']}" for each in self.job["status"]["conditions"]]

    @property
    def status(self) -> Object:
        return self.job["status"]


def env(pod: Object) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in pod["spec"]["containers"][0].get("env", [])}


def test_pods_carry_the_operators_names_labels_and_owner() -> None:
    cluster = Cluster(job(Master=(1, ""), Worker=(2, ""))).step()
    assert sorted(cluster.pods) == ["mnist-master-0", "mnist-worker-0", "mnist-worker-1"]
    assert sorted(cluster.services) == sorted(cluster.pods)
    assert cluster.pods["mnist-worker-1"]["metadata"]["labels"] == {
        "training.kubeflow.org/job-name": "mnist",
        "training.kubeflow.org/operator-name": "pytorchjob-controller",
        "training.kubeflow.org/replica-type": "worker",
        "training.kubeflow.org/replica-index": "1",
    }
    assert cluster.pods["mnist-master-0"]["metadata"]["labels"]["training.kubeflow.org/job-role"] == "master"
    owner = cluster.pods["mnist-master-0"]["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("PyTorchJob", "u-1", True)
    service = cluster.services["mnist-master-0"]["spec"]
    assert service["clusterIP"] == "None"
    assert service["ports"] == [{"name": "pytorchjob-port", "port": 23456}]


def test_workers_of_a_pytorch_job_wait_for_the_masters_name() -> None:
    cluster = Cluster(job(Master=(1, ""), Worker=(1, ""))).step()
    init = cluster.pods["mnist-worker-0"]["spec"]["initContainers"][0]
    assert init["name"] == "init-pytorch"
    assert "nslookup mnist-master-0" in init["command"][2]
    assert "initContainers" not in cluster.pods["mnist-master-0"]["spec"]


def test_pytorch_environment_names_the_master_and_the_rank() -> None:
    cluster = Cluster(job(spec={"nprocPerNode": "4"}, Master=(1, ""), Worker=(2, ""))).step()
    found = env(cluster.pods["mnist-worker-1"])
    assert found["MASTER_ADDR"] == found["PET_MASTER_ADDR"] == "mnist-master-0"
    assert (found["MASTER_PORT"], found["WORLD_SIZE"], found["RANK"]) == ("23456", "12", "2")
    assert (found["PET_NNODES"], found["PET_NODE_RANK"], found["PET_NPROC_PER_NODE"]) == ("3", "2", "4")


def test_elastic_environment_has_a_range_of_nodes_and_a_rendezvous() -> None:
    policy = {"elasticPolicy": {"minReplicas": 1, "maxReplicas": 4, "maxRestarts": 100}}
    found = env(Cluster(job(spec=policy, Worker=(2, ""))).step().pods["mnist-worker-0"])
    assert found["PET_RDZV_ENDPOINT"] == "mnist-worker-0:23456"
    assert (found["PET_NNODES"], found["PET_MAX_RESTARTS"], found["PET_RDZV_BACKEND"]) == ("1:4", "100", "c10d")
    assert "RANK" not in found


@pytest.mark.parametrize(
    ("kind", "replicas", "pod", "expected"),
    [
        (
            "XGBoostJob",
            {"Master": (1, ""), "Worker": (2, "")},
            "mnist-worker-1",
            {"RANK": "2", "WORLD_SIZE": "3", "WORKER_ADDRS": "mnist-worker-0,mnist-worker-1"},
        ),
        (
            "JAXJob",
            {"Worker": (2, "")},
            "mnist-worker-1",
            {
                "COORDINATOR_ADDRESS": "mnist-worker-0",
                "COORDINATOR_PORT": "6666",
                "NUM_PROCESSES": "2",
                "PROCESS_ID": "1",
            },
        ),
        (
            "PaddleJob",
            {"Worker": (2, "")},
            "mnist-worker-1",
            {"PADDLE_MASTER": "mnist-worker-0:36543", "PADDLE_NNODES": "2", "PADDLE_JOB_ID": "mnist"},
        ),
        (
            "MXJob",
            {"Scheduler": (1, ""), "Server": (1, ""), "Worker": (2, "")},
            "mnist-server-0",
            {
                "DMLC_PS_ROOT_URI": "mnist-scheduler-0",
                "DMLC_PS_ROOT_PORT": "9091",
                "DMLC_NUM_SERVER": "1",
                "DMLC_NUM_WORKER": "2",
                "DMLC_ROLE": "server",
            },
        ),
    ],
)
def test_each_kind_tells_its_pods_where_the_others_are(
    kind: str, replicas: dict[str, Any], pod: str, expected: dict[str, str]
) -> None:
    found = env(Cluster(job(kind, **replicas)).step().pods[pod])
    assert {key: found.get(key) for key in expected} == expected


def test_tf_config_lists_the_cluster_and_the_task() -> None:
    cluster = Cluster(job("TFJob", PS=(1, ""), Worker=(2, ""))).step()
    config = json.loads(env(cluster.pods["mnist-worker-1"])["TF_CONFIG"])
    assert config["cluster"]["ps"] == ["mnist-ps-0.team-a.svc:2222"]
    assert config["task"] == {"type": "worker", "index": 1}
    assert env(Cluster(job("TFJob", Worker=(1, ""))).step().pods["mnist-worker-0"]) == {}


def test_conditions_come_in_order_and_running_follows_the_master() -> None:
    cluster = Cluster(job(Master=(1, ""), Worker=(2, ""))).step()
    assert cluster.conditions == ["Created=True"]
    assert cluster.status["conditions"][0]["message"] == "PyTorchJob mnist is created."
    cluster.phase("mnist-master-0", "Running").step()
    assert cluster.conditions == ["Created=True", "Running=True"]
    assert cluster.status["replicaStatuses"]["Master"]["active"] == 1
    selector = (
        "training.kubeflow.org/job-name=mnist,training.kubeflow.org/operator-name=pytorchjob-controller,"
        "training.kubeflow.org/replica-type=worker"
    )
    assert cluster.status["replicaStatuses"]["Worker"] == {"selector": selector}  # pending pods are not counted
    cluster.phase("mnist-master-0", "Succeeded", 0).step(NOW + 60)
    assert cluster.conditions == ["Created=True", "Running=False", "Succeeded=True"]
    assert cluster.status["completionTime"] == "2026-11-23T03:13:00Z"
    assert ("Normal", "PyTorchJobSucceeded", "PyTorchJob mnist is successfully completed.") in cluster.events
    assert "mnist-worker-0" in cluster.pods  # cleanPodPolicy None keeps the pods


@pytest.mark.parametrize(
    ("kind", "spec", "replicas", "done", "succeeded"),
    [
        ("PyTorchJob", {}, {"Worker": (2, "")}, ["mnist-worker-0"], False),
        ("PyTorchJob", {}, {"Worker": (2, "")}, ["mnist-worker-0", "mnist-worker-1"], True),
        ("PyTorchJob", {"elasticPolicy": {"maxReplicas": 2}}, {"Worker": (2, "")}, ["mnist-worker-1"], True),
        ("TFJob", {}, {"PS": (1, ""), "Worker": (2, "")}, ["mnist-worker-0"], True),
        ("TFJob", {}, {"PS": (1, ""), "Worker": (2, "")}, ["mnist-worker-1"], False),
        ("TFJob", {"successPolicy": "AllWorkers"}, {"Worker": (2, "")}, ["mnist-worker-0"], False),
        ("TFJob", {}, {"Chief": (1, ""), "Worker": (2, "")}, ["mnist-worker-0"], False),
        ("TFJob", {}, {"Chief": (1, ""), "Worker": (2, "")}, ["mnist-chief-0"], True),
        ("XGBoostJob", {}, {"Master": (1, ""), "Worker": (2, "")}, ["mnist-master-0"], True),
        ("JAXJob", {}, {"Worker": (2, "")}, ["mnist-worker-0"], False),
        ("JAXJob", {}, {"Worker": (2, "")}, ["mnist-worker-0", "mnist-worker-1"], True),
        ("PaddleJob", {}, {"Worker": (2, "")}, ["mnist-worker-0"], False),
        ("MXJob", {}, {"Scheduler": (1, ""), "Worker": (1, "")}, ["mnist-scheduler-0"], True),
    ],
)
def test_success_is_what_each_kind_means_by_it(
    kind: str, spec: Object, replicas: dict[str, Any], done: list[str], succeeded: bool
) -> None:
    cluster = Cluster(job(kind, spec=spec, **replicas)).step()
    for name in cluster.pods:
        cluster.phase(name, "Running")
    for name in done:
        cluster.phase(name, "Succeeded", 0)
    assert ("Succeeded=True" in cluster.step().conditions) is succeeded


def test_exit_code_policy_restarts_on_signals_and_fails_on_own_errors() -> None:
    restarted = Cluster(job(Master=(1, "ExitCode"), Worker=(1, "ExitCode"))).step()
    assert restarted.pods["mnist-worker-0"]["spec"]["restartPolicy"] == "Never"
    restarted.phase("mnist-master-0", "Running").phase("mnist-worker-0", "Failed", 137).step()
    assert restarted.pods["mnist-worker-0"]["status"] == {"phase": "Pending"}  # made anew
    assert ("Normal", "ExitedWithCode", "Pod: team-a.mnist-worker-0 exited with code 137") in restarted.events
    warning = ("Warning", "PyTorchJobRestarting", "job mnist is restarting because Worker replica(s) failed.")
    assert warning in restarted.events
    failed = Cluster(job(Master=(1, "ExitCode"), Worker=(1, "ExitCode"))).step()
    failed.phase("mnist-master-0", "Running").phase("mnist-worker-0", "Failed", 1).step()
    assert failed.conditions[-1] == "Failed=True"


def test_running_and_restarting_exclude_each_other() -> None:
    cluster = Cluster(job(Master=(1, "OnFailure"), Worker=(1, "OnFailure"))).step()
    cluster.phase("mnist-master-0", "Running").phase("mnist-worker-0", "Running").step()
    cluster.phase("mnist-master-0", "Failed", 1).step()
    assert cluster.conditions == ["Created=True", "Restarting=True"]
    cluster.phase("mnist-master-0", "Running").step()
    assert cluster.conditions == ["Created=True", "Running=True"]


@pytest.mark.parametrize(
    ("kind", "leader", "message"),
    [
        ("PyTorchJob", "Master", "PyTorchJob mnist is failed because 1 Master replica(s) failed."),
        ("TFJob", "Chief", "TFJob team-a/mnist has failed because 1 Chief replica(s) failed."),
        ("XGBoostJob", "Master", "XGBoostJob mnist is failed because 1 Master replica(s) failed."),
        ("JAXJob", "Worker", "JAXJob mnist is failed because 1 Worker replica(s) failed."),
    ],
)
def test_never_restarted_replicas_fail_the_job(kind: str, leader: str, message: str) -> None:
    cluster = Cluster(job(kind, **{leader: (1, "Never")})).step()
    cluster.phase(f"mnist-{leader.lower()}-0", "Failed", 1).step()
    last = cluster.status["conditions"][-1]
    assert (last["type"], last["reason"], last["message"]) == ("Failed", f"{kind}Failed", message)
    before = copy.deepcopy(cluster.status)
    cluster.phase(f"mnist-{leader.lower()}-0", "Succeeded", 0).step()
    assert cluster.status["conditions"] == before["conditions"]  # after Failed nothing is recorded


def test_backoff_limit_counts_restarts_of_running_containers() -> None:
    cluster = Cluster(job(policy={"backoffLimit": 3}, Master=(1, "OnFailure"))).step()
    cluster.phase("mnist-master-0", "Running", restarts=2).step()
    assert "Failed=True" not in cluster.conditions
    cluster.phase("mnist-master-0", "Running", restarts=3).step()
    message = cluster.status["conditions"][-1]["message"]
    assert message == "Job mnist has failed because it has reached the specified backoff limit"
    assert cluster.pods == {}


def test_deadline_ends_the_job_and_ttl_removes_it() -> None:
    cluster = Cluster(job(policy={"activeDeadlineSeconds": 60, "ttlSecondsAfterFinished": 30}, Master=(1, ""))).step()
    plan = decide(cluster.kind, cluster.job, list(cluster.pods.values()), (), {}, NOW + 20)
    assert plan.again_in == 40
    cluster.step(NOW + 61)
    assert cluster.status["conditions"][-1]["message"].endswith("longer than specified deadline")
    assert not cluster.removed
    assert cluster.step(NOW + 92).removed


def test_clean_pod_policy_running_keeps_finished_pods() -> None:
    cluster = Cluster(job(policy={"cleanPodPolicy": "Running"}, Master=(1, ""), Worker=(1, ""))).step()
    cluster.phase("mnist-worker-0", "Running").phase("mnist-master-0", "Succeeded", 0).step()
    assert list(cluster.pods) == ["mnist-master-0"]
    assert cluster.status["replicaStatuses"]["Worker"].get("active") is None  # counted as succeeded


def test_suspending_deletes_everything_and_resuming_starts_over() -> None:
    cluster = Cluster(job(Master=(1, ""), Worker=(1, ""))).step()
    cluster.phase("mnist-master-0", "Running").step()
    cluster.job["spec"]["runPolicy"]["suspend"] = True
    cluster.step(NOW + 10)
    assert (cluster.pods, cluster.services) == ({}, {})
    assert cluster.conditions == ["Created=True", "Running=False", "Suspended=True"]
    cluster.job["spec"]["runPolicy"]["suspend"] = False
    cluster.step(NOW + 100)
    assert sorted(cluster.pods) == ["mnist-master-0", "mnist-worker-0"]
    assert "Suspended=False" in cluster.conditions
    assert cluster.status["startTime"] == "2026-11-23T03:13:40Z"
    assert [reason for _, reason, _ in cluster.events] == ["PyTorchJobSuspended", "PyTorchJobResumed"]


def test_scaling_down_removes_surplus_indexes_from_the_top() -> None:
    cluster = Cluster(job(spec={"elasticPolicy": {"maxReplicas": 4}}, Worker=(3, ""))).step()
    cluster.job["spec"]["pytorchReplicaSpecs"]["Worker"]["replicas"] = 1
    assert sorted(cluster.step().pods) == ["mnist-worker-0"]
    cluster.job["spec"]["pytorchReplicaSpecs"]["Worker"]["replicas"] = 2
    assert sorted(cluster.step().pods) == ["mnist-worker-0", "mnist-worker-1"]


def test_mpi_job_gets_a_launcher_with_the_right_to_exec_into_workers() -> None:
    manifest = job("MPIJob", Launcher=(1, ""), Worker=(2, ""))
    plan = decide(BY_KIND["MPIJob"], manifest, (), (), {}, NOW)
    made = {f"{each.collection.rsplit('/', 1)[1]}/{each.manifest['metadata']['name']}": each for each in plan.create}
    assert sorted(made) == [
        "configmaps/mnist-config",
        "pods/mnist-launcher",
        "pods/mnist-worker-0",
        "pods/mnist-worker-1",
        "rolebindings/mnist-launcher",
        "roles/mnist-launcher",
        "serviceaccounts/mnist-launcher",
    ]
    rules = made["roles/mnist-launcher"].manifest["rules"]
    assert rules[1]["resourceNames"] == ["mnist-worker-0", "mnist-worker-1"]
    launcher = made["pods/mnist-launcher"].manifest
    assert launcher["spec"]["initContainers"][0]["name"] == "kubectl-delivery"
    assert launcher["spec"]["serviceAccountName"] == "mnist-launcher"
    assert env(launcher)["OMPI_MCA_orte_default_hostfile"] == "/etc/mpi/hostfile"
    worker = made["pods/mnist-worker-0"].manifest["spec"]["containers"][0]
    assert (worker["command"], worker["args"]) == (["sleep"], ["365d"])
    files = made["configmaps/mnist-config"].manifest["data"]
    assert files["hostfile"] == "mnist-worker-0 slots=1\nmnist-worker-1 slots=1\n"


def test_mpi_hosts_are_updated_as_workers_come_up() -> None:
    manifest = with_defaults(BY_KIND["MPIJob"], job("MPIJob", Launcher=(1, ""), Worker=(1, "")))
    present = dict(training_mpi.companions(manifest, ()))
    worker = training_mpi.worker_pod(BY_KIND["MPIJob"], manifest, 0) | {"status": {"phase": "Running"}}
    plan = decide(BY_KIND["MPIJob"], manifest, [worker], (), present, NOW)
    (change,) = plan.change
    assert change.path.endswith("/configmaps/mnist-config")
    assert change.patch["data"]["discover_hosts.sh"] == "#!/bin/sh\necho mnist-worker-0:1"


def test_failed_mpi_job_carries_the_launchers_own_reason() -> None:
    cluster = Cluster(job("MPIJob", Launcher=(1, ""), Worker=(1, ""))).step()
    cluster.phase("mnist-launcher", "Failed", 1, reason="Evicted").step()
    assert cluster.status["conditions"][-1]["reason"] == "MPIJobEvicted"
    other = Cluster(job("MPIJob", Launcher=(1, ""), Worker=(1, ""))).step()
    other.phase("mnist-launcher", "Failed", 1).step()
    assert other.status["conditions"][-1]["reason"] == "MPIJobFailed"


def test_pod_trouble_is_said_again_with_the_pods_own_reason() -> None:
    pulling = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
    pod = {
        "metadata": {"name": "mnist-worker-0"},
        "status": {"phase": "Pending", "containerStatuses": [{"name": "pytorch", "state": pulling}]},
    }
    (note,) = trouble(pod)
    assert note.reason == "ImagePullBackOff"
    assert note.message == "Error pod mnist-worker-0 container pytorch waiting message: Back-off pulling image"
    pod["status"] = {
        "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/5 nodes are available"}
        ]
    }
    (note,) = trouble(pod)
    assert note.reason == "Unschedulable"
    assert note.message == "Error pod mnist-worker-0 condition message: 0/5 nodes are available"


def test_jobs_of_another_manager_are_left_alone() -> None:
    manifest = job(policy={"managedBy": "kueue.x-k8s.io/multikueue"}, Master=(1, ""))
    plan = decide(BY_KIND["PyTorchJob"], manifest, (), (), {}, NOW)
    assert (plan.create, plan.status) == ([], None)


@pytest.mark.parametrize("kind", [each.kind for each in KINDS])
def test_deciding_changes_nothing_it_was_given(kind: str) -> None:
    described = BY_KIND[kind]
    manifest = job(kind, **dict.fromkeys(described.types[:2], (1, "")))
    before = copy.deepcopy(manifest)
    decide(described, manifest, (), (), {}, NOW)
    assert manifest == before
