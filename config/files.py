"""Where settings, state and caches of a user live, and how their YAML is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import platformdirs
import yaml

from console.errors import UsageError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def config_folder() -> Path:
    """The user's config folder of kfconsole (not created)."""
    return Path(platformdirs.user_config_dir("kfconsole"))


def state_folder() -> Path:
    """The user's state folder of kfconsole, created with 0700: saved views, history."""
    folder = Path(platformdirs.user_state_dir("kfconsole"))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def read_yaml(text: str, name: str) -> Any:
    """One YAML document; UsageError names the file and the line that is wrong."""
    try:
        return yaml.load(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise UsageError(f"{name} is not valid YAML{where}: {problem}.", "Correct that line.") from None
