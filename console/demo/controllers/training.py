"""What to do about one training v1 job: its pods, services, status and events, decided from what is there.

Facts from github.com/kubeflow/training-operator v1.9.3, pkg/controller.v1/common/{job,pod,service}.go and pkg/core.
The decision is a pure function; `training_controller` carries it out.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

from console.clock import format_time, parse_time
from console.demo.client import Object
from console.demo.controllers import training_mpi, training_status
from console.demo.controllers.plan import Change, Creation, Deletion, Note, Plan, holds
from console.demo.controllers.training_env import replica_name
from console.demo.controllers.training_kinds import TrainingKind, replica_specs, with_defaults
from console.demo.controllers.training_pods import pod, service
from console.demo.controllers.training_status import LABEL, condition, is_finished

MANAGER = "kubeflow.org/training-operator"
RETRYABLE = 128  # exit codes from here on are a signal's, not the program's own


def decide(
    kind: TrainingKind,
    job: Object,
    pods: Sequence[Object],
    services: Sequence[Object],
    companions: Mapping[str, Object],
    now: float,
) -> Plan:
    """The plan for one job.

    `pods` and `services` carry the job's labels; `companions` maps a plural (`configmaps`, `roles`, ...) to what an
    MPIJob owns of it already. Nothing given is changed.
    """
    if job["spec"].get("runPolicy", {}).get("managedBy") not in (None, "", MANAGER):
        return Plan()
    return _Reconciliation(kind, with_defaults(kind, job), pods, services, companions, now).run()


class _Reconciliation:
    """One pass over one job."""

    def __init__(
        self,
        kind: TrainingKind,
        job: Object,
        pods: Sequence[Object],
        services: Sequence[Object],
        companions: Mapping[str, Object],
        now: float,
    ) -> None:
        self.kind, self.job, self.now, self.companions = kind, job, now, companions
        self.specs = replica_specs(kind, job)
        self.policy = job["spec"]["runPolicy"]
        self.meta = job["metadata"]
        self.namespace = f"/api/v1/namespaces/{self.meta['namespace']}"
        self.plan = Plan()
        self.status: Object = copy.deepcopy(job.get("status") or {})
        self.status.setdefault("conditions", [])
        self.services = {each["metadata"]["name"] for each in services}
        self.all_pods = pods
        self.pods = {
            name: [each for each in pods if _label(each, "replica-type") == name.lower()] for name in self.specs
        }

    def run(self) -> Plan:
        kind, name = self.kind.kind, self.meta["name"]
        if not self.status["conditions"]:
            self._mark("Created", f"{kind} {name} is created.")
        if is_finished(self.status):
            self._clean_up()
            if holds(self.status["conditions"], "Succeeded"):
                for counts in (self.status.get("replicaStatuses") or {}).values():
                    counts["succeeded"] = counts.get("succeeded", 0) + counts.pop("active", 0)
                    if not counts["succeeded"]:
                        del counts["succeeded"]
        elif self.policy.get("suspend"):
            self._suspend()
        else:
            if holds(self.status["conditions"], "Suspended"):
                message = f"{kind} {name} is resumed."
                condition(self.status, "Suspended", False, f"{kind}Resumed", message, self.now)
                self.status["startTime"] = format_time(self.now)
                self.plan.events.append(Note("Normal", f"{kind}Resumed", message))
            self._run_replicas()
        if self.status != (self.job.get("status") or {}):
            self.plan.status = self.status
        return self.plan

    # the three states of a job

    def _clean_up(self) -> None:
        """After the end: pods by `cleanPodPolicy`, the job itself by `ttlSecondsAfterFinished`."""
        which = self.policy["cleanPodPolicy"]
        if which != "None":
            for each in self.all_pods:
                if which == "All" or each.get("status", {}).get("phase") in ("Running", "Pending"):
                    self._delete(each)
        ttl, end = self.policy.get("ttlSecondsAfterFinished"), parse_time(self.status.get("completionTime"))
        if ttl is not None and end is not None:
            remaining = end + float(ttl) - self.now
            if remaining <= 0:
                self.plan.remove = True
            else:
                self.plan.look_again(remaining)

    def _suspend(self) -> None:
        kind, name = self.kind.kind, self.meta["name"]
        for each in self.all_pods:
            self._delete(each)
        for counts in (self.status.get("replicaStatuses") or {}).values():
            counts.pop("active", None)
        message = f"{kind} {name} is suspended."
        if holds(self.status["conditions"], "Running"):
            condition(self.status, "Running", False, f"{kind}Suspended", message, self.now)
        if not holds(self.status["conditions"], "Suspended"):
            condition(self.status, "Suspended", True, f"{kind}Suspended", message, self.now)
            self.plan.events.append(Note("Normal", f"{kind}Suspended", message))

    def _run_replicas(self) -> None:
        for each in self.all_pods:
            if each.get("status", {}).get("phase") not in ("Succeeded", "Failed"):
                self.plan.events += trouble(each)
        why = training_status.exceeded(self.job, self.specs, self.pods, self.now)
        if why:
            self.status.setdefault("completionTime", format_time(self.now))
            for each in self.all_pods:
                self._delete(each)
            self.plan.events.append(Note("Normal", f"{self.kind.kind}Failed", why))
            self._mark("Failed", why)
            return
        if self.kind.env == "mpi":
            self._run_mpi()
        else:
            for replica_type, spec in self.specs.items():
                self._place(replica_type, spec)
        self.plan.events += training_status.update(self.kind, self.job, self.specs, self.pods, self.status, self.now)
        remaining = training_status.seconds_left({**self.job, "status": self.status}, self.now)
        if remaining is not None and not is_finished(self.status):
            self.plan.look_again(remaining)

    # replicas

    def _place(self, replica_type: str, spec: Object) -> None:
        wanted, by_index = int(spec["replicas"]), _by_index(self.pods[replica_type])
        for index in sorted({*range(wanted), *by_index}):
            if index in by_index:
                if index >= wanted:
                    self._delete(by_index[index])
                self._inspect(replica_type, spec, by_index[index])
            else:
                self._create(pod(self.kind, self.job, replica_type, index))
            name = replica_name(self.meta["name"], replica_type, index)
            if index < wanted and name not in self.services:
                made = service(self.kind, self.job, replica_type, index)
                self.plan.create.append(
                    Creation(
                        f"{self.namespace}/services",
                        made,
                        Note("Normal", "SuccessfulCreateService", f"Created service: {name}"),
                        Note("Warning", "FailedCreateService", "Error creating: {error}"),
                    )
                )

    def _inspect(self, replica_type: str, spec: Object, replica: Object) -> None:
        """Report how the main container ended; restart or give up on a failed pod as the replica policy says."""
        code = _exit_code(replica, self.kind.container)
        meta = replica["metadata"]
        if code is not None:
            said = f"Pod: {meta['namespace']}.{meta['name']} exited with code {code}"
            self.plan.events.append(Note("Normal", "ExitedWithCode", said))
        if replica.get("status", {}).get("phase") != "Failed":
            return
        kind, name, policy = self.kind.kind, self.meta["name"], spec["restartPolicy"]
        again = policy in ("OnFailure", "Always") or (policy == "ExitCode" and (code is None or code >= RETRYABLE))
        if again:
            self._delete(replica, again=True)
            message = f"job {name} is restarting because {replica_type} replica(s) failed."
            self.plan.events.append(Note("Warning", f"{kind}Restarting", message))
            self._mark("Restarting", message)
        elif policy == "ExitCode":
            message = f'job "{name}" is failing because "{replica_type}" replica(s) failed.'
            self.plan.events.append(Note("Warning", f"{kind}Failed", message))
            self._mark("Failed", message)

    def _run_mpi(self) -> None:
        launchers, workers = self.pods.get("Launcher", []), self.pods.get("Worker", [])
        if launchers and launchers[0].get("status", {}).get("phase") in ("Succeeded", "Failed"):
            return
        running = [each["metadata"]["name"] for each in workers if each.get("status", {}).get("phase") == "Running"]
        for plural, wanted in training_mpi.companions(self.job, running):
            self._keep(plural, wanted)
        by_index = _by_index(workers)
        count = int(self.specs["Worker"]["replicas"]) if "Worker" in self.specs else 0
        for index in sorted({*range(count), *by_index}):
            if index not in by_index:
                self._create(training_mpi.worker_pod(self.kind, self.job, index), "Created worker pod: ")
            elif index >= count:
                self._delete(by_index[index])
        if not launchers and "Launcher" in self.specs:
            launcher = training_mpi.launcher_pod(self.kind, self.job)
            self.plan.create.append(
                Creation(
                    f"{self.namespace}/pods",
                    launcher,
                    Note("Normal", "MPIJobRunning", f"launcher pod created success: {launcher['metadata']['name']}"),
                    Note("Warning", "MPIJobFailed", "launcher pod created failed: {error}"),
                )
            )

    def _keep(self, plural: str, wanted: Object) -> None:
        """Create a companion, or bring its content up to date."""
        root = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{self.meta['namespace']}"
        collection = f"{root if plural in ('roles', 'rolebindings') else self.namespace}/{plural}"
        there = self.companions.get(plural)
        if there is None:
            self.plan.create.append(Creation(collection, wanted))
            return
        kept = [key for key in ("data", "rules") if key in wanted and there.get(key) != wanted[key]]
        fresh: Object = {key: wanted[key] for key in kept}
        if fresh:
            self.plan.change.append(Change(f"{collection}/{wanted['metadata']['name']}", fresh))

    # single steps

    def _create(self, manifest: Object, words: str = "Created pod: ") -> None:
        done = Note("Normal", "SuccessfulCreatePod", f"{words}{manifest['metadata']['name']}")
        refused = Note("Warning", "FailedCreatePod", "Error creating: {error}")
        self.plan.create.append(Creation(f"{self.namespace}/pods", manifest, done, refused))

    def _delete(self, replica: Object, *, again: bool = False) -> None:
        """Delete a pod and, unless it is to be made `again`, the service of its name."""
        name = replica["metadata"]["name"]
        if not replica["metadata"].get("deletionTimestamp"):
            done = Note("Normal", "SuccessfulDeletePod", f"Deleted pod: {name}")
            self.plan.delete.append(Deletion(f"{self.namespace}/pods/{name}", done))
        if name in self.services and not again:
            done = Note("Normal", "SuccessfulDeleteService", f"Deleted service: {name}")
            self.plan.delete.append(Deletion(f"{self.namespace}/services/{name}", done))

    def _mark(self, word: str, message: str) -> None:
        condition(self.status, word, True, f"{self.kind.kind}{word}", message, self.now)


def trouble(replica: Object) -> list[Note]:
    """The pod's trouble said again on the job, with the pod's own reason (pkg/core/utils.go, RecordAbnormalPods)."""
    status, name = replica.get("status", {}), replica["metadata"]["name"]
    every = status.get("containerStatuses") or status.get("initContainerStatuses")
    if every:
        return [note for each in every for note in _container_trouble(name, each)]
    conditions = sorted(status.get("conditions") or [], key=_since, reverse=True)
    if not conditions or conditions[0].get("status") == "True":
        return []
    newest = conditions[0]
    said = f"Error pod {name} condition message: {newest.get('message', '')}"
    return [Note("Warning", newest.get("reason", ""), said)]


def _container_trouble(name: str, container: Object) -> list[Note]:
    state, notes = container.get("state") or {}, []
    ended, waiting = state.get("terminated"), state.get("waiting")
    who = f"Error pod {name} container {container['name']}"
    if ended and ended.get("exitCode"):
        said = f"{who} exitCode: {ended['exitCode']} terminated message: {ended.get('message', '')}"
        notes.append(Note("Warning", ended.get("reason", ""), said))
    if waiting and waiting.get("message"):
        notes.append(Note("Warning", waiting.get("reason", ""), f"{who} waiting message: {waiting['message']}"))
    return notes


def _since(each: Object) -> str:
    return str(each.get("lastTransitionTime") or "")


def _exit_code(replica: Object, container: str) -> int | None:
    for each in replica.get("status", {}).get("containerStatuses") or []:
        ended = (each.get("state") or {}).get("terminated")
        if each.get("name") == container and ended:
            return int(ended.get("exitCode", 0))
    return None


def _label(replica: Object, name: str) -> str:
    return str((replica["metadata"].get("labels") or {}).get(f"{LABEL}{name}", ""))


def _index(replica: Object) -> int:
    text = _label(replica, "replica-index")
    return int(text) if text.isdigit() else -1


def _by_index(pods: Sequence[Object]) -> dict[int, Object]:
    """Pods by replica index; without a valid index label a pod is not the operator's to count."""
    return {_index(each): each for each in pods if _index(each) >= 0}
