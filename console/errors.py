"""Every failure a person can meet, each with the sentence they read and what to do next.

    ConsoleError                    exit
    +- UsageError                   2   a wrong argument, file, context, kind or setting
    +- CannotReach                  3   refused, timed out, unknown host, TLS, proxy
    |  +- CredentialsFailed         3   the kubeconfig's own credentials could not be made (exec plugin, expired)
    +- ApiError                     1   the API server answered with a Status
       +- Unauthorized              4   401
       +- Denied                    4   403
       +- NotFound                  5   404; also a kind that is not installed
       +- Conflict                  1   409
       +- Gone                      1   410: the resourceVersion or continue token is too old
       +- Invalid                   1   422 and 400
       +- TooManyRequests           1   429, with retry_after
       +- ServerFailed              1   5xx

This module never prints and never logs.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command (a contract with scripts)."""

    FINE = 0
    PROBLEM = 1
    USAGE = 2
    CANNOT_REACH = 3
    DENIED = 4
    NOT_FOUND = 5


class ConsoleError(Exception):
    """A failure with one clear sentence and, where one exists, the next step.

    `str(error)` is the whole text a person reads: the sentence, then the step.
    """

    exit_code: Exit = Exit.PROBLEM

    def __init__(self, sentence: str, step: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.step = step

    def __str__(self) -> str:
        return f"{self.sentence} {self.step}".strip()


class UsageError(ConsoleError):
    """A wrong argument, file, context, kind or setting."""

    exit_code = Exit.USAGE


class CannotReach(ConsoleError):
    """No answer came from the cluster: refused, timed out, unknown host, TLS or proxy."""

    exit_code = Exit.CANNOT_REACH


class CredentialsFailed(CannotReach):
    """The kubeconfig's credentials could not be made: exec plugin failed, token expired, file missing."""


class ApiError(ConsoleError):
    """The API server answered with a Kubernetes Status that is a failure."""

    def __init__(
        self,
        sentence: str,
        step: str = "",
        *,
        code: int = 0,
        reason: str = "",
        message: str = "",
        causes: tuple[tuple[str, str], ...] = (),
        retry_after: float | None = None,
    ) -> None:
        """Keep the Status: `code` (HTTP), `reason`, `message` (server's text), `causes` ((field, message), ...).

        `retry_after` is in seconds, where the server sent a Retry-After header.
        """
        super().__init__(sentence, step)
        self.code = code
        self.reason = reason
        self.message = message or sentence
        self.causes = causes
        self.retry_after = retry_after


class Unauthorized(ApiError):
    """401: the credentials are not accepted (any more)."""

    exit_code = Exit.DENIED


class Denied(ApiError):
    """403: this user may not do this."""

    exit_code = Exit.DENIED


class NotFound(ApiError):
    """404: the object is not there, or its kind is not installed."""

    exit_code = Exit.NOT_FOUND


class Conflict(ApiError):
    """409: the object changed meanwhile, exists already, or another manager owns the field."""


class Gone(ApiError):
    """410: the resourceVersion or continue token is older than what the server keeps; list again."""


class Invalid(ApiError):
    """400 or 422: the server refuses the request's content."""


class TooManyRequests(ApiError):
    """429: the server asks to wait; `retry_after` says how long, in seconds."""


class ServerFailed(ApiError):
    """5xx: the server, or something behind it, failed."""
