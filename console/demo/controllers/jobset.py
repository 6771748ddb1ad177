"""What to do about one JobSet: its Jobs in order, restarts, suspension, success and failure.

Facts from sigs.k8s.io/jobset v0.10.1, pkg/controllers. The decision is a pure function.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence

from console.clock import format_time, parse_time
from console.demo.client import Object
from console.demo.controllers import jobset_jobs
from console.demo.controllers.jobset_jobs import LABEL, RESTARTS
from console.demo.controllers.plan import Change, Creation, Deletion, Note, Plan, holds

COUNTS = ("ready", "succeeded", "failed", "active", "suspended")


def decide(jobset: Object, jobs: Sequence[Object], service_exists: bool, now: float) -> Plan:
    """The plan for one JobSet; `jobs` are the Jobs it controls."""
    manager = jobset["spec"].get("managedBy")
    if manager not in (None, "", "jobset.sigs.k8s.io/jobset-controller"):
        return Plan()
    return _Reconciliation(jobset_jobs.with_defaults(jobset), jobs, service_exists, now).run()


class _Reconciliation:
    """One pass over one JobSet."""

    def __init__(self, jobset: Object, jobs: Sequence[Object], service_exists: bool, now: float) -> None:
        self.jobset, self.service_exists, self.now = jobset, service_exists, now
        self.spec, self.meta = jobset["spec"], jobset["metadata"]
        self.status: Object = copy.deepcopy(jobset.get("status") or {})
        self.restarts = int(self.status.get("restarts", 0))
        self.plan = Plan()
        self.core = f"/api/v1/namespaces/{self.meta['namespace']}"
        self.batch = f"/apis/batch/v1/namespaces/{self.meta['namespace']}/jobs"
        self.previous = [each for each in jobs if _attempt(each) < self.restarts]
        current = [each for each in jobs if _attempt(each) >= self.restarts]
        self.failed = [each for each in current if holds(_conditions(each), "Failed")]
        self.successful = [each for each in current if holds(_conditions(each), "Complete")]
        self.active = [each for each in current if each not in self.failed and each not in self.successful]

    def run(self) -> Plan:
        self.status.setdefault("restarts", 0)
        counts = self._count()
        self.status["replicatedJobsStatus"] = [{"name": name, **each} for name, each in counts.items()]
        conditions = self.status.get("conditions") or []
        if holds(conditions, "Completed") or holds(conditions, "Failed"):
            self._clean_up()
        else:
            for each in self.previous:
                self._delete(each)
            if self.failed:
                self._apply_failure_policy()
            elif not self._succeeded():
                self._run_jobs(counts)
        if self.status != (self.jobset.get("status") or {}):
            self.plan.status = self.status
        return self.plan

    def _count(self) -> dict[str, dict[str, int]]:
        counts = {each["name"]: dict.fromkeys(COUNTS, 0) for each in self.spec["replicatedJobs"]}
        for each in self.active:
            mine, status, spec = counts[_replicated(each)], each.get("status") or {}, each["spec"]
            pods = min(int(spec.get("parallelism", 1)), int(spec.get("completions") or spec.get("parallelism", 1)))
            mine["ready"] += int(status.get("succeeded", 0)) + int(status.get("ready", 0)) >= pods
            mine["active"] += int(status.get("active", 0)) > 0
            mine["suspended"] += bool(spec.get("suspend"))
        for word, jobs in (("succeeded", self.successful), ("failed", self.failed)):
            for each in jobs:
                counts[_replicated(each)][word] += 1
        return counts

    # endings

    def _clean_up(self) -> None:
        for each in self.active:
            self._delete(each)
        ttl = self.spec.get("ttlSecondsAfterFinished")
        ends = [
            parse_time(each.get("lastTransitionTime"))
            for each in self.status["conditions"]
            if each["type"] in ("Completed", "Failed") and each["status"] == "True"
        ]
        if ttl is not None and ends and ends[0] is not None:
            remaining = ends[0] + float(ttl) - self.now
            if remaining <= 0:
                self.plan.remove = True
            else:
                self.plan.look_again(remaining)

    def _succeeded(self) -> bool:
        policy = self.spec["successPolicy"]
        targets = policy.get("targetReplicatedJobs") or [each["name"] for each in self.spec["replicatedJobs"]]
        done = sum(_replicated(each) in targets for each in self.successful)
        expected = sum(int(each["replicas"]) for each in self.spec["replicatedJobs"] if each["name"] in targets)
        if done < (1 if policy.get("operator") == "Any" else expected):
            return False
        self._mark("Completed", True, "AllJobsCompleted", "jobset completed successfully", "Normal")
        self.status["terminalState"] = "Completed"
        return True

    def _apply_failure_policy(self) -> None:
        policy = self.spec.get("failurePolicy")
        first = min(self.failed, key=_failed_at)
        if policy is None:
            self._fail("FailedJobs", "jobset failed due to one or more job failures", first)
            return
        action = "RestartJobSet"
        for rule in policy.get("rules") or []:
            matching = [each for each in self.failed if _matches(rule, each)]
            if matching:
                action, first = rule["action"], min(matching, key=_failed_at)
                break
        if action == "FailJobSet":
            self._fail("FailJobSetFailurePolicyAction", "applying FailJobSet failure policy action", first)
            return
        counted = int(self.status.get("restartsCountTowardsMax", 0))
        counts = not action.endswith("IgnoreMaxRestarts")
        if counts and counted >= int(policy.get("maxRestarts", 0)):
            self._fail("ReachedMaxRestarts", "jobset failed due to reaching max number of restarts", first)
            return
        if counts:
            self.status["restartsCountTowardsMax"] = counted + 1
        message = f"applying {action} failure policy action"
        self.plan.events.append(Note("Warning", f"{action}FailurePolicyAction", _with_first(message, first)))
        if action.startswith("RestartJobSet"):
            self.status["restarts"] = self.restarts + 1
        else:
            self._delete(first)

    def _fail(self, reason: str, message: str, first: Object) -> None:
        self._mark("Failed", True, reason, _with_first(message, first), "Warning")
        self.status["terminalState"] = "Failed"

    # running

    def _run_jobs(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        if self.spec["network"]["enableDNSHostnames"] and not self.service_exists:
            refused = Note("Warning", "HeadlessServiceCreationFailed", "{error}")
            self.plan.create.append(
                Creation(f"{self.core}/services", jobset_jobs.service(self.jobset), refused=refused)
            )
        suspended = bool(self.spec.get("suspend"))
        in_order = self.spec["startupPolicy"].get("startupPolicyOrder") == "InOrder" and not suspended
        started = self._start_jobs(counts, suspended, in_order)
        if in_order:
            if started:
                message = "in order startup policy has completed"
                self._mark("StartupPolicyCompleted", True, "InOrderStartupPolicyCompleted", message, "Normal")
            else:
                message = "in order startup policy is in progress"
                self._mark("StartupPolicyInProgress", True, "InOrderStartupPolicyInProgress", message, "Normal")
        if suspended:
            self._mark("Suspended", True, "SuspendedJobs", "jobset is suspended", "Normal")
        else:
            self._mark("Suspended", False, "ResumeJobs", "jobset is resumed", "Normal")

    def _start_jobs(self, counts: Mapping[str, Mapping[str, int]], suspended: bool, in_order: bool) -> bool:
        """Create what is missing, suspend or resume what is there; whether all replicated jobs had their turn."""
        blocked = bool(self.previous) and (
            (self.spec.get("failurePolicy") or {}).get("restartStrategy") == "BlockingRecreate"
        )
        names = {each["metadata"]["name"] for each in [*self.active, *self.successful, *self.failed, *self.previous]}
        replicas = {each["name"]: int(each["replicas"]) for each in self.spec["replicatedJobs"]}
        for replicated in self.spec["replicatedJobs"]:
            if not _dependencies_met(replicated, replicas, counts):
                continue
            mine = counts[replicated["name"]]
            if in_order and mine["ready"] + mine["succeeded"] + mine["failed"] >= replicas[replicated["name"]]:
                continue
            for index in range(0 if blocked else replicas[replicated["name"]]):
                if jobset_jobs.job_name(self.jobset, replicated["name"], index) not in names:
                    made = jobset_jobs.job(self.jobset, replicated, index, self.restarts)
                    refused = Note("Warning", "JobCreationFailed", f'job "{made["metadata"]["name"]}" creation failed '
                                   "with error: {error}")  # fmt: skip
                    self.plan.create.append(Creation(self.batch, made, refused=refused))
            for each in self.active:
                if _replicated(each) == replicated["name"] and bool(each["spec"].get("suspend")) != suspended:
                    self.plan.change.append(Change(self._path(each), self._switched(each, replicated, suspended)))
            if in_order:
                return False
        return True

    def _switched(self, job: Object, replicated: Object, suspended: bool) -> Object:
        """The patch that suspends a Job, or resumes it with what may have been set meanwhile on the template."""
        if suspended:
            return {"spec": {"suspend": True}}
        wanted = replicated["template"]["spec"]["template"]
        pod: Object = {}
        for field in ("nodeSelector", "tolerations", "schedulingGates"):
            if wanted["spec"].get(field):
                pod[field] = wanted["spec"][field]
        template: Object = {"spec": pod} if pod else {}
        meta = {key: value for key, value in (wanted.get("metadata") or {}).items() if key in ("labels", "annotations")}
        if meta:
            template["metadata"] = meta
        return {"spec": {"suspend": False, **({"template": template} if template else {})}}

    # single steps

    def _path(self, job: Object) -> str:
        return f"{self.batch}/{job['metadata']['name']}"

    def _delete(self, job: Object) -> None:
        if not job["metadata"].get("deletionTimestamp"):
            self.plan.delete.append(Deletion(self._path(job)))

    def _mark(self, kind: str, value: bool, reason: str, message: str, level: str) -> None:
        """JobSet's rule: a false condition is never added, only switched; a change is said as an event."""
        word, conditions = "True" if value else "False", self.status.setdefault("conditions", [])
        other = {
            "StartupPolicyInProgress": "StartupPolicyCompleted",
            "StartupPolicyCompleted": "StartupPolicyInProgress",
        }.get(kind)
        for each in conditions:
            if value and each["type"] == other:
                each["status"] = "False"
        current = next((each for each in conditions if each["type"] == kind), None)
        if (current is not None and current["status"] == word) or (current is None and not value):
            if not conditions:
                del self.status["conditions"]
            return
        new = {
            "type": kind,
            "status": word,
            "reason": reason,
            "message": message,
            "lastTransitionTime": format_time(self.now),
        }
        if current is None:
            conditions.append(new)
        else:
            conditions[conditions.index(current)] = new
        self.plan.events.append(Note(level, reason, message))


def _attempt(job: Object) -> int:
    text = (job["metadata"].get("labels") or {}).get(RESTARTS, "0")
    return int(text) if text.isdigit() else 0


def _replicated(job: Object) -> str:
    return str((job["metadata"].get("labels") or {}).get(f"{LABEL}replicatedjob-name", ""))


def _conditions(job: Object) -> list[Object]:
    return (job.get("status") or {}).get("conditions") or []


def _failure(job: Object) -> Object:
    return next((each for each in _conditions(job) if each["type"] == "Failed"), {})


def _failed_at(job: Object) -> str:
    return str(_failure(job).get("lastTransitionTime", ""))


def _with_first(message: str, job: Object) -> str:
    return f"{message} (first failed job: {job['metadata']['name']})"


def _matches(rule: Object, job: Object) -> bool:
    why = _failure(job)
    reasons, patterns = rule.get("onJobFailureReasons") or [], rule.get("onJobFailureMessagePatterns") or []
    targets = rule.get("targetReplicatedJobs") or []
    return (
        (not reasons or why.get("reason") in reasons)
        and (not patterns or any(re.search(each, why.get("message", "")) for each in patterns))
        and (not targets or _replicated(job) in targets)
    )


def _dependencies_met(replicated: Object, replicas: Mapping[str, int], counts: Mapping[str, Mapping[str, int]]) -> bool:
    for each in replicated.get("dependsOn") or []:
        there = counts.get(each["name"])
        if there is None:
            return False
        if each["status"] == "Complete":
            reached = there["succeeded"]
        else:
            reached = there["failed"] + there["ready"] + there["succeeded"]
        if reached != replicas[each["name"]]:
            return False
    return True
