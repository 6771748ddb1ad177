"""What the API server fills into built-in objects that their author left out.

Facts: the defaults.go files of k8s.io/kubernetes pkg/apis/*/v1, 1.34. Addresses, selectors and first states, which
take the rest of the cluster, are not defaults.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from console.demo.pod_defaults import default_pod, default_template, fill

if TYPE_CHECKING:
    from collections.abc import Callable

    from console.demo.resources import ResourceType

Object = dict[str, Any]
_RBAC = "rbac.authorization.k8s.io"
_STICKY = 10800  # seconds a client stays with an endpoint
_CPU_GOAL = 80  # percent


def default_builtin(rt: ResourceType, obj: Object) -> None:
    """Fill in the defaults of a built-in type, in place."""
    function = _DEFAULTS.get((rt.group, rt.kind))
    if function is not None:
        function(obj)


def _spec(obj: Object) -> Object:
    spec = obj.get("spec")
    if spec is None:
        spec = obj["spec"] = {}
    found: Object = spec
    return found


def _below(obj: Object, key: str) -> Object:
    if obj.get(key) is None:
        obj[key] = {}
    found: Object = obj[key]
    return found


def _deployment(obj: Object) -> None:
    spec = _spec(obj)
    fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = _below(spec, "strategy")
    fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill(_below(strategy, "rollingUpdate"), maxUnavailable="25%", maxSurge="25%")
    default_template(_below(spec, "template"))


def _daemon_set(obj: Object) -> None:
    spec = _spec(obj)
    strategy = _below(spec, "updateStrategy")
    fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill(_below(strategy, "rollingUpdate"), maxUnavailable=1, maxSurge=0)
    fill(spec, revisionHistoryLimit=10)
    default_template(_below(spec, "template"))


def _stateful_set(obj: Object) -> None:
    spec = _spec(obj)
    fill(spec, podManagementPolicy="OrderedReady", replicas=1, revisionHistoryLimit=10, serviceName="")
    strategy = _below(spec, "updateStrategy")
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
        _below(strategy, "rollingUpdate")
    if strategy["type"] == "RollingUpdate" and strategy.get("rollingUpdate") is not None:
        fill(strategy["rollingUpdate"], partition=0)
    fill(_below(spec, "persistentVolumeClaimRetentionPolicy"), whenDeleted="Retain", whenScaled="Retain")
    for claim in spec.get("volumeClaimTemplates") or ():
        claim.setdefault("kind", "PersistentVolumeClaim")
        claim.setdefault("apiVersion", "v1")
        fill(claim.setdefault("spec", {}), volumeMode="Filesystem")
        claim.setdefault("status", {"phase": "Pending"})
    default_template(_below(spec, "template"))


def _replica_set(obj: Object) -> None:
    spec = _spec(obj)
    fill(spec, replicas=1)
    default_template(_below(spec, "template"))


def _replication_controller(obj: Object) -> None:
    spec = _spec(obj)
    fill(spec, replicas=1)
    template = spec.get("template")
    if template is None:
        return
    labels = (template.get("metadata") or {}).get("labels")
    if labels:
        if not spec.get("selector"):
            spec["selector"] = dict(labels)
        if not obj["metadata"].get("labels"):
            obj["metadata"]["labels"] = dict(labels)
    default_template(template)


def _job(obj: Object) -> None:
    spec = _spec(obj)
    _job_spec(spec)
    labels = (spec["template"].get("metadata") or {}).get("labels")
    if labels and not obj["metadata"].get("labels"):
        obj["metadata"]["labels"] = dict(labels)


def _job_spec(spec: Object) -> None:
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    per_index = spec.get("backoffLimitPerIndex") is not None
    replacement = "Failed" if spec.get("podFailurePolicy") is not None else "TerminatingOrFailed"
    fill(
        spec,
        parallelism=1,
        backoffLimit=2**31 - 1 if per_index else 6,
        completionMode="NonIndexed",
        suspend=False,
        podReplacementPolicy=replacement,
        manualSelector=False,
    )
    _default_failure_policy(spec)
    default_template(_below(spec, "template"))


def _default_failure_policy(spec: Object) -> None:
    for rule in (spec.get("podFailurePolicy") or {}).get("rules") or ():
        for pattern in rule.get("onPodConditions") or ():
            fill(pattern, status="True")


def _cron_job(obj: Object) -> None:
    spec = _spec(obj)
    fill(spec, concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1)
    job = _below(_below(spec, "jobTemplate"), "spec")
    _default_failure_policy(job)
    default_template(_below(job, "template"))


def _pod_template(obj: Object) -> None:
    default_template(_below(obj, "template"))


def _service(obj: Object) -> None:
    spec = _spec(obj)
    fill(spec, sessionAffinity="None", type="ClusterIP")
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        config = _below(_below(spec, "sessionAffinityConfig"), "clientIP")
        fill(config, timeoutSeconds=_STICKY)
    for port in spec.get("ports") or ():
        fill(port, protocol="TCP")
        if port.get("targetPort") in (None, "", 0):
            port["targetPort"] = port.get("port")
    kind = spec["type"]
    if (kind in ("NodePort", "LoadBalancer")) or (kind == "ClusterIP" and spec.get("externalIPs")):
        fill(spec, externalTrafficPolicy="Cluster")
    if kind in ("NodePort", "LoadBalancer", "ClusterIP"):
        fill(spec, internalTrafficPolicy="Cluster")
    if kind == "LoadBalancer":
        fill(spec, allocateLoadBalancerNodePorts=True)
    if kind != "ExternalName":
        fill(spec, ipFamilyPolicy="SingleStack")
        if not spec.get("ipFamilies"):
            spec["ipFamilies"] = ["IPv4"]


def _endpoints(obj: Object) -> None:
    for subset in obj.get("subsets") or ():
        for port in subset.get("ports") or ():
            fill(port, protocol="TCP")


def _endpoint_slice(obj: Object) -> None:
    for port in obj.get("ports") or ():
        if port.get("name") is None:
            port["name"] = ""
        fill(port, protocol="TCP")


def _volume(obj: Object) -> None:
    fill(_spec(obj), persistentVolumeReclaimPolicy="Retain", volumeMode="Filesystem")
    fill(_below(obj, "status"), phase="Pending")


def _volume_claim(obj: Object) -> None:
    fill(_spec(obj), volumeMode="Filesystem")
    fill(_below(obj, "status"), phase="Pending")


def _secret(obj: Object) -> None:
    fill(obj, type="Opaque")


def _namespace(obj: Object) -> None:
    name = obj["metadata"].get("name")
    if name:
        labels = obj["metadata"].get("labels") or {}
        obj["metadata"]["labels"] = {**labels, "kubernetes.io/metadata.name": name}
    fill(_below(obj, "status"), phase="Active")


def _node(obj: Object) -> None:
    status = obj.get("status") or {}
    if status.get("capacity") is not None and status.get("allocatable") is None:
        status["allocatable"] = dict(status["capacity"])


def _limit_range(obj: Object) -> None:
    for item in _spec(obj).get("limits") or ():
        if item.get("type") == "Container":
            limits = {**(item.get("max") or {}), **(item.get("default") or {})}
            requests = {**(item.get("min") or {}), **limits, **(item.get("defaultRequest") or {})}
            if limits:
                item["default"] = limits
            if requests:
                item["defaultRequest"] = requests


def _binding(obj: Object) -> None:
    fill(_below(obj, "roleRef"), apiGroup=_RBAC)
    for subject in obj.get("subjects") or ():
        if subject.get("kind") in ("User", "Group"):
            fill(subject, apiGroup=_RBAC)


def _network_policy(obj: Object) -> None:
    spec = _spec(obj)
    for rule in [*(spec.get("ingress") or ()), *(spec.get("egress") or ())]:
        for port in rule.get("ports") or ():
            fill(port, protocol="TCP")
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def _ingress_class(obj: Object) -> None:
    parameters = _spec(obj).get("parameters")
    if parameters is not None:
        fill(parameters, scope="Cluster")


def _storage_class(obj: Object) -> None:
    fill(obj, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def _csi_driver(obj: Object) -> None:
    spec = _spec(obj)
    fill(
        spec,
        attachRequired=True,
        podInfoOnMount=False,
        storageCapacity=False,
        fsGroupPolicy="ReadWriteOnceWithFSType",
        requiresRepublish=False,
    )
    if not spec.get("volumeLifecycleModes"):
        spec["volumeLifecycleModes"] = ["Persistent"]


def _priority_class(obj: Object) -> None:
    fill(obj, preemptionPolicy="PreemptLowerPriority")


def _autoscaler(obj: Object) -> None:
    spec = _spec(obj)
    fill(spec, minReplicas=1)
    if obj.get("apiVersion") != "autoscaling/v2":
        return
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": _CPU_GOAL}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    behavior = spec.get("behavior")
    if behavior is not None:
        whole = {"type": "Percent", "value": 100, "periodSeconds": 15}
        up = {
            "stabilizationWindowSeconds": 0,
            "selectPolicy": "Max",
            "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}, dict(whole)],
        }
        behavior["scaleUp"] = up | (behavior.get("scaleUp") or {})
        behavior["scaleDown"] = {"selectPolicy": "Max", "policies": [whole]} | (behavior.get("scaleDown") or {})


def _webhooks(obj: Object) -> None:
    for hook in obj.get("webhooks") or ():
        fill(hook, failurePolicy="Fail", matchPolicy="Equivalent", timeoutSeconds=10)
        for key in ("namespaceSelector", "objectSelector"):
            _below(hook, key)
        if obj.get("kind") == "MutatingWebhookConfiguration":
            fill(hook, reinvocationPolicy="Never")
        for rule in hook.get("rules") or ():
            fill(rule, scope="*")
        service = (hook.get("clientConfig") or {}).get("service")
        if service is not None:
            fill(service, port=443)


_DEFAULTS: dict[tuple[str, str], Callable[[Object], None]] = {
    ("", "Pod"): default_pod,
    ("", "PodTemplate"): _pod_template,
    ("", "ReplicationController"): _replication_controller,
    ("", "Service"): _service,
    ("", "Endpoints"): _endpoints,
    ("", "PersistentVolume"): _volume,
    ("", "PersistentVolumeClaim"): _volume_claim,
    ("", "Secret"): _secret,
    ("", "Namespace"): _namespace,
    ("", "Node"): _node,
    ("", "LimitRange"): _limit_range,
    ("apps", "Deployment"): _deployment,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "ReplicaSet"): _replica_set,
    ("batch", "Job"): _job,
    ("batch", "CronJob"): _cron_job,
    ("autoscaling", "HorizontalPodAutoscaler"): _autoscaler,
    ("discovery.k8s.io", "EndpointSlice"): _endpoint_slice,
    ("networking.k8s.io", "NetworkPolicy"): _network_policy,
    ("networking.k8s.io", "IngressClass"): _ingress_class,
    ("storage.k8s.io", "StorageClass"): _storage_class,
    ("storage.k8s.io", "CSIDriver"): _csi_driver,
    ("scheduling.k8s.io", "PriorityClass"): _priority_class,
    (_RBAC, "RoleBinding"): _binding,
    (_RBAC, "ClusterRoleBinding"): _binding,
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): _webhooks,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): _webhooks,
}
