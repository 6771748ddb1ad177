"""TLS verification, and one sentence for each way a connection fails."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from console.cluster.session import Session, Target
from console.errors import CannotReach, ConsoleError, CredentialsFailed
from tests.cluster.scripted import Scripted, kubeconfig, scripted

CERTIFICATES = Path(__file__).parent / "certificates"
CA = {"certificate-authority": str(CERTIFICATES / "ca.pem")}


def served(name: str, *, clients: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / f"{name}.pem")
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(CERTIFICATES / "ca.pem")
    return context


async def ask(tmp_path: Path, url: str, **cluster: Any) -> Session:
    session = await Session.open(Target(kubeconfig=kubeconfig(tmp_path / "config", url, **cluster)))
    try:
        await session.get("/x", timeout=5.0)
    finally:
        await session.close()
    return session


async def test_a_server_of_the_named_authority_is_trusted(tmp_path: Path) -> None:
    async with scripted(served("server")) as server:
        server.answers("GET", "/x", {})
        assert (await ask(tmp_path, server.url, **CA)).warning == ""


@pytest.mark.parametrize(
    ("certificate", "cluster", "said"),
    [
        ("expired", CA, "has expired"),
        ("server", {"certificate-authority": str(CERTIFICATES / "other-ca.pem")}, "does not trust"),
        ("server", {}, "does not trust"),
        ("named", CA, "another name"),
    ],
)
async def test_a_server_that_cannot_be_trusted_is_refused_and_why(
    tmp_path: Path, certificate: str, cluster: dict[str, str], said: str
) -> None:
    async with scripted(served(certificate)) as server:
        with pytest.raises(CannotReach, match=said):
            await ask(tmp_path, server.url, **cluster)
        assert server.asked == []


async def test_tls_server_name_is_what_is_verified(tmp_path: Path) -> None:
    async with scripted(served("named")) as server:
        server.answers("GET", "/x", {})
        await ask(tmp_path, server.url, **CA, **{"tls-server-name": "kubernetes.default"})
        with pytest.raises(CannotReach, match="another name"):
            await ask(tmp_path, server.url, **CA, **{"tls-server-name": "elsewhere"})


async def test_unverified_only_when_the_kubeconfig_says_so(tmp_path: Path) -> None:
    async with scripted(served("expired")) as server:
        server.answers("GET", "/x", {})
        session = await ask(tmp_path, server.url, **{"insecure-skip-tls-verify": True})
        assert session.warning.startswith("insecure")


async def test_a_client_certificate_is_presented(tmp_path: Path) -> None:
    coded = base64.b64encode((CERTIFICATES / "client.pem").read_bytes()).decode()
    user = {"client-certificate-data": coded, "client-key-data": coded}
    async with scripted(served("server", clients=True)) as server:
        server.answers("GET", "/x", {})
        await ask(tmp_path, server.url, user=user, **CA)
        with pytest.raises(CannotReach):
            await ask(tmp_path, server.url, **CA)


async def test_plain_http_behind_an_https_address(tmp_path: Path, server: Scripted) -> None:
    with pytest.raises(CannotReach, match=r"does not speak TLS|TLS with"):
        await ask(tmp_path, server.url.replace("http:", "https:"), **CA)


async def test_refused_unknown_host_and_unusable_addresses(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(CannotReach, match="refuses connections"):
        await ask(tmp_path, f"http://127.0.0.1:{port}")
    with pytest.raises(CannotReach, match="no such host"):
        await ask(tmp_path, "http://no-such-host.invalid")
    with pytest.raises(ConsoleError, match="not an http"):
        await ask(tmp_path, "ftp://127.0.0.1")


async def test_a_proxy_that_is_gone_is_named_as_the_proxy(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(CannotReach, match=rf"The proxy http://127.0.0.1:{port} refuses"):
        await ask(tmp_path, "http://cluster.example", **{"proxy-url": f"http://127.0.0.1:{port}"})


async def test_tls_through_a_proxy_verifies_the_fixed_name(tmp_path: Path) -> None:
    async with scripted(served("named")) as server:
        server.answers("GET", "/x", {})
        target = server.url.removeprefix("https://").split(":")
        tunnels: set[asyncio.Task[None]] = set()

        async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert (await reader.readline()).startswith(b"CONNECT cluster.example:6443")
            while await reader.readline() != b"\r\n":
                pass
            onward, back = await asyncio.open_connection(target[0], int(target[1]))
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

            async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
                while data := await source.read(65536):
                    sink.write(data)
                sink.close()

            for pair in ((reader, back), (onward, writer)):
                task = asyncio.create_task(pump(*pair))
                tunnels.add(task)

        proxy = await asyncio.start_server(connect, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        await ask(
            tmp_path,
            "https://cluster.example:6443",
            **CA,
            **{"proxy-url": url, "tls-server-name": "kubernetes.default"},
        )
        proxy.close()
        for task in tunnels:
            task.cancel()


def test_broken_credentials_count_as_unreachable() -> None:
    assert issubclass(CredentialsFailed, CannotReach)


async def test_a_socks_proxy_is_spoken_to(tmp_path: Path, server: Scripted) -> None:
    server.answers("GET", "/x", {})
    host, port = server.url.removeprefix("http://").split(":")
    pumps: set[asyncio.Task[None]] = set()

    async def socks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, methods = await reader.readexactly(2)
        await reader.readexactly(methods)
        writer.write(b"\x05\x00")
        assert (await reader.readexactly(4))[3] == 3  # a name, resolved by the proxy
        name = await reader.readexactly((await reader.readexactly(1))[0])
        assert name == b"cluster.example"
        await reader.readexactly(2)
        writer.write(b"\x05\x00\x00\x01" + bytes(6))
        onward, back = await asyncio.open_connection(host, int(port))

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
            sink.close()

        pumps.update(asyncio.create_task(pump(*pair)) for pair in ((reader, back), (onward, writer)))

    proxy = await asyncio.start_server(socks, "127.0.0.1", 0)
    url = f"socks5://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
    await ask(tmp_path, "http://cluster.example", **{"proxy-url": url})
    proxy.close()
    for task in pumps:
        task.cancel()
