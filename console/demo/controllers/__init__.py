"""Simulators of the controllers: API clients like any other."""
