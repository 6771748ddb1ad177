"""The replicas of a distributed job as one: they train together, and when one is missing the others wait.

Times are seconds since 1970; what was, is kept as a short list of turns, so any past moment can be asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

from console.demo.client import Object
from console.demo.gpu_figures import Mode, checkpoint_every
from console.demo.informer import controller_of

TURNS = 256  # remembered turns of a gang


@dataclass(frozen=True, slots=True)
class Turn:
    """From `at` on the gang is in `mode`, having trained for `progress` seconds by then."""

    at: float
    mode: Mode
    progress: float


@dataclass(slots=True)
class Gang:
    """The replicas of one job.

    `size` is how many must run before training starts, 0 when nobody said; an `elastic` job goes on without
    those that were taken away.
    """

    seed: int
    size: int = 0
    elastic: bool = False
    _members: dict[str, Mode] = field(default_factory=dict)
    _turns: list[Turn] = field(default_factory=list)
    _began: bool = False

    def set_member(self, pod: str, mode: Mode, at: float) -> None:
        """A replica runs, hangs, or waits to run (also again, after it died)."""
        self._members[pod] = mode
        self._turn(at)

    def remove(self, pod: str, at: float, *, finished: bool) -> None:
        """A replica is gone: `finished` its work, or it is missed."""
        if pod not in self._members:
            return
        if finished or self.elastic:
            del self._members[pod]
            self.size = max(0, self.size - 1) if finished else self.size
        else:
            self._members[pod] = Mode.WAITING
        self._turn(at)

    @property
    def empty(self) -> bool:
        """Whether no replica runs or hangs any more."""
        return not any(mode is not Mode.WAITING for mode in self._members.values())

    def at(self, t: float) -> Turn:
        """The turn that holds at `t`; before the first the gang waits."""
        index = bisect_right(self._turns, t, key=lambda turn: turn.at)
        return self._turns[index - 1] if index else Turn(t, Mode.WAITING, 0.0)

    def progress(self, t: float) -> float:
        """Seconds of training done by `t`, what was lost by restarting from a checkpoint not counted."""
        turn = self.at(t)
        return turn.progress + (t - turn.at if turn.mode is Mode.RUNNING else 0.0)

    def resumed_from_checkpoint(self, t: float) -> bool:
        """Whether the turn at `t` is a running one after an interruption."""
        index = bisect_right(self._turns, t, key=lambda turn: turn.at) - 1
        return index > 0 and self._turns[index].mode is Mode.RUNNING and self._turns[index - 1].mode is Mode.SPINNING

    def _turn(self, at: float) -> None:
        complete = len(self._members) >= self.size and all(mode is Mode.RUNNING for mode in self._members.values())
        last = self._turns[-1] if self._turns else Turn(at, Mode.WAITING, 0.0)
        if complete and self._members:
            mode, self._began = Mode.RUNNING, True
        else:
            mode = Mode.SPINNING if self._began else Mode.WAITING
        if mode is last.mode and self._turns:
            return
        at = max(at, last.at)
        progress = last.progress + (at - last.at if last.mode is Mode.RUNNING else 0.0)
        if mode is Mode.RUNNING:
            progress -= progress % checkpoint_every(self.seed)
        self._turns.append(Turn(at, mode, progress))
        if len(self._turns) > TURNS:
            del self._turns[: TURNS // 2]


def gang_of(pod: Object) -> str:
    """What the replicas of one job have in common; empty for a pod that works alone."""
    metadata = pod["metadata"]
    labels: Mapping[str, str] = metadata.get("labels") or {}
    if name := labels.get("training.kubeflow.org/job-name"):
        owner = controller_of(pod)
        return f"{metadata['namespace']}/{name}/{owner['uid'] if owner else ''}"
    name = labels.get("jobset.sigs.k8s.io/jobset-name", "")
    return f"{metadata['namespace']}/{name}" if name and gang_size(pod)[0] else ""


def gang_size(pod: Object) -> tuple[int, bool]:
    """How many replicas the pod's environment says there are, and whether their number may vary; 0 when unsaid."""
    for container in pod["spec"].get("containers") or ():
        env = {each["name"]: str(each.get("value", "")) for each in container.get("env") or ()}
        for name in ("PET_NNODES", "NUM_PROCESSES", "PADDLE_NNODES", "WORLD_SIZE"):
            first, colon, _ = env.get(name, "").partition(":")
            if first.isdigit():
                return int(first), bool(colon)
    return 0, False
