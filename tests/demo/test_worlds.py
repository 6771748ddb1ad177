"""Worlds: files that are read or refused with their line, and the default world, which is at rest when it starts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from console.clock import format_time, parse_time
from console.demo.controllers import jobset, notebooks, profiles, training, training_mpi, trainjob
from console.demo.controllers.kueue import State, cycle
from console.demo.controllers.training_kinds import BY_KIND, KINDS, with_defaults
from console.demo.gpus import GpuFleet
from console.demo.metrics import SampleSource
from console.demo.needs import holds_resources, pod_requests
from console.demo.runtime import Runtime
from console.demo.schemas import Schemas
from console.demo.store import Store
from console.demo.worlds import life, scenarios
from console.demo.worlds.default import default_seed, plant
from console.demo.worlds.loader import LogKey, install, load_world
from console.demo.worlds.still import stand_still
from console.errors import UsageError

Object = dict[str, Any]
WORLDS = Path(__file__).parents[1] / "data" / "worlds"
NOW = scenarios.STILL_AT
HEAD = "now: '2026-11-23T03:12:00Z'\n"


def installed(path: Path) -> tuple[Store, Runtime]:
    world = load_world(path)
    store = Store(lambda: world.now)
    store.load_shipped_crds()
    runtime = Runtime(store)
    install(world, store, runtime)
    return store, runtime


@pytest.mark.parametrize("path", sorted(WORLDS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_example_worlds_load_exactly_as_they_are_written(path: Path) -> None:
    raw = yaml.load(path.read_text(), yaml.CSafeLoader)
    world = load_world(path)
    assert format_time(world.now) == raw["now"]
    assert world.extra["expected_diagnosis"] == raw["expected_diagnosis"]  # unknown keys are kept
    store, _ = installed(path)
    for obj in [*raw["cluster_objects"], *raw["events"]]:
        rt = store.resources.of_object(obj["apiVersion"], obj["kind"])
        assert rt is not None
        assert store.get(rt, obj["metadata"].get("namespace", ""), obj["metadata"]["name"]) == obj


def test_namespaces_that_objects_name_are_made() -> None:
    store, _ = installed(WORLDS / "02-gpu-node-taint.yaml")
    rt = store.resources.find("", "v1", "namespaces")
    assert rt is not None
    names = {each["metadata"]["name"] for each in store.items(rt)}
    assert {"kubeflow-user-example-com", "default", "kube-system"} <= names


def test_logs_outlive_their_pods_and_metrics_have_their_samples() -> None:
    store, runtime = installed(WORLDS / "06-kfp-step-oomkilled.yaml")
    log = runtime.read_log("team-growth", "churn-train-771-system-container-impl-2210", "main")
    assert log is not None
    assert log.lines[-1].text.endswith(b"signal: killed")
    world = load_world(WORLDS / "06-kfp-step-oomkilled.yaml")
    source = SampleSource(world.metrics_samples)
    ((labels, value),) = source.series("container_memory_working_set_bytes", 0, world.now)
    assert labels["namespace"] == "team-growth"
    assert value(parse_time("2026-11-23T02:43:00Z") or 0) == 8.9e9
    assert store.now() == world.now


def test_a_kind_nobody_knows_gets_a_definition_and_is_kept() -> None:
    text = HEAD + "cluster_objects:\n- {apiVersion: example.com/v1, kind: Widget, metadata: {name: w, namespace: a}}\n"
    store = Store(lambda: NOW)
    world = load_world(text)
    install(world, store, Runtime(store))
    rt = store.resources.of_object("example.com/v1", "Widget")
    assert rt is not None
    assert rt.plural == "widgets"
    assert store.get(rt, "a", "w") is not None


def test_a_kind_kubernetes_does_not_have_is_refused() -> None:
    world = load_world(HEAD + "cluster_objects:\n- {apiVersion: v1, kind: Widget, metadata: {name: w}}\n")
    store = Store(lambda: NOW)
    with pytest.raises(UsageError, match="which Kubernetes does not have"):
        install(world, store, Runtime(store))


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("now: [1\n", 2, "did not find expected"),
        ("a: b: c\n", 1, "mapping values are not allowed"),
        ("- a\n- b\n", 1, "a world is a mapping"),
        ("title: x\ncluster_objects: []\n", 1, "now has to be a time"),
        ("now: yesterday\ntitle: x\n", 1, "now has to be a time"),
        (HEAD + "now: x\n", 2, "'now' is given twice"),
        (HEAD + "cluster_objects: {}\n", 2, "has to be a list"),
        (HEAD + "cluster_objects:\n- kind: Pod\n", 3, "the object has no apiVersion"),
        (HEAD + "cluster_objects:\n- apiVersion: v1\n  kind: Pod\n  metadata: {}\n", 5, "no metadata.name"),
        (HEAD + "cluster_objects:\n- {apiVersion: v1, kind: Pod, metadata: {name: 5}}\n", 3, "no metadata.name"),
        (HEAD + "cluster_objects:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: a}\n  spec: []\n", 6, "spec has"),
        (
            HEAD + "cluster_objects:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n"
            "- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n",
            4,
            "is there already, from line 3",
        ),
        (HEAD + "events:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n", 3, "only objects of kind Event"),
        (HEAD + "pod_logs:\n  a/b: []\n", 3, "is not namespace/pod/container"),
        (HEAD + "pod_logs:\n  a/b/c: text\n", 3, "has to be a list of lines"),
        (HEAD + "metrics_samples:\n- labels: {}\n", 3, "needs a metric name"),
        (HEAD + "metrics_samples:\n- metric: m\n  samples:\n  - [soon, 1]\n", 5, "'soon' is not a time"),
        (HEAD + "metrics_samples:\n- metric: m\n  samples:\n  - [1, much]\n", 5, "'much' is not a number"),
        (HEAD + "x: &a [*a]\n", 2, "an alias contains itself"),
        (HEAD + "x: !!python/object:os.system x\n", 2, "could not determine a constructor"),
        (HEAD + "? [a]\n: b\n", 2, "a key has to be text"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(text: str, line: int, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_world(text)
    assert f"line {line}:" in str(caught.value)
    assert why in str(caught.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_world(tmp_path / "none.yaml")
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"now: x\ntitle: \xe9\n")
    with pytest.raises(UsageError, match=r"latin\.yaml, line 2: it is not UTF-8"):
        load_world(path)


@given(st.text(max_size=200).map(lambda text: text + "\n"))
def test_any_text_is_a_world_or_refused(text: str) -> None:
    try:
        load_world(text)
    except UsageError as error:
        assert "line" in str(error)


def test_keys_stay_words_and_times_stay_text() -> None:
    world = load_world(HEAD + "when: 2026-11-23T03:12:00Z\non: true\n'?previous=true': 1\n")
    assert world.extra == {"when": "2026-11-23T03:12:00Z", "on": True, "?previous=true": 1}
    world = load_world(HEAD + "pod_logs:\n  a/b/c?previous=true: [x, 1]\n")
    assert world.pod_logs == {LogKey("a", "b", "c", True): ("x", "1")}


# the default world


@pytest.fixture(scope="module")
def world() -> list[Object]:
    return list(default_seed(NOW).objects)


def of(world: list[Object], *kinds: str) -> list[Object]:
    return [each for each in world if each["kind"] in kinds]


def named(world: list[Object], kind: str, name: str) -> Object:
    return next(each for each in of(world, kind) if each["metadata"]["name"] == name)


def test_the_same_moment_gives_the_same_world(world: list[Object]) -> None:
    assert default_seed(NOW).objects == world
    uids = Counter(each["metadata"]["uid"] for each in world)
    assert max(uids.values()) == 1
    assert all(str(each).isascii() for each in world)


def test_nothing_is_newborn_and_nothing_comes_from_the_future(world: list[Object]) -> None:
    for obj in world:
        created = parse_time(obj["metadata"]["creationTimestamp"])
        assert created is not None
        assert created <= NOW
    pods = [NOW - (parse_time(each["metadata"]["creationTimestamp"]) or 0) for each in of(world, "Pod")]
    assert min(pods) > 60
    assert 100 <= len(pods) <= 200


def test_owners_exist(world: list[Object]) -> None:
    uids = {each["metadata"]["uid"] for each in world}
    for obj in world:
        for owner in obj["metadata"].get("ownerReferences") or ():
            assert owner["uid"] in uids, obj["metadata"]["name"]


def test_pods_fit_their_nodes(world: list[Object]) -> None:
    from console.demo.needs import amounts

    free = {each["metadata"]["name"]: amounts(each["status"]["allocatable"]) for each in of(world, "Node")}
    for pod in of(world, "Pod"):
        if holds_resources(pod):
            for name, value in pod_requests(pod).items():
                free[pod["spec"]["nodeName"]][name] = free[pod["spec"]["nodeName"]].get(name, 0.0) - value
    assert {node: name for node, rest in free.items() for name, value in rest.items() if value < 0} == {}


def test_every_training_kind_is_there_and_in_every_state(world: list[Object]) -> None:
    jobs = of(world, *(kind.kind for kind in KINDS))
    assert {each["kind"] for each in jobs} == {kind.kind for kind in KINDS}
    last = {each["metadata"]["name"]: each["status"]["conditions"][-1]["type"] for each in jobs}
    assert last["llama-70b-pretrain"] == "Running"
    assert last["sft-mistral"] == "Failed"
    assert last["gnn-fraud"] == "Succeeded"
    assert last["eval-suite"] == last["grasp-policy"] == "Suspended"
    assert last["sam-finetune"] == last["ring-detector"] == "Created"
    waiting = named(world, "Pod", "sam-finetune-master-0")["status"]["containerStatuses"][0]["state"]["waiting"]
    assert waiting["reason"] == "ImagePullBackOff"
    crashed = named(world, "Pod", "dlrm-embeddings-master-0")["status"]["containerStatuses"][0]
    assert crashed["restartCount"] > 5
    assert crashed["lastState"]["terminated"]["reason"] == "OOMKilled"
    assert named(world, "Pod", "base-100-worker-0")["status"]["conditions"][0]["reason"] == "Unschedulable"


def test_one_gpu_is_lost_and_one_node_cordoned(world: list[Object]) -> None:
    lost = named(world, "Node", "gpu-a-02")["status"]
    assert (lost["capacity"]["nvidia.com/gpu"], lost["allocatable"]["nvidia.com/gpu"]) == ("8", "7")
    assert named(world, "Node", "gpu-a-03")["spec"]["unschedulable"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_the_training_operator_finds_nothing_to_do(world: list[Object], kind: Any) -> None:
    for job in of(world, kind.kind):
        if job["metadata"]["name"] == "ring-detector":
            continue  # its pods are refused by the quota, again and again
        uid = job["metadata"]["uid"]
        mine = [
            each
            for each in of(world, "Pod", "Service")
            if any(owner["uid"] == uid for owner in each["metadata"].get("ownerReferences") or ())
        ]
        present: Object = {}
        if kind.kind == "MPIJob":
            plurals = {plural for plural, _ in training_mpi.companions(with_defaults(kind, job), ())}
            kinds = {"configmaps": "ConfigMap", "roles": "Role"}
            name = job["metadata"]["name"]
            present = {
                plural: next((o for o in of(world, kinds[plural]) if o["metadata"]["name"].startswith(name)), None)
                if plural in kinds
                else {}
                for plural in plurals
            }
        plan = training.decide(
            BY_KIND[kind.kind], job, [o for o in mine if o["kind"] == "Pod"], of(mine, "Service"), present, NOW
        )
        assert (plan.create, plan.delete, plan.change, plan.status) == ([], [], [], None), job["metadata"]["name"]


def test_trainer_and_jobset_find_nothing_to_do(world: list[Object]) -> None:
    sets = {each["metadata"]["name"]: each for each in of(world, "JobSet")}
    for job in of(world, "TrainJob"):
        made = named(world, "ClusterTrainingRuntime", job["spec"]["runtimeRef"]["name"])
        plan = trainjob.decide(job, made, sets[job["metadata"]["name"]], {}, NOW)
        assert (plan.create, plan.change, plan.status) == ([], [], None), job["metadata"]["name"]
    for one in sets.values():
        jobs = [
            each for each in of(world, "Job") if each["metadata"]["ownerReferences"][0]["uid"] == one["metadata"]["uid"]
        ]
        plan = jobset.decide(one, jobs, True, NOW)
        assert (plan.create, plan.change, plan.delete, plan.status) == ([], [], [], None), one["metadata"]["name"]


def test_kueue_profiles_and_notebooks_find_nothing_to_do(world: list[Object]) -> None:
    def keyed(kind: str) -> dict[str, Object]:
        found = {}
        for each in of(world, kind):
            namespace = each["metadata"].get("namespace")
            found[f"{namespace}/{each['metadata']['name']}" if namespace else each["metadata"]["name"]] = each
        return found

    state = State(
        jobs=of(world, *BY_KIND, "TrainJob", "JobSet", "Job"),
        workloads=of(world, "Workload"),
        cluster_queues=keyed("ClusterQueue"),
        local_queues=keyed("LocalQueue"),
        flavors=keyed("ResourceFlavor"),
    )
    steps = cycle(state, NOW)
    assert (steps.create, steps.patch, steps.status) == ([], [], [])
    for profile in of(world, "Profile"):
        namespace = named(world, "Namespace", profile["metadata"]["name"])
        kinds = ("ServiceAccount", "RoleBinding", "ResourceQuota")
        present = {
            path: next(
                each
                for each in of(world, *kinds)
                if each["kind"] == wanted["kind"]
                and each["metadata"]["name"] == wanted["metadata"]["name"]
                and each["metadata"]["namespace"] == profile["metadata"]["name"]
            )
            for path, wanted in profiles.contents(profile).items()
        }
        plan = profiles.decide(profile, namespace, present)
        assert (plan.create, plan.change, plan.status) == ([], [], None)
    sets, services, pods = keyed("StatefulSet"), keyed("Service"), keyed("Pod")
    for each in of(world, "Notebook"):
        key = f"{each['metadata']['namespace']}/{each['metadata']['name']}"
        plan = notebooks.decide(each, sets[key], services[key], pods.get(f"{key}-0"))
        assert (plan.create, plan.change, plan.status) == ([], [], None)


def test_planting_stores_everything_and_keeps_the_logs_of_what_ended() -> None:
    store = Store(lambda: NOW)
    store.load_shipped_crds()
    runtime = Runtime(store)
    seed = default_seed(NOW)
    plant(seed, store, Schemas.of(store), runtime)
    rt = store.resources.find("", "v1", "pods")
    assert rt is not None
    assert sum(1 for _ in store.items(rt)) == len(of(list(seed.objects), "Pod"))
    log = runtime.read_log("team-nlp", "sft-mistral-worker-0", "pytorch")
    assert log is not None
    text = b"\n".join(line.text for line in log.lines)
    assert b"DistBackendError" in text
    assert b"step" in text
    assert runtime.read_log("team-recsys", "dlrm-embeddings-master-0", "pytorch", previous=True) is not None


def test_scenarios_are_found_by_name() -> None:
    assert {"default", "quiet", "empty", "denied", "busy"} == set(scenarios.names())
    assert scenarios.find("quiet").now == NOW
    assert not scenarios.find("quiet").simulated
    assert scenarios.find("denied").token in scenarios.find("denied").token_users
    assert {each["kind"] for each in scenarios.find("empty").seed(NOW).objects} >= {"Node"}
    with pytest.raises(UsageError, match="Did you mean quiet"):
        scenarios.find("quiett")


# life


def test_submitted_jobs_are_valid_and_the_same_for_the_same_seed() -> None:
    for number in range(40):
        kind, manifest = life.next_job(Random(number), number)
        assert life.next_job(Random(number), number) == (kind, manifest)
        plan = training.decide(BY_KIND[kind], with_uid(manifest), (), (), {}, NOW)
        assert plan.create
        assert len(manifest["metadata"]["name"]) < 40


def with_uid(manifest: Object) -> Object:
    return {**manifest, "metadata": {**manifest["metadata"], "uid": "u"}}


def test_only_finished_jobs_beyond_the_kept_ones_are_cleared_away() -> None:
    def finished(number: int) -> Object:
        status = {
            "completionTime": f"2026-11-23T03:{number:02}:00Z",
            "conditions": [{"type": "Succeeded", "status": "True"}],
        }
        return {"metadata": {"name": f"j{number}"}, "status": status}

    ours = [{"metadata": {"name": "running"}}, *(finished(number) for number in range(life.KEPT + 2))]
    assert [each["metadata"]["name"] for each in life.surplus(ours)] == ["j0", "j1"]


def test_victims_are_replicas_whose_job_survives(world: list[Object]) -> None:
    pod = life.victim(of(world, "Pod"), Random(1))
    assert pod is not None
    assert pod["metadata"]["name"].startswith(("resnet-elastic-worker", "two-tower-v7-worker"))
    assert life.victim([], Random(1)) is None


def test_a_still_world_shows_what_its_gpus_do() -> None:
    seed = default_seed(NOW)
    store = Store(lambda: NOW)
    store.load_shipped_crds()
    gpus, runtime = GpuFleet(lambda: NOW), Runtime(store)
    plant(seed, store, Schemas.of(store), runtime)
    stand_still(seed.objects, runtime, gpus, NOW)

    def shown(metric: str, at: float = NOW) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        for labels, value in gpus.series(metric, at, at):
            figure = value(at)
            if figure is not None and labels.get("pod"):
                found.setdefault(labels["pod"], []).append(figure)
        return found

    util, tensor = shown("DCGM_FI_DEV_GPU_UTIL"), shown("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE")
    assert len(util["llama-70b-pretrain-worker-0"]) == 8
    assert min(util["llama-70b-pretrain-worker-0"]) > max(util["llama-70b-pretrain-worker-2"])  # the straggler
    assert (set(util["vit-22b-master-0"]), set(tensor["vit-22b-master-0"])) == ({100}, {0})  # waits busily
    assert set(util["vit-22b-worker-0"]) == {0}  # hangs
    assert min(shown("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", NOW - 3600)["vit-22b-master-0"]) > 0.1
    log = runtime.read_log("team-nlp", "llama-70b-pretrain-master-0", "pytorch")
    assert log is not None
    assert len(log.lines) > 50
    assert max(line.at for line in log.lines) <= NOW
    hung = runtime.read_log("team-vision", "vit-22b-worker-0", "pytorch")
    assert hung is not None
    assert NOW - 1900 < max(line.at for line in hung.lines) < NOW - 1800
