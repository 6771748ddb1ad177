"""One cluster over HTTP: credentials, transport, what it serves and what this user may do."""

from __future__ import annotations

import sys

# httpx imports rich, click and pygments for a command line of its own and goes on without where it cannot:
# measured 50 ms and 6 MB of every headless start.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
