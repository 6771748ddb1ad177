"""Access, rules, self and token reviews, and tokens for service accounts: questions that are answered, not stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from console.clock import format_time
from console.demo.failures import Cause, bad_request, invalid, method_not_allowed, not_found
from console.demo.tokens import API_AUDIENCE, MASTERS, User, account_user

if TYPE_CHECKING:
    from collections.abc import Callable

    from console.demo.access import Access
    from console.demo.records import Object
    from console.demo.resources import ResourceType

SHORTEST, DEFAULT_SECONDS, LONGEST = 600, 3600, 2**32
_AUTHORIZATION = "authorization.k8s.io"


def answer(
    access: Access, rt: ResourceType, obj: Object, user: User, namespace: str, name: str, subresource: str
) -> Object:
    """The object with its status filled in; ApiFailure 422 or 400 where the question makes no sense."""
    if rt.storage_key == ("", "serviceaccounts") and subresource == "token":
        return _token_request(access, rt, obj, namespace, name)
    ask = _ANSWERS.get(rt.kind)
    if ask is None:
        raise method_not_allowed()
    status = ask(access, obj, user, namespace)
    metadata = {**(obj.get("metadata") or {}), "creationTimestamp": None}
    return {**obj, "kind": rt.kind, "apiVersion": rt.api_version, "metadata": metadata, "status": status}


def _access_status(access: Access, user: User, spec: dict[str, Any], kind: str) -> Object:
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (resource is None) == (path is None):
        message = "Invalid value: exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise invalid(_AUTHORIZATION, kind, "", [Cause("spec.resourceAttributes", message)])
    if resource is not None:
        fields = ("verb", "group", "resource", "namespace", "name", "subresource")
        allowed, reason = access.allowed(user, *(str(resource.get(field) or "") for field in fields))
    else:
        assert path is not None
        allowed, reason = access.allowed(user, str(path.get("verb") or ""), path=str(path.get("path") or ""))
    return {"allowed": allowed, **({"reason": reason} if reason else {})}


def _self_access(access: Access, obj: Object, user: User, namespace: str) -> Object:
    return _access_status(access, user, obj.get("spec") or {}, "SelfSubjectAccessReview")


def _subject_access(access: Access, obj: Object, user: User, namespace: str) -> Object:
    spec = obj.get("spec") or {}
    kind = str(obj.get("kind") or "SubjectAccessReview")
    groups = spec.get("groups") or spec.get("group") or ()
    if not spec.get("user") and not groups:
        message = "Invalid value: at least one of user or group must be specified"
        raise invalid(_AUTHORIZATION, kind, "", [Cause("spec.user", message)])
    extra = tuple(sorted((key, tuple(values)) for key, values in (spec.get("extra") or {}).items()))
    subject = User(str(spec.get("user") or ""), str(spec.get("uid") or ""), tuple(groups), extra)
    return _access_status(access, subject, spec, kind)


def _local_access(access: Access, obj: Object, user: User, namespace: str) -> Object:
    resource = (obj.get("spec") or {}).get("resourceAttributes") or {}
    if resource.get("namespace") != namespace:
        raise bad_request(
            f"spec.resourceAttributes.namespace must match namespace: {namespace}"
            if resource
            else "spec.resourceAttributes must be specified"
        )
    return _subject_access(access, obj, user, namespace)


def _rules(access: Access, obj: Object, user: User, namespace: str) -> Object:
    asked = (obj.get("spec") or {}).get("namespace")
    if not asked:
        raise bad_request("no namespace on request")
    rules, problems = access.rbac.rules(user, asked)
    resource_rules: list[dict[str, list[str]]] = []
    path_rules: list[dict[str, list[str]]] = []
    if MASTERS in user.groups:
        resource_rules.append({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]})
        path_rules.append({"verbs": ["*"], "nonResourceURLs": ["*"]})
    for rule in rules:
        raw = {key: list(values) for key, values in rule.raw}
        into = path_rules if "nonResourceURLs" in raw else resource_rules
        if raw not in into:
            into.append(raw)
    status: Object = {"resourceRules": resource_rules, "nonResourceRules": path_rules, "incomplete": bool(problems)}
    if problems:
        status["evaluationError"] = ", ".join(dict.fromkeys(problems))
    return status


def _self(access: Access, obj: Object, user: User, namespace: str) -> Object:
    return {"userInfo": user.info()}


def _token(access: Access, obj: Object, user: User, namespace: str) -> Object:
    spec = obj.get("spec") or {}
    token = spec.get("token")
    if not token:
        raise bad_request("token is required for TokenReview in authentication")
    audiences = tuple(spec.get("audiences") or (API_AUDIENCE,))
    found = access.tokens.user(str(token), audiences)
    if found is None:
        return {"authenticated": False, "user": {}, "error": "[invalid bearer token, token lookup failed]"}
    owner, shared = found
    return {"authenticated": True, "user": owner.info(), "audiences": list(shared)}


def _token_request(access: Access, rt: ResourceType, obj: Object, namespace: str, name: str) -> Object:
    record = access.store.record(rt, namespace, name)
    if record is None:
        raise not_found(rt, name)
    spec = obj.get("spec") or {}
    seconds = int(spec.get("expirationSeconds") or DEFAULT_SECONDS)
    bound = "Invalid value: {}: may not specify a duration {}"
    if seconds < SHORTEST:
        message = bound.format(seconds, "less than 10 minutes")
        raise invalid("authentication.k8s.io", "TokenRequest", "", [Cause("spec.expirationSeconds", message)])
    if seconds > LONGEST:
        message = bound.format(seconds, "larger than 2^32 seconds")
        raise invalid("authentication.k8s.io", "TokenRequest", "", [Cause("spec.expirationSeconds", message)])
    audiences = tuple(spec.get("audiences") or (API_AUDIENCE,))
    owner = account_user(namespace, name, record.uid)
    token, expires = access.tokens.issue(owner, audiences, seconds)
    metadata = {"name": name, "namespace": namespace, "creationTimestamp": access.store.timestamp()}
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": metadata,
        "spec": {
            "audiences": list(audiences),
            "expirationSeconds": seconds,
            "boundObjectRef": spec.get("boundObjectRef"),
        },
        "status": {"token": token, "expirationTimestamp": format_time(expires)},
    }


_ANSWERS: dict[str, Callable[[Access, Object, User, str], Object]] = {
    "SelfSubjectAccessReview": _self_access,
    "SubjectAccessReview": _subject_access,
    "LocalSubjectAccessReview": _local_access,
    "SelfSubjectRulesReview": _rules,
    "SelfSubjectReview": _self,
    "TokenReview": _token,
}
