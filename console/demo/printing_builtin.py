"""Which function prints which built-in kind, and what its columns are called."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec

from console.demo import printing_cluster as cluster
from console.demo import printing_network as network
from console.demo import printing_workloads as workloads
from console.demo.printing_pods import pod_cells

if TYPE_CHECKING:
    from collections.abc import Callable

Object = dict[str, Any]

# By kind; a name where the columns are listed under another one.
PRINTERS: dict[str, Callable[[Object, float], list[Any]]] = {
    "Pod": pod_cells,
    "PodTemplate": workloads.pod_template,
    "ReplicationController": workloads.replicas,
    "ReplicaSet": workloads.replicas,
    "Deployment": workloads.deployment,
    "StatefulSet": workloads.stateful_set,
    "DaemonSet": workloads.daemon_set,
    "ControllerRevision": workloads.controller_revision,
    "Job": workloads.job,
    "CronJob": workloads.cron_job,
    "HorizontalPodAutoscaler": workloads.autoscaler,
    "PodDisruptionBudget": workloads.disruption_budget,
    "Service": network.service,
    "Endpoints": network.endpoints,
    "EndpointSlice": network.endpoint_slice,
    "Ingress": network.ingress,
    "IngressClass": network.ingress_class,
    "NetworkPolicy": network.network_policy,
    "ServiceCIDR": network.service_cidr,
    "IPAddress": network.ip_address,
    "Node": cluster.node,
    "Namespace": cluster.namespace,
    "ConfigMap": cluster.config_map,
    "Secret": cluster.secret,
    "ServiceAccount": cluster.service_account,
    "PersistentVolume": cluster.volume,
    "PersistentVolumeClaim": cluster.volume_claim,
    "StorageClass": cluster.storage_class,
    "VolumeAttributesClass": cluster.volume_attributes_class,
    "VolumeAttachment": cluster.volume_attachment,
    "CSINode": cluster.csi_node,
    "CSIDriver": cluster.csi_driver,
    "CSIStorageCapacity": cluster.csi_capacity,
    "Event": cluster.event,
    "RoleBinding": cluster.role_binding,
    "ClusterRoleBinding": cluster.role_binding,
    "CertificateSigningRequest": cluster.signing_request,
    "Lease": cluster.lease,
    "ResourceQuota": cluster.resource_quota,
    "PriorityClass": cluster.priority_class,
    "RuntimeClass": cluster.runtime_class,
    "MutatingWebhookConfiguration": cluster.webhooks,
    "ValidatingWebhookConfiguration": cluster.webhooks,
    "ValidatingAdmissionPolicy": cluster.admission_policy,
    "ValidatingAdmissionPolicyBinding": cluster.admission_binding,
    "FlowSchema": cluster.flow_schema,
    "PriorityLevelConfiguration": cluster.priority_level,
    "DeviceClass": cluster.named,
    "ResourceClaim": cluster.resource_claim,
    "ResourceClaimTemplate": cluster.named,
    "ResourceSlice": cluster.resource_slice,
    "ComponentStatus": cluster.component_status,
    "APIService": cluster.api_service,
    "Scale": cluster.scale,
}


@cache
def columns() -> dict[str, list[Object]]:
    """Column definitions by kind."""
    data = (files("console.demo") / "data" / "openapi" / "columns.json").read_bytes()
    found: dict[str, list[Object]] = msgspec.json.decode(data)
    found["MutatingWebhookConfiguration"] = found.pop("MutatingWebhook")
    found["ValidatingWebhookConfiguration"] = found.pop("ValidatingWebhook")
    name, *_, age = found["Namespace"]
    found["APIService"] = [
        name,
        _column("Service", "The reference to the service that hosts this API endpoint."),
        _column("Available", "Whether this service is available."),
        age,
    ]
    found[""] = [name, {**age, "name": "Created At", "type": "date"}]
    return found


def _column(name: str, description: str) -> Object:
    return {"name": name, "type": "string", "format": "", "description": description, "priority": 0}
