"""A certificate authority and a server certificate for the loopback, made anew by the openssl command at each start."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from console.errors import ConsoleError, UsageError

_SETTINGS = """
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = IP:127.0.0.1, IP:::1, DNS:localhost, DNS:kubernetes.default.svc
"""
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_DAYS = "365"


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in the folder they were made in: what clients trust, and what the server shows."""

    authority: Path
    certificate: Path
    key: Path


def make_certificates(folder: Path) -> Certificates:
    """Certificates for 127.0.0.1 and localhost; UsageError where there is no openssl, ConsoleError where it fails."""
    openssl = shutil.which("openssl")
    if openssl is None:
        raise UsageError("--tls needs the openssl command, which is not installed.", "Install it, or leave --tls out.")
    settings = folder / "openssl.cnf"
    made = Certificates(folder / "ca.crt", folder / "server.crt", folder / "server.key")
    authority_key, request = folder / "ca.key", folder / "server.csr"
    settings.write_text(_SETTINGS.format(name="kfconsole demo authority"))
    _run(openssl, "req", "-x509", *_KEY, "-keyout", authority_key, "-out", made.authority, "-days", _DAYS,
         "-config", settings, "-extensions", "authority")  # fmt: skip
    settings.write_text(_SETTINGS.format(name="kfconsole demo"))
    _run(openssl, "req", "-new", *_KEY, "-keyout", made.key, "-out", request, "-config", settings)
    _run(openssl, "x509", "-req", "-in", request, "-CA", made.authority, "-CAkey", authority_key, "-set_serial", "2",
         "-out", made.certificate, "-days", _DAYS, "-extfile", settings, "-extensions", "server")  # fmt: skip
    for path in (authority_key, made.key):
        path.chmod(0o600)
    return made


def _run(*argv: str | Path) -> None:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConsoleError(f"The certificate for --tls could not be made: {error}.") from error
    if done.returncode:
        raise ConsoleError(f"The certificate for --tls could not be made: {done.stderr.strip()[-300:]}.")
