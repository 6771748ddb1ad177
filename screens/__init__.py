"""What is seen: views, widgets and keys. Nothing here speaks HTTP or reads a manifest."""

from __future__ import annotations

import os

# Read by Textual when it is imported: no animation, a lone escape told from a sequence sooner, and a key drawn within
# milliseconds (changed data is gathered to fewer frames by screens.following).
os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
os.environ.setdefault("ESCDELAY", "100" if os.environ.get("SSH_CONNECTION") else "40")
os.environ.setdefault("TEXTUAL_FPS", "30" if os.environ.get("SSH_CONNECTION") else "120")
