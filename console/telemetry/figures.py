"""The figures of GPUs as every source gives them; a figure that no source has is None, never zero."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PodRef:
    """A pod whose GPUs are asked for."""

    namespace: str
    name: str
    node: str
    gpus: int  # accelerators it asks for
    container: str = ""  # the one that holds the GPUs, for sources that need one

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class GpuSample:
    """One GPU, or one MIG slice of it, at one moment."""

    index: str  # on its node, as the source writes it
    uuid: str = ""
    model: str = ""
    node: str = ""
    util: float | None = None  # percent
    tensor: float | None = None  # 0 to 1
    memory_used: float | None = None  # MiB
    memory_total: float | None = None  # MiB
    power: float | None = None  # W
    temperature: float | None = None  # degrees Celsius
    xid: int | None = None  # the last XID; 0 none
    shared: str = ""  # why the figures are not this pod's alone: "MIG 1g.10gb", "time-sliced"


def mean(values: Sequence[float | None]) -> float | None:
    """The mean of those that are known; None when none is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def total(values: Sequence[float | None]) -> float | None:
    """The sum of those that are known; None when none is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


@dataclass(frozen=True, slots=True)
class PodGpus:
    """The GPUs of one pod."""

    gpus: tuple[GpuSample, ...]

    def mean(self, figure: Callable[[GpuSample], float | None]) -> float | None:
        """The mean of one figure over the GPUs that have it."""
        return mean([figure(gpu) for gpu in self.gpus])

    def total(self, figure: Callable[[GpuSample], float | None]) -> float | None:
        """The sum of one figure over the GPUs that have it."""
        return total([figure(gpu) for gpu in self.gpus])

    @property
    def util(self) -> float | None:
        """Mean utilisation, percent."""
        return self.mean(lambda gpu: gpu.util)

    @property
    def tensor(self) -> float | None:
        """Mean tensor-core activity, 0 to 1."""
        return self.mean(lambda gpu: gpu.tensor)

    @property
    def shared(self) -> str:
        """Why the figures are not this pod's alone; "" when they are."""
        return next((gpu.shared for gpu in self.gpus if gpu.shared), "")


@dataclass(frozen=True, slots=True)
class Reading:
    """What one look at the GPU figures gave."""

    source: str = ""  # a phrase for the screen: "Prometheus monitoring/prometheus:9090"; "" when there is none
    at: float = 0.0  # cluster time of the figures, seconds
    pods: Mapping[str, PodGpus] = field(default_factory=dict)  # by `namespace/name`
    why_none: str = ""  # a sentence, when there is no source
    note: str = ""  # what to know about the figures: "figures of MIG slices are shared"
