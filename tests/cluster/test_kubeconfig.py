"""What kubeconfigs mean, what is said about broken ones, and that the light import reads them as the plain one does."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from console.cluster import kubeconfig, package, plugins
from console.errors import CredentialsFailed, UsageError

CERTIFICATES = Path(__file__).parent / "certificates"


def write(path: Path, *, user: dict[str, Any] | None = None, **cluster: Any) -> str:
    document = {
        "current-context": "one",
        "clusters": [{"name": "local", "cluster": {"server": "http://127.0.0.1:9", **cluster}}],
        "users": [{"name": "alice", "user": user if user is not None else {"token": "s3cret"}}],
        "contexts": [
            {"name": "one", "context": {"cluster": "local", "user": "alice", "namespace": "team-a"}},
            {"name": "two", "context": {"cluster": "local", "user": "alice"}},
        ],
    }
    path.write_text(yaml.safe_dump(document))
    return str(path)


def jwt(exp: float) -> str:
    parts = [{"alg": "none"}, {"exp": exp}]
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*coded, "c2ln"])


def test_a_token_a_namespace_and_the_contexts(tmp_path: Path) -> None:
    path = write(tmp_path / "config")
    made = kubeconfig.load(path)
    assert (made.context, made.cluster, made.user, made.namespace) == ("one", "local", "alice", "team-a")
    assert made.authorization == "Bearer s3cret"
    assert made.warning.startswith("plain HTTP")
    assert "s3cret" not in repr(made)
    assert kubeconfig.load(path, "two").namespace == "default"
    found = kubeconfig.read(path)
    assert found is not None
    assert [entry.name for entry in found.contexts] == ["one", "two"]


def test_basic_authentication_and_token_files(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    assert kubeconfig.load(write(tmp_path / "a", user={"tokenFile": "token"})).authorization == "Bearer from-file"
    basic = kubeconfig.load(write(tmp_path / "b", user={"username": "u", "password": "p"})).authorization
    assert basic == "Basic " + base64.b64encode(b"u:p").decode()


def test_several_files_are_merged_first_one_wins(tmp_path: Path) -> None:
    first = write(tmp_path / "first")
    second = tmp_path / "second"
    second.write_text(
        yaml.safe_dump({"contexts": [{"name": "three", "context": {"cluster": "local", "user": "alice"}}]})
    )
    made = kubeconfig.load(None, "three", environ={"KUBECONFIG": f"{first}{os.pathsep}{second}"})
    assert made.context == "three"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1\nb: 2\n", "is broken, line 2"),
        ("", "is empty"),
        ("- 1\n", "not a mapping"),
        ("contexts: 5\n", "contexts is not a list"),
        ("contexts: [{}]\n", "number 1 of contexts has no name"),
        ("contexts: [{name: a, context: {cluster: none, user: u}}]\ncurrent-context: a\n", "cannot be used"),
        ("clusters: []\n", "has no current context"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(UsageError, match=said) as caught:
        kubeconfig.load(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_an_unknown_context(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no kubeconfig at"):
        kubeconfig.load(str(tmp_path / "none"))
    with pytest.raises(UsageError, match='no context "prod"') as caught:
        kubeconfig.load(write(tmp_path / "config"), "prod")
    assert "one, two" in str(caught.value)


def test_a_missing_certificate_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "config", server="https://127.0.0.1:9", **{"certificate-authority": "nowhere.pem"})
    with pytest.raises(UsageError, match=r"nowhere\.pem"):
        kubeconfig.load(path)


def test_key_material_does_not_stay_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = {
        "client-certificate-data": base64.b64encode((CERTIFICATES / "client.pem").read_bytes()).decode(),
        "client-key-data": base64.b64encode((CERTIFICATES / "client.pem").read_bytes()).decode(),
    }
    ca = base64.b64encode((CERTIFICATES / "ca.pem").read_bytes()).decode()
    path = write(tmp_path / "config", user=data, server="https://127.0.0.1:9", **{"certificate-authority-data": ca})
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for _ in range(2):  # also when the package remembers the files of the first time
        made = kubeconfig.load(path)
        assert made.tls is not None
        assert made.warning == ""
        assert [file.name for file in tmp_path.iterdir()] == ["config"]


def test_an_unverified_server_is_reported(tmp_path: Path) -> None:
    path = write(tmp_path / "config", server="https://127.0.0.1:9", **{"insecure-skip-tls-verify": True})
    assert kubeconfig.load(path).warning.startswith("insecure-skip-tls-verify")


def test_proxies_of_the_cluster_and_of_the_environment(tmp_path: Path) -> None:
    own = write(tmp_path / "own", **{"proxy-url": "http://proxy:3128"})
    plain = write(tmp_path / "plain", server="https://api.example:6443")
    environ = {"HTTPS_PROXY": "http://env:8080", "NO_PROXY": "10.0.0.0/8,.internal"}
    assert kubeconfig.load(own, environ=environ).proxy == "http://proxy:3128"
    assert kubeconfig.load(plain, environ=environ).proxy == "http://env:8080"
    assert kubeconfig.load(plain, environ={}).proxy is None
    assert kubeconfig.environment_proxy("https://api.internal:6443", environ) is None


def test_the_expiry_of_a_jwt_is_known(tmp_path: Path) -> None:
    assert kubeconfig.load(write(tmp_path / "a", user={"token": jwt(1234.0)})).expires == 1234.0
    assert kubeconfig.load(write(tmp_path / "b", user={"token": "a.b.c"})).expires is None


def plugin(tmp_path: Path, script: str, **exec_: Any) -> str:
    """A kubeconfig whose credentials come from a small shell script."""
    program = tmp_path / "plugin"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(0o755)
    body = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program), **exec_}
    return write(tmp_path / "config", user={"exec": body})


def credential(**status: str) -> str:
    body = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    return f"echo '{json.dumps(body)}'\n"


def test_an_exec_plugin_gives_a_token_and_its_expiry(tmp_path: Path) -> None:
    path = plugin(
        tmp_path,
        'echo "$KUBERNETES_EXEC_INFO" >info\n' + credential(token="t", expirationTimestamp="2030-01-01T00:00:00Z"),
    )
    made = kubeconfig.load(path)
    assert made.authorization == "Bearer t"
    assert made.plugin
    assert made.expires == 1893456000.0
    assert json.loads((tmp_path / "info").read_text())["spec"] == {"interactive": False}


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'please run: gcloud auth login' >&2; exit 3", r"exit 3: please run: gcloud auth login"),
        ("exit 1", "exit 1 and said nothing"),
        ("echo nonsense", "not an ExecCredential"),
        (credential(), "neither a token nor a certificate"),
        (credential(token="t").replace("k8s.io/v1", "k8s.io/v1beta1"), "answers in"),
    ],
)
def test_what_a_failing_plugin_says_is_shown(tmp_path: Path, script: str, said: str) -> None:
    with pytest.raises(CredentialsFailed, match=said):
        kubeconfig.load(plugin(tmp_path, script))


def test_a_plugin_that_is_not_installed_comes_with_its_hint(tmp_path: Path) -> None:
    body = {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-plugin", "installHint": "Install it."}
    with pytest.raises(CredentialsFailed, match=r"not on PATH\. Install it\."):
        kubeconfig.load(write(tmp_path / "config", user={"exec": body}))


def test_a_plugin_that_waits_for_a_person_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "QUIET_SECONDS", 0.1)
    with pytest.raises(CredentialsFailed, match="no answer within"):
        kubeconfig.load(plugin(tmp_path, "sleep 30"))


def test_a_plugin_that_needs_the_terminal_gets_it(tmp_path: Path) -> None:
    given: list[str] = []

    class Terminal:
        def __enter__(self) -> None:
            given.append("suspended")

        def __exit__(self, *_: object) -> None:
            given.append("resumed")

    script = (
        'case "$KUBERNETES_EXEC_INFO" in *\'"interactive": true\'*) '
        + credential(token="typed")
        + ";; *) exit 1;; esac"
    )
    for mode in ("IfAvailable", "Always"):
        made = kubeconfig.load(plugin(tmp_path, script, interactiveMode=mode), terminal=Terminal)
        assert made.authorization == "Bearer typed"
    assert given == ["suspended", "resumed"] * 2
    with pytest.raises(CredentialsFailed):
        kubeconfig.load(plugin(tmp_path, script, interactiveMode="Never"), terminal=Terminal)
    with pytest.raises(CredentialsFailed, match="no terminal"):
        kubeconfig.load(plugin(tmp_path, script, interactiveMode="Always"))


def test_in_a_pod_the_service_account_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kubeconfig.read(None, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}) is None
    with pytest.raises(UsageError, match="service account"):
        kubeconfig.load(None, environ={"KUBERNETES_SERVICE_HOST": "10.0.0.1"})


_COMPARE = """
import json, sys, tempfile
from console.cluster import package
library = package.import_light() if sys.argv[1] == "light" else package.import_plain()
from console.cluster import plugins
results = []
for path in sys.argv[2:]:
    with tempfile.TemporaryDirectory() as temp:
        base = library.kube_config.ExecProvider
        try:
            made = library.load(path, None, temp, plugins.provider(base, None, plugins.Outcome()))
        except Exception as error:
            results.append([type(error).__name__, str(error)])
            continue
        files = [open(n).read() if n else None for n in (made.ssl_ca_cert, made.cert_file, made.key_file)]
        results.append([made.host, made.api_key, made.verify_ssl, made.tls_server_name, made.proxy, files])
print(json.dumps([library.light, "pydantic" in sys.modules, "kubernetes" in sys.modules, results]))
"""


def test_the_light_import_gives_what_the_plain_one_gives(tmp_path: Path) -> None:
    certificate = base64.b64encode((CERTIFICATES / "client.pem").read_bytes()).decode()
    (tmp_path / "token").write_text("t")
    users: list[dict[str, Any]] = [
        {"token": "t"},
        {"tokenFile": "token"},
        {"username": "u", "password": "p"},
        {"client-certificate-data": certificate, "client-key-data": certificate},
        {"auth-provider": {"name": "oidc", "config": {"id-token": jwt(time.time() + 9999), "idp-issuer-url": "x"}}},
        {"auth-provider": {"name": "oidc", "config": {"idp-issuer-url": "x"}}},
        {"exec": {"command": "x"}},
    ]
    paths = [
        write(
            tmp_path / f"config{number}",
            user=user,
            server="https://127.0.0.1:9/prefix/",
            **{
                "certificate-authority": str(CERTIFICATES / "ca.pem"),
                "tls-server-name": "a",
                "proxy-url": "http://p:1",
            },
        )
        for number, user in enumerate(users)
    ]
    paths.append(write(tmp_path / "bare", user={}))
    answers = []
    for how in ("light", "plain"):
        run = subprocess.run([sys.executable, "-c", _COMPARE, how, *paths], capture_output=True, text=True, check=True)
        answers.append(json.loads(run.stdout.splitlines()[-1]))
    light, plain = answers
    assert light[:3] == [True, False, False]
    assert plain[0] is False
    assert light[3] == plain[3]
    assert len(light[3]) == len(paths)


def test_the_plain_import_takes_over_where_the_light_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> package.Library:
        raise AttributeError("a future version has another shape")

    monkeypatch.setattr(package, "_loaded", None)
    monkeypatch.setattr(package, "import_light", broken)
    assert package.library().light is False
