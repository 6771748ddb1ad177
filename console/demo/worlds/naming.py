"""Stable identities: the same words always give the same uid, suffix or address."""

from __future__ import annotations

import hashlib
import uuid

_SPACE = uuid.UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")
SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # k8s.io/apimachinery/pkg/util/rand


def stable_uid(*words: str) -> str:
    """A uid that depends on the words alone."""
    return str(uuid.uuid5(_SPACE, "/".join(words)))


def suffix(length: int, *words: str) -> str:
    """Letters as Kubernetes appends to generated names."""
    digest = hashlib.sha256("/".join(words).encode()).digest()
    return "".join(SUFFIX_LETTERS[byte % len(SUFFIX_LETTERS)] for byte in digest[:length])


def number(limit: int, *words: str) -> int:
    """A number below `limit` that depends on the words alone."""
    return int.from_bytes(hashlib.sha256("/".join(words).encode()).digest()[:6], "big") % limit
