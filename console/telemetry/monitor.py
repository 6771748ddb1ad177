"""Where the GPU figures come from on this cluster: the first source that answers, named for the screen.

Prometheus, then each dcgm-exporter, then nvidia-smi in the pods. What failed is remembered, so that a screen can say
why there is nothing, and tried again after a while.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from console.cluster.session import Session
from console.errors import ConsoleError
from console.kinds.catalog import Catalog
from console.telemetry import prometheus, smi
from console.telemetry.dcgm import Exporters
from console.telemetry.figures import PodGpus, PodRef, Reading
from console.telemetry.metrics import only
from console.telemetry.prometheus import Prometheus, parse_address

IDLE = 5.0  # percent below which a GPU does no work
_KEPT = 60  # samples of a pod
_PODS = 4000  # pods whose samples are kept
_MINUTES = 600.0  # seconds of history read when a pod is first looked at
_STEP = 30.0
_IDLE_WINDOW = 12 * 3600.0  # how far back an idle pod's last work is looked for
_IDLE_STEP = 300.0
_AGAIN = 120.0  # seconds until sources that failed are tried again

Read = Callable[[Sequence[PodRef]], Awaitable[dict[str, PodGpus]]]


class GpuMonitor:
    """GPU figures of pods, read on demand; one for a session."""

    def __init__(self, session: Session, catalog: Catalog, *, address: str = "") -> None:
        """`address` is a configured Prometheus, `namespace/service:port[/prefix]`; "" finds it by labels."""
        self._session = session
        self._catalog = catalog
        self._address = address
        self._read: Read | None = None
        self._prometheus: Prometheus | None = None
        self._source = ""
        self._why: list[str] = []
        self._failed_at = 0.0
        self._no_history = ""
        self._samples: dict[str, deque[tuple[float, float | None]]] = {}
        self._worked: dict[str, float] = {}  # when an idle pod last worked, as far back as was looked

    async def read(self, pods: Sequence[PodRef]) -> Reading:
        """The figures of these pods now. Raises nothing: a reading without figures says why."""
        now = self._session.clock.now()
        if self._read is None and not await self._choose(pods, now):
            return Reading(at=now, why_none=self._sentence())
        try:
            found = only(await self._use(pods), [pod.key for pod in pods])
        except ConsoleError as error:
            why = f"{self._source} stopped answering: {error.sentence}"
            self._read = self._prometheus = None
            self._failed_at = 0.0
            return Reading(at=now, why_none=why)
        await self._learn(pods, now)
        self._keep(found, now)
        shared = sorted({gpus.shared for gpus in found.values() if gpus.shared})
        note = f"shared GPUs ({', '.join(shared)}): figures are not one pod's alone" if shared else ""
        if not found:
            note = "it has no figures of these pods"
        note = "  ".join(filter(None, (note, self._no_history)))
        return Reading(source=self._source, at=now, pods=found, note=note)

    async def _use(self, pods: Sequence[PodRef]) -> dict[str, PodGpus]:
        assert self._read is not None
        return await self._read(pods)

    def history(self, key: str) -> Sequence[float | None]:
        """Utilisation of a pod in percent, oldest first, as far as it was read."""
        return [value for _, value in self._samples.get(key, ())]

    def idle(self, key: str) -> float | None:
        """Seconds since a pod's GPUs last worked; None where they work or nobody knows."""
        samples = self._samples.get(key)
        if not samples or samples[-1][1] is None or samples[-1][1] >= IDLE:
            return None
        worked = self._worked.get(key)
        if worked is None:
            known = [at for at, value in samples if value is not None and value >= IDLE]
            worked = known[-1] if known else samples[0][0]
        return samples[-1][0] - worked

    # choosing a source

    async def _choose(self, pods: Sequence[PodRef], now: float) -> bool:
        if self._why and now - self._failed_at < _AGAIN:
            return False
        self._why = []
        for choose in (self._choose_prometheus, self._choose_exporters, self._choose_smi):
            try:
                await choose(pods)
            except ConsoleError as error:
                self._why.append(error.sentence.rstrip("."))
            else:
                return True
        self._failed_at = now
        return False

    def _sentence(self) -> str:
        return f"No GPU figures: {'; '.join(self._why)}."

    async def _choose_prometheus(self, pods: Sequence[PodRef]) -> None:
        address = parse_address(self._address) if self._address else await prometheus.find(self._session)
        source = Prometheus(self._session, address)
        await source.prepare()
        self._prometheus, self._read = source, source.read
        self._source = f"Prometheus {address}"

    async def _choose_exporters(self, pods: Sequence[PodRef]) -> None:
        exporters = Exporters(self._session, self._catalog)
        if not await exporters.find():
            raise ConsoleError("no dcgm-exporter pod was found by its labels")
        await exporters.read(pods)
        self._read = exporters.read
        self._source = "dcgm-exporter pods, without history"

    async def _choose_smi(self, pods: Sequence[PodRef]) -> None:
        namespace = pods[0].namespace
        verdict = await self._session.access.may("create", "", "pods", namespace, "exec")
        if not verdict.allowed:
            raise ConsoleError(f"you may not exec in {namespace} to run nvidia-smi")

        async def read(refs: Sequence[PodRef]) -> dict[str, PodGpus]:
            return await smi.read(self._session, refs)

        await read(pods[:1])
        self._read = read
        self._source = "nvidia-smi in the pods, without history"

    # what is remembered

    def _keep(self, found: dict[str, PodGpus], now: float) -> None:
        for key, gpus in found.items():
            samples = self._samples.setdefault(key, deque(maxlen=_KEPT))
            samples.append((now, gpus.util))
            if gpus.util is not None and gpus.util >= IDLE:
                self._worked.pop(key, None)
        while len(self._samples) > _PODS:
            self._samples.pop(next(iter(self._samples)))

    async def _learn(self, pods: Sequence[PodRef], now: float) -> None:
        """Read the history of pods that are looked at for the first time, where the source keeps one."""
        new = [pod for pod in pods if pod.key not in self._samples]
        if self._prometheus is None or not new:
            return
        try:
            recent = await self._prometheus.history(new, now, _MINUTES, _STEP)
            longer = await self._prometheus.history(new, now, _IDLE_WINDOW, _IDLE_STEP)
        except ConsoleError as error:
            self._no_history = f"no history: {error.sentence}"
            return
        self._no_history = ""
        for pod in new:
            samples = self._samples.setdefault(pod.key, deque(maxlen=_KEPT))
            samples.extend(recent.get(pod.key, ())[:-1])
            points = longer.get(pod.key, ())
            if points:
                worked = [at for at, value in points if value >= IDLE]
                self._worked[pod.key] = worked[-1] if worked else points[0][0]
