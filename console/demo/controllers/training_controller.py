"""The training operator: one controller for each training v1 kind."""

from __future__ import annotations

from typing import ClassVar

from console import errors
from console.demo.client import Object
from console.demo.controllers import training, training_mpi
from console.demo.controllers.base import Cluster
from console.demo.controllers.plan import Plan
from console.demo.controllers.planned import PlannedController
from console.demo.controllers.training_kinds import TrainingKind, with_defaults
from console.demo.controllers.training_status import is_finished


class TrainingController(PlannedController):
    """Runs the jobs of one kind."""

    name: ClassVar[str] = "training-operator"
    agent: ClassVar[str] = "training-operator"

    def __init__(self, cluster: Cluster, kind: TrainingKind) -> None:
        super().__init__(cluster, kind.path)
        self.events = cluster.recorder(kind.operator_name)
        self.kind = kind
        self.pods = self.watch_owned("/api/v1/pods", kind.kind)
        self.services = self.watch_owned("/api/v1/services", kind.kind)

    async def decide(self, obj: Object) -> Plan:
        """The plan for one job."""
        uid = obj["metadata"]["uid"]
        companions = await self._companions(obj) if self.kind.env == "mpi" else {}
        pods, services = self.pods.owned_by(uid), self.services.owned_by(uid)
        return training.decide(self.kind, obj, pods, services, companions, self.cluster.clock())

    async def _companions(self, job: Object) -> dict[str, Object]:
        if is_finished(job.get("status") or {}):
            return {}
        namespace, found = job["metadata"]["namespace"], {}
        for plural, wanted in training_mpi.companions(with_defaults(self.kind, job), ()):
            version = wanted["apiVersion"]
            root = f"/api/{version}" if version == "v1" else f"/apis/{version}"
            try:
                path = f"{root}/namespaces/{namespace}/{plural}/{wanted['metadata']['name']}"
                found[plural] = await self.client.get(path)
            except errors.NotFound:
                continue
        return found
