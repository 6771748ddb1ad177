"""An expired OIDC token is refreshed at its issuer, with the lightly imported package too."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from pathlib import Path

import pytest
import yaml

from console.cluster import kubeconfig as kubeconfigs
from console.cluster import package
from console.errors import CredentialsFailed
from tests.cluster.scripted import Scripted, kubeconfig


def jwt(exp: float) -> str:
    parts = [{"alg": "none"}, {"exp": int(exp)}]
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*coded, "c2ln"])


def user(issuer: str) -> dict[str, object]:
    config = {
        "id-token": jwt(time.time() - 60),
        "refresh-token": "refresh",
        "idp-issuer-url": issuer,
        "client-id": "kfconsole",
        "client-secret": "hush",
    }
    return {"auth-provider": {"name": "oidc", "config": config}}


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # the issuer of this test speaks plain HTTP on loopback
    for name in [name for name in sys.modules if name.partition(".")[0] == "kubernetes"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(package, "_loaded", package.import_light())


@pytest.mark.filterwarnings("ignore")
async def test_an_expired_token_is_refreshed_and_kept(server: Scripted, tmp_path: Path, light: None) -> None:
    assert package.library().light
    fresh = jwt(time.time() + 3600)
    server.answers("GET", "/.well-known/openid-configuration", {"token_endpoint": f"{server.url}/token"})
    answer = {"id_token": fresh, "refresh_token": "next", "access_token": "x", "token_type": "Bearer"}
    server.answers("POST", "/token", answer)
    path = kubeconfig(tmp_path / "config", server.url, user=user(server.url))
    made = await asyncio.to_thread(kubeconfigs.load, path)
    assert made.authorization == f"Bearer {fresh}"
    assert made.expires is not None
    assert made.expires > time.time()
    kept = yaml.safe_load(Path(path).read_text())["users"][0]["user"]["auth-provider"]["config"]
    assert kept["refresh-token"] == "next"


@pytest.mark.filterwarnings("ignore")
async def test_an_issuer_that_refuses_is_said(server: Scripted, tmp_path: Path, light: None) -> None:
    server.answers("GET", "/.well-known/openid-configuration", {"token_endpoint": f"{server.url}/token"})
    server.answers("POST", "/token", {"error": "invalid_grant", "error_description": "token revoked"}, 400)
    path = kubeconfig(tmp_path / "config", server.url, user=user(server.url))
    with pytest.raises(CredentialsFailed, match="Log in to the issuer again"):
        await asyncio.to_thread(kubeconfigs.load, path)
