"""TLS contexts as kubectl makes them, and one sentence for every way a connection can fail."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

import httpx

from console.errors import CannotReach, CredentialsFailed, UsageError

# OpenSSL X509_V_ERR_* codes
_EXPIRED = 10
_NOT_YET = 9
_UNKNOWN_CA = frozenset({2, 18, 19, 20, 21})
_HOSTNAME = frozenset({62, 64})


class _NamedContext(ssl.SSLContext):
    """Verifies the server under a fixed name (`tls-server-name`), through proxies too."""

    fixed_name = ""

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return super().wrap_bio(incoming, outgoing, server_side, self.fixed_name, session)


def context(
    *, ca_file: str | None, cert_file: str | None, key_file: str | None, verify: bool, server_name: str | None
) -> ssl.SSLContext:
    """The TLS side of one cluster; `verify` False only where the kubeconfig says so. Raises UsageError."""
    made: ssl.SSLContext
    if server_name:
        named = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
        named.fixed_name = server_name
        made = named
    else:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # As Go verifies, and so kubectl: an intermediate CA may be the anchor, old cluster CAs lack newer extensions.
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    try:
        if not verify:
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
        elif ca_file:
            made.load_verify_locations(cafile=ca_file)
        else:
            made.load_default_certs()
    except (ssl.SSLError, OSError) as error:
        raise UsageError(f"The cluster's certificate-authority cannot be read: {_reason(error)}.") from None
    try:
        if cert_file:
            made.load_cert_chain(cert_file, key_file)
    except (ssl.SSLError, OSError) as error:
        raise UsageError(f"The client certificate or its key cannot be read: {_reason(error)}.") from None
    return made


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not PEM").replace("_", " ").lower()
    return error.strerror or str(error)


def explain(error: BaseException, server: str, proxy: str | None = None) -> CannotReach:
    """The sentence for a connection that could not be made or broke; never raises."""
    where = f"The proxy {proxy}" if proxy else f"{server}"
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _certificate(cause, server)
        if isinstance(cause, ssl.SSLError):
            return _handshake(cause, server)
        if isinstance(cause, socket.gaierror):
            return CannotReach(f"{where}: no such host is known.", "Check the address, DNS and VPN.")
        if isinstance(cause, ConnectionRefusedError):
            return CannotReach(f"{where} refuses connections.", "Check that it runs and that the port is right.")
        if isinstance(cause, OSError) and cause.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
            return CannotReach(f"{where}: there is no route to it.", "Check the network and VPN.")
    if isinstance(error, httpx.ProxyError):
        return CannotReach(f"The proxy {proxy} does not let the connection through: {error}.")
    if isinstance(error, httpx.ConnectTimeout):
        return CannotReach(f"{where} does not answer: connecting timed out.", "Check the network, VPN and firewall.")
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return CannotReach(f"{server} took the request and sent nothing in time.")
    if isinstance(error, httpx.UnsupportedProtocol):
        return CannotReach(f"{server} is not an http or https address.")
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError | ConnectionError):
        return CannotReach(f"The connection to {server} broke.", "It is tried again.")
    return CannotReach(f"{server} cannot be reached: {error or type(error).__name__}.")


def _certificate(error: ssl.SSLCertVerificationError, server: str) -> CannotReach:
    if error.verify_code == _EXPIRED:
        return CannotReach(f"The certificate of {server} has expired.", "It must be renewed on the cluster's side.")
    if error.verify_code == _NOT_YET:
        return CannotReach(f"The certificate of {server} is not valid yet.", "Check this machine's clock.")
    if error.verify_code in _UNKNOWN_CA:
        return CannotReach(
            f"The certificate of {server} is signed by an authority the kubeconfig does not trust.",
            "Check certificate-authority in the kubeconfig.",
        )
    if error.verify_code in _HOSTNAME:
        return CannotReach(
            f"The certificate of {server} was made for another name.", "Set tls-server-name in the kubeconfig."
        )
    return CannotReach(f"The certificate of {server} is not accepted: {error.verify_message}.")


def _handshake(error: ssl.SSLError, server: str) -> CannotReach:
    reason = (error.reason or "").replace("_", " ").lower()
    if "alert" in reason and "certificate" in reason:
        return CredentialsFailed(f"{server} does not accept the client certificate: {reason}.")
    if "wrong version" in reason or "http request" in reason:
        return CannotReach(f"{server} does not speak TLS.", "Check http or https in the kubeconfig's server.")
    return CannotReach(f"TLS with {server} failed: {reason or error}.")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, and the members of groups, each once."""
    pending, seen = [error], set[int]()
    while pending:
        current = pending.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        if isinstance(current, BaseExceptionGroup):
            pending.extend(current.exceptions)
        pending.extend(cause for cause in (current.__cause__, current.__context__) if cause is not None)
