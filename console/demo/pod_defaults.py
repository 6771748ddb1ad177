"""What the API server fills into pods and pod templates that their author left out.

Facts: k8s.io/kubernetes pkg/apis/core/v1/defaults.go, 1.34.
"""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

_MODES = {"secret": 420, "configMap": 420, "downwardAPI": 420, "projected": 420}
_HOUR = 3600  # seconds


def fill(obj: Object, **values: Any) -> None:
    """Set fields that are absent, null or empty text."""
    for key, value in values.items():
        if obj.get(key) in (None, ""):
            obj[key] = value


def default_pod(pod: Object) -> None:
    """A Pod itself: what its spec gets, and what only pods get."""
    spec = pod.setdefault("spec", {})
    default_pod_spec(spec)
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        _default_requests(container.get("resources") or {})
        if spec.get("hostNetwork"):
            for port in container.get("ports") or ():
                if not port.get("hostPort"):
                    port["hostPort"] = port.get("containerPort")
    if spec.get("enableServiceLinks") is None:
        spec["enableServiceLinks"] = True


def _default_requests(resources: Object) -> None:
    limits = resources.get("limits")
    if limits:
        resources["requests"] = {**limits, **(resources.get("requests") or {})}


def default_template(template: Object) -> None:
    """The template of something that makes pods."""
    template.setdefault("metadata", {})
    default_pod_spec(template.setdefault("spec", {}))


def default_pod_spec(spec: Object) -> None:
    """A pod's spec, wherever it stands."""
    fill(
        spec,
        dnsPolicy="ClusterFirst",
        restartPolicy="Always",
        schedulerName="default-scheduler",
        terminationGracePeriodSeconds=30,
    )
    if spec.get("securityContext") is None:
        spec["securityContext"] = {}
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for key in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(key) or ():
            _default_container(container)
    for volume in spec.get("volumes") or ():
        _default_volume(volume)


def _default_container(container: Object) -> None:
    fill(
        container,
        imagePullPolicy="Always" if _tag(container.get("image", "")) == "latest" else "IfNotPresent",
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
    )
    if container.get("resources") is None:
        container["resources"] = {}
    for port in container.get("ports") or ():
        fill(port, protocol="TCP")
    for variable in container.get("env") or ():
        source = (variable.get("valueFrom") or {}).get("fieldRef")
        if source:
            fill(source, apiVersion="v1")
    for key in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(key):
            _default_probe(container[key])
    for hook in (container.get("lifecycle") or {}).values():
        if isinstance(hook, dict) and hook.get("httpGet"):
            fill(hook["httpGet"], path="/", scheme="HTTP")


def _tag(image: str) -> str:
    """The tag an image reference means; "" for one that is held by its digest alone."""
    name, at, _ = image.partition("@")
    last = name.rpartition("/")[2]
    tag = last.partition(":")[2]
    return tag or ("" if at else "latest")


def _default_probe(probe: Object) -> None:
    for key, value in (("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)):
        if not probe.get(key):
            probe[key] = value
    if probe.get("httpGet"):
        fill(probe["httpGet"], path="/", scheme="HTTP")
    if probe.get("grpc") and probe["grpc"].get("service") is None:
        probe["grpc"]["service"] = ""


def _default_volume(volume: Object) -> None:
    if all(key == "name" or value is None for key, value in volume.items()):
        volume["emptyDir"] = {}
    for key, mode in _MODES.items():
        source = volume.get(key)
        if source is not None and source.get("defaultMode") is None:
            source["defaultMode"] = mode
    if volume.get("hostPath") is not None and volume["hostPath"].get("type") is None:
        volume["hostPath"]["type"] = ""
    for source in (volume.get("projected") or {}).get("sources") or ():
        token = source.get("serviceAccountToken")
        if token is not None and token.get("expirationSeconds") is None:
            token["expirationSeconds"] = _HOUR
        _default_items(source.get("downwardAPI"))
    _default_items(volume.get("downwardAPI"))
    claim = (volume.get("ephemeral") or {}).get("volumeClaimTemplate")
    if claim is not None:
        fill(claim.setdefault("spec", {}), volumeMode="Filesystem")
    if volume.get("iscsi") is not None:
        fill(volume["iscsi"], iscsiInterface="default")


def _default_items(source: Object | None) -> None:
    for item in (source or {}).get("items") or ():
        if item.get("fieldRef"):
            fill(item["fieldRef"], apiVersion="v1")
