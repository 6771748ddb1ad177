"""Who may do what: authentication by bearer token, impersonation, and the authorizer's answer.

Wording and order follow kube-apiserver 1.34 with RBAC: members of system:masters may do everything.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote

from console.demo import reviews
from console.demo.failures import forbidden_path, forbidden_request, internal, unauthorized
from console.demo.rbac import Attributes, Rbac
from console.demo.tokens import (
    ANONYMOUS,
    AUTHENTICATED,
    MASTERS,
    NOBODY,
    UNAUTHENTICATED,
    Tokens,
    User,
    account_of,
    account_user,
)

if TYPE_CHECKING:
    from starlette.datastructures import Headers

    from console.demo.records import Object
    from console.demo.requests import RequestInfo
    from console.demo.resources import ResourceType
    from console.demo.store import Store

__all__ = ["Access", "User"]

_SOCKET_TOKEN = "base64url.bearer.authorization.k8s.io."
_EXTRA = "impersonate-extra-"
_AUTHENTICATION = "authentication.k8s.io"


class Access:
    """Authentication and authorization over the roles and bindings the store holds."""

    def __init__(self, store: Store, *, admin_token: str = "") -> None:
        """`admin_token` is accepted as user admin of system:masters; one is made up where it is empty."""
        self.store = store
        self.tokens = Tokens(store.now)
        self.admin_token = admin_token or secrets.token_urlsafe(24)
        self.tokens.add(self.admin_token, User("admin", "admin", (MASTERS, AUTHENTICATED)))
        self.rbac = Rbac(store)

    def authenticate(self, headers: Headers | Mapping[str, str]) -> User:
        """The user of a request by its headers (names in lower case); ApiFailure 401 for an unknown token."""
        token = _bearer(headers)
        if token is None:
            return NOBODY
        found = self.tokens.user(token)
        if found is None or not self._alive(found[0]):
            raise unauthorized()
        return found[0]

    def impersonate(self, user: User, headers: Headers | Mapping[str, str]) -> User:
        """The user a request acts as: `user`, or whom its Impersonate headers name where RBAC lets it.

        ApiFailure 403 where it does not, 500 for headers that name no user.
        """
        name = headers.get("impersonate-user", "")
        uid = headers.get("impersonate-uid", "")
        groups = _values(headers, "impersonate-group")
        extra = {
            unquote(key[len(_EXTRA) :]): _values(headers, key)
            for key in dict.fromkeys(key.lower() for key in headers)
            if key.startswith(_EXTRA)
        }
        if not name:
            if uid or groups or extra:
                raise internal("requested impersonation of a uid, group or extra without impersonating a user")
            return user
        account = account_of(name)
        if account:
            self._require(user, "", "serviceaccounts", account[1], account[0])
            groups = groups or account_user(*account).groups[:2]
        else:
            self._require(user, "", "users", name)
        for group in _values(headers, "impersonate-group"):
            self._require(user, "", "groups", group)
        if uid:
            self._require(user, _AUTHENTICATION, "uids", uid)
        for key, values in extra.items():
            for value in values:
                self._require(user, _AUTHENTICATION, "userextras", value, subresource=key)
        added = UNAUTHENTICATED if name == ANONYMOUS else AUTHENTICATED
        if AUTHENTICATED not in groups and UNAUTHENTICATED not in groups:
            groups = (*groups, added)
        return User(name, uid, groups, tuple(sorted(extra.items())))

    def allowed(
        self,
        user: User,
        verb: str,
        group: str = "",
        resource: str = "",
        namespace: str = "",
        name: str = "",
        subresource: str = "",
        path: str = "",
    ) -> tuple[bool, str]:
        """Whether a user may do something, and why (or, for a denial, what was wrong with the roles looked at).

        Either `resource` is given, or `path` for a request that is about no resource.
        """
        if MASTERS in user.groups:
            return True, ""
        return self.rbac.allowed(user, Attributes(verb, group, resource, namespace, name, subresource, path))

    def authorize(self, user: User, info: RequestInfo) -> None:
        """Let a request pass or raise the 403 that kube-apiserver answers."""
        path = "" if info.is_resource else info.path
        about = (info.group, info.resource, info.namespace, info.name, info.subresource, path)
        allowed, reason = self.allowed(user, info.verb, *about)
        if allowed:
            return
        if not info.is_resource:
            raise forbidden_path(user.name, info.verb, info.path, reason)
        shown = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
        raise forbidden_request(user.name, info.verb, info.group, shown, info.namespace, info.name, reason)

    def review(
        self, rt: ResourceType, obj: Object, user: User, *, namespace: str = "", name: str = "", subresource: str = ""
    ) -> Object:
        """Answer a POST of an access, rules, token or self review, or of `serviceaccounts/token`."""
        return reviews.answer(self, rt, obj, user, namespace, name, subresource)

    def _alive(self, user: User) -> bool:
        account = account_of(user.name)
        if account is None or not user.uid:
            return True
        rt = self.store.resources.find("", "v1", "serviceaccounts")
        record = self.store.record(rt, *account) if rt else None
        return record is not None and record.uid == user.uid

    def _require(
        self, user: User, group: str, resource: str, name: str, namespace: str = "", subresource: str = ""
    ) -> None:
        allowed, reason = self.allowed(user, "impersonate", group, resource, namespace, name, subresource)
        if not allowed:
            shown = f"{resource}/{subresource}" if subresource else resource
            raise forbidden_request(user.name, "impersonate", group, shown, namespace, name, reason)


def _bearer(headers: Headers | Mapping[str, str]) -> str | None:
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    for protocol in headers.get("sec-websocket-protocol", "").split(","):
        if protocol.strip().startswith(_SOCKET_TOKEN):
            encoded = protocol.strip().removeprefix(_SOCKET_TOKEN)
            try:
                return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
            except (binascii.Error, UnicodeDecodeError) as error:
                raise unauthorized() from error
    return None


def _values(headers: Headers | Mapping[str, str], name: str) -> tuple[str, ...]:
    getlist = getattr(headers, "getlist", None)
    return tuple(getlist(name)) if getlist else (headers[name],) if name in headers else ()
