"""What kube-apiserver refuses in pods and pod templates, in its words.

Facts: k8s.io/kubernetes pkg/apis/core/validation/validation.go, 1.34. The rules people run into are here; those of
rare volume types, probes and security contexts are not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from console.demo import causes, quantities
from console.demo.selecting import key_faults, value_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console.demo.failures import Cause

Object = dict[str, Any]

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_PORT_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_MUTABLE = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
    "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
    "previously negative)"
)


def pod_causes(pod: Object, old: Object | None) -> list[Cause]:
    """What is wrong with a pod, and with what an update changes in it."""
    spec = pod.get("spec") or {}
    if old is None:
        return pod_spec_causes(spec, "spec")
    before = old.get("spec") or {}
    if spec == before:
        return []
    return pod_spec_causes(spec, "spec") + _update_causes(spec, before)


def label_causes(path: str, value: str) -> list[Cause]:
    """What is wrong with a DNS-1123 label."""
    found = [causes.invalid(path, value, "must be no more than 63 bytes")] if len(value) > 63 else []
    return found if _LABEL.fullmatch(value) else [*found, causes.invalid(path, value, LABEL_RULE)]


def template_causes(template: Object, path: str) -> list[Cause]:
    """What is wrong with a pod template."""
    found = labels_causes((template.get("metadata") or {}).get("labels"), f"{path}.labels")
    return found + pod_spec_causes(template.get("spec") or {}, f"{path}.spec")


def labels_causes(labels: Object | None, path: str) -> list[Cause]:
    """What is wrong with a map of labels."""
    found = []
    for key, value in (labels or {}).items():
        found += [causes.invalid(path, key, fault) for fault in key_faults(key)]
        found += [causes.invalid(path, value, fault) for fault in value_faults(str(value))]
    return found


def pod_spec_causes(spec: Object, path: str) -> list[Cause]:
    """What is wrong with a pod's spec, wherever it stands."""
    volumes, found = _volumes(spec.get("volumes") or (), f"{path}.volumes")
    containers = spec.get("containers") or ()
    if not containers:
        found.append(causes.required(f"{path}.containers"))
    taken: set[str] = set()
    for group in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(group) or ()):
            at = f"{path}.{group}[{index}]"
            found += _container(container, at, volumes)
            if container.get("name") and container["name"] in taken:
                found.append(causes.duplicate(f"{at}.name", container["name"]))
            taken.add(container.get("name", ""))
    found += _enum(spec, "restartPolicy", ("Always", "OnFailure", "Never"), path)
    found += _enum(spec, "dnsPolicy", ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"), path)
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        text = "must be greater than or equal to 0"
        at = f"{path}.terminationGracePeriodSeconds"
        found.append(causes.invalid(at, spec["terminationGracePeriodSeconds"], text))
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= 2**31 - 1:
        text = "must be between 1 and 2147483647, inclusive"
        found.append(causes.invalid(f"{path}.activeDeadlineSeconds", deadline, text))
    found += labels_causes(spec.get("nodeSelector"), f"{path}.nodeSelector")
    found += _tolerations(spec.get("tolerations") or (), f"{path}.tolerations")
    for key in ("hostname", "subdomain"):
        if spec.get(key):
            found += label_causes(f"{path}.{key}", spec[key])
    return found


def _enum(obj: Object, key: str, allowed: tuple[str, ...], path: str) -> list[Cause]:
    value = obj.get(key)
    if value in (None, "") or value in allowed:
        return []
    return [causes.unsupported(f"{path}.{key}", value, allowed)]


def _volumes(volumes: Any, path: str) -> tuple[set[str], list[Cause]]:
    """The names of the good volumes, and what is wrong with the others."""
    names: set[str] = set()
    found: list[Cause] = []
    for index, volume in enumerate(volumes):
        at = f"{path}[{index}]"
        name = volume.get("name") or ""
        wrong = label_causes(f"{at}.name", name) if name else [causes.required(f"{at}.name")]
        if name in names:
            wrong.append(causes.duplicate(f"{at}.name", name))
        sources = [key for key, value in volume.items() if key != "name" and value is not None]
        wrong += [
            causes.forbidden(f"{at}.{key}", "may not specify more than 1 volume type") for key in sorted(sources)[1:]
        ]
        if not sources:
            wrong.append(causes.required(at, "must specify a volume type"))
        if not wrong:
            names.add(name)
        found += wrong
    return names, found


def _container(container: Object, path: str, volumes: set[str]) -> list[Cause]:
    name = container.get("name")
    found = label_causes(f"{path}.name", name) if name else [causes.required(f"{path}.name")]
    if not container.get("image"):
        found.append(causes.required(f"{path}.image"))
    found += _enum(container, "terminationMessagePolicy", ("File", "FallbackToLogsOnError"), path)
    found += _ports(container.get("ports") or (), f"{path}.ports")
    for index, variable in enumerate(container.get("env") or ()):
        at = f"{path}.env[{index}]"
        if not variable.get("name"):
            found.append(causes.required(f"{at}.name"))
        if variable.get("value") and variable.get("valueFrom"):
            found.append(causes.invalid(f"{at}.valueFrom", "", "may not be specified when `value` is not empty"))
    found += _mounts(container.get("volumeMounts") or (), f"{path}.volumeMounts", volumes)
    found += _enum(container, "imagePullPolicy", ("Always", "IfNotPresent", "Never"), path)
    return found + resource_causes(container.get("resources") or {}, f"{path}.resources")


def _ports(ports: Any, path: str) -> list[Cause]:
    found: list[Cause] = []
    names: set[str] = set()
    for index, port in enumerate(ports):
        at = f"{path}[{index}]"
        name = port.get("name")
        if name:
            wrong = _port_name(name)
            found += [causes.invalid(f"{at}.name", name, text) for text in wrong]
            if not wrong and name in names:
                found.append(causes.duplicate(f"{at}.name", name))
            names.add(name)
        if not port.get("containerPort"):
            found.append(causes.required(f"{at}.containerPort"))
        else:
            found += port_causes(f"{at}.containerPort", port["containerPort"])
        if port.get("hostPort"):
            found += port_causes(f"{at}.hostPort", port["hostPort"])
        found += _enum(port, "protocol", _PROTOCOLS, at)
    return found


def _port_name(name: str) -> Iterator[str]:
    if len(name) > 15:
        yield "must be no more than 15 bytes"
    if not _PORT_NAME.fullmatch(name):
        yield "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    elif not any(character.isalpha() for character in name):
        yield "must contain at least one letter (a-z)"


def port_causes(path: str, port: Any) -> list[Cause]:
    """What is wrong with a port number."""
    good = isinstance(port, int) and 1 <= port <= 65535
    return [] if good else [causes.invalid(path, port, "must be between 1 and 65535, inclusive")]


def _mounts(mounts: Any, path: str, volumes: set[str]) -> list[Cause]:
    found = []
    places: set[str] = set()
    for index, mount in enumerate(mounts):
        at = f"{path}[{index}]"
        name, place = mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            found.append(causes.required(f"{at}.name"))
        if name not in volumes:
            found.append(causes.not_found(f"{at}.name", name))
        if not place:
            found.append(causes.required(f"{at}.mountPath"))
        if place in places:
            found.append(causes.invalid(f"{at}.mountPath", place, "must be unique"))
        places.add(place)
    return found


def resource_causes(resources: Object, path: str) -> list[Cause]:
    """What is wrong with requests and limits."""
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    found = [
        cause
        for kind, amounts in (("limits", limits), ("requests", requests))
        for name, value in amounts.items()
        for cause in quantity_causes(name, value, f"{path}.{kind}[{name}]")
    ]
    if found:
        return found
    for name, value in requests.items():
        shared = _is_shared(name)
        if name not in limits:
            if not shared:
                text = "Limit must be set for non overcommitable resources"
                found.append(causes.required(f"{path}.limits", text))
            continue
        asked, limit = quantities.amount(str(value)), quantities.amount(str(limits[name]))
        if asked != limit and not shared:
            text = f"must be equal to {name} limit of {limits[name]}"
            found.append(causes.invalid(f"{path}.requests", str(value), text))
        elif asked > limit:
            text = f"must be less than or equal to {name} limit of {limits[name]}"
            found.append(causes.invalid(f"{path}.requests", str(value), text))
    return found


def _is_shared(resource: str) -> bool:
    """Whether more of a resource may be asked for in limits than there is (IsOvercommitAllowed)."""
    native = "/" not in resource or resource.partition("/")[0].endswith("kubernetes.io")
    return native and not resource.startswith("hugepages-")


def quantity_causes(resource: str, value: Any, path: str) -> list[Cause]:
    """What is wrong with the amount of a resource."""
    try:
        amount = quantities.amount(str(value))
    except ValueError as error:
        return [causes.invalid(path, value, str(error))]
    if amount < 0:
        return [causes.invalid(path, str(value), "must be greater than or equal to 0")]
    whole = not _is_shared(resource) and not resource.startswith("hugepages-")
    if whole and amount != amount.to_integral_value():
        return [causes.invalid(path, str(value), "must be an integer")]
    return []


def _tolerations(tolerations: Any, path: str) -> list[Cause]:
    found = []
    for index, toleration in enumerate(tolerations):
        at = f"{path}[{index}]"
        key, operator = toleration.get("key") or "", toleration.get("operator") or ""
        if key:
            found += [causes.invalid(f"{at}.key", key, fault) for fault in key_faults(key)]
        elif operator != "Exists":
            text = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            found.append(causes.invalid(f"{at}.operator", operator, text))
        if toleration.get("tolerationSeconds") is not None and toleration.get("effect") != "NoExecute":
            text = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            found.append(causes.invalid(f"{at}.effect", toleration.get("effect") or "", text))
        if operator == "Exists" and toleration.get("value"):
            text = "value must be empty when `operator` is 'Exists'"
            found.append(causes.invalid(f"{at}.operator", toleration["value"], text))
        found += _enum(toleration, "operator", ("Equal", "Exists"), at)
        found += _enum(toleration, "effect", ("NoSchedule", "PreferNoSchedule", "NoExecute"), at)
    return found


def _update_causes(spec: Object, old: Object) -> list[Cause]:
    found: list[Cause] = []
    for group in ("containers", "initContainers"):
        if len(spec.get(group) or ()) != len(old.get(group) or ()):
            return [causes.forbidden(f"spec.{group}", "pod updates may not add or remove containers")]
    deadline, before = spec.get("activeDeadlineSeconds"), old.get("activeDeadlineSeconds")
    if deadline is not None and before is not None and deadline > before:
        text = "must be less than or equal to previous value"
        return [causes.invalid("spec.activeDeadlineSeconds", deadline, text)]
    if deadline is None and before is not None:
        text = "must not update from a positive integer to nil value"
        found.append(causes.invalid("spec.activeDeadlineSeconds", None, text))
    kept = spec.get("tolerations") or []
    if any(toleration not in kept for toleration in old.get("tolerations") or ()):
        text = "existing toleration can not be modified except its tolerationSeconds"
        found.append(causes.forbidden("spec.tolerations", text))
    gates = old.get("schedulingGates") or []
    for index, gate in enumerate(spec.get("schedulingGates") or ()):
        if gate not in gates:
            text = "only deletion is allowed, but found new scheduling gate "
            found.append(causes.forbidden(f"spec.schedulingGates[{index}].name", f"{text}'{gate.get('name')}'"))
    munged = {**spec}
    for group in ("containers", "initContainers"):
        if spec.get(group):
            munged[group] = [
                {**new, "image": was.get("image")} for new, was in zip(spec[group], old[group], strict=True)
            ]
    free = {"activeDeadlineSeconds", "schedulingGates", "tolerations", "ephemeralContainers"}
    free |= {"nodeSelector", "affinity"} if gates else set()
    if (old.get("terminationGracePeriodSeconds") or 0) < 0 and spec.get("terminationGracePeriodSeconds") == 1:
        free.add("terminationGracePeriodSeconds")
    changed = [key for key in sorted(munged.keys() | old.keys()) if munged.get(key) != old.get(key) and key not in free]
    if changed:
        shown = difference("core.PodSpec", old, munged, changed)
        found.append(causes.forbidden("spec", f"pod updates may not change fields other than {_MUTABLE}\n{shown}"))
    return found


def difference(name: str, old: Object, new: Object, keys: list[str]) -> str:
    """The fields that differ, one line before and one after, as a person compares them."""
    lines = [f"  {name}{{"]
    for key in keys:
        title = key[:1].upper() + key[1:]
        lines += [
            f"{mark} \t{title}: {msgspec.json.encode(obj.get(key), order='sorted').decode()},"
            for mark, obj in (("-", old), ("+", new))
        ]
    return "\n".join([*lines, "  }\n"])
