"""Tells logs and GPUs what the containers of a pod do: the kubelet's loudspeaker."""

from __future__ import annotations

from collections.abc import Callable, Sized
from typing import Protocol

from console.demo.client import Object
from console.demo.controllers.behaviours import main_container
from console.demo.controllers.containers import ContainerRun, Ending
from console.demo.controllers.log_lines import Line, Voice
from console.demo.controllers.podrun import Happening, PodRun
from console.demo.gangs import Gang, gang_size
from console.demo.gpu_devices import seed_of
from console.demo.gpu_figures import Mode
from console.demo.gpus import GpuFleet


class Written(Protocol):
    """A container's log."""

    @property
    def lines(self) -> Sized:
        """What was written."""


class LogSink(Protocol):
    """Where container logs go (the runtime of the nodes)."""

    def log(
        self, namespace: str, pod: str, container: str, line: str, at: float | None = None, previous: bool = False
    ) -> None:
        """Append a line written at `at`, in seconds since 1970."""

    def read_log(self, namespace: str, pod: str, container: str, *, previous: bool = False) -> Written | None:
        """What was written so far; None where nothing was."""

    def rotate(self, namespace: str, pod: str, container: str) -> None:
        """The container starts again: its log becomes the previous one."""

    def close_log(self, namespace: str, pod: str, container: str) -> None:
        """The container ended: whoever follows its log is done."""

    def forget(self, namespace: str, pod: str) -> None:
        """The pod is gone."""


class Telling:
    """Voices of running containers by pod uid and container, and what GPUs and gangs are to know."""

    def __init__(self, sink: LogSink, gpus: GpuFleet, clock: Callable[[], float], seed: int) -> None:
        self._sink = sink
        self._gpus = gpus
        self._clock = clock
        self._seed = seed
        self._voices: dict[tuple[str, str], Voice] = {}

    def admit(self, run: PodRun) -> str:
        """Give the pod its GPUs; why not, or empty."""
        profiles = {each.name: each.behaviour.profile for each in run.containers if each.behaviour.profile}
        refusal = self._gpus.admit(run.pod, profiles)
        gang = self._gang(run.pod)
        if gang is not None and not refusal:
            gang.set_member(_member(run.pod), Mode.WAITING, run.started)
        return refusal

    def happened(self, run: PodRun, happenings: list[Happening]) -> None:
        """Pass on what became of the pod's containers."""
        for each in happenings:
            container = each.container
            if container is None:
                continue
            match each.kind:
                case "started":
                    self.started(run.pod, container, each.at)
                case "hung":
                    self._hung(run.pod, container, each.at)
                case "ended" if container.ending is not None:
                    self._ended(run.pod, container, container.ending, over=run.finished)
                case "rotated":
                    self._sink.rotate(*_place(run.pod), container.name)
        if run.finished:
            self._gpus.release(run.pod["metadata"]["uid"], happenings[-1].at if happenings else self._clock())

    def started(self, pod: Object, container: ContainerRun, at: float) -> None:
        """The container runs since `at`, which may be long ago."""
        uid = pod["metadata"]["uid"]
        main = container.name == main_container(pod)
        gang = self._gang(pod) if main else None
        if gang is not None:
            loaded = at + self._loading(pod, container)
            gang.set_member(_member(pod), Mode.WAITING, at)
            gang.set_member(_member(pod), Mode.RUNNING, loaded)
            self._gpus.do(uid, container.name, Mode.WAITING, at)
            self._gpus.do(uid, container.name, Mode.RUNNING, loaded)
        else:
            self._gpus.do(uid, container.name, Mode.RUNNING, at)
        voice = _voice(pod, container, at, gang, self._seed)
        self._voices[uid, container.name] = voice
        known = self._sink.read_log(*_place(pod), container.name)
        if known is not None and known.lines:  # somebody wrote the past already
            voice.said = self._clock()
            return
        self._write(pod, container, [(at + 0.05 * index, line) for index, line in enumerate(voice.opening())])
        self._write(pod, container, voice.lines(self._clock()))

    def _loading(self, pod: Object, container: ContainerRun) -> float:
        """Seconds a replica takes until it trains; longer with a checkpoint to read."""
        share = seed_of(self._seed, pod["metadata"]["name"], container.restarts) % 1000 / 1000
        return 18.0 + 16.0 * share if container.restarts else 4.0 + 4.0 * share

    def past(self, pod: Object, container: ContainerRun) -> None:
        """A run that had ended when the pod was taken over."""
        ending = container.ending
        if ending is None or container.kind != "main":
            return
        uid, gang = pod["metadata"]["uid"], self._gang(pod)
        self._gpus.do(uid, container.name, Mode.RUNNING, ending.started)
        self._gpus.do(uid, container.name, Mode.IDLE, ending.finished)
        if gang is not None and container.name == main_container(pod):
            gang.set_member(_member(pod), Mode.RUNNING, ending.started)
            gang.set_member(_member(pod), Mode.WAITING, ending.finished)

    def _hung(self, pod: Object, container: ContainerRun, at: float) -> None:
        uid = pod["metadata"]["uid"]
        self._gpus.do(uid, container.name, Mode.HUNG, at)
        gang = self._gang(pod)
        if gang is not None and container.name == main_container(pod):
            gang.set_member(_member(pod), Mode.HUNG, at)
        if (voice := self._voices.get((uid, container.name))) is not None:
            voice.hung_at = at

    def _ended(self, pod: Object, container: ContainerRun, ending: Ending, *, over: bool) -> None:
        uid = pod["metadata"]["uid"]
        voice = self._voices.pop((uid, container.name), None)
        said = [(ending.started + after, line) for after, line in container.behaviour.says]
        if voice is not None:
            said += voice.lines(ending.finished)
            last = container.behaviour.lines if ending.code == container.behaviour.exit else ()
            said += [(ending.finished, line) for line in last or voice.closing(ending.code, ending.reason)]
        self._write(pod, container, [line for line in said if line[0] <= ending.finished])
        self._sink.close_log(*_place(pod), container.name)
        self._gpus.do(uid, container.name, Mode.IDLE, ending.finished)
        gang = self._gang(pod)
        if gang is not None and container.name == main_container(pod):
            if ending.code == 0:
                gang.remove(_member(pod), ending.finished, finished=True)
            else:
                gang.set_member(_member(pod), Mode.WAITING, ending.finished)

    def speak(self, pod: Object, container: ContainerRun, now: float) -> None:
        """Write what the running container logged since it was last asked."""
        voice = self._voices.get((pod["metadata"]["uid"], container.name))
        if voice is not None:
            since = voice.said
            timed = [(container.since + after, line) for after, line in container.behaviour.says]
            self._write(pod, container, [line for line in timed if since < line[0] <= now])
            self._write(pod, container, voice.lines(now))

    def gone(self, pod: Object) -> None:
        """The pod was removed."""
        metadata, now = pod["metadata"], self._clock()
        gang = self._gang(pod)
        if gang is not None:
            finished = (pod.get("status") or {}).get("phase") == "Succeeded"
            gang.remove(_member(pod), now, finished=finished)
        self._gpus.release(metadata["uid"], now)
        for key in [key for key in self._voices if key[0] == metadata["uid"]]:
            del self._voices[key]
        self._sink.forget(*_place(pod))

    def _gang(self, pod: Object) -> Gang | None:
        return self._gpus.gang(pod)

    def _write(self, pod: Object, container: ContainerRun, lines: list[Line]) -> None:
        namespace, name = _place(pod)
        for at, line in lines:
            self._sink.log(namespace, name, container.name, line, at)


def _place(pod: Object) -> tuple[str, str]:
    return pod["metadata"]["namespace"], pod["metadata"]["name"]


def _member(pod: Object) -> str:
    return str(pod["metadata"]["name"])


def _voice(pod: Object, container: ContainerRun, at: float, gang: Gang | None, seed: int) -> Voice:
    metadata = pod["metadata"]
    labels = metadata.get("labels") or {}
    env = {each["name"]: str(each.get("value", "")) for each in container.spec.get("env") or ()}
    index = labels.get("training.kubeflow.org/replica-index") or labels.get("batch.kubernetes.io/job-completion-index")
    rank = next((env[name] for name in ("RANK", "PET_NODE_RANK", "PROCESS_ID") if env.get(name, "").isdigit()), index)
    own = seed_of(seed, metadata["namespace"], metadata["name"], container.name)
    return Voice(
        style=container.behaviour.log,
        seed=gang.seed if gang is not None else own,
        own=own,
        started=at,
        rank=int(rank) if rank and rank.isdigit() else 0,
        world=max(1, gang_size(pod)[0]),
        gang=gang,
        pod=metadata["name"],
        operator=labels.get("training.kubeflow.org/operator-name", ""),
        planned=container.due - at if gang is None else gang.progress(at) + container.due - at,
        said=at,
    )
