"""Controllers whose decisions are plans: they gather what is there, ask a pure function, and carry the plan out."""

from __future__ import annotations

from console import errors
from console.demo.client import Object
from console.demo.controllers.base import Cluster, Controller, path_of
from console.demo.controllers.plan import Note, Plan
from console.demo.informer import Informer, key_of

REPEAT = 300.0  # seconds before the same event of the same object is recorded again


class PlannedController(Controller):
    """Reconciles one kind by `decide`."""

    def __init__(self, cluster: Cluster, path: str) -> None:
        """`path` is the collection of the kind over all namespaces."""
        super().__init__(cluster)
        self.plural = path.rsplit("/", 1)[-1]
        self.objects: Informer = self.watch(path)
        self._said: dict[str, dict[Note, float]] = {}

    async def decide(self, obj: Object) -> Plan:
        """The plan for an object that is not being deleted."""
        raise NotImplementedError

    async def reconcile(self, key: str) -> None:
        """Plan and carry out."""
        obj = self.objects.get(key)
        if obj is None:
            self._said.pop(key, None)
        elif not obj["metadata"].get("deletionTimestamp"):
            await self.carry_out(obj, await self.decide(obj))

    async def carry_out(self, obj: Object, plan: Plan) -> None:
        """Do what a plan says; where the server refuses a creation the rest of them waits for the next try."""
        own = path_of(obj, self.plural)
        for change in plan.change:
            await self.client.merge_patch(change.path, change.patch)
        for deletion in plan.delete:
            try:
                await self.client.delete(deletion.path, propagation="Background")
            except errors.NotFound:
                continue
            self._say(obj, deletion.done)
        refusal: errors.ApiError | None = None
        for creation in plan.create:
            try:
                await self.client.create(creation.collection, creation.manifest)
            except errors.ApiError as error:
                refusal = error
                if creation.refused and error.reason != "AlreadyExists":
                    said = creation.refused.message.replace("{error}", error.message)
                    self._say(obj, Note(creation.refused.type, creation.refused.reason, said))
                break
            self._say(obj, creation.done)
        for note in plan.events:
            self._say(obj, note)
        if plan.status is not None:
            await self.client.patch_status(own, obj, plan.status)
        if plan.remove:
            await self.client.delete(own, propagation="Background", uid=obj["metadata"]["uid"])
        if plan.again_in is not None:
            self.queue.add_after(key_of(obj), plan.again_in)
        if refusal is not None:
            raise refusal

    def _say(self, obj: Object, note: Note | None) -> None:
        if note is None:
            return
        said, now = self._said.setdefault(key_of(obj), {}), self.cluster.clock()
        if now - said.get(note, -REPEAT) >= REPEAT:
            said[note] = now
            self.events.record(obj, note.type, note.reason, note.message)
