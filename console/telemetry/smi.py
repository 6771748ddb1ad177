"""`nvidia-smi` run in the pods themselves: the last source, for clusters without any exporter.

It asks for the right to exec before it does, and runs in a bounded number of pods.
"""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Sequence

from console.cluster.session import Session
from console.errors import ConsoleError
from console.telemetry.exposition import known
from console.telemetry.figures import GpuSample, PodGpus, PodRef, Reading
from console.telemetry.sourcing import NoFigures
from console.text import clean

FIELDS = "index,uuid,name,utilization.gpu,memory.used,memory.total,power.draw,temperature.gpu"
COMMAND = ("nvidia-smi", f"--query-gpu={FIELDS}", "--format=csv,noheader,nounits")
_MOST = 32  # pods asked in one reading
_TOGETHER = 4
_TIMEOUT = 8.0


def parse(text: str, node: str = "") -> tuple[GpuSample, ...]:
    """The lines of `COMMAND`; a field the driver does not know (`[N/A]`) is None, a line that is no GPU is left out."""
    gpus = []
    for row in csv.reader(text.splitlines(), skipinitialspace=True):
        cells = [clean(cell).strip() for cell in row]
        if len(cells) != 8 or not cells[0].isdigit():
            continue
        util, used, total, power, temperature = map(_number, cells[3:])
        gpus.append(
            GpuSample(
                index=cells[0],
                uuid=cells[1],
                model=cells[2],
                node=node,
                util=util,
                memory_used=used,
                memory_total=total,
                power=power,
                temperature=temperature,
            )
        )
    return tuple(gpus)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if known(value) else None


class SmiSource:
    """Figures by exec."""

    kind = "nvidia-smi"
    every = 15.0  # seconds: an exec in every pod is not free

    def __init__(self, session: Session) -> None:
        self._session = session

    async def read(self, pods: Sequence[PodRef]) -> Reading:
        """Run it in each pod. Raises NoFigures where it may not, or nowhere could."""
        allowed: list[PodRef] = []
        refused = ""
        for namespace in dict.fromkeys(pod.namespace for pod in pods):
            verdicts = [
                await self._session.access.may(verb, "", "pods", namespace, "exec") for verb in ("get", "create")
            ]
            # Over a WebSocket exec is a GET; older roles and newer servers speak of create.
            if any(verdict.allowed for verdict in verdicts):
                allowed += [pod for pod in pods if pod.namespace == namespace]
            else:
                refused = verdicts[-1].reason
        if not allowed:
            raise NoFigures(refused or "exec is not allowed")
        gate = asyncio.Semaphore(_TOGETHER)

        async def ask(pod: PodRef) -> tuple[GpuSample, ...] | str:
            async with gate:
                return await self._ask(pod)

        asked = allowed[:_MOST]
        answers = await asyncio.gather(*map(ask, asked))
        found = {
            pod.key: PodGpus(answer)
            for pod, answer in zip(asked, answers, strict=True)
            if not isinstance(answer, str) and answer
        }
        if not found:
            raise NoFigures(next((answer for answer in answers if isinstance(answer, str)), "it shows no GPU"))
        left = len(pods) - len(found)
        note = f"{left} of {len(pods)} pods have no figures" if left else ""
        return Reading(f"nvidia-smi in {len(found)} pods", self._session.clock.now(), found, note=note)

    async def _ask(self, pod: PodRef) -> tuple[GpuSample, ...] | str:
        """The pod's GPUs, or why there are none."""
        try:
            result = await self._session.exec(pod.namespace, pod.name, pod.container, COMMAND, timeout=_TIMEOUT)
        except ConsoleError as error:
            return error.sentence
        if result.code != 0:
            said = clean(result.stderr.decode("utf-8", "replace").strip().partition("\n")[0])
            return said or f"nvidia-smi in {pod.name} ended with {result.code}"
        return parse(result.stdout.decode("utf-8", "replace"), pod.node)
