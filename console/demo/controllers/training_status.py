"""The status of a training v1 job from its pods: conditions, replica counts, success and failure.

Facts from github.com/kubeflow/training-operator v1.9.3, pkg/util/status.go and UpdateJobStatus of each controller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from console.clock import format_time, parse_time
from console.demo.client import Object
from console.demo.controllers.plan import Note, holds
from console.demo.controllers.training_kinds import TrainingKind, leader

LABEL = "training.kubeflow.org/"


def labels(kind: TrainingKind, job: str, replica_type: str = "") -> dict[str, str]:
    """The labels of a job's pods and services; with a replica type, those of that type alone."""
    found = {f"{LABEL}job-name": job, f"{LABEL}operator-name": kind.operator_name}
    if replica_type:
        found[f"{LABEL}replica-type"] = replica_type.lower()
    return found


def condition(status: Object, kind: str, value: bool, reason: str, message: str, now: float) -> None:
    """Record a condition the way the operator does: newest last, nothing after Failed, Running against Restarting."""
    conditions: list[Object] = status.setdefault("conditions", [])
    if holds(conditions, "Failed"):
        return
    word, at = "True" if value else "False", format_time(now)
    current = next((each for each in conditions if each["type"] == kind), None)
    if current and current["status"] == word and current.get("reason") == reason:
        return
    since = current["lastTransitionTime"] if current and current["status"] == word else at
    kept = []
    for each in conditions:
        if each["type"] == kind or {each["type"], kind} == {"Running", "Restarting"}:
            continue
        if kind in ("Failed", "Succeeded") and each["type"] == "Running":
            each = {**each, "status": "False"}
        kept.append(each)
    new = {
        "type": kind,
        "status": word,
        "reason": reason,
        "message": message,
        "lastUpdateTime": at,
        "lastTransitionTime": since,
    }
    status["conditions"] = [*kept, new]


def is_finished(status: Object) -> bool:
    """Whether the job has Succeeded or Failed."""
    conditions = status.get("conditions") or []
    return holds(conditions, "Succeeded") or holds(conditions, "Failed")


def count_replicas(pods: Sequence[Object]) -> Object:
    """`active`, `succeeded` and `failed` of one replica type; a zero is left out, pending pods are not counted."""
    counts = {"active": 0, "succeeded": 0, "failed": 0}
    for pod in pods:
        phase = pod.get("status", {}).get("phase")
        if phase == "Running":
            counts["failed" if pod["metadata"].get("deletionTimestamp") else "active"] += 1
        elif phase in ("Succeeded", "Failed"):
            counts[phase.lower()] += 1
    return {name: number for name, number in counts.items() if number}


def restarts(specs: Mapping[str, Object], pods: Mapping[str, Sequence[Object]]) -> int:
    """Container restarts of running pods, of the replica types whose policy counts towards `backoffLimit`."""
    total = 0
    for replica_type, spec in specs.items():
        if spec["restartPolicy"] not in ("OnFailure", "Always", "ExitCode"):
            continue
        for pod in pods.get(replica_type, ()):
            status = pod.get("status", {})
            if status.get("phase") == "Running":
                every = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
                total += sum(int(each.get("restartCount", 0)) for each in every)
    return total


def exceeded(job: Object, specs: Mapping[str, Object], pods: Mapping[str, Sequence[Object]], now: float) -> str:
    """Why the job is over its limits, as the operator words it; empty while it is not."""
    policy, name = job["spec"]["runPolicy"], job["metadata"]["name"]
    backoff = policy.get("backoffLimit")
    if backoff is not None:
        count = restarts(specs, pods)
        if count > 0 and count >= int(backoff):
            return f"Job {name} has failed because it has reached the specified backoff limit"
    remaining = seconds_left(job, now)
    if remaining is not None and remaining <= 0:
        return f"Job {name} has failed because it was active longer than specified deadline"
    return ""


def seconds_left(job: Object, now: float) -> float | None:
    """Seconds until `activeDeadlineSeconds` is over; None without one or before the start."""
    deadline = job["spec"]["runPolicy"].get("activeDeadlineSeconds")
    start = parse_time(job.get("status", {}).get("startTime"))
    return None if deadline is None or start is None else start + float(deadline) - now


def update(
    kind: TrainingKind,
    job: Object,
    specs: Mapping[str, Object],
    pods: Mapping[str, Sequence[Object]],
    status: Object,
    now: float,
) -> list[Note]:
    """Bring `status` up to the pods, in place, and say which events go with it.

    `specs` are defaulted; `pods` maps a replica type to its pods.
    """
    status.setdefault("startTime", format_time(now))
    counts: dict[str, Object] = {}
    for replica_type in specs:
        counts[replica_type] = count_replicas(pods.get(replica_type, ()))
        if kind.kind in ("PyTorchJob", "PaddleJob", "JAXJob"):
            found = labels(kind, job["metadata"]["name"], replica_type)
            counts[replica_type]["selector"] = ",".join(f"{key}={value}" for key, value in sorted(found.items()))
    status["replicaStatuses"] = counts
    was_restarting = next((each for each in status["conditions"] if each["type"] == "Restarting"), None)
    notes: list[Note] = []
    for replica_type, spec in specs.items():
        verdict = _Verdict(kind, job, specs, pods, replica_type, spec, counts[replica_type], status, now)
        verdict.decide(was_restarting)
        notes += verdict.notes
        if holds(status["conditions"], "Succeeded") and leader(kind, specs) is not None:
            break
    return notes


class _Verdict:
    """One replica type's say in the job's conditions."""

    def __init__(
        self,
        kind: TrainingKind,
        job: Object,
        specs: Mapping[str, Object],
        pods: Mapping[str, Sequence[Object]],
        replica_type: str,
        spec: Object,
        counts: Object,
        status: Object,
        now: float,
    ) -> None:
        self.kind, self.job, self.specs, self.pods = kind, job, specs, pods
        self.type, self.spec, self.status, self.now = replica_type, spec, status, now
        self.wanted = int(spec["replicas"])
        self.active, self.succeeded, self.failed = (
            int(counts.get(word, 0)) for word in ("active", "succeeded", "failed")
        )
        self.notes: list[Note] = []
        meta = job["metadata"]
        self.led = leader(kind, specs) is not None
        # With a leader the operator names the job alone, without one (and for TFJob always) its namespace too.
        short = self.led and kind.kind != "TFJob"
        self.name = meta["name"] if short else f"{meta['namespace']}/{meta['name']}"
        self.completed = "is successfully completed" if short else "successfully completed"

    def decide(self, was_restarting: Object | None) -> None:
        if self.type in self.kind.leaders if self.led else self.type == "Worker":
            if self._succeeded():
                self._finish("Succeeded", "Normal", f"{self.kind.kind} {self.name} {self.completed}.")
                if self.led:
                    return
            elif self.active > 0:
                self._mark("Running", f"{self.kind.kind} {self.name} is running.")
        if self.failed > 0:
            self._fail(was_restarting)

    def _succeeded(self) -> bool:
        if self.wanted == self.succeeded and self.wanted > 0:
            return True
        if self.led:
            return False
        if self.kind.kind == "PyTorchJob" and self.job["spec"].get("elasticPolicy") is not None:
            return self.succeeded > 0
        if self.kind.success == "first worker" and self.job["spec"].get("successPolicy") != "AllWorkers":
            return any(
                pod["metadata"].get("labels", {}).get(f"{LABEL}replica-index") == "0"
                and pod.get("status", {}).get("phase") == "Succeeded"
                for pod in self.pods.get("Worker", ())
            )
        return False

    def _fail(self, was_restarting: Object | None) -> None:
        kind, policy = self.kind, self.spec["restartPolicy"]
        because = f"because {self.failed} {self.type} replica(s) failed."
        if kind.kind == "TFJob":
            if was_restarting is not None:
                condition(
                    self.status, "Restarting", True, was_restarting["reason"], was_restarting["message"], self.now
                )
            elif not (self.job["spec"].get("enableDynamicWorker") and self.type == "Worker"):
                self._finish("Failed", "Normal", f"TFJob {self.name} has failed {because}")
            return
        name = self.job["metadata"]["name"]
        if kind.kind in ("XGBoostJob", "MPIJob", "MXJob"):
            restarting = policy == "ExitCode"
        elif self.wanted > self.succeeded + self.active:
            restarting = policy != "Never"
        else:
            return
        if not restarting:
            reason, message = self._launcher_trouble(f"{kind.kind} {name} is failed {because}")
            self._finish("Failed", "Normal", message, reason)
        elif not holds(self.status["conditions"], "Failed"):
            message = f"{kind.kind} {name} is restarting {because}"
            self.notes.append(Note("Warning", f"{kind.kind}Restarting", message))
            self._mark("Restarting", message)

    def _launcher_trouble(self, message: str) -> tuple[str, str]:
        """A failed MPIJob carries the launcher pod's own reason, evictions under their own name."""
        failed = f"{self.kind.kind}Failed"
        if self.kind.kind != "MPIJob":
            return failed, message
        lost = [pod for pod in self.pods.get(self.type, ()) if pod.get("status", {}).get("phase") == "Failed"]
        own = next((str(pod["status"]["reason"]) for pod in lost if pod["status"].get("reason")), failed)
        return ("MPIJobEvicted" if own == "Evicted" else own), message

    def _mark(self, word: str, message: str) -> None:
        condition(self.status, word, True, f"{self.kind.kind}{word}", message, self.now)

    def _finish(self, word: str, level: str, message: str, reason: str = "") -> None:
        reason = reason or f"{self.kind.kind}{word}"
        said = f"mpijobs{word}" if self.kind.kind == "MPIJob" and word == "Succeeded" else reason
        self.notes.append(Note(level, said, message))
        self.status.setdefault("completionTime", format_time(self.now))
        condition(self.status, word, True, reason, message, self.now)
