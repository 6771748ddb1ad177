"""Settings, keymap and themes: data the console reads once, when it starts."""

from config.files import config_folder, state_folder
from config.keymap import Binding, Keymap
from config.settings import ContextSettings, Settings, Values, load
from config.themes import Theme, load_themes

__all__ = [
    "Binding",
    "ContextSettings",
    "Keymap",
    "Settings",
    "Theme",
    "Values",
    "config_folder",
    "load",
    "load_themes",
    "state_folder",
]
