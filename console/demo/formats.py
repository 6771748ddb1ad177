"""The string formats that Kubernetes checks: whether a text fits one; a format nobody checks fits anything."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from console.clock import parse_time

if TYPE_CHECKING:
    from collections.abc import Callable

_DURATION = re.compile(r"^-?(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h|d|w) ?)+$")
_DATE_TIME = re.compile(r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:?\d\d)$")
_UUID = re.compile(r"^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$", re.IGNORECASE)
_HOSTNAME = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$")
_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+$")


def fits(form: str, text: str) -> bool:
    """Whether a text is of a format."""
    check = _CHECKS.get(form)
    return check is None or check(text)


def _tried(read: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            read(text)
        except (ValueError, binascii.Error):
            return False
        return True

    return check


def _uri(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme) or text.startswith("/")


_CHECKS: dict[str, Callable[[str], bool]] = {
    "byte": _tried(lambda text: base64.b64decode(text, validate=True)),
    "cidr": _tried(lambda text: ipaddress.ip_network(text, strict=False)),
    "date": _tried(date.fromisoformat),
    "date-time": lambda text: bool(_DATE_TIME.match(text)) and parse_time(text) is not None,
    "duration": lambda text: text == "0" or bool(_DURATION.match(text)),
    "email": lambda text: bool(_EMAIL.match(text)),
    "hostname": lambda text: len(text) <= 253 and bool(_HOSTNAME.match(text)),
    "ipv4": _tried(ipaddress.IPv4Address),
    "ipv6": _tried(ipaddress.IPv6Address),
    "uri": _uri,
    "uuid": lambda text: bool(_UUID.match(text)),
}
