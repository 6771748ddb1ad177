"""A world that stands still, made to look alive: its GPUs held and its running containers' logs written, once.

What the kubelets would have told logs and GPUs by now, without any kubelet running.
"""

from __future__ import annotations

from collections.abc import Sequence

from console.demo.client import Object
from console.demo.controllers.containers import ContainerRun
from console.demo.controllers.podrun import PodRun
from console.demo.controllers.telling import LogSink, Telling
from console.demo.gangs import gang_of
from console.demo.gpus import GpuFleet
from console.demo.needs import is_finished
from console.demo.worlds.making import UsualNode, draws_of

MARGIN = 0.1  # seconds before a replica hung, when all was still well
WARNED = 300.0  # seconds between the complaints of those that wait for it


def stand_still(objects: Sequence[Object], logs: LogSink, gpus: GpuFleet, now: float) -> None:
    """Take over every pod of a seed as it is at `now`, seconds since 1970; nothing in the store is written.

    A log somebody wrote already stays as it is.
    """
    for obj in objects:
        if obj["kind"] == "Node":
            gpus.set_node(obj)
    pods = [obj for obj in objects if obj["kind"] == "Pod" and obj["spec"].get("nodeName") and not is_finished(obj)]
    # Twice: what a replica says depends on what became of the others, so all is known before anybody speaks.
    hung: dict[str, float] = {}
    for sink in (_Nobody(), logs):
        teller = _Teller(sink, gpus, now, hung)
        for pod in pods:
            teller.take_over(pod)


class _Teller:
    """Tells what containers did up to now. `hung` maps a gang to when one of its replicas hung."""

    def __init__(self, sink: LogSink, gpus: GpuFleet, now: float, hung: dict[str, float]) -> None:
        self._now = self._moment = now
        self._hung = hung
        self._telling = Telling(sink, gpus, lambda: self._moment, 0)

    def take_over(self, pod: Object) -> None:
        """One pod."""
        status, telling, gang = pod["status"], self._telling, gang_of(pod)
        run = PodRun(pod, self._now, status["hostIP"], status["podIP"], draws_of(pod["metadata"]["uid"]))
        run.adopt(self._now)
        telling.admit(run)
        started = [(container, container.since) for container in run.containers if container.running]
        for container in run.containers:
            if not container.running:
                telling.past(pod, container)
        hung = [each for each in run.advance(self._now, UsualNode()) if each.kind == "hung"]
        for each in hung:
            self._hung[gang] = each.at
        self._moment = self._hung.get(gang, self._now + MARGIN) - MARGIN
        for container, since in started:
            telling.started(pod, container, since)
        telling.happened(run, hung)
        if not hung and self._moment < self._now:
            self._wait_for_the_hung(pod, [container for container, _ in started])
        self._moment = self._now

    def _wait_for_the_hung(self, pod: Object, containers: Sequence[ContainerRun]) -> None:
        while self._moment < self._now:
            self._moment = min(self._now, self._moment + WARNED)
            for container in containers:
                self._telling.speak(pod, container, self._moment)


class _Nobody:
    """Takes no log lines."""

    def log(
        self, namespace: str, pod: str, container: str, line: str, at: float | None = None, previous: bool = False
    ) -> None:
        """A line nobody keeps."""

    def read_log(self, namespace: str, pod: str, container: str, *, previous: bool = False) -> None:
        """Nothing was written."""

    def rotate(self, namespace: str, pod: str, container: str) -> None:
        """Nothing to rotate."""

    def close_log(self, namespace: str, pod: str, container: str) -> None:
        """Nothing to close."""

    def forget(self, namespace: str, pod: str) -> None:
        """Nothing to forget."""
