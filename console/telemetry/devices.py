"""DCGM series as GPUs: by pod and by node, with shared GPUs marked. Pure; used for Prometheus and for exporters alike.

Metric and label names are those of dcgm-exporter; variations are its versions and Prometheus' `honor_labels`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from console.telemetry.exposition import Sample
from console.telemetry.figures import GpuSample, PodGpus

UTIL = "DCGM_FI_DEV_GPU_UTIL"
ENGINE = "DCGM_FI_PROF_GR_ENGINE_ACTIVE"  # ratio; the only utilisation that works on a MIG slice
TENSOR = "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE"
USED = "DCGM_FI_DEV_FB_USED"  # MiB
FREE = "DCGM_FI_DEV_FB_FREE"
RESERVED = "DCGM_FI_DEV_FB_RESERVED"
POWER = "DCGM_FI_DEV_POWER_USAGE"
TEMPERATURE = "DCGM_FI_DEV_GPU_TEMP"
XID = "DCGM_FI_DEV_XID_ERRORS"  # the code of the last one, not a count
REMAP_FAILURE = "DCGM_FI_DEV_ROW_REMAP_FAILURE"
DOUBLE_BIT = "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL"

FIGURES = (UTIL, ENGINE, TENSOR, USED, FREE, RESERVED, POWER, TEMPERATURE, XID)
HEALTH = (REMAP_FAILURE, DOUBLE_BIT)

_EXPORTER = re.compile(r"dcgm-exporter")


@dataclass(frozen=True, slots=True)
class LabelForm:
    """The labels that name the pod which holds a GPU."""

    namespace: str
    pod: str


PLAIN = LabelForm("namespace", "pod")
EXPORTED = LabelForm("exported_namespace", "exported_pod")  # scraped with honor_labels: false
OLD = LabelForm("pod_namespace", "pod_name")
FORMS = (EXPORTED, PLAIN, OLD)


def form_of(samples: Iterable[Sample]) -> LabelForm:
    """Which labels name the holder. With `exported_pod` anywhere, plain `pod` is the exporter itself."""
    plain = old = False
    for sample in samples:
        if "exported_pod" in sample.labels:
            return EXPORTED
        old = old or "pod_name" in sample.labels
        pod = sample.labels.get("pod", "")
        plain = plain or bool(pod and not _EXPORTER.search(pod))
    return OLD if old and not plain else PLAIN


@dataclass(frozen=True, slots=True)
class Device:
    """One GPU or MIG slice, who holds it, and what is known to be wrong with it."""

    sample: GpuSample
    holders: tuple[str, ...]  # pods, `namespace/name`
    remap_failed: bool = False
    double_bit: int = 0  # uncorrectable ECC errors since the driver started


def devices(samples: Iterable[Sample], *, shared: Iterable[tuple[str, str]] = ()) -> list[Device]:
    """Samples put together by device. `shared` are (UUID, GPU instance) known to be held by several pods."""
    samples = list(samples)
    form = form_of(samples)
    values: dict[tuple[str, str, str], dict[str, float]] = defaultdict(dict)
    labels: dict[tuple[str, str, str], Mapping[str, str]] = {}
    holders: dict[tuple[str, str, str], dict[str, None]] = defaultdict(dict)
    for sample in samples:
        own = sample.labels
        node = own.get("Hostname") or own.get("hostname") or ""
        key = (node, own.get("UUID") or own.get("uuid") or own.get("gpu", ""), own.get("GPU_I_ID", ""))
        values[key][sample.name] = sample.value
        labels.setdefault(key, own)
        pod, namespace = own.get(form.pod, ""), own.get(form.namespace, "")
        if pod and namespace and not (form is PLAIN and _EXPORTER.search(pod)):
            holders[key][f"{namespace}/{pod}"] = None
    several = set(shared)
    return [
        _device(key, values[key], labels[key], tuple(holders[key]), sliced=(key[1], key[2]) in several)
        for key in sorted(values)
    ]


def _device(
    key: tuple[str, str, str],
    values: Mapping[str, float],
    labels: Mapping[str, str],
    holders: tuple[str, ...],
    *,
    sliced: bool,
) -> Device:
    node, uuid, instance = key
    profile = labels.get("GPU_I_PROFILE", "")
    util = values.get(UTIL)
    engine = values.get(ENGINE)
    if engine is not None and (util is None or profile):
        util = 100.0 * engine
    elif profile:
        util = None  # a slice's own GPU_UTIL is absent, or a 0 that means nothing
    used, free = values.get(USED), values.get(FREE)
    memory = used + free + values.get(RESERVED, 0.0) if used is not None and free is not None else None
    shared = f"MIG {profile}" if profile else "time-sliced" if sliced or len(holders) > 1 else ""
    xid = values.get(XID)
    sample = GpuSample(
        index=labels.get("gpu", "") + (f":{instance}" if instance else ""),
        uuid=uuid,
        model=labels.get("modelName", ""),
        node=node,
        util=util,
        tensor=values.get(TENSOR),
        memory_used=used,
        memory_total=memory,
        power=values.get(POWER),
        temperature=values.get(TEMPERATURE),
        xid=int(xid) if xid is not None else None,
        shared=shared,
    )
    return Device(sample, holders, bool(values.get(REMAP_FAILURE)), int(values.get(DOUBLE_BIT, 0.0)))


def by_pod(found: Iterable[Device], keys: Iterable[str]) -> dict[str, PodGpus]:
    """The GPUs of each asked pod that has some."""
    wanted = set(keys)
    held: dict[str, list[GpuSample]] = defaultdict(list)
    for device in found:
        for holder in device.holders:
            if holder in wanted:
                held[holder].append(device.sample)
    return {key: PodGpus(tuple(gpus)) for key, gpus in held.items()}
