"""The API server's streamed subresources: logs, exec, attach, port-forward and the proxies.

Checks and error texts are those of kube-apiserver and the kubelet (pkg/registry/core/pod, pkg/kubelet).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.websockets import WebSocket

from console.demo import failures
from console.demo.channels import PROTOCOLS, STDERR, STDOUT, Channels, chosen
from console.demo.executing import Session, attach
from console.demo.log_streaming import stream_log
from console.demo.pod_containers import check_assigned, container_name, is_running, pod_of
from console.demo.portforward import FORWARD_PROTOCOLS, TUNNEL, forward, read_ports
from console.demo.proxying import Proxy

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from console.demo.runtime import Runtime
    from console.demo.server import Call


_HEAD_START = 0.03  # seconds


class Streams:
    """Answers what app.Api hands over for a streamed subresource; ApiFailure before anything was sent."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._proxy = Proxy(runtime)

    async def __call__(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        subresource = call.info.subresource
        if subresource == "proxy":
            await self._proxy(call, scope, receive, send)
        elif subresource == "log":
            await stream_log(self._runtime, call, receive, send)
        elif subresource == "portforward":
            await self._forward(call, scope, receive, send)
        else:
            await self._run(call, scope, receive, send)

    async def _run(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        pod = pod_of(call)
        container = container_name(pod, call.query.get("container"))
        check_assigned(pod)
        executing = call.info.subresource == "exec"
        if executing and not call.query.all("command"):
            raise failures.bad_request("you must specify at least 1 command for the container")
        if not any(call.query.flag(stream) for stream in ("stdin", "stdout", "stderr")):
            raise failures.bad_request("you must specify at least 1 of stdin, stdout, stderr")
        if not is_running(pod, container):
            raise failures.ApiFailure(404, "NotFound", f'container not found ("{container}")')
        socket = _socket(scope, receive, send)
        protocol = await _accept(socket, PROTOCOLS)
        channels = Channels(socket, protocol)
        # kubectl 1.32 makes its streams after the handshake and drops what comes before they are there.
        await asyncio.sleep(_HEAD_START)
        # Clients wait for a first, empty message to know that the streams are there.
        channels.send(STDOUT if call.query.flag("stdout") else STDERR, b"")
        if executing:
            await Session(self._runtime, pod, container, call.query, channels).serve()
        else:
            await attach(self._runtime, pod, container, channels)

    async def _forward(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        pod = pod_of(call)
        check_assigned(pod)
        socket = _socket(scope, receive, send)
        try:
            ports = read_ports(call.query.all("ports")) if TUNNEL not in _offered(socket) else []
        except ValueError as error:
            raise failures.bad_request(str(error)) from None
        protocol = await _accept(socket, FORWARD_PROTOCOLS)
        await forward(self._runtime, pod, socket, protocol, ports)


def _socket(scope: Scope, receive: Receive, send: Send) -> WebSocket:
    """The request as a WebSocket; ApiFailure 400 for one by SPDY alone, once its target was found to be right."""
    if scope["type"] != "websocket":
        raise failures.bad_request("Upgrade request required")
    return WebSocket(scope, receive, send)


def _offered(socket: WebSocket) -> list[str]:
    return [p.strip() for p in socket.headers.get("sec-websocket-protocol", "").split(",") if p.strip()]


async def _accept(socket: WebSocket, known: tuple[str, ...]) -> str:
    offered = _offered(socket)
    protocol = chosen(offered, known)
    if protocol is None:
        raise failures.bad_request(
            f"requested protocol(s) are not supported: [{' '.join(offered)}]; supports [{' '.join(known)}]"
        )
    await socket.accept(subprotocol=protocol or None)
    return protocol or "channel.k8s.io"
