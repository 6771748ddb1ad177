"""The replicas of a distributed job as one: they train together, and when one is missing the others wait.

Times are seconds since 1970; what was, is kept as a short list of turns, so any past moment can be asked for.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Mapping
from dataclasses import dataclass, field

from console.demo.client import Object
from console.demo.gpu_figures import Mode, checkpoint_every
from console.demo.informer import controller_of

CHANGES = 512  # remembered changes of a gang's replicas; older ones are folded into its first turn


@dataclass(frozen=True, slots=True)
class Turn:
    """From `at` on the gang is in `mode`, having trained for `progress` seconds by then."""

    at: float
    mode: Mode
    progress: float
    resumed: bool = False  # it goes on from a checkpoint


_LEFT = Mode.IDLE  # of a replica that is neither there nor missed


@dataclass(slots=True)
class Gang:
    """The replicas of one job.

    `size` is how many must run before training starts, 0 when nobody said; an `elastic` job goes on without
    those that were taken away. What is told of one replica comes in order of time; replicas come in any order.
    """

    seed: int
    size: int = 0
    elastic: bool = False
    _changes: list[tuple[float, str, Mode]] = field(default_factory=list)
    _turns: list[Turn] | None = None
    _now: dict[str, Mode] = field(default_factory=dict)
    _before: dict[str, Mode] = field(default_factory=dict)  # at the time of the first turn, when changes were folded
    _first: Turn | None = None

    def set_member(self, pod: str, mode: Mode, at: float) -> None:
        """A replica runs, hangs, or waits to run (also again, after it died).

        `at` may lie ahead: what is told later of an earlier moment takes it back.
        """
        self._now[pod] = mode
        if any(change[1] == pod and change[0] > at for change in reversed(self._changes)):
            self._changes = [change for change in self._changes if change[1] != pod or change[0] <= at]
        insort(self._changes, (at, pod, mode), key=lambda change: change[0])
        self._turns = None
        if len(self._changes) > CHANGES:
            self._fold()

    def remove(self, pod: str, at: float, *, finished: bool) -> None:
        """A replica is gone: `finished` its work, or it is missed."""
        if self._now.get(pod, _LEFT) is not _LEFT:
            self.set_member(pod, _LEFT if finished or self.elastic else Mode.WAITING, at)

    @property
    def empty(self) -> bool:
        """Whether no replica runs or hangs any more."""
        return not any(mode in (Mode.RUNNING, Mode.HUNG) for mode in self._now.values())

    def at(self, t: float) -> Turn:
        """The turn that holds at `t`; before the first the gang waits."""
        turns = self._all_turns()
        index = bisect_right(turns, t, key=lambda turn: turn.at)
        return turns[index - 1] if index else Turn(t, Mode.WAITING, 0.0)

    def progress(self, t: float) -> float:
        """Seconds of training done by `t`, what was lost by restarting from a checkpoint not counted."""
        turn = self.at(t)
        return turn.progress + (t - turn.at if turn.mode is Mode.RUNNING else 0.0)

    def _all_turns(self) -> list[Turn]:
        if self._turns is None:
            self._turns = self._computed()
        return self._turns

    def _computed(self) -> list[Turn]:
        members = dict(self._before)
        turns = [self._first] if self._first else []
        began = self._first is not None and self._first.mode is not Mode.WAITING
        for index, (at, pod, mode) in enumerate(self._changes):
            members[pod] = mode
            if index + 1 < len(self._changes) and self._changes[index + 1][0] == at:
                continue  # what happens at once counts at once
            present = [each for each in members.values() if each is not _LEFT]
            complete = len(members) >= self.size and bool(present) and all(each is Mode.RUNNING for each in present)
            began = began or complete
            now = Mode.RUNNING if complete else Mode.SPINNING if began and present else Mode.WAITING
            last = turns[-1] if turns else Turn(at, Mode.WAITING, 0.0)
            if now is last.mode and turns:
                continue
            progress = last.progress + (at - last.at if last.mode is Mode.RUNNING else 0.0)
            resumed = complete and progress > 0
            if resumed:
                progress -= progress % checkpoint_every(self.seed)
            turns.append(Turn(at, now, progress, resumed))
        return turns

    def _fold(self) -> None:
        half = len(self._changes) // 2
        until = self._changes[half - 1][0]
        self._first = self.at(until)
        for _, pod, mode in self._changes[:half]:
            self._before[pod] = mode
        del self._changes[:half]
        self._turns = None


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
