"""What a pod's status says: kubectl's STATUS, READY and RESTARTS, and the true reason behind them.

A transcription of printPod, k8s.io/kubernetes pkg/printers/internalversion/printers.go (v1.34).
"""

from __future__ import annotations

import msgspec

from console.kinds.meta import Condition, Slim, seconds


class Waiting(Slim):
    """state.waiting."""

    reason: str = ""
    message: str = ""


class Running(Slim):
    """state.running."""

    started_at: str | None = None


class Terminated(Slim):
    """state.terminated."""

    exit_code: int = 0
    signal: int = 0
    reason: str = ""
    message: str = ""
    finished_at: str | None = None


class ContainerState(Slim):
    """state or lastState."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(Slim):
    """One containerStatuses entry."""

    name: str = ""
    ready: bool = False
    started: bool | None = None
    restart_count: int = 0
    state: ContainerState | None = None
    last_state: ContainerState | None = None


class PodStatus(Slim):
    """The status's parts a row needs."""

    phase: str = "Unknown"
    reason: str = ""
    message: str = ""
    pod_ip: str = msgspec.field(name="podIP", default="")
    start_time: str | None = None
    conditions: list[Condition] | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None


_NO_STATE = ContainerState()


def ended(end: Terminated) -> str:
    """Why a container ended, in one clause."""
    code = f"signal {end.signal}" if end.signal else f"exit code {end.exit_code}"
    reason = f"{end.reason} ({code})" if end.reason and end.reason != "Error" else code
    message = end.message.strip()
    return f"{reason}: {message}" if message else reason


class Told:
    """What the container statuses say, gathered in kubectl's order."""

    __slots__ = ("finished", "ready", "restarted", "restarts", "since", "why", "word")

    def __init__(self, word: str) -> None:
        self.word = word
        self.why = ""
        self.ready = 0
        self.restarts = 0
        self.restarted = 0.0
        self.since = 0.0
        self.finished = 0.0

    def explain(self, status: ContainerStatus, state: ContainerState, many: bool) -> None:
        """Keep the reason of a container that waits or ended badly."""
        last = status.last_state.terminated if status.last_state is not None else None
        if state.waiting is not None:
            text = state.waiting.message.strip()
            if last is not None and state.waiting.reason == "CrashLoopBackOff":
                text = f"last run ended with {ended(last)}"
                self.since = seconds(last.finished_at)
        elif state.terminated is not None:
            text = ended(state.terminated)
            self.since = seconds(state.terminated.finished_at)
        else:
            return
        if text:
            self.why = f"container {status.name}: {text}" if many else text


def initialise(told: Told, status: PodStatus, asked: int, sidecars: set[str]) -> tuple[bool, int, float]:
    """Read the init containers; (still initialising, restarts of sidecars, time of a sidecar's last restart)."""
    restarts, restarted = 0, 0.0
    for position, container in enumerate(status.init_container_statuses or ()):
        told.restarts += container.restart_count
        last = container.last_state.terminated if container.last_state is not None else None
        at = seconds(last.finished_at) if last is not None else 0.0
        told.restarted = max(told.restarted, at)
        if container.name in sidecars:
            restarts += container.restart_count
            restarted = max(restarted, at)
        state = container.state or _NO_STATE
        end = state.terminated
        if end is not None and end.exit_code == 0:
            continue
        if container.name in sidecars and container.started:
            told.ready += container.ready
            continue
        if end is not None:
            told.word = "Init:" + (
                end.reason or (f"Signal:{end.signal}" if end.signal else f"ExitCode:{end.exit_code}")
            )
        elif state.waiting is not None and state.waiting.reason and state.waiting.reason != "PodInitializing":
            told.word = "Init:" + state.waiting.reason
        else:
            told.word = f"Init:{position}/{asked}"
        told.explain(container, state, True)
        return True, restarts, restarted
    return False, restarts, restarted


def read_containers(told: Told, status: PodStatus) -> None:
    """Read the containers, last to first, as kubectl does: the first one's reason wins."""
    statuses = status.container_statuses or ()
    running = False
    many = len(statuses) > 1
    for container in reversed(statuses):
        told.restarts += container.restart_count
        if container.last_state is not None and container.last_state.terminated is not None:
            told.restarted = max(told.restarted, seconds(container.last_state.terminated.finished_at))
        state = container.state
        if state is None:
            continue
        end = state.terminated
        if state.waiting is not None and state.waiting.reason:
            told.word = state.waiting.reason
            told.explain(container, state, many)
        elif end is not None:
            told.word = end.reason or (f"Signal:{end.signal}" if end.signal else f"ExitCode:{end.exit_code}")
            told.finished = max(told.finished, seconds(end.finished_at))
            if end.exit_code or end.signal:
                told.explain(container, state, many)
        elif container.ready and state.running is not None:
            running = True
            told.ready += 1
            told.since = told.since or seconds(state.running.started_at)
    if told.word == "Completed" and running:
        ready = any(entry.type == "Ready" and entry.status == "True" for entry in status.conditions or ())
        told.word = "Running" if ready else "NotReady"
