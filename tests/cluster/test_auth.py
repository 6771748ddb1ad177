"""Renewal of credentials: after a 401, before an expiry, once for all who wait."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path

import pytest

from console.cluster.auth import Login
from console.cluster.kubeconfig import Credentials
from console.cluster.session import Session, Target
from console.errors import CredentialsFailed, Unauthorized
from tests.cluster.scripted import Asked, Reply, Scripted, kubeconfig


def credentials(token: str, expires: float | None = None) -> Credentials:
    return Credentials("c", "c", "u", "n", "http://x", f"Bearer {token}", None, "", None, expires)


async def test_a_401_makes_the_credentials_anew_and_asks_once_more(server: Scripted, tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", server.url, user={"token": "old"})

    async def handler(asked: Asked, reply: Reply) -> None:
        if asked.header("authorization") == "Bearer new":
            await reply.send({"ok": True})
        else:
            kubeconfig(tmp_path / "config", server.url, user={"token": "new"})
            await reply.status(401, "Unauthorized", "Unauthorized")

    server.on("POST", "/x", handler)
    session = await Session.open(Target(kubeconfig=path))
    assert json.loads(await session.send("POST", "/x", b"{}")) == {"ok": True}
    assert [asked.header("authorization") for asked in server.asked] == ["Bearer old", "Bearer new"]
    await session.close()


async def test_a_401_with_the_same_token_is_not_asked_again(server: Scripted, session: Session) -> None:
    server.fails("GET", "/x", 401, "Unauthorized", "Unauthorized")
    with pytest.raises(Unauthorized, match=r"does not accept these credentials\. Log in again"):
        await session.get("/x")
    assert len(server.asked) == 1


async def test_many_who_were_refused_renew_once() -> None:
    loads = 0

    def load() -> Credentials:
        nonlocal loads
        loads += 1
        return credentials("new")

    old = credentials("old")
    login = Login(old, load)
    renewed = await asyncio.gather(*(login.renew(old) for _ in range(20)))
    assert loads == 1
    assert {made.authorization for made in renewed} == {"Bearer new"}


async def test_a_failed_renewal_is_not_repeated_for_a_while_unless_forced() -> None:
    loads, now = 0, 1000.0

    def load() -> Credentials:
        nonlocal loads
        loads += 1
        raise CredentialsFailed("the plugin says no")

    old = credentials("old")
    login = Login(old, load, steady=lambda: now)
    for _ in range(3):
        with pytest.raises(CredentialsFailed, match="says no"):
            await login.renew(old)
    assert loads == 1
    with pytest.raises(CredentialsFailed):
        await login.renew(old, force=True)
    now += 60
    with pytest.raises(CredentialsFailed):
        await login.renew(old)
    assert loads == 3


async def test_credentials_are_renewed_before_they_expire() -> None:
    steady, wall = 0.0, 1000.0
    login = Login(
        credentials("old", expires=2000.0),
        lambda: credentials("new", expires=9000.0),
        wall=lambda: wall,
        steady=lambda: steady,
    )
    assert (await login.fresh()).authorization == "Bearer old"
    steady, wall = 950.0, 1950.0
    assert (await login.fresh()).authorization == "Bearer new"
    assert login.renewals == 1


async def test_while_they_hold_old_credentials_serve_when_renewal_fails() -> None:
    wall = 1950.0

    def load() -> Credentials:
        raise CredentialsFailed("no")

    login = Login(credentials("old", expires=2000.0), load, wall=lambda: wall, steady=lambda: wall)
    assert (await login.fresh()).authorization == "Bearer old" or login.renewals == 0
    wall = 2001.0
    with pytest.raises(CredentialsFailed):
        login._made = 0.0
        await login.fresh()


async def test_impersonation_travels_with_every_request(server: Scripted, tmp_path: Path) -> None:
    server.answers("GET", "/x", {})
    path = kubeconfig(tmp_path / "config", server.url)
    session = await Session.open(Target(kubeconfig=path, as_user="bob", as_groups=("g1", "g2")))
    await session.get("/x")
    assert server.asked[0].headers["impersonate-user"] == ["bob"]
    assert server.asked[0].headers["impersonate-group"] == ["g1", "g2"]
    assert session.user == "bob"
    await session.close()


async def test_old_certificates_do_not_pile_up(server: Scripted, session: Session) -> None:
    transport = session._transport
    for number in range(6):
        made = credentials(str(number))
        transport._client(dataclasses.replace(made, server=server.url, tls_print=str(number)))
    assert len(transport._clients) == 3
