"""Trainer v2: the controllers of TrainJobs and of JobSets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from console import errors
from console.demo.client import Object
from console.demo.controllers import jobset, jobset_jobs, trainjob, trainjob_render
from console.demo.controllers.base import Cluster
from console.demo.controllers.plan import Plan
from console.demo.controllers.planned import PlannedController
from console.demo.informer import key_of

JOBSETS = "/apis/jobset.x-k8s.io/v1alpha2/jobsets"
TRAINER = f"/apis/{trainjob.GROUP}"


class JobSetController(PlannedController):
    """Runs the Jobs of JobSets."""

    name: ClassVar[str] = "jobset"
    agent: ClassVar[str] = "jobset-controller-manager"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster, JOBSETS)
        self.jobs = self.watch_owned("/apis/batch/v1/jobs", "JobSet")
        self.services = self.read("/api/v1/services")

    async def decide(self, obj: Object) -> Plan:
        """The plan for one JobSet."""
        subdomain = jobset_jobs.subdomain(jobset_jobs.with_defaults(obj))
        service = self.services.get(f"{obj['metadata']['namespace']}/{subdomain}")
        jobs = self.jobs.owned_by(obj["metadata"]["uid"])
        return jobset.decide(obj, jobs, service is not None, self.cluster.clock())


class TrainJobController(PlannedController):
    """Renders TrainJobs into JobSets and follows how those fare."""

    name: ClassVar[str] = "trainjob_controller"
    agent: ClassVar[str] = "trainer"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster, f"{TRAINER}/trainjobs")
        self.jobsets = self.watch_owned(JOBSETS, "TrainJob")
        self.runtimes = {
            plural: self.watch(f"{TRAINER}/{plural}", self._users)
            for plural in ("clustertrainingruntimes", "trainingruntimes")
        }

    async def decide(self, obj: Object) -> Plan:
        """The plan for one TrainJob."""
        runtime, companions = self._runtime(obj), {}
        namespace = obj["metadata"]["namespace"]
        if runtime is not None:
            for plural, wanted in trainjob_render.mpi_companions(obj, runtime):
                try:
                    path = f"/api/v1/namespaces/{namespace}/{plural}/{wanted['metadata']['name']}"
                    companions[plural] = await self.client.get(path)
                except errors.NotFound:
                    continue
        owned = self.jobsets.owned_by(obj["metadata"]["uid"])
        return trainjob.decide(obj, runtime, owned[0] if owned else None, companions, self.cluster.clock())

    def _runtime(self, obj: Object) -> Object | None:
        path = trainjob.runtime_path(obj)
        if not path:
            return None
        name = obj["spec"]["runtimeRef"]["name"]
        if "/clustertrainingruntimes/" in path:
            return self.runtimes["clustertrainingruntimes"].get(name)
        return self.runtimes["trainingruntimes"].get(f"{obj['metadata']['namespace']}/{name}")

    def _users(self, runtime: Object) -> Iterable[str]:
        """TrainJobs to look at again because a runtime came, changed or went."""
        name = runtime["metadata"]["name"]
        return [key_of(each) for each in self.objects.objects.values() if each["spec"]["runtimeRef"]["name"] == name]
