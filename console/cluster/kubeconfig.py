"""Kubeconfig files: which are read, the contexts in them, and one context's credentials.

What a context means is decided by the kubernetes package; this module chooses the files, names what is wrong with
them (with the line), and turns the package's Configuration into `Credentials`. It makes no request.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
import ssl
import tempfile
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from console.cluster import package, plugins, tls
from console.errors import ConsoleError, CredentialsFailed, UsageError
from console.text import clean

_NAMESPACE_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"


_LOOPBACK = re.compile(r"https?://(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:\d+)?(/|$)")


@dataclass(frozen=True, slots=True)
class ContextEntry:
    """One context as the files name it."""

    name: str
    cluster: str
    user: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """The merged view of the kubeconfig files, without any credential."""

    path: str  # as the kubernetes package takes it: several files joined by os.pathsep
    contexts: tuple[ContextEntry, ...]
    current: str
    proxies: Mapping[str, str] = field(repr=False)  # proxy-url by cluster; older versions of the package ignore it

    def context(self, name: str | None) -> ContextEntry:
        """The named context, or the current one; UsageError names the known ones."""
        wanted = name or self.current
        for entry in self.contexts:
            if entry.name == wanted:
                return entry
        known = ", ".join(entry.name for entry in self.contexts) or "none"
        if not wanted:
            raise UsageError(f"The kubeconfig {self.path} has no current context.", f"Choose with --context: {known}.")
        raise UsageError(f'There is no context "{clean(wanted)}" in {self.path}.', f"Known contexts: {clean(known)}.")


@dataclass(frozen=True, slots=True)
class Credentials:
    """All that is needed to speak to one cluster as one user. Its repr shows no secret."""

    context: str
    cluster: str
    user: str
    namespace: str
    server: str
    authorization: str = field(repr=False)  # the header's value, "" for none
    tls: ssl.SSLContext | None = field(repr=False)  # None for plain http
    tls_print: str = field(repr=False)  # changes when the certificates did
    proxy: str | None = field(repr=False)  # may carry a password
    expires: float | None  # seconds since 1970, where it is known
    warning: str = ""  # why this connection is not protected, "" when it is
    plugin: bool = False  # an exec plugin made them

    @property
    def local(self) -> bool:
        """Whether the connection never leaves this machine."""
        return self.proxy is None and bool(_LOOPBACK.match(self.server))


def read(path: str | None = None, environ: Mapping[str, str] = os.environ) -> Kubeconfig | None:
    """The kubeconfig that `--kubeconfig`, KUBECONFIG or the home directory name.

    None when there is none and the process runs in a pod (then its service account is used).
    Raises UsageError for a missing or broken file.
    """
    named = path or environ.get("KUBECONFIG", "")
    files = [Path(part).expanduser() for part in named.split(os.pathsep) if part] or [
        Path("~/.kube/config").expanduser()
    ]
    found = [file for file in files if file.exists()]
    if not found:
        if not named and environ.get("KUBERNETES_SERVICE_HOST"):
            return None
        shown = ", ".join(str(file) for file in files)
        raise UsageError(f"There is no kubeconfig at {shown}.", "Name one with --kubeconfig, or try: kfconsole demo")
    contexts: dict[str, ContextEntry] = {}
    proxies: dict[str, str] = {}
    current = ""
    for file in found:
        document = _document(file)
        for name, cluster in _named(document, "clusters", "cluster", file):
            proxies.setdefault(name, str(cluster.get("proxy-url") or ""))
        for name, context in _named(document, "contexts", "context", file):
            texts = [clean(str(context.get(part) or "")) for part in ("cluster", "user", "namespace")]
            contexts.setdefault(name, ContextEntry(name, *texts))
        current = current or str(document.get("current-context") or "")
    joined = os.pathsep.join(str(file) for file in found)
    return Kubeconfig(joined, tuple(contexts.values()), current, proxies)


def _document(file: Path) -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        document = yaml.load(file.read_text(encoding="utf-8"), Loader=loader)
    except OSError as error:
        raise UsageError(f"The kubeconfig {file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"The kubeconfig {file} is not UTF-8 text.") from None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UsageError(f"The kubeconfig {file} is broken{line}: {error.problem}.") from None
    except yaml.YAMLError as error:
        raise UsageError(f"The kubeconfig {file} is broken: {clean(str(error))}.") from None
    if document is None:
        raise UsageError(f"The kubeconfig {file} is empty.")
    if not isinstance(document, dict):
        raise UsageError(f"The kubeconfig {file} is not one: it holds a {type(document).__name__}, not a mapping.")
    return document


def _named(document: dict[str, Any], section: str, part: str, file: Path) -> list[tuple[str, dict[str, Any]]]:
    entries = document.get(section) or []
    if not isinstance(entries, list):
        raise UsageError(f"The kubeconfig {file} is broken: {section} is not a list.")
    named = []
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise UsageError(f"The kubeconfig {file} is broken: number {number} of {section} has no name.")
        inner = entry.get(part) or {}
        if not isinstance(inner, dict):
            raise UsageError(f'The kubeconfig {file} is broken: {part} of "{entry["name"]}" is not a mapping.')
        named.append((entry["name"], inner))
    return named


def load(
    path: str | None = None,
    context: str | None = None,
    *,
    terminal: plugins.Terminal | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Credentials:
    """Credentials of one context, made anew: files read again, exec plugins run. Blocking: call it in a thread.

    Raises UsageError for the files and CredentialsFailed for what a plugin or an issuer said.
    """
    config = read(path, environ)
    library = package.library()
    if config is None:
        return _in_cluster(library)
    entry = config.context(context)
    outcome = plugins.Outcome()
    with tempfile.TemporaryDirectory(prefix="kfconsole-") as temp:
        try:
            made = library.load(
                config.path,
                entry.name,
                temp,
                plugins.provider(library.kube_config.ExecProvider, terminal, outcome),
            )
            proxy = config.proxies.get(entry.cluster, "") or environment_proxy(str(made.host), environ)
            return _credentials(made, entry, proxy=proxy, outcome=outcome)
        except plugins.PluginFailed as failed:
            raise failed.error from None
        except ConsoleError:
            raise
        except library.exception as error:
            raise UsageError(f"The kubeconfig {config.path} cannot be used: {clean(str(error)).rstrip('.')}.") from None
        except OSError as error:
            named = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            raise CredentialsFailed(f'The credentials of "{entry.user}" cannot be read: {clean(named)}.') from None
        except Exception as error:  # an OIDC issuer's failure comes as whatever its HTTP library raises
            name = type(error).__name__
            raise CredentialsFailed(
                f'The credentials of "{entry.user}" cannot be made: {clean(str(error)) or name}.',
                "Log in to the issuer again.",
            ) from error


def _in_cluster(library: package.Library) -> Credentials:
    made = library.configuration()
    try:
        library.incluster.load_incluster_config(client_configuration=made)
    except library.exception as error:
        raise UsageError(f"The pod's service account cannot be used: {clean(str(error)).rstrip('.')}.") from None
    file = Path(_NAMESPACE_FILE)
    namespace = file.read_text().strip() if file.exists() else "default"
    entry = ContextEntry("in-cluster", "in-cluster", "service account", namespace)
    return _credentials(made, entry, proxy=None, outcome=plugins.Outcome())


def _credentials(made: Any, entry: ContextEntry, *, proxy: str | None, outcome: plugins.Outcome) -> Credentials:
    server = str(made.host).rstrip("/")
    secure = server.startswith("https")
    # The key's name changed over the package's versions.
    authorization = made.api_key.get("BearerToken") or made.api_key.get("authorization") or ""
    authorization = authorization.strip()
    if authorization[:7] == "bearer ":
        authorization = f"Bearer {authorization[7:]}"
    context = print_ = None
    if secure:
        context = tls.context(
            ca_file=made.ssl_ca_cert,
            cert_file=made.cert_file,
            key_file=made.key_file,
            verify=bool(made.verify_ssl),
            server_name=getattr(made, "tls_server_name", None),
        )
        print_ = _print_of(made)
    warning = ""
    if not secure:
        warning = "plain HTTP: nothing protects this connection"
    elif not made.verify_ssl:
        warning = "insecure-skip-tls-verify: the server's certificate is not checked"
    return Credentials(
        context=entry.name,
        cluster=entry.cluster,
        user=entry.user,
        namespace=entry.namespace or "default",
        server=server,
        authorization=authorization,
        tls=context,
        tls_print=print_ or "",
        proxy=proxy,
        expires=_earliest(outcome.expires, jwt_expiry(authorization)),
        warning=warning,
        plugin=outcome.used,
    )


def _print_of(made: Any) -> str:
    digest = hashlib.sha256(f"{made.verify_ssl} {getattr(made, 'tls_server_name', None)}".encode())
    for name in (made.ssl_ca_cert, made.cert_file, made.key_file):
        digest.update(Path(name).read_bytes() if name else b"-")
    return digest.hexdigest()


def environment_proxy(server: str, environ: Mapping[str, str]) -> str | None:
    """The proxy that HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY name for a server."""
    lower = {name.lower(): value for name, value in environ.items() if name.lower().endswith("_proxy") and value}
    parts = urlsplit(server)
    proxy = lower.get(f"{parts.scheme}_proxy") or lower.get("all_proxy")
    if not proxy:
        return None
    bypassed = urllib.request.proxy_bypass_environment(  # type: ignore[attr-defined]
        parts.netloc.rpartition("@")[2], {"no": lower.get("no_proxy", "")}
    )
    return None if bypassed else proxy


def jwt_expiry(authorization: str) -> float | None:
    """`exp` of a bearer token that is a JWT, in seconds since 1970."""
    parts = authorization.removeprefix("Bearer ").split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(claims["exp"])
    except (binascii.Error, ValueError, KeyError, TypeError):
        return None


def _earliest(*times: float | None) -> float | None:
    known = [time for time in times if time is not None]
    return min(known) if known else None
