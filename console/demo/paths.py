"""Paths that are no resources: health, version, discovery, OpenAPI, and the server's own notes for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from console.demo import failures
from console.demo.answers import Answer, json_answer, text_answer
from console.demo.discovery import VERSION, Discovery
from console.demo.openapi import OpenApi
from console.demo.requests import negotiate

if TYPE_CHECKING:
    from starlette.datastructures import Headers

    from console.demo.requests import Query, RequestInfo
    from console.demo.server import Server

_HEALTH = ("healthz", "livez", "readyz")
_ROOTS = ("/api", "/apis", "/healthz", "/livez", "/readyz", "/openapi/v2", "/openapi/v3", "/version")


class PageNotFound(Exception):
    """Nothing is served at a path, not even a Status: 404 in plain text."""


class Paths:
    """Answers for everything outside the resource paths."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._discovery = Discovery(server.store.resources)
        self._documents = OpenApi(server.store.resources, server.schemas.definition)

    def answer(self, info: RequestInfo, query: Query, headers: Headers) -> Answer:
        """The answer for a path; PageNotFound where none is served, ApiFailure 405 for a method it does not take."""
        parts = [part for part in info.path.split("/") if part]
        if parts[:1] == ["debug"]:
            return self._debug(info, query, parts[1:])
        if info.verb not in ("get", "head"):
            raise failures.method_not_allowed()
        if not parts:
            groups = [f"/apis/{group}" for group in self._server.store.resources.groups() if group]
            return json_answer({"paths": sorted([*_ROOTS, *groups])})
        if parts[0] in _HEALTH:
            return self._health(parts, query)
        if parts == ["version"]:
            return json_answer(VERSION)
        if parts[0] == "openapi":
            return self._openapi(parts[1:])
        found = None
        if parts[0] in ("api", "apis"):
            accept = headers.get("accept", "")
            path = "/" + "/".join(parts)
            found = self._discovery.answer(path, accept, headers)
            if found and len(parts) > 1 and negotiate(accept, transforms=False) is None:
                raise failures.not_acceptable("application/json")
        if found is None:
            raise PageNotFound
        return found

    def _health(self, parts: list[str], query: Query) -> Answer:
        if self._server.closing and parts[0] == "readyz":
            return text_answer("[-]shutdown failed: reason withheld\nreadyz check failed\n", 500)
        if len(parts) > 1 and parts[1] not in ("ping", "etcd", "log"):
            raise PageNotFound
        if query.flag("verbose"):
            return text_answer(f"[+]ping ok\n[+]log ok\n[+]etcd ok\n{parts[0]} check passed\n")
        return text_answer("ok")

    def _openapi(self, parts: list[str]) -> Answer:
        match parts:
            case ["v2"]:
                return Answer(200, self._documents.v2())
            case ["v3"]:
                return json_answer(self._documents.v3_index())
            case ["v3", "api", version]:
                body = self._documents.v3_group("", version)
            case ["v3", "apis", group, version]:
                body = self._documents.v3_group(group, version)
            case _:
                body = None
        if body is None:
            raise failures.no_such_path()
        return Answer(200, body)

    def _debug(self, info: RequestInfo, query: Query, parts: list[str]) -> Answer:
        """`GET /debug/requests` (`?clear=1` forgets them), `POST /debug/compact` (forgets all history)."""
        server = self._server
        if parts == ["requests"] and info.verb == "get":
            answer = Answer(200, msgspec.json.encode(list(server.log)))
            if query.flag("clear"):
                server.log.clear()
            return answer
        if parts == ["compact"] and info.verb == "post":
            server.store.compact()
            return json_answer({"revision": server.store.revision})
        raise failures.no_such_path()
