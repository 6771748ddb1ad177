"""The GPUs of a node as its labels and resources describe them (pure)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from zlib import crc32

import msgspec

from console.demo.client import Object
from console.demo.gpu_figures import Model, model_of
from console.demo.needs import amount

GPU = "nvidia.com/gpu"
SHARED = "nvidia.com/gpu.shared"
MIG = "nvidia.com/mig-"
FAULTS = "demo.kfconsole.dev/gpu-faults"  # node annotation: {"3": {"xid": 79, "since": 1700000000}}
FATAL_XIDS = frozenset({48, 62, 64, 74, 79, 95, 119, 120})  # the GPU leaves the node's allocatable
_SLICES = 7  # compute slices of a GPU that can be split


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with a GPU: `since` in seconds since 1970, 0 for always; the counts are of events and rows."""

    xid: int = 0
    since: float = 0.0
    ecc_sbe: int = 0
    ecc_dbe: int = 0
    remapped: int = 0
    row_remap_failure: int = 0


@dataclass(slots=True)
class Device:
    """A GPU, or one MIG instance of it. `index` counts GPUs of the node; `slots` is how many pods share it."""

    node: str
    index: int
    uuid: str
    model: Model
    resource: str
    seed: int
    profile: str = ""  # of the MIG instance, such as "1g.10gb"
    instance: int = 0  # GPU_I_ID
    part: float = 1.0
    slots: int = 1
    fault: Fault = field(default_factory=Fault)

    @property
    def identity(self) -> tuple[int, int]:
        """GPU and instance: what stays the same while the node's description changes."""
        return self.index, self.instance

    def healthy(self, t: float) -> bool:
        """Whether the device plugin offers it."""
        return not (self.fault.xid in FATAL_XIDS and t >= self.fault.since)

    def labels(self) -> dict[str, str]:
        """The labels of dcgm-exporter without those of a pod."""
        labels = {
            "gpu": str(self.index),
            "UUID": self.uuid,
            "pci_bus_id": f"00000000:{_BUSES[self.index % len(_BUSES)]}:00.0",
            "device": f"nvidia{self.index}",
            "modelName": self.model.name,
            "Hostname": self.node,
            "DCGM_FI_DRIVER_VERSION": DRIVER,
        }
        return labels | ({"GPU_I_PROFILE": self.profile, "GPU_I_ID": str(self.instance)} if self.profile else {})


DRIVER = "570.124.06"
CUDA = "12.8"
_BUSES = ("1A", "3B", "4C", "5D", "9B", "BB", "CC", "DB", "1E", "3E", "4E", "5E", "9E", "BE", "CE", "DE")


def seed_of(*words: object) -> int:
    """A stable 32-bit seed of some words."""
    return crc32("/".join(map(str, words)).encode())


def devices_of(node: Object, seed: int) -> list[Device]:
    """Every GPU of the node, MIG instances one by one; empty for a node without GPUs."""
    metadata, status = node["metadata"], node.get("status") or {}
    name, labels = metadata["name"], metadata.get("labels") or {}
    capacity: Mapping[str, str] = status.get("capacity") or status.get("allocatable") or {}
    memory = _number(labels.get("nvidia.com/gpu.memory"))
    model = model_of(labels.get("nvidia.com/gpu.product", ""), memory)
    faults = _faults(node)
    devices: list[Device] = []
    for index, resource, profile, instance, slots in _layout(capacity, labels):
        identity = f"{seed}/{name}/{index}"
        part = 1.0
        if profile:
            part = min(1.0, _number(profile.rpartition(".")[2].removesuffix("gb")) * 1024 / model.memory)
        devices.append(
            Device(
                node=name,
                index=index,
                uuid=f"GPU-{uuid.uuid5(uuid.NAMESPACE_OID, identity)}",
                model=model,
                resource=resource,
                seed=seed_of(identity, instance),
                profile=profile,
                instance=instance,
                part=part,
                slots=slots,
                fault=faults.get(index, Fault()),
            )
        )
    _lose_the_missing(devices, capacity, status.get("allocatable") or {})
    return devices


def _layout(capacity: Mapping[str, str], labels: Mapping[str, str]) -> Iterable[tuple[int, str, str, int, int]]:
    """(GPU index, resource, MIG profile, instance id, pods that may share it) of each device."""
    replicas = max(1, _number(labels.get("nvidia.com/gpu.replicas")))
    index = 0
    for resource in (GPU, SHARED):
        count = int(amount(str(capacity.get(resource, "0"))))
        single = re.search(r"-MIG-(\d+g\.\d+gb)", labels.get("nvidia.com/gpu.product", ""))
        if single and count:
            per_gpu = max(1, _SLICES // int(single[1].split("g")[0]))
            for number in range(count):
                yield number // per_gpu, resource, single[1], number % per_gpu + 1, 1
            return
        if replicas > 1:
            count = max(1, count // replicas) if count else 0
        for _ in range(count):
            yield index, resource, "", 0, replicas
            index += 1
    wanted = [
        (int(resource.removeprefix(MIG).split("g")[0]), resource)
        for resource, count in sorted(capacity.items())
        if re.fullmatch(rf"{re.escape(MIG)}\d+g\.\d+gb", resource)
        for _ in range(int(amount(str(count))))
    ]
    yield from _pack(wanted, index, max(1, _number(labels.get("nvidia.com/gpu.count"))))


def _pack(wanted: list[tuple[int, str]], first: int, gpus: int) -> Iterable[tuple[int, str, str, int, int]]:
    free = [_SLICES] * gpus
    for slices, resource in sorted(wanted, reverse=True):
        gpu = next((index for index, room in enumerate(free) if room >= slices), len(free))
        if gpu == len(free):
            free.append(_SLICES)
        instance = _SLICES - free[gpu] + 1
        free[gpu] -= slices
        yield first + gpu, resource, resource.removeprefix(MIG), instance, 1


def _lose_the_missing(devices: list[Device], capacity: Mapping[str, str], allocatable: Mapping[str, str]) -> None:
    """Mark as many GPUs fallen off the bus as allocatable is below capacity."""
    for resource in {device.resource for device in devices}:
        ours = [device for device in devices if device.resource == resource]
        slots = ours[0].slots
        missing = int(amount(str(capacity.get(resource, "0"))) - amount(str(allocatable.get(resource, "0")))) // slots
        broken = [device for device in ours if device.fault.xid in FATAL_XIDS]
        for device in reversed(ours):
            if len(broken) >= missing:
                break
            if device.fault.xid not in FATAL_XIDS:
                device.fault = Fault(xid=79)
                broken.append(device)


def _faults(node: Object) -> dict[int, Fault]:
    text = (node["metadata"].get("annotations") or {}).get(FAULTS)
    if not text:
        return {}
    try:
        return msgspec.json.decode(text, type=dict[int, Fault])
    except msgspec.MsgspecError:
        return {}  # the annotation is anybody's to write


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
