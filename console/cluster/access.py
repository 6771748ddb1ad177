"""What this user may do, as the cluster's own access reviews say.

One SelfSubjectRulesReview answers for a whole namespace; where the server calls it incomplete (a webhook
authorizer), or the question is cluster-wide, a SelfSubjectAccessReview answers the one question. Answers are kept
for some minutes. Shapes: k8s.io/api/authorization/v1.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import msgspec

from console.cluster.shared import Shared
from console.errors import ApiError, Denied, NotFound
from console.text import clean

Post = Callable[[str, bytes], Awaitable[bytes]]

_KEPT_SECONDS = 300.0
_REVIEWS = "/apis/authorization.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether something is allowed, and the server's reason where it gave one."""

    allowed: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One resource rule of a SelfSubjectRulesReview."""

    verbs: tuple[str, ...]
    groups: tuple[str, ...]
    resources: tuple[str, ...]
    names: tuple[str, ...] = ()

    def covers(self, verb: str, group: str, resource: str, name: str) -> bool:
        """Whether the rule allows a verb; `resource` is `pods` or `pods/log`, `name` "" means any object."""
        return (
            ("*" in self.verbs or verb in self.verbs)
            and ("*" in self.groups or group in self.groups)
            and any(_matches(pattern, resource) for pattern in self.resources)
            and (not self.names or name in self.names)
        )


def _matches(pattern: str, resource: str) -> bool:
    if pattern in ("*", resource):
        return True
    # "*/scale" covers that subresource of every resource (k8s.io/kubernetes/pkg/apis/rbac/v1 ResourceMatches).
    return pattern.startswith("*/") and "/" in resource and resource.partition("/")[2] == pattern[2:]


@dataclass(frozen=True, slots=True)
class _Rules:
    rules: tuple[Rule, ...]
    complete: bool


class _RuleBody(msgspec.Struct, rename="camel"):
    verbs: list[str] | None = None
    api_groups: list[str] | None = None
    resources: list[str] | None = None
    resource_names: list[str] | None = None


class _RulesStatus(msgspec.Struct, rename="camel"):
    resource_rules: list[_RuleBody] | None = None
    incomplete: bool = False


class _RulesReview(msgspec.Struct):
    status: _RulesStatus = msgspec.field(default_factory=_RulesStatus)


class _AccessStatus(msgspec.Struct, rename="camel"):
    allowed: bool = False
    reason: str = ""
    evaluation_error: str = ""


class _AccessReview(msgspec.Struct):
    status: _AccessStatus = msgspec.field(default_factory=_AccessStatus)


class Access:
    """Answers `may I`; `post` sends one review and may be repeated, for a review changes nothing."""

    def __init__(self, post: Post, *, steady: Callable[[], float] = time.monotonic) -> None:
        self._post = post
        self._rules: Shared[str, _Rules | None] = Shared(_KEPT_SECONDS, steady=steady)
        self._single: Shared[tuple[str, ...], Verdict] = Shared(_KEPT_SECONDS, steady=steady)

    async def may(
        self, verb: str, group: str, resource: str, namespace: str = "", subresource: str = "", name: str = ""
    ) -> Verdict:
        """Whether this user may do it. Where the server answers no reviews, yes: the attempt itself will tell.

        Raises CannotReach where the server does not answer at all.
        """
        if namespace:
            known = await self._rules.get(namespace, lambda: self._review_rules(namespace))
            if known is not None:
                whole = f"{resource}/{subresource}" if subresource else resource
                if any(rule.covers(verb, group, whole, name) for rule in known.rules):
                    return Verdict(True)
                if known.complete:
                    return Verdict(False, _refusal(verb, whole, namespace))
        question = (verb, group, resource, namespace, subresource, name)
        return await self._single.get(question, lambda: self._review(*question))

    def forget(self) -> None:
        """Ask again from now on: another user, or rights that changed."""
        self._rules.forget()
        self._single.forget()

    async def close(self) -> None:
        """End what is still being asked."""
        await self._rules.close()
        await self._single.close()

    async def _review_rules(self, namespace: str) -> _Rules | None:
        try:
            answer = await self._post(*_question("SelfSubjectRulesReview", {"namespace": namespace}))
            status = msgspec.json.decode(answer, type=_RulesReview).status
        except (NotFound, Denied, msgspec.DecodeError):
            return None
        rules = tuple(
            Rule(
                tuple(rule.verbs or ()),
                tuple(rule.api_groups or ()),
                tuple(rule.resources or ()),
                tuple(rule.resource_names or ()),
            )
            for rule in status.resource_rules or ()
        )
        return _Rules(rules, not status.incomplete)

    async def _review(
        self, verb: str, group: str, resource: str, namespace: str, subresource: str, name: str
    ) -> Verdict:
        attributes = {
            "verb": verb,
            "group": group,
            "resource": resource,
            "namespace": namespace,
            "subresource": subresource,
            "name": name,
        }
        spec = {"resourceAttributes": {key: value for key, value in attributes.items() if value}}
        try:
            answer = await self._post(*_question("SelfSubjectAccessReview", spec))
            status = msgspec.json.decode(answer, type=_AccessReview).status
        except (NotFound, Denied) as error:
            return Verdict(True, f"the server answers no access reviews ({_short(error)})")
        except msgspec.DecodeError:
            return Verdict(True, "the server's access review cannot be read")
        whole = f"{resource}/{subresource}" if subresource else resource
        reason = clean(status.reason or status.evaluation_error)
        return Verdict(status.allowed, reason if status.allowed or reason else _refusal(verb, whole, namespace))


def _question(kind: str, spec: Mapping[str, object]) -> tuple[str, bytes]:
    """Path and body of a review."""
    body = {"kind": kind, "apiVersion": "authorization.k8s.io/v1", "spec": spec}
    return f"{_REVIEWS}/{kind.lower()}s", msgspec.json.encode(body)


def _short(error: ApiError) -> str:
    return f"{error.code} {error.reason}".strip()


def _refusal(verb: str, resource: str, namespace: str) -> str:
    where = f"in namespace {namespace}" if namespace else "in the whole cluster"
    return f"this user may not {verb} {resource} {where}"
