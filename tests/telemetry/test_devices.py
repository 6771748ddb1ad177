"""DCGM series as GPUs, in every form they come in."""

from __future__ import annotations

from console.telemetry.devices import (
    ENGINE,
    EXPORTED,
    FREE,
    OLD,
    PLAIN,
    REMAP_FAILURE,
    RESERVED,
    USED,
    UTIL,
    XID,
    by_pod,
    devices,
    form_of,
)
from console.telemetry.exposition import Sample
from console.telemetry.nodes import by_node, xid_meaning


def sample(name: str, value: float, **labels: str) -> Sample:
    return Sample(name, {"Hostname": "n1", "gpu": "0", "UUID": "GPU-0", **labels}, value)


HELD = {"namespace": "team-a", "pod": "w-0"}


def test_figures_of_one_gpu_come_together() -> None:
    found = devices(
        [
            sample(UTIL, 93, **HELD),
            sample(USED, 60000, **HELD),
            sample(FREE, 20000, **HELD),
            sample(RESERVED, 1920, **HELD),
            sample(XID, 0, **HELD),
        ]
    )
    assert len(found) == 1
    gpu = by_pod(found, ["team-a/w-0"])["team-a/w-0"].gpus[0]
    assert (gpu.util, gpu.memory_used, gpu.memory_total, gpu.xid) == (93, 60000, 81920, 0)
    assert (gpu.tensor, gpu.power, gpu.shared) == (None, None, "")


def test_a_gpu_without_utilisation_is_blank_and_never_zero() -> None:
    gpu = devices([sample(USED, 5, **HELD)])[0].sample
    assert gpu.util is None
    assert gpu.memory_total is None


def test_a_mig_slice_takes_its_engine_activity_and_is_marked() -> None:
    slice_ = {**HELD, "GPU_I_PROFILE": "1g.10gb", "GPU_I_ID": "7"}
    gpu = devices([sample(UTIL, 0, **slice_), sample(ENGINE, 0.5, **slice_)])[0].sample
    assert (gpu.util, gpu.shared, gpu.index) == (50.0, "MIG 1g.10gb", "0:7")
    assert devices([sample(UTIL, 0, **slice_)])[0].sample.util is None


def test_slices_of_one_gpu_are_devices_of_their_own() -> None:
    found = devices(
        [sample(ENGINE, 0.1, **HELD, GPU_I_ID="1"), sample(ENGINE, 0.2, namespace="b", pod="x", GPU_I_ID="2")]
    )
    assert [device.holders for device in found] == [("team-a/w-0",), ("b/x",)]


def test_engine_activity_stands_in_where_utilisation_is_absent() -> None:
    assert devices([sample(ENGINE, 0.25, **HELD)])[0].sample.util == 25.0


def test_exported_labels_win_over_the_exporters_own() -> None:
    own = {"namespace": "gpu-operator", "pod": "nvidia-dcgm-exporter-x"}
    samples = [
        sample(UTIL, 9, **own, exported_namespace="team-a", exported_pod="w-0"),
        sample(UTIL, 1, **{**own, "gpu": "1", "UUID": "GPU-1"}),
    ]
    assert form_of(samples) == EXPORTED
    assert [device.holders for device in devices(samples)] == [("team-a/w-0",), ()]


def test_plain_and_old_labels() -> None:
    assert form_of([sample(UTIL, 1, **HELD)]) == PLAIN
    old = sample(UTIL, 1, pod_namespace="team-a", pod_name="w-0", namespace="x", pod="dcgm-exporter-1")
    assert form_of([old]) == OLD
    assert devices([old])[0].holders == ("team-a/w-0",)
    idle = sample(UTIL, 1, namespace="x", pod="dcgm-exporter-1")
    assert devices([idle])[0].holders == ()


def test_hostname_in_its_newer_spelling() -> None:
    assert devices([Sample(UTIL, {"hostname": "n9", "gpu": "0", "UUID": "u"}, 1)])[0].sample.node == "n9"


def test_time_slicing_is_marked_by_holders_or_by_what_prometheus_counted() -> None:
    both = [sample(UTIL, 50, **HELD), sample(UTIL, 50, namespace="b", pod="x")]
    assert devices(both)[0].sample.shared == "time-sliced"
    assert devices([sample(UTIL, 50, **HELD)], shared=[("GPU-0", "")])[0].sample.shared == "time-sliced"


def test_several_gpus_of_one_pod() -> None:
    found = devices([sample(UTIL, 10 * n, **HELD, gpu=str(n), UUID=f"GPU-{n}") for n in range(4)])
    gpus = by_pod(found, ["team-a/w-0"])["team-a/w-0"]
    assert [gpu.index for gpu in gpus.gpus] == ["0", "1", "2", "3"]
    assert gpus.util == 15.0
    assert by_pod(found, ["team-a/other"]) == {}


def test_troubles_of_a_node_the_worst_first() -> None:
    found = devices(
        [
            sample(XID, 31, **HELD),
            sample(XID, 79, gpu="1", UUID="GPU-1"),
            sample(REMAP_FAILURE, 1, gpu="2", UUID="GPU-2"),
            sample(XID, 0, gpu="3", UUID="GPU-3"),
        ]
    )
    node = by_node(found)["n1"]
    assert [(trouble.gpu, trouble.unusable) for trouble in node.troubles] == [("1", True), ("2", True), ("0", False)]
    assert node.idle == 3
    assert xid_meaning(79) == "XID 79: GPU fell off the bus"
    assert xid_meaning(999) == "XID 999"
