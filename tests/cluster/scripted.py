"""A scripted HTTP/1.1 server on loopback: each path answers what the test says, down to a broken connection."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, list[str]]
    body: bytes

    def one(self, name: str) -> str:
        return self.query.get(name, [""])[0]

    def header(self, name: str) -> str:
        return self.headers.get(name.lower(), [""])[0]


class Reply:
    """What a handler answers with."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.ended = False

    async def send(self, body: Any, code: int = 200, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"content-type": "application/json", "content-length": str(len(data))}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        self._head(code, fields)
        self.writer.write(data)
        await self.writer.drain()

    async def status(self, code: int, reason: str, message: str, details: Any = None, **headers: str) -> None:
        body = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}
        await self.send({**body, "details": details or {}}, code, **headers)

    async def begin(self, code: int = 200, **headers: str) -> None:
        self._head(code, {"transfer-encoding": "chunked", "content-type": "application/json", **headers})
        await self.writer.drain()

    async def chunk(self, data: bytes) -> None:
        self.writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await self.writer.drain()

    async def event(self, type_: str, obj: Any) -> None:
        await self.chunk(json.dumps({"type": type_, "object": obj}).encode() + b"\n")

    async def end(self) -> None:
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    def drop(self) -> None:
        self.ended = True
        self.writer.transport.abort()

    async def silence(self) -> None:
        """Hold the connection open without a byte until the client leaves."""
        self.ended = True
        await self.reader.read()

    def _head(self, code: int, fields: dict[str, str]) -> None:
        lines = [f"HTTP/1.1 {code} X", *(f"{name}: {value}" for name, value in fields.items())]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())


Handler = Callable[[Asked, Reply], Awaitable[None]]


@dataclass
class Scripted:
    """The server. `asked` holds every request; a path nobody scripted answers 404."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    routes: dict[tuple[str, str], Handler] = field(default_factory=dict)
    connections: int = 0

    def on(self, method: str, path: str, handler: Handler) -> None:
        self.routes[method, path] = handler

    def answers(self, method: str, path: str, body: Any, code: int = 200, **headers: str) -> None:
        async def handler(asked: Asked, reply: Reply) -> None:
            await reply.send(body, code, **headers)

        self.on(method, path, handler)

    def fails(self, method: str, path: str, code: int, reason: str, message: str) -> None:
        async def handler(asked: Asked, reply: Reply) -> None:
            await reply.status(code, reason, message)

        self.on(method, path, handler)

    def requests(self, path: str, **query: str) -> list[Asked]:
        return [
            asked
            for asked in self.asked
            if asked.path == path and all(asked.one(name) == value for name, value in query.items())
        ]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                asked = await _read(reader)
                if asked is None:
                    return
                self.asked.append(asked)
                reply = Reply(reader, writer)
                handler = self.routes.get((asked.method, asked.path)) or self.routes.get(("*", asked.path)) or _missing
                await handler(asked, reply)
                if reply.ended:
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.transport.abort()


async def _missing(asked: Asked, reply: Reply) -> None:
    await reply.send(b"404 page not found\n", 404, content_type="text/plain")


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    line = await reader.readline()
    if not line:
        return None
    method, target, _ = line.decode().split(" ")
    headers: dict[str, list[str]] = {}
    while (line := await reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers.setdefault(name.lower(), []).append(value.strip())
    body = await reader.readexactly(int(headers.get("content-length", ["0"])[0]))
    parts = urlsplit(target)
    return Asked(method, unquote(parts.path), parse_qs(parts.query, keep_blank_values=True), headers, body)


@asynccontextmanager
async def scripted(tls: ssl.SSLContext | None = None) -> AsyncIterator[Scripted]:
    """A running server; every connection is gone when it ends."""
    server = Scripted()
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await server.serve(reader, writer)

    listener = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def kubeconfig(path: Path, url: str, *, user: dict[str, Any] | None = None, **cluster: Any) -> str:
    """Write a kubeconfig with one context "test" for a server; its path."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "local", "cluster": {"server": url, **cluster}}],
        "users": [{"name": "alice", "user": user or {"token": "s3cret"}}],
        "contexts": [{"name": "test", "context": {"cluster": "local", "user": "alice", "namespace": "team-a"}}],
    }
    path.write_text(json.dumps(document))
    return str(path)
