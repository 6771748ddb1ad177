"""One pod's life on its node: sandbox, init containers in order, containers, the end; and the status that shows it.

Pure: `advance` moves the pod to a moment and returns what happened on the way.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from console.clock import format_time, parse_time
from console.demo.client import Object
from console.demo.controllers.base import with_condition
from console.demo.controllers.behaviours import behaviour
from console.demo.controllers.containers import ContainerRun, Note, Phase

LOOKUP = 2.0  # seconds between two tries of a container that waits for a name
LOOKUPS = 100


class Surroundings(Protocol):
    """What a pod finds on its node and in the cluster."""

    def pull_seconds(self, image: str, policy: str) -> tuple[float | None, int]:
        """Seconds the image takes (None when it is there) and its size in bytes."""

    def resolves(self, host: str) -> bool:
        """Whether a host name has an address."""


@dataclass(frozen=True, slots=True)
class Happening:
    """`kind` is "event" (with a note), or what became of a container: "started", "hung", "ended", "rotated"."""

    kind: str
    at: float
    container: ContainerRun | None = None
    note: Note | None = None


@dataclass(slots=True)
class PodRun:
    """A pod on a node. `problems` maps a container (or "" for the pod's volumes) to what is missing."""

    pod: Object
    started: float
    host_ip: str
    ip: str
    draw: Callable[[str], random.Random]  # by container name, the same sequence every time
    containers: list[ContainerRun] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    sandbox: bool = False
    failure: tuple[str, str] | None = None  # reason and message of a failure of the pod as a whole
    stopping: bool = False
    _lookups: int = 0
    _held: bool = False  # its volumes were not there when it could have started
    _moment: float = 0.0  # of the last change: what it made possible starts then

    def __post_init__(self) -> None:
        metadata, spec = self.pod["metadata"], self.pod["spec"]
        words = f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
        for container in spec.get("initContainers") or ():
            kind = "sidecar" if container.get("restartPolicy") == "Always" else "init"
            self.containers.append(ContainerRun(container, kind, words, metadata["uid"]))
        for container in spec["containers"]:
            self.containers.append(ContainerRun(container, "main", words, metadata["uid"]))
        for run in self.containers:
            run.behaviour = behaviour(self.pod, run.spec, 0, self.draw(run.name))

    # moving on

    def advance(self, now: float, around: Surroundings) -> list[Happening]:
        """Everything that is due until `now`."""
        happened: list[Happening] = []
        for _ in range(10_000):
            if self.finished or not self._step(now, around, happened):
                break
        return happened

    def _step(self, now: float, around: Surroundings, happened: list[Happening]) -> bool:
        if not self.stopping and (failed := self._fails(now)) is not None:
            at, self.failure = failed
            self._end_all(at, happened, 137)
            return True
        if not self.sandbox:
            if now < self.started + 1.0 or self.problems.get(""):
                self._held = bool(self.problems.get(""))
                return False
            self.sandbox = True
            self._moment = max(self.started + 1.0, now if self._held else 0.0)
            return True
        for run in self._active():
            if run.phase is Phase.CREATED and not self.stopping:
                self._create(run, self._moment or now, around, happened)
                return True
        due = min(self._active(), key=lambda run: run.due, default=None)
        if due is not None and due.due <= now:
            self._moment = due.due
            self._change(due, due.due, around, happened)
            return True
        for run in self._active():
            if run.phase is Phase.RUNNING and not run.ready and run.kind != "init" and run.ready_at <= now:
                run.ready = True
                return True
            hang = run.behaviour.hang
            if run.phase is Phase.RUNNING and not run.hung and hang is not None and run.since + hang <= now:
                run.hung = True
                happened.append(Happening("hung", run.since + hang, run))
                return True
        return self._retire_sidecars(now, happened)

    def _active(self) -> list[ContainerRun]:
        """The containers whose turn it is or was: an init container holds back those after it."""
        active = []
        for run in self.containers:
            active.append(run)
            if (run.kind == "init" and not run.done) or (run.kind == "sidecar" and not run.runs):
                break
        return active

    def _create(self, run: ContainerRun, at: float, around: Surroundings, happened: list[Happening]) -> None:
        if why := self.problems.get(run.name):
            self._note(happened, at, run, run.refuse(at, why))
            return
        run.behaviour = behaviour(self.pod, run.spec, run.runs, self.draw(run.name))
        policy = run.spec.get("imagePullPolicy") or "IfNotPresent"
        seconds, _ = around.pull_seconds(run.image, policy)
        if run.behaviour.pull is not None and seconds is not None:
            seconds = run.behaviour.pull
        if run.behaviour.image_error:
            seconds = 1.2
        self._note(happened, at, run, run.pull(at, seconds))
        run.pulling = seconds is not None

    def _change(self, run: ContainerRun, at: float, around: Surroundings, happened: list[Happening]) -> None:
        match run.phase:
            case Phase.PULLING:
                if run.pulling:
                    self._note(happened, at, run, run.pulled(at, around.pull_seconds(run.image, "Never")[1]))
                if run.phase is Phase.PULLING:
                    self._note(happened, at, run, run.start(at))
                    if run.behaviour.waits_for:
                        run.due = at + LOOKUP
                    happened.append(Happening("started", at, run))
            case Phase.PULL_FAILED:
                self._note(happened, at, run, run.hold_pull(at))
            case Phase.PULL_BACKOFF | Phase.CONFIG_FAILED:
                run.phase, run.since, run.due = Phase.CREATED, at, math.inf
            case Phase.RUNNING if run.behaviour.waits_for and not self.stopping:
                self._look_up(run, at, around, happened)
            case Phase.RUNNING:
                self._end(run, at, happened)
            case Phase.ENDED | Phase.BACKOFF:
                happened.append(Happening("rotated", at, run))
                run.again()
                run.since = at

    def _look_up(self, run: ContainerRun, at: float, around: Surroundings, happened: list[Happening]) -> None:
        self._lookups += 1
        if around.resolves(run.behaviour.waits_for):
            self._end(run, at, happened, code=0)
        elif self._lookups >= LOOKUPS:
            self._lookups = 0
            self._end(run, at, happened, code=1)
        else:
            run.due = at + LOOKUP

    def _end(self, run: ContainerRun, at: float, happened: list[Happening], *, code: int | None = None) -> None:
        run.end(at, code=code)
        happened.append(Happening("ended", at, run))
        if not self.stopping and self._restarts(run):
            self._note(happened, at, run, run.back_off(at))

    def _restarts(self, run: ContainerRun) -> bool:
        policy = self.pod["spec"].get("restartPolicy", "Always")
        failed = run.ending is not None and run.ending.code != 0
        if run.kind == "sidecar":
            return True
        if run.kind == "init":
            return failed and policy != "Never"
        return policy == "Always" or (policy == "OnFailure" and failed)

    def _retire_sidecars(self, now: float, happened: list[Happening]) -> bool:
        mains = [run for run in self.containers if run.kind == "main"]
        if not all(run.phase is Phase.ENDED and run.due == math.inf for run in mains):
            return False
        running = [run for run in self.containers if run.kind == "sidecar" and run.phase is not Phase.ENDED]
        for run in running:
            if run.phase is Phase.RUNNING:
                run.end(now, code=0)
                happened.append(Happening("ended", now, run))
            else:
                run.phase, run.due = Phase.ENDED, math.inf
        return bool(running)

    def _fails(self, now: float) -> tuple[float, tuple[str, str]] | None:
        deadline = self.pod["spec"].get("activeDeadlineSeconds")
        if deadline is not None and now >= self.started + deadline:
            text = "Pod was active on the node longer than the specified deadline"
            return self.started + deadline, ("DeadlineExceeded", text)
        for run in self.containers:
            evict = run.behaviour.evict
            if evict is not None and run.phase is Phase.RUNNING and now >= run.since + evict:
                text = run.behaviour.message or "The node was low on resource: ephemeral-storage. "
                return run.since + evict, ("Evicted", text)
        return None

    def fail(self, reason: str, message: str) -> None:
        """The pod as a whole fails before anything ran."""
        self.failure = (reason, message)

    def stop(self, now: float, grace: float) -> list[Happening]:
        """The pod is deleted: every process is asked to end within `grace` seconds."""
        self.stopping = True
        happened: list[Happening] = []
        for run in self.containers:
            if run.phase is Phase.RUNNING:
                run.due = min(run.due, now + min(grace, run.behaviour.stop))
                self._note(happened, now, run, [Note("Normal", "Killing", f"Stopping container {run.name}")])
            elif run.phase is not Phase.ENDED:
                run.due = math.inf
        return happened

    def stop_due(self, now: float, grace: float) -> list[Happening]:
        """What ends by `now` of a pod that is being stopped."""
        happened: list[Happening] = []
        for run in self.containers:
            if run.phase is Phase.RUNNING and run.due <= now:
                run.end(run.due, code=137 if run.behaviour.stop >= grace else 143)
                happened.append(Happening("ended", run.due, run))
        return happened

    def _end_all(self, at: float, happened: list[Happening], code: int) -> None:
        for run in self.containers:
            if run.phase is Phase.RUNNING:
                run.end(at, code=code)
                happened.append(Happening("ended", at, run))

    @staticmethod
    def _note(happened: list[Happening], at: float, run: ContainerRun, notes: Iterable[Note]) -> None:
        happened += [Happening("event", at, run, note) for note in notes]

    # what is known

    @property
    def finished(self) -> bool:
        """Whether the pod Succeeded or Failed."""
        return self.phase in ("Succeeded", "Failed")

    @property
    def running(self) -> bool:
        """Whether any process runs."""
        return any(run.phase is Phase.RUNNING for run in self.containers)

    def next_stop(self) -> float:
        """When the next process of a pod that is being stopped ends."""
        return min((run.due for run in self.containers if run.phase is Phase.RUNNING), default=math.inf)

    def next_due(self) -> float:
        """When `advance` has something to do next; infinite when nothing is to come."""
        if self.finished:
            return math.inf
        if not self.sandbox:
            return self.started + 1.0
        times = [run.due for run in self._active()]
        for run in self._active():
            if run.phase is Phase.RUNNING:
                times.append(math.inf if run.ready or run.kind == "init" else run.ready_at)
                if run.behaviour.hang is not None and not run.hung:
                    times.append(run.since + run.behaviour.hang)
                if run.behaviour.evict is not None:
                    times.append(run.since + run.behaviour.evict)
        deadline = self.pod["spec"].get("activeDeadlineSeconds")
        return min([*times, math.inf if deadline is None else self.started + deadline])

    @property
    def phase(self) -> str:
        """status.phase."""
        if self.failure is not None:
            return "Failed"
        inits = [run for run in self.containers if run.kind == "init"]
        mains = [run for run in self.containers if run.kind == "main"]
        if any(run.phase is Phase.ENDED and not run.done and not self._restarts(run) for run in inits):
            return "Failed"
        if not all(run.done for run in inits):
            return "Pending"
        if all(run.phase is Phase.ENDED and not (self._restarts(run) and not self.stopping) for run in mains):
            if any(run.phase is not Phase.ENDED for run in self.containers):
                return "Running"
            return "Succeeded" if all(run.done for run in mains) else "Failed"
        return "Running" if any(run.runs for run in mains) else "Pending"

    def adopt(self, now: float) -> None:
        """Go on from the status the pod already has."""
        status = self.pod.get("status") or {}
        self.started = parse_time(status.get("startTime")) or now
        known = {
            each["name"]: each
            for each in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
        }
        for run in self.containers:
            if run.name in known:
                self.sandbox = True
                run.behaviour = behaviour(
                    self.pod, run.spec, int(known[run.name].get("restartCount") or 0), self.draw(run.name)
                )
                run.adopt(known[run.name], now)
                if run.phase is Phase.RUNNING and run.due < now:  # what was drawn was too short: it goes on a while
                    run.due = now + self.draw(run.name).uniform(240, 3600)
                    run.ready = run.kind != "init"
                if run.phase is Phase.ENDED and self._restarts(run):
                    run.back_off(now)
        if status.get("phase") == "Failed":
            self.failure = (str(status.get("reason") or ""), str(status.get("message") or ""))

    # what it looks like

    def status(self, now: float) -> Object:
        """The whole status, on top of what others wrote into it."""
        old = self.pod.get("status") or {}
        phase, at = self.phase, format_time(now)
        status: Object = {key: value for key, value in old.items() if key not in ("reason", "message")}
        status |= {"phase": phase, "hostIP": self.host_ip, "hostIPs": [{"ip": self.host_ip}]}
        status["startTime"] = old.get("startTime") or format_time(self.started)
        status["qosClass"] = old.get("qosClass") or "BestEffort"
        if self.failure is not None:
            reason, message = self.failure
            status |= {"reason": reason} if reason else {}
            status |= {"message": message} if message else {}
        if self.sandbox and self.ip and (phase not in ("Succeeded", "Failed") or old.get("podIP")):
            status |= {"podIP": self.ip, "podIPs": [{"ip": self.ip}]}
        inits = [run for run in self.containers if run.kind != "main"]
        mains = [run for run in self.containers if run.kind == "main"]
        if self.sandbox or self.failure is None:
            waiting = "PodInitializing" if inits else "ContainerCreating"
            if inits:
                status["initContainerStatuses"] = [run.status("PodInitializing") for run in inits]
            status["containerStatuses"] = [run.status(waiting) for run in mains]
        for new in self._conditions(phase, inits, mains):
            status["conditions"] = with_condition(status.get("conditions") or (), new, now=at)
        return status

    def _conditions(self, phase: str, inits: list[ContainerRun], mains: list[ContainerRun]) -> Iterable[Object]:
        over = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(phase, "")
        alive = self.sandbox and not over
        yield {"type": "PodReadyToStartContainers", "status": "True" if alive else "False"}
        undone = [run.name for run in inits if (not run.done if run.kind == "init" else not run.runs)]
        if undone:
            message = f"containers with incomplete status: [{' '.join(undone)}]"
            yield _condition("Initialized", False, "ContainersNotInitialized", message)
        else:
            yield _condition("Initialized", True, over if over == "PodCompleted" else "")
        unready = [run.name for run in [*inits, *mains] if run.kind != "init" and not run.ready]
        if over:
            yield _condition("Ready", False, over)
            yield _condition("ContainersReady", False, over)
        elif unready:
            message = f"containers with unready status: [{' '.join(unready)}]"
            yield _condition("Ready", False, "ContainersNotReady", message)
            yield _condition("ContainersReady", False, "ContainersNotReady", message)
        else:
            yield self._gates() or _condition("Ready", True)
            yield _condition("ContainersReady", True)
        yield _condition("PodScheduled", True)

    def _gates(self) -> Object | None:
        conditions = (self.pod.get("status") or {}).get("conditions") or ()
        true = {each["type"] for each in conditions if each["status"] == "True"}
        for gate in self.pod["spec"].get("readinessGates") or ():
            if gate["conditionType"] not in true:
                message = f'the status of pod readiness gate "{gate["conditionType"]}" is not "True", but False'
                return _condition("Ready", False, "ReadinessGatesNotReady", message)
        return None


def _condition(kind: str, true: bool, reason: str = "", message: str = "") -> Object:
    result: Object = {"type": kind, "status": "True" if true else "False"}
    result |= {"reason": reason} if reason else {}
    return result | ({"message": message} if message else {})
