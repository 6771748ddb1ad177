"""`nvidia-smi` run in a pod's container: the figures of its GPUs where no exporter can be reached.

Queried as CSV without header and units (`nvidia-smi --help-query-gpu`); `[N/A]` and alike are missing figures.
"""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Sequence

from console.cluster.session import Session
from console.errors import ConsoleError, ServerFailed
from console.telemetry.figures import GpuSample, PodGpus, PodRef
from console.text import clean

_FIELDS = "index,uuid,name,utilization.gpu,memory.used,memory.total,power.draw,temperature.gpu,mig.mode.current"
ARGV = ("nvidia-smi", f"--query-gpu={_FIELDS}", "--format=csv,noheader,nounits")
MOST_PODS = 32  # asked one by one
_TOGETHER = 4


def parse(text: str, node: str = "") -> PodGpus:
    """The GPUs of one answer; lines of another shape are skipped."""
    gpus = []
    for fields in csv.reader(text.splitlines(), skipinitialspace=True):
        if len(fields) < 8 or not fields[0].strip().isdecimal():
            continue
        index, uuid, model, util, used, total, power, temperature = (field.strip() for field in fields[:8])
        mig = len(fields) > 8 and fields[8].strip() == "Enabled"
        gpus.append(
            GpuSample(
                index=index,
                uuid=uuid,
                model=clean(model),
                node=node,
                util=None if mig else _number(util),
                memory_used=_number(used),
                memory_total=_number(total),
                power=_number(power),
                temperature=_number(temperature),
                shared="MIG" if mig else "",
            )
        )
    return PodGpus(tuple(gpus))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


async def read(session: Session, pods: Sequence[PodRef]) -> dict[str, PodGpus]:
    """The GPUs of the pods that answer, at most `MOST_PODS` of them; raises the first error when none does."""
    gate = asyncio.Semaphore(_TOGETHER)
    failed: list[ConsoleError] = []
    found: dict[str, PodGpus] = {}

    async def ask(pod: PodRef) -> None:
        async with gate:
            try:
                result = await session.exec(pod.namespace, pod.name, pod.container, ARGV, timeout=10.0)
            except ConsoleError as error:
                failed.append(error)
                return
        gpus = parse(result.stdout.decode("utf-8", "replace"), pod.node)
        if gpus.gpus:
            found[pod.key] = gpus
        else:
            failed.append(ServerFailed(f"nvidia-smi in {pod.key} ended with code {result.code} and no figures."))

    await asyncio.gather(*(ask(pod) for pod in pods[:MOST_PODS]))
    if not found and failed:
        raise failed[0]
    return found
