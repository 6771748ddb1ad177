"""DCGM metric names and labels to figures, whichever exporter version or scrape configuration wrote them.

Names and labels are those of dcgm-exporter's etc/default-counters.csv and its kubernetes pod mapper.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from console.telemetry.figures import GpuSample, PodGpus

UTIL = "DCGM_FI_DEV_GPU_UTIL"
ENGINE = "DCGM_FI_PROF_GR_ENGINE_ACTIVE"
NAMES = (
    UTIL,
    ENGINE,
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
    "DCGM_FI_DEV_FB_USED",
    "DCGM_FI_DEV_FB_FREE",
    "DCGM_FI_DEV_FB_RESERVED",
    "DCGM_FI_DEV_POWER_USAGE",
    "DCGM_FI_DEV_GPU_TEMP",
    "DCGM_FI_DEV_XID_ERRORS",
)
BLANK = 2.0**62  # DCGM writes values near 2^63 for what a GPU does not support


@dataclass(frozen=True, slots=True)
class Metric:
    """One sample of one series."""

    name: str
    labels: Mapping[str, str]
    value: float


def pod_of(labels: Mapping[str, str]) -> str:
    """`namespace/pod` of the pod that holds the GPU; "" where the series names none.

    Under Prometheus' `honor_labels: false` the plain labels name the exporter's own pod and the exported ones ours.
    """
    for namespace, pod in (
        ("exported_namespace", "exported_pod"),
        ("namespace", "pod"),
        ("pod_namespace", "pod_name"),
    ):
        name = labels.get(pod, "")
        if name and "dcgm-exporter" not in name:
            return f"{labels.get(namespace, '')}/{name}"
    return ""


def gpus_by_pod(metrics: Iterable[Metric]) -> dict[str, PodGpus]:
    """The GPUs of every pod that the series name; a figure nobody exports stays None."""
    found: dict[str, dict[tuple[str, ...], dict[str, Metric]]] = {}
    holders: dict[tuple[str, ...], set[str]] = {}
    for metric in metrics:
        pod = pod_of(metric.labels)
        if not pod or metric.value >= BLANK or metric.value != metric.value:  # the last: NaN
            continue
        device = _device(metric.labels)
        found.setdefault(pod, {}).setdefault(device, {})[metric.name] = metric
        holders.setdefault(device, set()).add(pod)
    return {
        pod: PodGpus(tuple(_sample(devices[device], len(holders[device])) for device in sorted(devices, key=_order)))
        for pod, devices in found.items()
    }


def _device(labels: Mapping[str, str]) -> tuple[str, ...]:
    node = labels.get("Hostname") or labels.get("hostname", "")
    return node, labels.get("gpu", ""), labels.get("GPU_I_ID", ""), labels.get("UUID", "")


def _order(device: tuple[str, ...]) -> tuple[str, int, str, str]:
    node, index, instance, uuid = device
    return node, int(index) if index.isdecimal() else -1, instance, uuid


def _sample(metrics: Mapping[str, Metric], holders: int) -> GpuSample:
    labels = next(iter(metrics.values())).labels
    profile = labels.get("GPU_I_PROFILE", "")

    def value(name: str) -> float | None:
        found = metrics.get(name)
        return found.value if found is not None else None

    engine = value(ENGINE)
    util = value(UTIL)
    if profile or util is None:  # GPU_UTIL is absent or a meaningless 0 on MIG
        util = 100 * engine if engine is not None else None if profile else util
    used, free = value("DCGM_FI_DEV_FB_USED"), value("DCGM_FI_DEV_FB_FREE")
    xid = value("DCGM_FI_DEV_XID_ERRORS")
    return GpuSample(
        index=labels.get("gpu", ""),
        uuid=labels.get("UUID", ""),
        model=labels.get("modelName", ""),
        node=labels.get("Hostname") or labels.get("hostname", ""),
        util=util,
        tensor=value("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE"),
        memory_used=used,
        memory_total=used + free + (value("DCGM_FI_DEV_FB_RESERVED") or 0.0)
        if used is not None and free is not None
        else None,
        power=value("DCGM_FI_DEV_POWER_USAGE"),
        temperature=value("DCGM_FI_DEV_GPU_TEMP"),
        xid=int(xid) if xid is not None else None,
        shared=f"MIG {profile}" if profile else "time-sliced" if holders > 1 else "",
    )


def only(pods: Mapping[str, PodGpus], wanted: Iterable[str]) -> dict[str, PodGpus]:
    """The pods asked for, of those that were found."""
    return {key: pods[key] for key in wanted if key in pods}
