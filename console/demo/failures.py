"""The refusals of the API server: a v1 Status with the code, reason and wording of kube-apiserver.

Wording follows k8s.io/apimachinery/pkg/api/errors and the registry of Kubernetes 1.34.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from console.demo.resources import ResourceType

Status = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason an object is invalid: a field path, a message without the path, and a CauseType."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"


class ApiFailure(Exception):
    """A request that ends with a Status; `status` is the whole v1 Status object."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: dict[str, Any] | None = None,
        retry_after: int | None = None,
        continue_token: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after
        self.status: Status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {"continue": continue_token} if continue_token else {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            **({"details": details} if details is not None else {}),
            "code": code,
        }
        if not reason:
            del self.status["reason"]

    @property
    def reason(self) -> str:
        """The machine-readable reason: `NotFound`, `Conflict`, ..."""
        return str(self.status.get("reason", ""))

    @property
    def message(self) -> str:
        """What a person reads."""
        return str(self.status["message"])


def qualified(group: str, plural: str) -> str:
    """`deployments.apps`, or `pods` for the core group."""
    return f"{plural}.{group}" if group else plural


def _details(rt: ResourceType, name: str, **more: Any) -> dict[str, Any]:
    """Details as NewNotFound and its kin fill them: the plural goes into `kind`."""
    details: dict[str, Any] = {}
    if name:
        details["name"] = name
    if rt.group:
        details["group"] = rt.group
    details["kind"] = rt.plural
    return details | {key: value for key, value in more.items() if value}


def not_found(rt: ResourceType, name: str) -> ApiFailure:
    """404: there is no object of that name."""
    message = f'{qualified(rt.group, rt.plural)} "{name}" not found'
    return ApiFailure(404, "NotFound", message, details=_details(rt, name))


def no_such_path() -> ApiFailure:
    """404: the server serves nothing there, as for a kind that is not installed."""
    return ApiFailure(404, "NotFound", "the server could not find the requested resource", details={})


def already_exists(rt: ResourceType, name: str) -> ApiFailure:
    """409: an object of that name exists."""
    message = f'{qualified(rt.group, rt.plural)} "{name}" already exists'
    return ApiFailure(409, "AlreadyExists", message, details=_details(rt, name))


def generated_exists(rt: ResourceType, name: str) -> ApiFailure:
    """409: every name tried for a generateName was taken."""
    taken = f'{qualified(rt.group, rt.plural)} "{name}" already exists'
    message = f"{taken}, the server was not able to generate a unique name for the object"
    return ApiFailure(409, "AlreadyExists", message, details=_details(rt, name))


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def conflict(rt: ResourceType, name: str, why: str = MODIFIED) -> ApiFailure:
    """409: the object changed meanwhile, or a precondition does not hold."""
    message = f'Operation cannot be fulfilled on {qualified(rt.group, rt.plural)} "{name}": {why}'
    return ApiFailure(409, "Conflict", message, details=_details(rt, name))


def invalid(group: str, kind: str, name: str, causes: Iterable[Cause]) -> ApiFailure:
    """422: the object breaks a rule of its kind; several causes are put in brackets."""
    listed = list(causes)
    texts = [f"{cause.field}: {cause.message}" if cause.field else cause.message for cause in listed]
    shown = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    title = f"{kind}.{group}" if group else kind
    details: dict[str, Any] = {"name": name} if name else {}
    if group:
        details["group"] = group
    details["kind"] = kind
    details["causes"] = [{"reason": c.reason, "message": c.message, "field": c.field} for c in listed]
    return ApiFailure(422, "Invalid", f'{title} "{name}" is invalid: {shown}', details=details)


def forbidden(rt: ResourceType, name: str, why: str) -> ApiFailure:
    """403: refused by an admission rule or a missing permission; `why` says which."""
    shown = f'{qualified(rt.group, rt.plural)} "{name}"' if name else qualified(rt.group, rt.plural)
    return ApiFailure(403, "Forbidden", f"{shown} is forbidden: {why}", details=_details(rt, name))


def forbidden_request(
    user: str, verb: str, group: str, resource: str, namespace: str, name: str, reason: str = ""
) -> ApiFailure:
    """403 of the authorizer, for a resource (`resource` may carry a subresource: `pods/log`)."""
    shown = qualified(group, resource.partition("/")[0])
    subject = f'{shown} "{name}"' if name else shown
    scope = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    asked = f'cannot {verb} resource "{resource}" in API group "{group}" {scope}'
    message = f'{subject} is forbidden: User "{user}" {asked}'
    if reason:
        message += f": {reason}"
    details: dict[str, Any] = {"name": name} if name else {}
    if group:
        details["group"] = group
    details["kind"] = resource.partition("/")[0]
    return ApiFailure(403, "Forbidden", message, details=details)


def forbidden_path(user: str, verb: str, path: str, reason: str = "") -> ApiFailure:
    """403 of the authorizer, for a path that is no resource."""
    message = f'forbidden: User "{user}" cannot {verb} path "{path}"'
    if reason:
        message += f": {reason}"
    return ApiFailure(403, "Forbidden", message, details={})


def unauthorized() -> ApiFailure:
    """401: the credentials are missing or not accepted."""
    return ApiFailure(401, "Unauthorized", "Unauthorized")


def bad_request(message: str) -> ApiFailure:
    """400: the request itself cannot be understood."""
    return ApiFailure(400, "BadRequest", message)


def method_not_allowed() -> ApiFailure:
    """405: the path exists, the method does not."""
    message = "the server does not allow this method on the requested resource"
    return ApiFailure(405, "MethodNotAllowed", message, details={})


def not_acceptable(*accepted: str) -> ApiFailure:
    """406: none of the media types asked for can be written."""
    message = f"406: Not Acceptable\n\nAvailable representations: {', '.join(accepted)}"
    return ApiFailure(406, "NotAcceptable", message, details={})


def unsupported_media_type(*accepted: str) -> ApiFailure:
    """415: the body is of a type the server does not read."""
    message = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(accepted)
    return ApiFailure(415, "UnsupportedMediaType", message)


def unsupported_patch_type() -> ApiFailure:
    """415: a patch of a type the server does not read."""
    return ApiFailure(415, "UnsupportedMediaType", "415: Unsupported Media Type", details={})


def precondition_failed(rt: ResourceType, name: str, what: str, wanted: str, actual: str, why: str) -> ApiFailure:
    """409: a delete's precondition on `what` (UID or ResourceVersion) does not hold; names the kind, not the plural."""
    message = (
        f'Operation cannot be fulfilled on {qualified(rt.group, rt.kind)} "{name}": the {what} in the precondition '
        f"({wanted}) does not match the {what} in record ({actual}). The object might have been {why}"
    )
    return ApiFailure(409, "Conflict", message, details={**_details(rt, name), "kind": rt.kind})


def too_old(asked: int, oldest: int) -> ApiFailure:
    """410: a watch or list from a resourceVersion that was compacted away."""
    return ApiFailure(410, "Expired", f"too old resource version: {asked} ({oldest})")


def list_too_old() -> ApiFailure:
    """410: an exact list at a resourceVersion that was compacted away."""
    return ApiFailure(410, "Expired", "The resourceVersion for the provided list is too old.")


def continue_too_old(token: str) -> ApiFailure:
    """410: a continue token whose snapshot is gone; `token` goes on from there, inconsistently."""
    message = (
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
        "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
        "modified, or deleted between the time the first chunk was returned and now may show up in the list."
    )
    return ApiFailure(410, "Expired", message, continue_token=token)


def too_large(asked: int, current: int) -> ApiFailure:
    """504: a resourceVersion from the future."""
    return ApiFailure(
        504,
        "Timeout",
        f"Too large resource version: {asked}, current: {current}",
        details={
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        },
        retry_after=1,
    )


def too_many_requests(message: str, seconds: int = 10, causes: Iterable[Cause] = ()) -> ApiFailure:
    """429: try again after `seconds`; an eviction that a disruption budget forbids says so in its causes."""
    details: dict[str, Any] = {"retryAfterSeconds": seconds} if seconds else {}
    listed = [{"reason": c.reason, "message": c.message} for c in causes]
    if listed:
        details = {"causes": listed}
    return ApiFailure(429, "TooManyRequests", message, details=details, retry_after=seconds or None)


def entity_too_large(limit: int) -> ApiFailure:
    """413: the body is larger than the server reads."""
    return ApiFailure(413, "RequestEntityTooLarge", f"Request entity too large: limit is {limit}")


def unavailable(message: str) -> ApiFailure:
    """503: the server behind the API server does not answer."""
    return ApiFailure(503, "ServiceUnavailable", message)


def internal(message: str) -> ApiFailure:
    """500: a fault of the server itself."""
    return ApiFailure(
        500,
        "InternalError",
        f"Internal error occurred: {message}",
        details={"causes": [{"message": message}]},
    )
