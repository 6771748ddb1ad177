"""PersistentVolumeClaims: bound to a volume made for them, grown, and their volumes let go afterwards."""

from __future__ import annotations

from typing import ClassVar

from console import errors
from console.demo.client import Object
from console.demo.controllers.base import Cluster, Controller, path_of
from console.demo.needs import amount

DEFAULT = "storageclass.kubernetes.io/is-default-class"


class Claims(Controller):
    """Provisioner and binder in one."""

    name: ClassVar[str] = "persistentvolume-controller"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._claims = self.watch("/api/v1/persistentvolumeclaims")
        self._volumes = self.read("/api/v1/persistentvolumes")
        self._classes = self.read("/apis/storage.k8s.io/v1/storageclasses")
        self._pods = self.read("/api/v1/pods")
        self._pods.add_index("claim", _claims_of)
        self._pods.subscribe(self._pod_changed)
        self._classes.subscribe(lambda before, after: self._look_at_all())

    def _pod_changed(self, before: Object | None, after: Object | None) -> None:
        if before is None and after is not None:
            for key in _claims_of(after):
                self.queue.add(key)

    def _look_at_all(self) -> None:
        for key in self._claims.objects:
            self.queue.add(key)

    async def reconcile(self, key: str) -> None:
        """One claim."""
        claim = self._claims.get(key)
        if claim is None:
            await self._release(key)
            return
        if claim["metadata"].get("deletionTimestamp"):
            return
        if (claim.get("status") or {}).get("phase") == "Bound":
            await self._grow(claim)
            return
        found = self._class_of(claim)
        if isinstance(found, str):
            reason = "ProvisioningFailed" if claim["spec"].get("storageClassName") else "FailedBinding"
            self.events.record(claim, "Warning" if reason == "ProvisioningFailed" else "Normal", reason, found)
            return
        if found.get("volumeBindingMode") == "WaitForFirstConsumer" and not self._pods.by_index("claim", key):
            text = "waiting for first consumer to be created before binding"
            self.events.normal(claim, "WaitForFirstConsumer", text)
            return
        await self._bind(claim, found)

    def _class_of(self, claim: Object) -> Object | str:
        name = claim["spec"].get("storageClassName")
        if name:
            found = self._classes.get(name)
            return found or f'storageclass.storage.k8s.io "{name}" not found'
        for each in self._classes.objects.values():
            if name is None and (each["metadata"].get("annotations") or {}).get(DEFAULT) == "true":
                return each
        return "no persistent volumes available for this claim and no storage class is set"

    async def _bind(self, claim: Object, storage_class: Object) -> None:
        metadata, spec = claim["metadata"], claim["spec"]
        volume = f"pvc-{metadata['uid']}"
        size = ((spec.get("resources") or {}).get("requests") or {}).get("storage", "1Gi")
        if self._volumes.get(volume) is None:
            made = await self._make_volume(claim, storage_class, volume, size)
            status = {**(made.get("status") or {}), "phase": "Bound"}
            await self.client.patch_status(path_of(made, "persistentvolumes"), made, status)
        patch: Object = {
            "metadata": {
                "annotations": {
                    "pv.kubernetes.io/bind-completed": "yes",
                    "pv.kubernetes.io/bound-by-controller": "yes",
                    "volume.kubernetes.io/storage-provisioner": storage_class.get("provisioner", ""),
                }
            },
            "spec": {"volumeName": volume, "storageClassName": storage_class["metadata"]["name"]},
        }
        claim = await self.client.merge_patch(path_of(claim, "persistentvolumeclaims"), patch)
        status = {"phase": "Bound", "accessModes": spec.get("accessModes") or [], "capacity": {"storage": size}}
        await self.client.patch_status(path_of(claim, "persistentvolumeclaims"), claim, status)
        text = f"Successfully provisioned volume {volume}"
        self.events.normal(claim, "ProvisioningSucceeded", text)

    async def _make_volume(self, claim: Object, storage_class: Object, name: str, size: str) -> Object:
        metadata, spec = claim["metadata"], claim["spec"]
        reference = {"kind": "PersistentVolumeClaim", "apiVersion": "v1"}
        reference |= {key: metadata[key] for key in ("name", "namespace", "uid", "resourceVersion")}
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {
                "name": name,
                "annotations": {"pv.kubernetes.io/provisioned-by": storage_class.get("provisioner", "")},
            },
            "spec": {
                "capacity": {"storage": size},
                "accessModes": spec.get("accessModes") or ["ReadWriteOnce"],
                "volumeMode": spec.get("volumeMode", "Filesystem"),
                "storageClassName": storage_class["metadata"]["name"],
                "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy", "Delete"),
                "claimRef": reference,
                "csi": {"driver": storage_class.get("provisioner", "csi.example.com"), "volumeHandle": name},
            },
        }
        return await self.client.create("/api/v1/persistentvolumes", volume)

    async def _grow(self, claim: Object) -> None:
        wanted = ((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage")
        status = claim.get("status") or {}
        if not wanted or amount(str(wanted)) <= amount(str((status.get("capacity") or {}).get("storage", "0"))):
            return
        volume = self._volumes.get(claim["spec"].get("volumeName") or "")
        if volume is not None:
            patch = {"spec": {"capacity": {"storage": wanted}}}
            await self.client.merge_patch(path_of(volume, "persistentvolumes"), patch)
        status = {**status, "capacity": {"storage": wanted}}
        await self.client.patch_status(path_of(claim, "persistentvolumeclaims"), claim, status)
        self.events.normal(claim, "FileSystemResizeSuccessful", "MountVolume.NodeExpandVolume succeeded for volume")

    async def _release(self, key: str) -> None:
        for volume in list(self._volumes.objects.values()):
            reference = volume["spec"].get("claimRef") or {}
            if f"{reference.get('namespace')}/{reference.get('name')}" != key:
                continue
            try:
                if volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
                    await self.client.delete(path_of(volume, "persistentvolumes"))
                else:
                    status = {**(volume.get("status") or {}), "phase": "Released"}
                    await self.client.patch_status(path_of(volume, "persistentvolumes"), volume, status)
            except errors.NotFound:
                continue


def _claims_of(pod: Object) -> list[str]:
    namespace = pod["metadata"]["namespace"]
    return [
        f"{namespace}/{volume['persistentVolumeClaim']['claimName']}"
        for volume in pod["spec"].get("volumes") or ()
        if volume.get("persistentVolumeClaim")
    ]
