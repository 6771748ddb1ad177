"""What kube-apiserver refuses in the objects that make pods, in its words.

Facts: k8s.io/kubernetes pkg/apis/{apps,batch}/validation, 1.34.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from console.demo import causes
from console.demo.pod_rules import template_causes

if TYPE_CHECKING:
    from collections.abc import Callable

    from console.demo.failures import Cause

Object = dict[str, Any]


def _spec(obj: Object | None) -> Object:
    return (obj or {}).get("spec") or {}


def _counts(spec: Object, path: str, *keys: str) -> list[Cause]:
    return [
        causes.invalid(f"{path}.{key}", spec[key], "must be greater than or equal to 0")
        for key in keys
        if isinstance(spec.get(key), int) and spec[key] < 0
    ]


def _immutable(new: Object, old: Object, path: str, *keys: str) -> list[Cause]:
    return [
        causes.invalid(f"{path}.{key}", new.get(key), "field is immutable")
        for key in keys
        if new.get(key) != old.get(key)
    ]


def matches(selector: Object, labels: Object) -> bool:
    """Whether a LabelSelector picks labels."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for expression in selector.get("matchExpressions") or ():
        present, operator = expression.get("key") in labels, expression.get("operator")
        value, values = labels.get(expression.get("key")), expression.get("values") or ()
        held = {
            "In": present and value in values,
            "NotIn": not present or value not in values,
            "Exists": present,
            "DoesNotExist": not present,
        }.get(operator, False)
        if not held:
            return False
    return True


def _selected(spec: Object, kind: str) -> list[Cause]:
    """A selector that must be there, pick something, and pick the template's pods."""
    selector, template = spec.get("selector"), spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    found = []
    if selector is None:
        found.append(causes.required("spec.selector"))
    elif not selector.get("matchLabels") and not selector.get("matchExpressions"):
        found.append(causes.invalid("spec.selector", selector, f"empty selector is invalid for {kind}"))
    elif not matches(selector, labels):
        text = "`selector` does not match template `labels`"
        found.append(causes.invalid("spec.template.metadata.labels", labels, text))
    return found


def _always(template: Object) -> list[Cause]:
    policy = (template.get("spec") or {}).get("restartPolicy")
    return [] if policy == "Always" else [causes.unsupported("spec.template.spec.restartPolicy", policy, ["Always"])]


def replicated(kind: str) -> Callable[[Object, Object | None], list[Cause]]:
    """Deployment, ReplicaSet and DaemonSet."""

    def rule(obj: Object, old: Object | None) -> list[Cause]:
        spec, before = _spec(obj), _spec(old)
        if old is not None and spec == before:
            return []
        found = _counts(spec, "spec", "replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds")
        template = spec.get("template") or {}
        found += _selected(spec, kind) + template_causes(template, "spec.template") + _always(template)
        if kind == "deployment" and "strategy" in spec:  # ReplicaSets go by the same name
            found += _strategy(spec)
        if old is not None:
            found += _immutable(spec, before, "spec", "selector")
        return found

    return rule


def _strategy(spec: Object) -> list[Cause]:
    strategy = spec.get("strategy") or {}
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if kind not in ("Recreate", "RollingUpdate"):
        return [causes.unsupported("spec.strategy.type", kind, ["Recreate", "RollingUpdate"])]
    if kind == "Recreate" and rolling is not None:
        text = "may not be specified when strategy `type` is 'Recreate'"
        return [causes.forbidden("spec.strategy.rollingUpdate", text)]
    if rolling and all(rolling.get(key) in (0, "0%") for key in ("maxUnavailable", "maxSurge")):
        at = "spec.strategy.rollingUpdate.maxUnavailable"
        return [causes.invalid(at, rolling["maxUnavailable"], "may not be 0 when `maxSurge` is 0")]
    return []


def stateful_set(obj: Object, old: Object | None) -> list[Cause]:
    """StatefulSet."""
    spec, before = _spec(obj), _spec(old)
    if old is not None and spec == before:
        return []
    template = spec.get("template") or {}
    found = _counts(spec, "spec", "replicas", "minReadySeconds") + _selected(spec, "statefulset")
    found += template_causes(template, "spec.template") + _always(template)
    free = {"replicas", "template", "updateStrategy", "minReadySeconds", "ordinals", "revisionHistoryLimit"}
    free.add("persistentVolumeClaimRetentionPolicy")
    if old is not None and any(spec.get(key) != before.get(key) for key in (spec.keys() | before.keys()) - free):
        text = (
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
            "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
        )
        found.append(causes.forbidden("spec", text))
    return found


def job(obj: Object, old: Object | None) -> list[Cause]:
    """Job."""
    spec, before = _spec(obj), _spec(old)
    if old is not None and spec == before:
        return []
    found = _job_spec(spec, "spec")
    selector, template = spec.get("selector"), spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    if selector is None:
        found.append(causes.required("spec.selector"))
    elif not matches(selector, labels):
        text = "`selector` does not match template `labels`"
        found.append(causes.invalid("spec.template.metadata.labels", labels, text))
    return found + (_job_update(spec, before, bool(_spec(old).get("suspend"))) if old is not None else [])


def _job_spec(spec: Object, path: str) -> list[Cause]:
    keys = ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished")
    found = _counts(spec, path, *keys, "backoffLimitPerIndex", "maxFailedIndexes")
    mode = spec.get("completionMode") or "NonIndexed"
    if mode not in ("NonIndexed", "Indexed"):
        found.append(causes.unsupported(f"{path}.completionMode", mode, ["NonIndexed", "Indexed"]))
    elif mode == "Indexed" and spec.get("completions") is None:
        found.append(causes.required(f"{path}.completions", "when completion mode is Indexed"))
    template = spec.get("template") or {}
    policy = (template.get("spec") or {}).get("restartPolicy")
    at = f"{path}.template.spec.restartPolicy"
    found += template_causes(template, f"{path}.template")
    if policy in (None, "", "Always"):
        found.append(causes.required(at, 'valid values: "OnFailure", "Never"'))
    elif spec.get("podFailurePolicy") is not None and policy != "Never":
        text = 'only "Never" is supported when podFailurePolicy is specified'
        found.append(causes.invalid(at, policy, text))
    return found


def _job_update(spec: Object, old: Object, was_suspended: bool) -> list[Cause]:
    found = _immutable(spec, old, "spec", "selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex")
    found += _immutable(spec, old, "spec", "managedBy", "successPolicy")
    if spec.get("completions") != old.get("completions"):
        if spec.get("completionMode") != "Indexed":
            found += _immutable(spec, old, "spec", "completions")
        elif spec.get("completions") != spec.get("parallelism"):
            text = "can only be modified in tandem with spec.parallelism"
            found.append(causes.invalid("spec.completions", spec.get("completions"), text))
    template, before = spec.get("template") or {}, old.get("template") or {}
    if was_suspended:  # scheduling directives may still be set, as queueing controllers do
        before = _with_directives(before, template)
    if template != before:
        found.append(causes.invalid("spec.template", template, "field is immutable"))
    return found


def _with_directives(old: Object, new: Object) -> Object:
    spec = dict(old.get("spec") or {})
    for key in ("nodeSelector", "tolerations", "affinity", "schedulingGates"):
        spec.pop(key, None)
        if key in (new.get("spec") or {}):
            spec[key] = new["spec"][key]
    metadata = {**(old.get("metadata") or {})}
    for key in ("labels", "annotations"):
        metadata.pop(key, None)
        if key in (new.get("metadata") or {}):
            metadata[key] = new["metadata"][key]
    return {**old, "spec": spec, **({"metadata": metadata} if metadata or "metadata" in new else {})}


def cron_job(obj: Object, old: Object | None) -> list[Cause]:
    """CronJob."""
    spec = _spec(obj)
    if old is not None and spec == _spec(old):
        return []
    schedule = spec.get("schedule") or ""
    found = []
    if not schedule:
        found.append(causes.required("spec.schedule"))
    elif not schedule.startswith("@") and len(schedule.split()) != 5:
        text = f"expected exactly 5 fields, found {len(schedule.split())}: [{schedule}]"
        found.append(causes.invalid("spec.schedule", schedule, text))
    policies = ("Allow", "Forbid", "Replace")
    if spec.get("concurrencyPolicy") not in policies:
        found.append(causes.unsupported("spec.concurrencyPolicy", spec.get("concurrencyPolicy"), policies))
    found += _counts(spec, "spec", "successfulJobsHistoryLimit", "failedJobsHistoryLimit", "startingDeadlineSeconds")
    return found + _job_spec(_spec(spec.get("jobTemplate")), "spec.jobTemplate.spec")
