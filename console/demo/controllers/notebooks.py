"""Notebooks: a StatefulSet of one pod and a Service each, stopped by an annotation.

Facts from the field guide, section 5.1 (kubeflow/kubeflow v1.10, notebook-controller).
"""

from __future__ import annotations

import copy
from typing import ClassVar

from console.demo.client import Object
from console.demo.controllers.base import Cluster, owner_reference
from console.demo.controllers.plan import Change, Creation, Note, Plan
from console.demo.controllers.planned import PlannedController

STOPPED = "kubeflow-resource-stopped"
PORT = 8888


def decide(notebook: Object, stateful_set: Object | None, service: Object | None, pod: Object | None) -> Plan:
    """The plan for one Notebook from what carries its name."""
    plan, meta = Plan(), notebook["metadata"]
    wanted = stateful_set_of(notebook)
    collection = f"/apis/apps/v1/namespaces/{meta['namespace']}/statefulsets"
    if stateful_set is None:
        plan.create.append(Creation(collection, wanted, refused=Note("Warning", "FailedCreate", "{error}")))
    elif stateful_set["spec"].get("replicas") != wanted["spec"]["replicas"]:
        patch = {"spec": {"replicas": wanted["spec"]["replicas"]}}
        plan.change.append(Change(f"{collection}/{meta['name']}", patch))
    if service is None:
        plan.create.append(Creation(f"/api/v1/namespaces/{meta['namespace']}/services", service_of(notebook)))
    status = status_of(notebook, stateful_set, pod)
    if status != (notebook.get("status") or {}):
        plan.status = status
    return plan


def stateful_set_of(notebook: Object) -> Object:
    """The StatefulSet: one replica, none while the stop annotation is there, whatever its value."""
    meta = notebook["metadata"]
    name = meta["name"]
    spec = copy.deepcopy(notebook["spec"]["template"]["spec"])
    marks = {**(meta.get("labels") or {}), "statefulset": name, "notebook-name": name}
    main = spec["containers"][0]
    main.setdefault("workingDir", "/home/jovyan")
    main.setdefault("ports", [{"containerPort": PORT, "name": "notebook-port", "protocol": "TCP"}])
    prefix = {"name": "NB_PREFIX", "value": f"/notebook/{meta['namespace']}/{name}"}
    main["env"] = [*(each for each in main.get("env") or [] if each["name"] != "NB_PREFIX"), prefix]
    spec.setdefault("securityContext", {"fsGroup": 100})
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {
            "name": name,
            "namespace": meta["namespace"],
            "labels": dict(meta.get("labels") or {}),
            "ownerReferences": [owner_reference(notebook)],
        },
        "spec": {
            "replicas": 0 if STOPPED in (meta.get("annotations") or {}) else 1,
            "serviceName": name,
            "selector": {"matchLabels": {"statefulset": name}},
            "template": {"metadata": {"labels": marks}, "spec": spec},
        },
    }


def service_of(notebook: Object) -> Object:
    """The Service in front of the server."""
    name, namespace = notebook["metadata"]["name"], notebook["metadata"]["namespace"]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "ownerReferences": [owner_reference(notebook)]},
        "spec": {
            "type": "ClusterIP",
            "selector": {"statefulset": name},
            "ports": [{"name": f"http-{name}", "port": 80, "targetPort": PORT, "protocol": "TCP"}],
        },
    }


def status_of(notebook: Object, stateful_set: Object | None, pod: Object | None) -> Object:
    """Ready replicas, the notebook container's state, and the pod's conditions, the most recent first."""
    ready = int(((stateful_set or {}).get("status") or {}).get("readyReplicas", 0))
    status: Object = {"conditions": [], "readyReplicas": ready, "containerState": {}}
    if pod is None:
        return status
    theirs = pod.get("status") or {}
    name = notebook["metadata"]["name"]
    for each in theirs.get("containerStatuses") or []:
        if each["name"] == name:
            status["containerState"] = copy.deepcopy(each.get("state") or {})
    kept = ("type", "status", "reason", "message", "lastProbeTime", "lastTransitionTime")
    conditions = [
        {key: each[key] for key in kept if each.get(key) is not None} for each in theirs.get("conditions") or []
    ]
    status["conditions"] = sorted(conditions, key=lambda each: str(each.get("lastTransitionTime", "")), reverse=True)
    return status


class NotebookController(PlannedController):
    """Runs notebook servers, and repeats their pods' warnings on the Notebook."""

    name: ClassVar[str] = "notebook-controller"
    agent: ClassVar[str] = "notebook-controller"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster, "/apis/kubeflow.org/v1/notebooks")
        self.stateful_sets = self.watch_owned("/apis/apps/v1/statefulsets", "Notebook")
        self.services = self.read("/api/v1/services")
        self.pods = self.watch("/api/v1/pods", _notebook_key)

    async def decide(self, obj: Object) -> Plan:
        """The plan for one Notebook."""
        key = f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"
        return decide(obj, self.stateful_sets.get(key), self.services.get(key), self.pods.get(f"{key}-0"))


def _notebook_key(pod: Object) -> list[str]:
    name = (pod["metadata"].get("labels") or {}).get("notebook-name")
    return [f"{pod['metadata']['namespace']}/{name}"] if name else []
