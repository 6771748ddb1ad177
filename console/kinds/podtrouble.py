"""Whether a pod is in trouble, in what words, and for whom it works."""

from __future__ import annotations

from dataclasses import dataclass

from console.kinds.base import State
from console.kinds.pods import PodRow

GRACE = 120.0  # seconds a pod may wait for a node
START_GRACE = 600.0  # seconds its containers may take to be pulled and created
RECENT = 24 * 3600.0  # seconds a failed pod without an owner's verdict stays news
RESTARTS = 3  # restarts within an hour that make a running pod worth a look


@dataclass(frozen=True, slots=True)
class Owner:
    """What a pod works for, as far as its own labels and owner references tell."""

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a pod is not fine."""

    severity: State
    word: str  # CrashLoopBackOff, Unschedulable, OOMKilled, ...
    reason: str
    since: float
    sentence: str  # with the pod's name


def owner_of(pod: PodRow) -> Owner:
    """The job, notebook, service or controller behind a pod; the pod itself where there is none."""
    if pod.job and pod.job_kind:
        return Owner(pod.job_kind, pod.namespace, pod.job)
    if pod.owner and pod.owner_kind != "Node":
        return Owner(pod.owner_kind, pod.namespace, pod.owner)
    return Owner("Pod", pod.namespace, pod.name)


_STARTING = frozenset({"ContainerCreating", "PodInitializing", "Pending"})


def pod_trouble(pod: PodRow, now: float) -> Trouble | None:
    """The trouble a pod is in, or None."""
    word, why = pod.word, pod.why
    if pod.phase == "Succeeded" or word in ("Completed", "Terminating"):
        return None
    if pod.phase == "Failed":
        ended = pod.finished or pod.since or pod.created
        return _trouble(State.BAD, pod, word, why, ended) if now - ended < RECENT else None
    if pod.phase == "Pending" and not pod.scheduled:
        since = pod.since or pod.created
        if now - since < GRACE:
            return None
        told = "Unschedulable" if word == "Pending" and why else word
        return _trouble(State.WARN, pod, told, why, since)
    if word in _STARTING or (word.startswith("Init:") and word[5:6].isdecimal()):
        since = pod.started or pod.created
        return _trouble(State.WARN, pod, word, why, since) if now - since > START_GRACE else None
    if word == "Running":
        if pod.restarts >= RESTARTS and pod.restarted and now - pod.restarted < 3600.0:
            return _trouble(State.WARN, pod, f"restarted {pod.restarts} times", why, pod.restarted)
        return None
    if word in ("Unknown", "NotReady"):
        return _trouble(State.WARN, pod, word, why, pod.since or pod.created)
    return _trouble(State.BAD, pod, word, why, pod.since or pod.created)


def _trouble(severity: State, pod: PodRow, word: str, why: str, since: float) -> Trouble:
    return Trouble(severity, word, why, since, f"{pod.name} {word}: {why}" if why else f"{pod.name} {word}")
