"""The API server as an ASGI application: who asks, may they, and which handler answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.routing import Mount

from console.demo import deleting, failures, reading, subresources, writing
from console.demo.answers import JSON, Answer, as_yaml, failure_answer, json_answer, send_answer, text_answer
from console.demo.bodies import read_body
from console.demo.failures import ApiFailure
from console.demo.paths import PageNotFound, Paths
from console.demo.requests import ACCEPTED, Format, Query, RequestInfo, negotiate, parse_request
from console.demo.selecting import parse_labels
from console.demo.server import Call, Server
from console.demo.watching import watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from console.demo.access import User
    from console.demo.resources import ResourceType

_STREAMED = {
    ("pods", "log"),
    ("pods", "exec"),
    ("pods", "attach"),
    ("pods", "portforward"),
    ("pods", "proxy"),
    ("services", "proxy"),
    ("nodes", "proxy"),
}
_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?")
_REVIEWS = ("authentication.k8s.io", "authorization.k8s.io")
_HANDLERS: dict[str, Callable[[Call], Answer]] = {
    "get": reading.get,
    "list": reading.list_objects,
    "create": writing.create,
    "update": writing.replace,
    "patch": writing.patch,
    "delete": deleting.delete,
    "deletecollection": deleting.delete_collection,
}


def build(server: Server) -> Starlette:
    """The application that answers for a server's store."""
    return Starlette(routes=[Mount("", app=Api(server))], exception_handlers={Exception: _broken})


async def _broken(request: Request, error: Exception) -> JSONResponse:
    del request  # the error itself goes on to the server's own log
    failure = failures.internal(f"{type(error).__name__}")
    return JSONResponse(failure.status, failure.code)


class Api:
    """Every request: authentication, impersonation, authorization, dispatch, and one line in the request log."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._paths = Paths(server)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        query = Query(scope["query_string"].decode("latin-1"))
        path = scope.get("raw_path", scope["path"].encode()).decode("latin-1").partition("?")[0]
        info = parse_request(scope.get("method", "GET"), path, query)
        entry = self._log(scope, headers)

        async def noted(message: Any) -> None:
            if message["type"] == "http.response.start":
                entry["status"] = message["status"]
            elif message["type"] == "websocket.accept":
                entry["status"] = 101
            await send(message)

        warnings: list[str] = []
        try:
            user = self._server.access.impersonate(self._authenticate(headers), headers)
            entry["user"] = user.name
            self._server.access.authorize(user, info)
            answer = await self._answer(info, query, headers, user, warnings, scope, receive, noted)
        except PageNotFound:
            answer = text_answer("404 page not found\n", 404)
        except ApiFailure as failure:
            answer = failure_answer(failure)
        if answer is None:
            return
        if scope["type"] == "websocket":
            await _deny(answer, noted)
            return
        if negotiate(headers.get("accept", ""), transforms=True) == Format("yaml") and answer.content_type == JSON:
            answer = as_yaml(answer)
        now = self._server.store.now()
        await send_answer(answer, noted, headers, now=now, pretty=query.get("pretty"), warnings=warnings)

    def _authenticate(self, headers: Headers) -> User:
        access = self._server.access
        user = access.authenticate(headers)
        # The name asked for must be the loopback's: a web page must not get in through a name of its own.
        if user.anonymous and self._server.insecure and _HOST.fullmatch(headers.get("host", "")):
            return access.authenticate({"authorization": f"Bearer {access.admin_token}"})
        return user

    def _log(self, scope: Scope, headers: Headers) -> dict[str, Any]:
        entry = {
            "at": self._server.store.now(),
            "method": scope.get("method", "WEBSOCKET"),
            "path": scope["path"],
            "query": scope["query_string"].decode("latin-1"),
            "user": "",
            "agent": headers.get("user-agent", ""),
            "accept": headers.get("accept", ""),
            "status": 0,
        }
        if not scope["path"].startswith("/debug/"):
            self._server.log.append(entry)
        return entry

    async def _answer(
        self,
        info: RequestInfo,
        query: Query,
        headers: Headers,
        user: User,
        warnings: list[str],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> Answer | None:
        if not info.is_resource:
            return self._paths.answer(info, query, headers)
        rt = self._find(info)
        streamed = (info.resource, info.subresource) in _STREAMED and not info.group
        form = Format() if streamed else negotiate(headers.get("accept", ""), transforms=not info.subresource)
        if form is None:
            raise failures.not_acceptable(*ACCEPTED)
        if rt.warning:
            warnings.append(rt.warning)
        call = Call(self._server, info, query, headers, user, rt, form, warnings=warnings)
        if streamed:
            if self._server.streams is None:
                raise failures.no_such_path()
            await self._server.streams(call, scope, receive, send)
            return None
        if info.verb == "watch":
            if "watch" not in rt.verbs:
                raise failures.method_not_allowed()
            await watch(call, receive, send)
            return None
        call.body = await read_body(receive) if info.verb not in ("get", "list") else b""
        return self._dispatch(call)

    def _find(self, info: RequestInfo) -> ResourceType:
        rt = self._server.store.resources.find(info.group, info.version, info.resource)
        if rt is None:
            if info.version not in self._server.store.resources.versions(info.group):
                raise PageNotFound
            raise failures.no_such_path()
        itself = info.resource == "namespaces" and not info.group
        if info.namespace and not rt.namespaced and not itself:
            raise failures.no_such_path()
        if rt.namespaced and not info.namespace and info.verb not in ("list", "watch"):
            raise (
                failures.method_not_allowed()
                if info.verb in ("create", "deletecollection")
                else failures.no_such_path()
            )
        return rt

    def _dispatch(self, call: Call) -> Answer:
        rt, info = call.rt, call.info
        if info.subresource:
            return subresources.handle(call)
        if info.verb not in rt.verbs:
            raise failures.method_not_allowed()
        if rt.group in _REVIEWS:
            return json_answer(self._server.access.review(rt, call.object(), call.user, namespace=call.namespace), 201)
        if rt.group == "metrics.k8s.io":
            return self._figures(call)
        if rt.storage_key == ("", "bindings"):
            return subresources.bind(call)
        if bool(info.name) is (info.verb == "create") and info.verb in ("create", "update", "patch"):
            raise failures.method_not_allowed()
        return _HANDLERS[info.verb](call)

    def _figures(self, call: Call) -> Answer:
        figures = self._server.figures
        if figures is None:
            raise failures.unavailable("the server is currently unable to handle the request")
        found = [dict(obj) for obj in figures.list(call.rt.plural, call.namespace or None)]
        if call.info.verb == "get":
            for obj in found:
                if obj["metadata"]["name"] == call.info.name:
                    return json_answer(obj)
            raise failures.not_found(call.rt, call.info.name)
        terms = parse_labels(call.query.get("labelSelector"))
        items = [obj for obj in found if all(term(obj["metadata"].get("labels") or {}) for term in terms)]
        kind = {"kind": call.rt.list_kind, "apiVersion": call.rt.api_version, "metadata": {}}
        return json_answer({**kind, "items": items})


async def _deny(answer: Answer, send: Send) -> None:
    """Refuse a WebSocket with an HTTP answer."""
    body = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
    head = [(b"content-type", answer.content_type.encode())]
    await send({"type": "websocket.http.response.start", "status": answer.status, "headers": head})
    await send({"type": "websocket.http.response.body", "body": body})
