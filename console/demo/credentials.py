"""The kubeconfig file that lets a client in: the address, what to trust, and the administrator's token."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import yaml

from console.errors import UsageError


def kubeconfig(server: str, token: str, authority: Path | None = None) -> str:
    """The text of a kubeconfig with one context, `kfconsole-demo`."""
    cluster: dict[str, str] = {"server": server}
    if authority is not None:
        cluster["certificate-authority-data"] = base64.b64encode(authority.read_bytes()).decode()
    name = "kfconsole-demo"
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": "admin", "namespace": "default"}}],
            "current-context": name,
        },
        sort_keys=False,
    )


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read; UsageError where that cannot be done."""
    try:
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"The kubeconfig {path} cannot be written: {error.strerror}.") from error
