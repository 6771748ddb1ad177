"""Profiles: a namespace of the same name with its accounts, role bindings and quota.

Facts from the field guide, section 5.3 (kubeflow/kubeflow v1.10, profile-controller).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from console import errors
from console.demo.client import Object
from console.demo.controllers.base import Cluster, owner_reference
from console.demo.controllers.plan import Change, Creation, Plan
from console.demo.controllers.planned import PlannedController

NAMESPACE_LABELS: Mapping[str, str] = {
    "app.kubernetes.io/part-of": "kubeflow-profile",
    "istio-injection": "enabled",
    "katib.kubeflow.org/metrics-collector-injection": "enabled",
    "katib.kubeflow.org/model-registry": "enabled",
    "pipelines.kubeflow.org/enabled": "true",
    "serving.kubeflow.org/inferenceservice": "enabled",
}
QUOTA = "kf-resource-quota"
RBAC = "rbac.authorization.k8s.io"


def decide(profile: Object, namespace: Object | None, present: Mapping[str, Object]) -> Plan:
    """The plan for one Profile; `present` maps the path of a wanted object to what is there."""
    plan = Plan()
    name, owner = profile["metadata"]["name"], profile["spec"].get("owner") or {}
    if namespace is not None:
        claimed = (namespace["metadata"].get("annotations") or {}).get("owner")
        if claimed != owner.get("name"):
            message = f"namespace already exist, but not owned by profile creator {owner.get('name')}"
            plan.status = _status(profile, "Failed", message)
            return plan
        labels = namespace["metadata"].get("labels") or {}
        missing = {key: value for key, value in NAMESPACE_LABELS.items() if key not in labels}
        if missing:
            plan.change.append(Change(f"/api/v1/namespaces/{name}", {"metadata": {"labels": missing}}))
    else:
        plan.create.append(Creation("/api/v1/namespaces", namespace_of(profile)))
    for path, wanted in contents(profile).items():
        there = present.get(path)
        if there is None:
            plan.create.append(Creation(path.rsplit("/", 1)[0], wanted))
        elif wanted["kind"] == "ResourceQuota" and there["spec"] != wanted["spec"]:
            plan.change.append(Change(path, {"spec": wanted["spec"]}))
    plan.status = _status(profile, "Successful", "")
    return plan


def namespace_of(profile: Object) -> Object:
    """The profile's namespace."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": profile["metadata"]["name"],
            "annotations": {"owner": (profile["spec"].get("owner") or {}).get("name", "")},
            "labels": dict(NAMESPACE_LABELS),
            "ownerReferences": [owner_reference(profile)],
        },
    }


def contents(profile: Object) -> dict[str, Object]:
    """Path to manifest of everything the profile's namespace gets."""
    name, owner = profile["metadata"]["name"], profile["spec"].get("owner") or {}
    core, rbac = f"/api/v1/namespaces/{name}", f"/apis/{RBAC}/v1/namespaces/{name}/rolebindings"
    found: dict[str, Object] = {}

    def add(path: str, api_version: str, kind: str, **rest: object) -> None:
        meta: Object = {
            "name": path.rsplit("/", 1)[1],
            "namespace": name,
            "ownerReferences": [owner_reference(profile)],
        }
        if "annotations" in rest:
            meta["annotations"] = rest.pop("annotations")
        found[path] = {"apiVersion": api_version, "kind": kind, "metadata": meta, **rest}

    for account, role in (("default-editor", "kubeflow-edit"), ("default-viewer", "kubeflow-view")):
        add(f"{core}/serviceaccounts/{account}", "v1", "ServiceAccount")
        add(
            f"{rbac}/{account}",
            f"{RBAC}/v1",
            "RoleBinding",
            roleRef={"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
            subjects=[{"kind": "ServiceAccount", "name": account, "namespace": name}],
        )
    add(
        f"{rbac}/namespaceAdmin",
        f"{RBAC}/v1",
        "RoleBinding",
        annotations={"user": owner.get("name", ""), "role": "admin"},
        roleRef={"apiGroup": RBAC, "kind": "ClusterRole", "name": "kubeflow-admin"},
        subjects=[{"apiGroup": RBAC, "kind": owner.get("kind", "User"), "name": owner.get("name", "")}],
    )
    quota = profile["spec"].get("resourceQuotaSpec")
    if quota and quota.get("hard"):
        add(f"{core}/resourcequotas/{QUOTA}", "v1", "ResourceQuota", spec=quota)
    return found


def _status(profile: Object, kind: str, message: str) -> Object | None:
    new: Object = {"type": kind, "status": "True"} | ({"message": message} if message else {})
    status = {"conditions": [new]}
    return None if status == profile.get("status") else status


class ProfileController(PlannedController):
    """Keeps the namespaces of profiles as the profiles say."""

    name: ClassVar[str] = "profile-controller"
    agent: ClassVar[str] = "profile-controller"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster, "/apis/kubeflow.org/v1/profiles")
        self.namespaces = self.watch("/api/v1/namespaces")

    async def decide(self, obj: Object) -> Plan:
        """The plan for one Profile."""
        namespace = self.namespaces.get(obj["metadata"]["name"])
        present: dict[str, Object] = {}
        if namespace is not None:
            for path in contents(obj):
                try:
                    present[path] = await self.client.get(path)
                except errors.NotFound:
                    continue
        return decide(obj, namespace, present)
