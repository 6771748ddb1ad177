"""WebSockets as uvicorn serves them, for subprotocols named as Kubernetes names them.

`SPDY/3.1+portforward.k8s.io` holds a slash, which no HTTP token may; clients and kube-apiserver use it all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    from websockets.datastructures import Headers


def _chosen_later(headers: Headers) -> None:
    """The application chooses the subprotocol when it accepts; until then the header need not be read."""


class KubernetesSockets(WebSocketsSansIOProtocol):
    """A WebSocket connection whose offered subprotocols are not checked against the grammar of HTTP tokens."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.conn.process_subprotocol = _chosen_later  # type: ignore[method-assign]

    async def send(self, message: Any) -> None:
        """As uvicorn does it; a handshake that was refused with an answer counts as done, not as forgotten."""
        await super().send(message)
        if self.close_sent and self.initial_response is not None:
            self.handshake_complete = True
