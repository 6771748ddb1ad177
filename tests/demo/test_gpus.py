"""Which pod holds which GPU, and that the figures belong together at any time."""

from __future__ import annotations

from typing import Any

import pytest

from console.demo.gangs import Gang, gang_of, gang_size
from console.demo.gpu_devices import devices_of
from console.demo.gpu_figures import MODELS, Mode, Use, figures, hashed, wave
from console.demo.gpus import GpuFleet
from console.demo.nvidia_smi import cards, nvidia_smi

Object = dict[str, Any]
T0 = 1_800_000_000.0
H100 = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3", "nvidia.com/gpu.memory": "81559"}


def node(name: str = "n1", gpus: int = 8, **more: Any) -> Object:
    capacity = more.pop("capacity", {"nvidia.com/gpu": str(gpus)})
    return {
        "metadata": {"name": name, "labels": H100 | more.pop("labels", {}), "annotations": more.pop("annotations", {})},
        "status": {"capacity": capacity, "allocatable": more.pop("allocatable", capacity)},
    }


def pod(
    name: str, gpus: int = 1, *, on: str = "n1", resource: str = "nvidia.com/gpu", job: str = "", size: int = 0
) -> Object:
    labels = {"training.kubeflow.org/job-name": job} if job else {}
    env = [{"name": "PET_NNODES", "value": str(size)}] if size else []
    container = {"name": "main", "resources": {"limits": {resource: str(gpus)}}, "env": env}
    metadata = {"name": name, "namespace": "team", "uid": f"uid-{name}", "labels": labels}
    return {"metadata": metadata, "spec": {"nodeName": on, "containers": [container]}}


def fleet(*nodes: Object) -> GpuFleet:
    made = GpuFleet(lambda: T0, seed=7)
    for each in nodes or (node(),):
        made.set_node(each)
    return made


def run(gpus: GpuFleet, one: Object, at: float = T0, *, profile: str = "training", mode: Mode = Mode.RUNNING) -> None:
    assert gpus.admit(one, {"main": profile}) == ""
    gang = gpus.gang(one)
    if gang is not None:
        gang.set_member(one["metadata"]["uid"], mode, at)
    gpus.do(one["metadata"]["uid"], "main", mode, at)


def values(gpus: GpuFleet, name: str, t: float) -> dict[str, float]:
    """Pod name (or `gpu<index>`) to value."""
    found = {}
    for labels, value in gpus.series(name, t, t):
        now = value(t)
        if now is not None:
            found[labels.get("pod", f"gpu{labels['gpu']}")] = now
    return found


def test_hashes_and_waves_stay_between_zero_and_one_and_repeat() -> None:
    drawn = [hashed(5, number) for number in range(2000)]
    assert all(0 <= each < 1 for each in drawn)
    assert 0.45 < sum(drawn) / len(drawn) < 0.55
    assert all(0 <= wave(3, T0 + step, 20) < 1 for step in range(100))
    assert wave(3, T0, 20) == wave(3, T0, 20)


def test_devices_keep_their_identity_whenever_they_are_asked_for() -> None:
    first, again = devices_of(node(), 1), devices_of(node(), 1)
    assert [device.uuid for device in first] == [device.uuid for device in again]
    assert len({device.uuid for device in first}) == 8
    assert first[3].labels()["device"] == "nvidia3"
    assert first[0].model.name == "NVIDIA H100 80GB HBM3"
    assert devices_of(node(), 2)[0].uuid != first[0].uuid


def test_a_pod_gets_devices_of_its_node_and_gives_them_back() -> None:
    gpus = fleet()
    run(gpus, pod("a", 6))
    assert "Requested: 4, Available: 2" in gpus.admit(pod("b", 4), {})
    gpus.release("uid-a", T0 + 10)
    assert gpus.admit(pod("b", 4), {}) == ""
    assert [device.index for device in gpus.devices("uid-b")] == [0, 1, 2, 3]


def test_admitting_twice_changes_nothing() -> None:
    gpus = fleet()
    run(gpus, pod("a", 2))
    assert gpus.admit(pod("a", 2), {}) == ""
    assert len(gpus.devices("uid-a")) == 2


def test_pod_labels_are_there_only_while_the_pod_holds_the_gpu_and_the_gpu_is_idle_outside() -> None:
    gpus = fleet(node(gpus=1))
    run(gpus, pod("a"), T0)
    gpus.release("uid-a", T0 + 600)
    assert values(gpus, "DCGM_FI_DEV_GPU_UTIL", T0 - 60) == {"gpu0": 0}
    assert values(gpus, "DCGM_FI_DEV_GPU_UTIL", T0 + 120)["a"] > 90
    assert values(gpus, "DCGM_FI_DEV_GPU_UTIL", T0 + 605) == {"gpu0": 0}
    spans = [labels.get("pod") for labels, _ in gpus.series("DCGM_FI_DEV_GPU_UTIL", T0 - 60, T0 + 700)]
    assert spans == ["a", None]


def test_the_same_moment_always_shows_the_same_and_time_changes_it() -> None:
    gpus = fleet(node(gpus=1))
    run(gpus, pod("a"))
    shown = [values(gpus, "DCGM_FI_DEV_POWER_USAGE", T0 + t)["a"] for t in range(100, 160, 5)]
    assert shown == [values(gpus, "DCGM_FI_DEV_POWER_USAGE", T0 + t)["a"] for t in range(100, 160, 5)]
    assert len(set(shown)) > 6


def test_memory_adds_up_and_engine_is_a_ratio() -> None:
    gpus = fleet(node(gpus=1))
    run(gpus, pod("a"))
    t = T0 + 200
    parts = [values(gpus, f"DCGM_FI_DEV_FB_{part}", t)["a"] for part in ("USED", "FREE", "RESERVED")]
    assert sum(parts) == pytest.approx(81559, abs=2)
    assert 0.9 < values(gpus, "DCGM_FI_PROF_GR_ENGINE_ACTIVE", t)["a"] <= 1


def test_when_one_replica_dies_its_gpu_idles_and_its_peers_spin_until_it_is_back() -> None:
    gpus = fleet(node("n1"), node("n2"))
    one, two = pod("w-0", 1, job="j", size=2), pod("w-1", 1, on="n2", job="j", size=2)
    run(gpus, one, T0)
    run(gpus, two, T0 + 5)
    gang = gpus.gang(one)
    assert gang is not None
    assert values(gpus, "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", T0 + 90)["w-0"] > 0.3

    gpus.do("uid-w-1", "main", Mode.IDLE, T0 + 100)
    gang.set_member("uid-w-1", Mode.WAITING, T0 + 100)
    util, tensor, power = (
        values(gpus, name, T0 + 130)
        for name in ("DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "DCGM_FI_DEV_POWER_USAGE")
    )
    assert (util["w-0"], util["w-1"]) == (100, 0)
    assert (tensor["w-0"], tensor["w-1"]) == (0, 0)
    assert power["w-1"] < 100 < power["w-0"] < 250

    gpus.do("uid-w-1", "main", Mode.RUNNING, T0 + 200)
    gang.set_member("uid-w-1", Mode.RUNNING, T0 + 200)
    tensor = values(gpus, "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", T0 + 300)
    assert min(tensor["w-0"], tensor["w-1"]) > 0.3
    assert values(gpus, "DCGM_FI_DEV_GPU_UTIL", T0 + 130) == util  # the past stays as it was


def test_training_waits_until_every_replica_runs_and_goes_back_to_a_checkpoint() -> None:
    gang = Gang(seed=1, size=2)
    gang.set_member("a", Mode.RUNNING, 100)
    assert gang.at(150).mode is Mode.WAITING
    gang.set_member("b", Mode.RUNNING, 200)
    assert gang.progress(1200) == 1000
    gang.set_member("b", Mode.HUNG, 1200)
    assert gang.at(1300).mode is Mode.SPINNING
    assert gang.progress(2000) == 1000
    gang.set_member("b", Mode.RUNNING, 2000)
    assert 0 < gang.progress(2000) < 1000
    assert gang.at(2001).resumed


def test_a_replica_that_dies_while_it_loads_does_not_run_afterwards() -> None:
    gang = Gang(seed=3, size=1)
    gang.set_member("a", Mode.WAITING, 10)
    gang.set_member("a", Mode.RUNNING, 40)
    gang.set_member("a", Mode.WAITING, 20)
    assert gang.at(60).mode is Mode.WAITING


def test_a_gang_may_be_told_of_its_replicas_in_any_order() -> None:
    told = [
        ("a", Mode.RUNNING, 10.0),
        ("b", Mode.RUNNING, 12.0),
        ("b", Mode.WAITING, 400.0),
        ("b", Mode.RUNNING, 500.0),
    ]
    orders = [told, told[1:] + told[:1], [told[1], told[0], *told[2:]]]
    gangs = [Gang(seed=3, size=2) for _ in orders]
    for gang, order in zip(gangs, orders, strict=True):
        for member, mode, at in order:
            gang.set_member(member, mode, at)
    for t in (5.0, 11.0, 300.0, 450.0, 501.0, 900.0):
        assert len({(gang.at(t).mode, gang.progress(t)) for gang in gangs}) == 1
    assert gangs[0].at(450.0).mode is Mode.SPINNING


def test_a_long_crash_loop_keeps_its_progress_within_bounds() -> None:
    gang = Gang(seed=3, size=2)
    gang.set_member("a", Mode.RUNNING, 0)
    gang.set_member("b", Mode.RUNNING, 0)
    for number in range(1, 1200):
        gang.set_member("b", Mode.WAITING if number % 2 else Mode.RUNNING, number * 1000.0)
    assert 0 < gang.progress(1_199_500.0) < 1_200_000
    assert gang.at(1_199_500.0).mode is Mode.SPINNING


def test_a_replica_that_finished_is_not_missed_and_an_elastic_job_does_without() -> None:
    gang = Gang(seed=1, size=2)
    for member in "ab":
        gang.set_member(member, Mode.RUNNING, 0)
    gang.remove("a", 50, finished=True)
    assert gang.at(60).mode is Mode.RUNNING
    elastic = Gang(seed=1, size=1, elastic=True)
    for member in "ab":
        elastic.set_member(member, Mode.RUNNING, 0)
    elastic.remove("b", 50, finished=False)
    assert elastic.at(60).mode is Mode.RUNNING


def test_the_size_of_a_gang_is_read_from_the_environment() -> None:
    assert gang_size(pod("a", size=4)) == (4, False)
    elastic = pod("a", job="j")
    elastic["spec"]["containers"][0]["env"] = [{"name": "PET_NNODES", "value": "1:4"}]
    assert gang_size(elastic) == (1, True)
    assert gang_of(elastic) == "team/j/"
    assert gang_of(pod("b")) == ""


@pytest.mark.parametrize("profile", ["straggler", "input-bound"])
def test_slow_profiles_stay_below_a_healthy_replica(profile: str) -> None:
    model, t = MODELS["NVIDIA-H100-80GB-HBM3"], T0 + 1000
    slow = figures(model, [Use(Mode.RUNNING, profile, 9, 100, T0)], 4, t)
    healthy = figures(model, [Use(Mode.RUNNING, "training", 9, 100, T0)], 4, t)
    assert slow.util < healthy.util
    assert slow.tensor < healthy.tensor
    assert slow.power < healthy.power


def test_checkpoints_are_dips() -> None:
    model = MODELS["NVIDIA-H100-80GB-HBM3"]
    utils = [figures(model, [Use(Mode.RUNNING, "training", 9, p, T0)], 4, T0 + p).util for p in range(0, 1200, 5)]
    assert min(utils[30:]) < 25
    assert sum(each > 90 for each in utils) > 200


def test_a_notebook_is_idle_most_of_the_time() -> None:
    model = MODELS["NVIDIA-H100-80GB-HBM3"]
    utils = [figures(model, [Use(Mode.RUNNING, "notebook", 3, p, T0)], 4, T0 + p).util for p in range(0, 36000, 60)]
    assert sum(each == 0 for each in utils) > len(utils) * 0.7


def test_a_gpu_missing_from_allocatable_reports_xid_79_and_nothing_else_and_is_not_given_out() -> None:
    gpus = fleet(node(gpus=8, allocatable={"nvidia.com/gpu": "7"}))
    xids = values(gpus, "DCGM_FI_DEV_XID_ERRORS", T0)
    assert sorted(xids.values()) == [0] * 7 + [79]
    assert len(values(gpus, "DCGM_FI_DEV_GPU_TEMP", T0)) == 7
    assert "Available: 7" in gpus.admit(pod("a", 8), {})


def test_a_fault_annotation_says_which_gpu_broke_and_when() -> None:
    annotation = {"demo.kfconsole.dev/gpu-faults": '{"2":{"xid":94,"since":1800000100,"ecc_dbe":3}}'}
    gpus = fleet(node(annotations=annotation))
    assert values(gpus, "DCGM_FI_DEV_XID_ERRORS", T0)["gpu2"] == 0
    assert values(gpus, "DCGM_FI_DEV_XID_ERRORS", T0 + 200)["gpu2"] == 94
    assert values(gpus, "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", T0 + 200)["gpu2"] == 3
    assert "gpu2" in values(gpus, "DCGM_FI_DEV_GPU_TEMP", T0 + 200)


def test_mig_instances_have_their_own_series_without_utilisation() -> None:
    capacity = {"nvidia.com/mig-1g.10gb": "7", "nvidia.com/mig-3g.40gb": "2"}
    gpus = fleet(node(capacity=capacity, labels={"nvidia.com/gpu.count": "2"}))
    run(gpus, pod("a", 1, resource="nvidia.com/mig-1g.10gb"))
    assert not list(gpus.series("DCGM_FI_DEV_GPU_UTIL", T0, T0))
    labels = [labels for labels, _ in gpus.series("DCGM_FI_PROF_GR_ENGINE_ACTIVE", T0, T0)]
    assert len(labels) == 9
    assert {each["GPU_I_PROFILE"] for each in labels} == {"1g.10gb", "3g.40gb"}
    t = T0 + 100
    used, free = (values(gpus, f"DCGM_FI_DEV_FB_{part}", t)["a"] for part in ("USED", "FREE"))
    assert 8000 < used + free < 10500


def test_time_slicing_lets_pods_share_a_gpu_and_adds_their_use() -> None:
    labels = {"nvidia.com/gpu.replicas": "4", "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3-SHARED"}
    gpus = fleet(node(gpus=4, labels=labels))
    for name in "abcd":
        run(gpus, pod(name), profile="input-bound")
    assert {device.uuid for name in "abcd" for device in gpus.devices(f"uid-{name}")} == {gpus.devices("uid-a")[0].uuid}
    assert gpus.admit(pod("e"), {}) != ""
    shown = values(gpus, "DCGM_FI_DEV_GPU_UTIL", T0 + 100)
    assert set(shown.values()) == {100}
    assert set(shown) == set("abcd")


def test_a_changed_node_keeps_its_tenants() -> None:
    gpus = fleet()
    run(gpus, pod("a", 2))
    gpus.set_node(node(annotations={"x": "y"}))
    assert values(gpus, "DCGM_FI_DEV_GPU_UTIL", T0 + 100)["a"] > 90


def smi(*arguments: str) -> tuple[str, int]:
    gpus = fleet()
    run(gpus, pod("a", 2))
    t = T0 + 300
    return nvidia_smi(arguments, cards(gpus, "uid-a", t), t)


def test_nvidia_smi_answers_queries_as_csv() -> None:
    text, code = smi("--query-gpu=index,uuid,utilization.gpu,memory.used,memory.total", "--format=csv,noheader,nounits")
    rows = [line.split(", ") for line in text.splitlines()]
    assert code == 0
    assert [row[0] for row in rows] == ["0", "1"]
    assert all(90 <= int(row[2]) <= 100 and abs(int(row[4]) - 81559) < 3 for row in rows)
    headed, _ = smi("--query-gpu=name,memory.used", "--format=csv")
    assert headed.splitlines()[0] == "name, memory.used [MiB]"
    assert headed.splitlines()[1].endswith(" MiB")
    apps, _ = smi("--query-compute-apps=pid,used_memory", "--format=csv,noheader")
    assert len(apps.splitlines()) == 2


def test_nvidia_smi_refuses_unknown_fields_and_missing_devices() -> None:
    assert smi("--query-gpu=nonsense", "--format=csv") == ('Field "nonsense" is not a valid field to query.\n\n', 2)
    assert nvidia_smi((), [], T0) == ("No devices were found\n", 6)


def test_nvidia_smi_draws_its_table_with_straight_edges() -> None:
    text, code = smi()
    assert code == 0
    widths = {len(line) for line in text.splitlines()[1:] if line}
    assert widths == {91}
    assert text.count("81559MiB") == 2
