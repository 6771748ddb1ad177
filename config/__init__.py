"""Settings, keymap and themes: data the console reads once, when it starts."""
