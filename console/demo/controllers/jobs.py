"""Jobs: pods that have to succeed, so many, side by side, each index once; failure policies and clean-up.

Conditions and reasons as Kubernetes 1.34 writes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from console.clock import format_time, parse_time
from console.demo.client import Object
from console.demo.controllers.base import Cluster, condition, is_true, with_condition
from console.demo.controllers.plan import Note, Plan
from console.demo.controllers.planned import PlannedController
from console.demo.controllers.pod_failures import Verdict, judge
from console.demo.controllers.templates import create_pod, delete_pod, deletion_order, is_active, is_ready, pod_from

INDEX = "batch.kubernetes.io/job-completion-index"
PREFIX = "batch.kubernetes.io/"
BACKOFF = 10.0  # seconds before a failed pod is replaced; doubles
BACKOFF_LIMIT = 360.0


def index_of(pod: Object) -> int:
    """The pod's completion index; -1 when it has none."""
    text = (pod["metadata"].get("annotations") or {}).get(INDEX) or (pod["metadata"].get("labels") or {}).get(INDEX, "")
    return int(text) if text.isdigit() else -1


def parse_indexes(text: str) -> set[int]:
    """`1,3-5` as a set."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def format_indexes(indexes: Iterable[int]) -> str:
    """A set as `1,3-5`."""
    parts: list[list[int]] = []
    for index in sorted(indexes):
        if parts and parts[-1][-1] == index - 1:
            parts[-1][1:] = [index]
        else:
            parts.append([index])
    return ",".join(_written(part) for part in parts)


def _written(part: list[int]) -> str:
    if len(part) == 1:
        return str(part[0])
    return f"{part[0]}{',' if part[1] == part[0] + 1 else '-'}{part[1]}"


class _Pass:
    """One pass over one Job."""

    def __init__(self, obj: Object, pods: Sequence[Object], now: float) -> None:
        self.obj = obj
        self.now = now
        self.plan = Plan()
        self.spec: Object = obj["spec"]
        self.old: Object = obj.get("status") or {}
        self.status: Object = {"uncountedTerminatedPods": {}, **self.old}
        self.conditions: list[Object] = list(self.old.get("conditions") or [])
        self.indexed = self.spec.get("completionMode") == "Indexed"
        self.completions: int | None = self.spec.get("completions")
        self.parallelism = int(self.spec.get("parallelism", 1))
        self.active = [pod for pod in pods if is_active(pod)]
        self.going = [pod for pod in pods if pod["metadata"].get("deletionTimestamp")]
        self.succeeded = [pod for pod in pods if (pod.get("status") or {}).get("phase") == "Succeeded"]
        self.failed = [pod for pod in pods if (pod.get("status") or {}).get("phase") == "Failed"]

    def make(self) -> Plan:
        """The plan."""
        if self.spec.get("managedBy", "kubernetes.io/job-controller") != "kubernetes.io/job-controller":
            return self.plan
        if is_true(self.obj, "Complete") or is_true(self.obj, "Failed"):
            self._expire()
            return self.plan
        verdicts = [judge(self.spec.get("podFailurePolicy"), pod) for pod in self.failed]
        self._count(verdicts)
        if self.spec.get("suspend"):
            self._suspend()
        elif not self._end(verdicts):
            self._start()
            self._scale()
        self._close()
        return self.plan

    # counting

    def _count(self, verdicts: Sequence[Verdict]) -> None:
        failures = sum(verdict.action != "Ignore" for verdict in verdicts)
        self.failures = max(int(self.old.get("failed") or 0), failures)
        self.done = parse_indexes(self.old.get("completedIndexes") or "")
        if self.indexed:
            self.done |= {index_of(pod) for pod in self.succeeded} - {-1}
            if self.completions is not None:
                self.done = {index for index in self.done if index < self.completions}
            self.successes = len(self.done)
        else:
            self.successes = max(int(self.old.get("succeeded") or 0), len(self.succeeded))

    # ends

    def _end(self, verdicts: Sequence[Verdict]) -> bool:
        """Whether the Job is over, or on its way there."""
        if condition({"status": {"conditions": self.conditions}}, "FailureTarget"):
            self._fail("", "")
            return True
        fatal = next((verdict for verdict in verdicts if verdict.action == "FailJob"), None)
        started = parse_time(self.old.get("startTime"))
        deadline = self.spec.get("activeDeadlineSeconds")
        if fatal is not None:
            self._fail("PodFailurePolicy", fatal.message)
        elif self._over_limit():
            self._fail("BackoffLimitExceeded", "Job has reached the specified backoff limit")
        elif deadline is not None and started is not None and self.now >= started + deadline:
            self._fail("DeadlineExceeded", "Job was active longer than specified deadline")
        elif self._is_complete():
            self._succeed()
        else:
            if deadline is not None and started is not None:
                self.plan.look_again(started + deadline - self.now + 0.1)
            return False
        return True

    def _over_limit(self) -> bool:
        limit = int(self.spec.get("backoffLimit", 6))
        restarts = 0
        if self.spec["template"]["spec"].get("restartPolicy") == "OnFailure":
            restarts = sum(
                int(each.get("restartCount") or 0)
                for pod in self.active
                for each in (pod.get("status") or {}).get("containerStatuses") or ()
            )
        return self.failures > limit or (restarts > 0 and restarts >= max(1, limit))

    def _is_complete(self) -> bool:
        if self.completions is None:
            return bool(self.successes) and not self.active
        return self.successes >= self.completions

    def _fail(self, reason: str, message: str) -> None:
        if reason:
            self._condition("FailureTarget", "True", reason, message)
            self.plan.events.append(Note("Warning", reason, message))
        self._stop_all()
        if not self.active and not self.going:
            target = condition({"status": {"conditions": self.conditions}}, "FailureTarget") or {}
            self._condition("Failed", "True", target.get("reason", ""), target.get("message", ""))

    def _succeed(self) -> None:
        text = "Reached expected number of succeeded pods"
        self._condition("SuccessCriteriaMet", "True", "CompletionsReached", text)
        self._stop_all()
        if not self.active and not self.going:
            self._condition("Complete", "True", "CompletionsReached", text)
            self.status["completionTime"] = format_time(self.now)
            self.plan.events.append(Note("Normal", "Completed", "Job completed"))

    def _expire(self) -> None:
        after = self.spec.get("ttlSecondsAfterFinished")
        if after is None:
            return
        ended = next(
            each for each in self.conditions if each["type"] in ("Complete", "Failed") and each["status"] == "True"
        )
        left = (parse_time(ended.get("lastTransitionTime")) or self.now) + after - self.now
        if left <= 0:
            self.plan.remove = True
        else:
            self.plan.look_again(left + 0.1)

    def _stop_all(self) -> None:
        self.plan.delete += [delete_pod(pod) for pod in self.active]

    def _suspend(self) -> None:
        self._stop_all()
        if not is_true(self.obj, "Suspended"):
            self._condition("Suspended", "True", "JobSuspended", "Job suspended")
            self.plan.events.append(Note("Normal", "Suspended", "Job suspended"))
        self.status.pop("startTime", None)

    # going on

    def _start(self) -> None:
        if is_true(self.obj, "Suspended"):
            self._condition("Suspended", "False", "JobResumed", "Job resumed")
            self.plan.events.append(Note("Normal", "Resumed", "Job resumed"))
        if not self.old.get("startTime"):
            self.status["startTime"] = format_time(self.now)
            if (deadline := self.spec.get("activeDeadlineSeconds")) is not None:
                self.plan.look_again(deadline + 0.1)

    def _scale(self) -> None:
        wanted = self.parallelism
        if self.completions is not None:
            wanted = min(wanted, self.completions - self.successes)
        elif self.successes:
            wanted = min(wanted, len(self.active))  # a work queue: once one succeeded nobody new starts
        surplus = len(self.active) - max(0, wanted)
        if surplus > 0:
            self.plan.delete += [delete_pod(pod) for pod in sorted(self.active, key=deletion_order)[:surplus]]
        replacing = self.spec.get("podReplacementPolicy") == "Failed"
        missing = wanted - len(self.active) - (len(self.going) if replacing else 0)
        if missing <= 0:
            return
        wait = self._backoff()
        if wait > 0:
            self.plan.look_again(wait + 0.05)
            return
        taken = {index_of(pod) for pod in [*self.active, *self.going]} | self.done
        for number in range(missing):
            index = None
            if self.indexed:
                free = (each for each in range(self.completions or 0) if each not in taken)
                index = next(free, None)
                if index is None:
                    return
                taken.add(index)
            self.plan.create.append(create_pod(self._pod(index)))
            if number >= 499:
                return

    def _backoff(self) -> float:
        """Seconds until failed pods may be replaced."""
        ends = [_ended(pod) for pod in self.failed]
        latest_success = max((_ended(pod) for pod in self.succeeded), default=0.0)
        recent = [end for end in ends if end > latest_success]
        if not recent:
            return 0.0
        wait = min(BACKOFF_LIMIT, BACKOFF * 2.0 ** (len(recent) - 1))
        return max(recent) + wait - self.now

    def _pod(self, index: int | None) -> Object:
        metadata = self.obj["metadata"]
        name = str(metadata["name"])
        prefix = f"{name}-" if index is None else f"{name}-{index}-"
        pod = pod_from(self.obj, self.spec["template"], prefix=prefix)
        labels = pod["metadata"]["labels"]
        for short, value in (("job-name", name), ("controller-uid", str(metadata["uid"]))):
            labels.setdefault(f"{PREFIX}{short}", value)
            labels.setdefault(short, value)
        if index is not None:
            labels[INDEX] = str(index)
            pod["metadata"]["annotations"] = {**(pod["metadata"].get("annotations") or {}), INDEX: str(index)}
            pod["spec"]["hostname"] = f"{name}-{index}"
            source = {"fieldRef": {"fieldPath": f"metadata.labels['{INDEX}']"}}
            for container in [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]:
                env = container.setdefault("env", [])
                if not any(each["name"] == "JOB_COMPLETION_INDEX" for each in env):
                    env.append({"name": "JOB_COMPLETION_INDEX", "valueFrom": source})
        return pod

    # status

    def _condition(self, kind: str, value: str, reason: str, message: str) -> None:
        at = format_time(self.now)
        new = {"type": kind, "status": value, "reason": reason, "message": message}
        old = condition({"status": {"conditions": self.conditions}}, kind)
        if old is None or any(old.get(key) != part for key, part in new.items()):
            self.conditions = with_condition(self.conditions, {**new, "lastProbeTime": at}, now=at)

    def _close(self) -> None:
        status = self.status
        if self.conditions:
            status["conditions"] = self.conditions
        counts = {
            "active": 0 if self._finished() else len(self.active),
            "succeeded": self.successes,
            "failed": self.failures,
        }
        for key, value in counts.items():
            if value:
                status[key] = value
            else:
                status.pop(key, None)
        status["ready"] = sum(map(is_ready, self.active))
        status["terminating"] = len(self.going)
        if self.indexed and self.done:
            status["completedIndexes"] = format_indexes(self.done)
        self.plan.status = status

    def _finished(self) -> bool:
        return any(each["type"] in ("Complete", "Failed") and each["status"] == "True" for each in self.conditions)


def _ended(pod: Object) -> float:
    times = [
        parse_time(((each.get("state") or {}).get("terminated") or {}).get("finishedAt")) or 0.0
        for each in (pod.get("status") or {}).get("containerStatuses") or ()
    ]
    return max(times, default=0.0) or parse_time(pod["metadata"].get("creationTimestamp")) or 0.0


def plan_job(job: Object, pods: Sequence[Object], now: float) -> Plan:
    """What to do about a Job that owns these pods."""
    return _Pass(job, pods, now).make()


class Jobs(PlannedController):
    """The job-controller."""

    name: ClassVar[str] = "job-controller"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster, "/apis/batch/v1/jobs")
        self._pods = self.watch_owned("/api/v1/pods", "Job")

    async def decide(self, obj: Object) -> Plan:
        """The plan for one Job."""
        return plan_job(obj, self._pods.owned_by(obj["metadata"]["uid"]), self.cluster.clock())
