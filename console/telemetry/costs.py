"""What GPUs cost an hour, from the prices in the settings. Pure; without a price there is no cost, not a zero."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from console.telemetry.figures import GpuSample, Reading

_SLICES = 7  # compute slices of a whole GPU that supports MIG
_PROFILE = re.compile(r"MIG (\d)g\.")


def price(model: str, prices: Mapping[str, float]) -> float | None:
    """The price of one GPU hour: that of the longest configured name which is part of the model's."""
    lower = model.lower()
    found = [name for name in prices if name and name.lower() in lower]
    return prices[max(found, key=len)] if found else None


def cost(gpus: Iterable[GpuSample], prices: Mapping[str, float]) -> float | None:
    """The price of one hour of these GPUs; None where one of them has no price, or there is none.

    A MIG slice costs its share of compute slices; a time-sliced GPU counts once, however many pods hold it.
    """
    distinct = {(gpu.node, gpu.uuid, gpu.index): gpu for gpu in gpus}
    total = 0.0
    for gpu in distinct.values():
        whole = price(gpu.model, prices)
        if whole is None:
            return None
        profile = _PROFILE.match(gpu.shared)
        total += whole * int(profile.group(1)) / _SLICES if profile else whole
    return total if distinct else None


def job_cost(reading: Reading, prices: Mapping[str, float]) -> float | None:
    """The price of one hour of all GPUs in a reading."""
    return cost((gpu for pod in reading.pods.values() for gpu in pod.gpus), prices)
