"""The GPUs of the cluster: which pod holds which, and what each shows at any time.

A source of metrics under dcgm-exporter's names; nothing is sampled, see gpu_figures.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from console.demo.client import Object
from console.demo.gangs import Gang, gang_of, gang_size
from console.demo.gpu_devices import GPU, MIG, SHARED, Device, devices_of, seed_of
from console.demo.gpu_figures import QUANTUM, Figures, Mode, Use, figures
from console.demo.needs import container_requests

TENANCIES = 64  # remembered tenancies of one device
GANGS = 512  # remembered gangs


@dataclass(frozen=True, slots=True)
class Doing:
    """From `at` on the container's process is in `mode`."""

    at: float
    mode: Mode


@dataclass(slots=True)
class Tenancy:
    """A container holding a device, from when it first started (`began`) until the pod was over (`ended`)."""

    pod: str  # "namespace/name"
    uid: str
    container: str
    profile: str
    seed: int
    gang: Gang | None
    began: float | None = None
    ended: float | None = None
    doings: list[Doing] = field(default_factory=list)

    def holds(self, t: float) -> bool:
        """Whether the exporter names the pod at `t`."""
        return self.began is not None and self.began <= t and (self.ended is None or t < self.ended)

    def use(self, t: float) -> Use:
        """What its process does at `t`."""
        index = bisect_right(self.doings, t, key=lambda doing: doing.at)
        doing = self.doings[index - 1] if index else Doing(t, Mode.IDLE)
        mode, progress = doing.mode, t - doing.at
        if mode is Mode.RUNNING and self.gang is not None:
            turn = self.gang.at(t)
            mode, progress = turn.mode, self.gang.progress(t)
        return Use(mode, self.profile, self.seed, progress, doing.at)


@dataclass(slots=True)
class _Slot:
    device: Device
    tenancies: deque[Tenancy] = field(default_factory=lambda: deque(maxlen=TENANCIES))
    holders: dict[str, Tenancy] = field(default_factory=dict)  # pod uid to tenancy, while the device is theirs


class GpuFleet:
    """Every GPU of every node; told by the kubelet what pods do, asked by exporters, Prometheus and nvidia-smi."""

    def __init__(self, clock: Callable[[], float], seed: int = 0) -> None:
        self._clock = clock
        self._seed = seed
        self._nodes: dict[str, dict[tuple[int, int], _Slot]] = {}
        self._gangs: OrderedDict[str, Gang] = OrderedDict()
        self._pods: dict[str, list[_Slot]] = {}  # pod uid to its devices, in the pod's order

    # told by the kubelet

    def set_node(self, node: Object) -> None:
        """A node appeared or changed; tenancies of devices that stay go on."""
        known = self._nodes.get(node["metadata"]["name"], {})
        devices = devices_of(node, self._seed)
        if not devices:
            self._nodes.pop(node["metadata"]["name"], None)
            return
        slots = {}
        for device in devices:
            slot = known.get(device.identity) or _Slot(device)
            slot.device = device
            slots[device.identity] = slot
        self._nodes[node["metadata"]["name"]] = slots

    def drop_node(self, name: str) -> None:
        """A node is gone."""
        self._nodes.pop(name, None)

    def gang(self, pod: Object) -> Gang | None:
        """The gang of a training pod, made when it is the first; None for a pod that works alone."""
        name = gang_of(pod)
        if not name:
            return None
        size, elastic = gang_size(pod)
        gang = self._gangs.get(name)
        if gang is None:
            gang = self._gangs[name] = Gang(seed_of(self._seed, name))
            if len(self._gangs) > GANGS:
                self._gangs.popitem(last=False)
        if gang.empty:
            gang.size, gang.elastic = size, elastic
        return gang

    def admit(self, pod: Object, profiles: Mapping[str, str]) -> str:
        """Give the pod the devices its containers request on its node; `profiles` by container name.

        Returns why that is impossible, in the device manager's words; empty when it was done (or was before).
        """
        metadata = pod["metadata"]
        uid, key = metadata["uid"], f"{metadata['namespace']}/{metadata['name']}"
        if uid in self._pods:
            return ""
        slots = self._nodes.get(pod["spec"].get("nodeName") or "", {})
        gang = self.gang(pod)
        taken: list[tuple[_Slot, Tenancy]] = []
        for container in [*(pod["spec"].get("initContainers") or ()), *(pod["spec"].get("containers") or ())]:
            for resource, count in container_requests(container).items():
                if count <= 0 or not (resource in (GPU, SHARED) or resource.startswith(MIG)):
                    continue
                free = self._free(slots, resource, {id(slot) for slot, _ in taken})
                if len(free) < count:
                    return (
                        f"Allocate failed due to requested number of devices unavailable for {resource}. "
                        f"Requested: {int(count)}, Available: {len(free)}, which is unexpected"
                    )
                profile = profiles.get(container["name"], "idle")
                seed = gang.seed if gang else seed_of(self._seed, key)
                taken += [
                    (slot, Tenancy(key, uid, container["name"], profile, seed, gang)) for slot in free[: int(count)]
                ]
        for slot, tenancy in taken:
            slot.holders[uid] = tenancy
            slot.tenancies.append(tenancy)
        if taken:
            self._pods[uid] = [slot for slot, _ in taken]
        return ""

    def do(self, uid: str, container: str, mode: Mode, at: float) -> None:
        """What a container's process does from `at` on; IDLE when it ended but its pod goes on.

        `at` may lie ahead: what is told later of an earlier moment takes it back.
        """
        for slot in self._pods.get(uid, ()):
            tenancy = slot.holders[uid]
            if tenancy.container == container:
                tenancy.began = at if tenancy.began is None else tenancy.began
                while tenancy.doings and tenancy.doings[-1].at > at:
                    tenancy.doings.pop()
                tenancy.doings.append(Doing(at, mode))
                del tenancy.doings[:-TENANCIES]

    def release(self, uid: str, at: float) -> None:
        """The pod is over: its devices are free."""
        for slot in self._pods.pop(uid, ()):
            tenancy = slot.holders.pop(uid)
            tenancy.ended = at

    def _free(self, slots: Mapping[tuple[int, int], _Slot], resource: str, taken: set[int]) -> list[_Slot]:
        """Devices with room, the least shared first, then by index."""
        now = self._clock()
        free = [
            slot
            for slot in slots.values()
            if slot.device.resource == resource
            and slot.device.healthy(now)
            and len(slot.holders) < slot.device.slots
            and id(slot) not in taken
        ]
        return sorted(free, key=lambda slot: (len(slot.holders), slot.device.identity))

    # asked

    def devices(self, uid: str) -> list[Device]:
        """The devices of a pod."""
        return [slot.device for slot in self._pods.get(uid, ())]

    def tenants(self, device: Device) -> list[Tenancy]:
        """Who holds a device now."""
        return list(self._nodes[device.node][device.identity].holders.values())

    def nodes(self) -> list[str]:
        """Names of the nodes that have GPUs."""
        return list(self._nodes)

    def show(self, device: Device, t: float) -> Figures:
        """Everything a device shows at `t`."""
        return self._show(self._nodes[device.node][device.identity], t)

    def names(self) -> Iterable[str]:
        """The metric names, as dcgm-exporter's default counters."""
        return METRICS.keys()

    def series(
        self, name: str, at_from: float, at_to: float
    ) -> Iterable[tuple[dict[str, str], Callable[[float], float | None]]]:
        """The series of a metric that have a value somewhere in the span: one a device and pod."""
        metric = METRICS.get(name)
        if metric is None:
            return
        for slots in self._nodes.values():
            for slot in slots.values():
                if slot.device.profile and name in NOT_ON_MIG:
                    continue
                yield from self._of_slot(slot, metric, at_from, at_to)

    def _of_slot(
        self, slot: _Slot, metric: Metric, at_from: float, at_to: float
    ) -> Iterable[tuple[dict[str, str], Callable[[float], float | None]]]:
        tenancies = [
            each
            for each in slot.tenancies
            if each.began is not None and each.began <= at_to and (each.ended is None or each.ended > at_from)
        ]
        labels = slot.device.labels()

        def value(t: float) -> float | None:
            fault = slot.device.fault
            if not slot.device.healthy(t) and metric.needs_gpu:
                return None
            if metric.of_fault is not None:
                return metric.of_fault(slot.device, t) if t >= fault.since else 0.0
            assert metric.of_figures is not None
            return metric.of_figures(self._show(slot, t))

        def held(tenancy: Tenancy) -> Callable[[float], float | None]:
            return lambda t: value(t) if tenancy.holds(t) else None

        def unheld(t: float) -> float | None:
            return None if any(each.holds(t) for each in tenancies) else value(t)

        for tenancy in tenancies:
            namespace, _, pod = tenancy.pod.partition("/")
            yield labels | {"namespace": namespace, "pod": pod, "container": tenancy.container}, held(tenancy)
        if not any(each.holds(at_from) and (each.ended is None or each.ended > at_to) for each in tenancies):
            yield labels, unheld

    def _show(self, slot: _Slot, t: float) -> Figures:
        t = t // QUANTUM * QUANTUM
        uses = [each.use(t) for each in slot.tenancies if each.holds(t)]
        return figures(slot.device.model, uses, slot.device.seed, t, part=slot.device.part)


@dataclass(frozen=True, slots=True)
class Metric:
    """Where a metric's value comes from: `of_figures`, or `of_fault` for what only changes when a GPU breaks."""

    help: str
    of_figures: Callable[[Figures], float] | None = None
    of_fault: Callable[[Device, float], float] | None = None
    kind: str = "gauge"
    needs_gpu: bool = True  # absent while the GPU does not answer


NOT_ON_MIG = frozenset({"DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_MEM_COPY_UTIL"})

METRICS: Mapping[str, Metric] = {
    "DCGM_FI_DEV_SM_CLOCK": Metric("SM clock frequency (in MHz).", lambda f: f.clock),
    "DCGM_FI_DEV_MEMORY_TEMP": Metric("Memory temperature (in C).", lambda f: f.memory_temperature),
    "DCGM_FI_DEV_GPU_TEMP": Metric("GPU temperature (in C).", lambda f: f.temperature),
    "DCGM_FI_DEV_POWER_USAGE": Metric("Power draw (in W).", lambda f: round(f.power, 3)),
    "DCGM_FI_DEV_GPU_UTIL": Metric("GPU utilization (in %).", lambda f: f.util),
    "DCGM_FI_DEV_MEM_COPY_UTIL": Metric("Memory utilization (in %).", lambda f: round(f.dram * 100)),
    "DCGM_FI_DEV_FB_USED": Metric("Framebuffer memory used (in MiB).", lambda f: f.memory_used),
    "DCGM_FI_DEV_FB_FREE": Metric("Framebuffer memory free (in MiB).", lambda f: f.memory_free),
    "DCGM_FI_DEV_FB_RESERVED": Metric("Framebuffer memory reserved (in MiB).", lambda f: f.memory_reserved),
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE": Metric(
        "Ratio of time the graphics engine is active.", lambda f: round(f.engine, 6)
    ),
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": Metric(
        "Ratio of cycles the tensor (HMMA) pipe is active.", lambda f: round(f.tensor, 6)
    ),
    "DCGM_FI_PROF_DRAM_ACTIVE": Metric(
        "Ratio of cycles the device memory interface is active sending or receiving data.", lambda f: round(f.dram, 6)
    ),
    "DCGM_FI_DEV_XID_ERRORS": Metric(
        "Value of the last XID error encountered.", of_fault=lambda d, t: float(d.fault.xid), needs_gpu=False
    ),
    "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL": Metric(
        "Total number of single-bit volatile ECC errors.", of_fault=lambda d, t: float(d.fault.ecc_sbe), kind="counter"
    ),
    "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL": Metric(
        "Total number of double-bit volatile ECC errors.", of_fault=lambda d, t: float(d.fault.ecc_dbe), kind="counter"
    ),
    "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS": Metric(
        "Number of remapped rows for uncorrectable errors",
        of_fault=lambda d, t: float(d.fault.remapped),
        kind="counter",
    ),
    "DCGM_FI_DEV_ROW_REMAP_FAILURE": Metric(
        "Whether remapping of rows has failed", of_fault=lambda d, t: float(d.fault.row_remap_failure)
    ),
}
