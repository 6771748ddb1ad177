"""Worlds: what the embedded cluster holds when it starts, seeded or read from a file."""
