"""Kueue's controller: gathers jobs, queues and Workloads, and carries out one pass whenever any of them changes."""

from __future__ import annotations

from typing import ClassVar

from console.demo.client import Object
from console.demo.controllers import kueue_jobs
from console.demo.controllers.base import Cluster, Controller, path_of
from console.demo.controllers.kueue import GROUP, State, cycle

ROOT = f"/apis/{GROUP}"
TRAINER = "/apis/trainer.kubeflow.org/v1alpha1"
EVERYTHING = "everything"  # the one key of the queue: a pass looks at all there is


class KueueController(Controller):
    """Queues jobs by quota."""

    name: ClassVar[str] = "kueue"
    agent: ClassVar[str] = "kueue"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)

        def always(_: Object) -> tuple[str, ...]:
            return (EVERYTHING,)

        def queued(job: Object) -> tuple[str, ...]:
            return (EVERYTHING,) if kueue_jobs.queue_of(job) else ()

        kinds = ("workloads", "clusterqueues", "localqueues", "resourceflavors", "workloadpriorityclasses")
        self.kueue = {plural: self.watch(f"{ROOT}/{plural}", always) for plural in kinds}
        self.jobs = [self.watch(path, queued) for path in kueue_jobs.COLLECTIONS.values()]
        self.plurals = {kind: path.rsplit("/", 1)[1] for kind, path in kueue_jobs.COLLECTIONS.items()}
        runtimes = ("clustertrainingruntimes", "trainingruntimes")
        self.runtimes = {plural: self.watch(f"{TRAINER}/{plural}", always) for plural in runtimes}

    async def reconcile(self, key: str) -> None:
        """One pass."""
        steps = cycle(self._state(), self.cluster.clock())
        for job, patch in steps.patch:
            await self.client.merge_patch(path_of(job, self.plurals[job["kind"]]), patch)
        for workload in steps.create:
            await self.client.create(f"{ROOT}/namespaces/{workload['metadata']['namespace']}/workloads", workload)
        for obj, status in steps.status:
            await self.client.patch_status(path_of(obj, f"{obj['kind'].lower()}s"), obj, status)
        for obj, kind, reason, message in steps.events:
            self.events.record(obj, kind, reason, message)

    def _state(self) -> State:
        return State(
            jobs=[job for each in self.jobs for job in each.objects.values()],
            workloads=list(self.kueue["workloads"].objects.values()),
            cluster_queues=self.kueue["clusterqueues"].objects,
            local_queues=self.kueue["localqueues"].objects,
            flavors=self.kueue["resourceflavors"].objects,
            runtimes=self._runtimes(),
            priorities={
                name: int(each.get("value", 0)) for name, each in self.kueue["workloadpriorityclasses"].objects.items()
            },
        )

    def _runtimes(self) -> dict[str, Object]:
        return {
            path_of(each, plural): each
            for plural, informer in self.runtimes.items()
            for each in informer.objects.values()
        }
