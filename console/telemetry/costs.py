"""What GPUs cost an hour, by prices a person configured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from console.telemetry.figures import PodGpus


def hourly(pods: Iterable[PodGpus], prices: Mapping[str, float]) -> float | None:
    """The price of an hour of all these GPUs; None where the price of one of them is not configured.

    `prices` maps a part of the model's name (`H100`) to the price of one GPU hour; the longest part that fits counts.
    """
    total, counted = 0.0, False
    for pod in pods:
        for gpu in pod.gpus:
            fitting = [part for part in prices if part and part.lower() in gpu.model.lower()]
            if not fitting:
                return None
            total += prices[max(fitting, key=len)]
            counted = True
    return total if counted else None
