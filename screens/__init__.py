"""What is seen: views, widgets and keys. Nothing here speaks HTTP or reads a manifest."""

from __future__ import annotations

import os

# Read by Textual when it is imported: no animation, and a lone escape is told from a sequence sooner.
os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
os.environ.setdefault("ESCDELAY", "100" if os.environ.get("SSH_CONNECTION") else "40")
