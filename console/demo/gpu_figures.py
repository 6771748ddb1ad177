"""What a GPU shows at any moment, as a function of its model, its use and the time (pure, nothing is stored).

The same moment always gives the same figures, so history needs no samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

QUANTUM = 5.0  # seconds for which figures stand still, as an exporter's collection interval makes them
WARM_UP = 45.0  # seconds from the start of training until kernels run at full rate
CHECKPOINT = 12.0  # seconds a checkpoint takes


@dataclass(frozen=True, slots=True)
class Model:
    """A GPU model: `memory` and `reserved` in MiB, powers in W, clocks in MHz."""

    name: str
    memory: int
    reserved: int
    limit: float
    idle: float
    clock: int
    memory_clock: int
    tensor: bool = True


MODELS: Mapping[str, Model] = {  # by the value of the label nvidia.com/gpu.product
    "NVIDIA-H100-80GB-HBM3": Model("NVIDIA H100 80GB HBM3", 81559, 562, 700, 71, 1980, 2619),
    "NVIDIA-H100-PCIe": Model("NVIDIA H100 PCIe", 81559, 562, 350, 48, 1755, 1593),
    "NVIDIA-H200": Model("NVIDIA H200", 143771, 571, 700, 76, 1980, 3201),
    "NVIDIA-B200": Model("NVIDIA B200", 183359, 680, 1000, 140, 1965, 3996),
    "NVIDIA-A100-SXM4-80GB": Model("NVIDIA A100-SXM4-80GB", 81920, 620, 400, 62, 1410, 1593),
    "NVIDIA-A100-80GB-PCIe": Model("NVIDIA A100 80GB PCIe", 81920, 620, 300, 46, 1410, 1512),
    "NVIDIA-A100-SXM4-40GB": Model("NVIDIA A100-SXM4-40GB", 40960, 440, 400, 52, 1410, 1215),
    "NVIDIA-L40S": Model("NVIDIA L40S", 46068, 590, 350, 35, 2520, 9001),
    "NVIDIA-L4": Model("NVIDIA L4", 23034, 470, 72, 17, 2040, 6251),
    "NVIDIA-A10G": Model("NVIDIA A10G", 23028, 512, 300, 16, 1710, 6251),
    "Tesla-T4": Model("Tesla T4", 15360, 450, 70, 10, 1590, 5001),
    "Tesla-V100-SXM2-16GB": Model("Tesla V100-SXM2-16GB", 16384, 260, 300, 40, 1530, 877),
}


def model_of(product: str, memory: int = 0) -> Model:
    """The model of a product label; one nobody listed gets the memory its label states and middling powers."""
    product = product.removesuffix("-SHARED").split("-MIG-")[0]
    known = MODELS.get(product)
    if known is not None:
        return known
    return Model(product.replace("-", " ") or "NVIDIA GPU", memory or 16384, 400, 300, 30, 1500, 5001)


class Mode(Enum):
    """What the process on a GPU is doing."""

    IDLE = "idle"  # there is none
    WAITING = "waiting"  # it waits for peers or data, its context made
    RUNNING = "running"
    SPINNING = "spinning"  # a collective waits busily for a peer that died or hangs
    HUNG = "hung"  # it makes no progress and launches nothing


PROFILES = ("training", "straggler", "input-bound", "notebook", "inference", "idle")


@dataclass(frozen=True, slots=True)
class Use:
    """One process's use of a GPU at a moment: `progress` and `since` in seconds, `seed` of the pod or job."""

    mode: Mode
    profile: str = "training"
    seed: int = 0  # shared by the replicas of a job
    progress: float = 0.0  # seconds of training done
    since: float = 0.0  # when the process started


@dataclass(frozen=True, slots=True)
class Load:
    """What uses ask of a GPU: `util` in percent, `tensor`, `dram` and `power` as shares, `memory` as a share."""

    util: float
    tensor: float
    dram: float
    power: float
    memory: float


_MASK = 0xFFFFFFFF


def hashed(seed: int, number: int) -> float:
    """A uniform number in [0, 1) of a seed and an index."""
    value = (seed * 0x9E3779B1 + number * 0x85EBCA77 + 0x27D4EB2F) & _MASK
    value = ((value ^ (value >> 15)) * 0x2C1B3C6D) & _MASK
    value = ((value ^ (value >> 12)) * 0x297A2D39) & _MASK
    return (value ^ (value >> 15)) / 4294967296.0


def wave(seed: int, t: float, period: float) -> float:
    """Noise in [0, 1) that moves smoothly, taking a new direction every `period` seconds."""
    step = int(t // period)
    part = t / period - step
    part = part * part * (3 - 2 * part)
    return hashed(seed, step) * (1 - part) + hashed(seed, step + 1) * part


def load_of(use: Use, device: int, t: float) -> Load:
    """What one use asks of the device with this seed at `t`."""
    if use.mode is Mode.IDLE:
        return Load(0, 0, 0, 0, 0)
    memory = _memory(use, t) * (1 - 0.015 * hashed(device, 9))
    if use.mode is Mode.WAITING:
        return Load(0, 0, 0, 0.03, min(memory, 0.012))
    if use.mode is Mode.HUNG:
        return Load(0, 0, 0, 0.06, memory)
    if use.mode is Mode.SPINNING:
        return Load(100, 0, 0.01, 0.16 + 0.02 * wave(device, t, 60), memory)
    match use.profile:
        case "notebook":
            return _notebook(use, device, t, memory)
        case "inference":
            return _inference(use, device, t, memory)
        case "input-bound":
            return _input_bound(use, device, t, memory)
        case "idle":
            return Load(0, 0, 0, 0.03, memory)
    return _training(use, device, t, memory)


def _memory(use: Use, t: float) -> float:
    full = 0.62 + 0.33 * hashed(use.seed, 1)
    if use.profile == "notebook":
        full = 0.04 + 0.3 * hashed(use.seed, 1)
    elif use.profile == "idle":
        full = 0.006
    return full * min(1.0, 0.1 + (t - use.since) / WARM_UP)


def checkpoint_every(seed: int) -> float:
    """Seconds of progress between the checkpoints of a job."""
    return 240.0 + 300.0 * hashed(seed, 2)


def _training(use: Use, device: int, t: float, memory: float) -> Load:
    tensor = 0.38 + 0.24 * hashed(use.seed, 3)
    dram = 0.42 + 0.25 * hashed(use.seed, 4)
    rate = min(1.0, 0.15 + use.progress / WARM_UP)
    every = checkpoint_every(use.seed)
    if use.progress > every and use.progress % every < CHECKPOINT:
        return Load(4 + 16 * wave(device, t, 10), 0.0, 0.04, 0.08, memory)
    jitter = wave(device, t, 20)
    if use.profile == "straggler":
        return Load(rate * (58 + 18 * jitter), rate * tensor * 0.55, rate * dram * 0.7, rate * 0.55, memory)
    return Load(
        rate * (93 + 6 * jitter),
        rate * (tensor + 0.03 * (jitter - 0.5)),
        rate * (dram + 0.04 * (wave(device + 1, t, 20) - 0.5)),
        rate * (0.62 + 0.5 * tensor + 0.04 * jitter),
        memory,
    )


def _input_bound(use: Use, device: int, t: float, memory: float) -> Load:
    swing = wave(device, t, 15)
    return Load(34 + 27 * swing, 0.08 + 0.08 * swing, 0.12 + 0.1 * swing, 0.22 + 0.12 * swing, memory)


def _notebook(use: Use, device: int, t: float, memory: float) -> Load:
    # a cell runs now and then for some minutes, in some notebooks never
    busy = hashed(use.seed, 5) > 0.5 and hashed(use.seed, 1000 + int(t // 240)) > 0.86
    if not busy:
        return Load(0, 0, 0, 0.03, memory)
    swing = wave(device, t, 10)
    return Load(30 + 55 * swing, 0.05 + 0.1 * swing, 0.1 + 0.2 * swing, 0.2 + 0.2 * swing, memory)


def _inference(use: Use, device: int, t: float, memory: float) -> Load:
    traffic = 0.25 + 0.75 * wave(use.seed, t, 600)
    burst = wave(device, t, 8) ** 2
    share = traffic * burst
    return Load(85 * share, 0.22 * share, 0.35 * share, 0.05 + 0.4 * share, memory)


@dataclass(frozen=True, slots=True)
class Figures:
    """A GPU at a moment: percent, shares (0-1), MiB, W, degrees Celsius, MHz."""

    util: float
    engine: float
    tensor: float
    dram: float
    memory_used: float
    memory_free: float
    memory_reserved: float
    power: float
    temperature: float
    memory_temperature: float
    clock: float


def figures(model: Model, uses: list[Use], device: int, t: float, *, part: float = 1.0) -> Figures:
    """Everything a GPU, or the `part` of it that is a MIG instance, shows at `t` under these uses."""
    t = t // QUANTUM * QUANTUM
    loads = [load_of(use, device, t) for use in uses]
    util = min(100.0, sum(load.util for load in loads))
    tensor = min(0.95, sum(load.tensor for load in loads))
    power = _power(model, loads, device, t)
    total = (model.memory - model.reserved) * part
    used = min(total, 3.0 + total * sum(load.memory for load in loads)) if loads else 3.0
    warmth = power / model.limit
    temperature = 27 + 6 * hashed(device, 7) + 34 * warmth + 2 * wave(device, t, 90)
    busy = util > 1 or power > model.idle * 1.5
    return Figures(
        util=round(util),
        engine=util / 100 * 0.985,
        tensor=tensor,
        dram=min(0.95, sum(load.dram for load in loads)),
        memory_used=round(used),
        memory_free=round(total - used),
        memory_reserved=round(model.reserved * part),
        power=power * (part if part < 1 else 1.0),
        temperature=round(temperature),
        memory_temperature=round(temperature + 4 + 8 * warmth),
        clock=model.clock if busy else 345 if model.clock > 1500 else 210,
    )


def _power(model: Model, loads: list[Load], device: int, t: float) -> float:
    share = min(1.0, sum(load.power for load in loads))
    return model.idle + (model.limit - model.idle) * share + 2.0 * (wave(device + 3, t, 30) - 0.5)
