"""Bearer tokens and whom each stands for: the administrator's, those of a file, and those of service accounts.

Tokens are opaque and live in memory only; nothing here prints one.
"""

from __future__ import annotations

import csv
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from console.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

API_AUDIENCE = "https://kubernetes.default.svc.cluster.local"
ANONYMOUS = "system:anonymous"
AUTHENTICATED, UNAUTHENTICATED = "system:authenticated", "system:unauthenticated"
MASTERS = "system:masters"
_ACCOUNT_PREFIX = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class User:
    """Who makes a request, as authentication found it."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def anonymous(self) -> bool:
        """Whether the request carried no credentials."""
        return self.name == ANONYMOUS

    def info(self) -> dict[str, object]:
        """The authentication.k8s.io/v1 UserInfo."""
        found: dict[str, object] = {"username": self.name}
        if self.uid:
            found["uid"] = self.uid
        if self.groups:
            found["groups"] = list(self.groups)
        if self.extra:
            found["extra"] = {key: list(values) for key, values in self.extra}
        return found


NOBODY = User(ANONYMOUS, groups=(UNAUTHENTICATED,))


def account_user(namespace: str, name: str, uid: str = "", extra: tuple[tuple[str, tuple[str, ...]], ...] = ()) -> User:
    """The user a service account is."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED)
    return User(f"{_ACCOUNT_PREFIX}{namespace}:{name}", uid, groups, extra)


def account_of(username: str) -> tuple[str, str] | None:
    """(namespace, name) of the service account a user name stands for."""
    if not username.startswith(_ACCOUNT_PREFIX):
        return None
    namespace, _, name = username.removeprefix(_ACCOUNT_PREFIX).partition(":")
    return (namespace, name) if namespace and name else None


@dataclass(frozen=True, slots=True)
class _Grant:
    user: User
    audiences: tuple[str, ...] = (API_AUDIENCE,)
    expires: float | None = None


@dataclass(slots=True)
class Tokens:
    """Every token that is accepted now."""

    clock: Callable[[], float]
    _grants: dict[str, _Grant] = field(default_factory=dict, repr=False)

    def add(self, token: str, user: User) -> None:
        """Accept a token for good."""
        self._grants[token] = _Grant(user)

    def issue(self, user: User, audiences: tuple[str, ...], seconds: int) -> tuple[str, float]:
        """A new token and the time it expires at."""
        self._drop_expired()
        token, expires = secrets.token_urlsafe(32), self.clock() + seconds
        self._grants[token] = _Grant(user, audiences or (API_AUDIENCE,), expires)
        return token, expires

    def user(self, token: str, audiences: tuple[str, ...] = (API_AUDIENCE,)) -> tuple[User, tuple[str, ...]] | None:
        """Whom a token stands for and which of `audiences` it is meant for; None when it is not accepted."""
        grant = self._grants.get(token)
        if grant is None or (grant.expires is not None and grant.expires <= self.clock()):
            return None
        shared = tuple(audience for audience in audiences if audience in grant.audiences)
        return (grant.user, shared) if shared else None

    def load(self, path: str) -> None:
        """Accept the tokens of a static token file: CSV of token, user, uid and, quoted, groups.

        UsageError for a file that cannot be read or a line that has fewer than three fields.
        """
        try:
            text = Path(path).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"The token file {path} cannot be read: {error}.") from error
        self.read(text, path)

    def read(self, text: str, path: str = "") -> None:
        """Accept the tokens of a static token file's text; `path` names it in a UsageError for a broken line."""
        for number, row in enumerate(csv.reader(text.splitlines(), skipinitialspace=True), 1):
            if not row or row[0].startswith("#"):
                continue
            if len(row) < 3 or not row[0] or not row[1]:
                raise UsageError(
                    f"Line {number} of the token file {path} is not a token, a user and a uid.",
                    'Write each line as: token,user,uid,"group1,group2".',
                )
            groups = [name.strip() for name in row[3].split(",") if name.strip()] if len(row) > 3 else []
            self.add(row[0], User(row[1], row[2], (*groups, AUTHENTICATED)))

    def _drop_expired(self) -> None:
        now = self.clock()
        for token in [t for t, grant in self._grants.items() if grant.expires is not None and grant.expires <= now]:
            del self._grants[token]
