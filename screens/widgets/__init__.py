"""Reusable widgets: each draws one thing and knows no cluster."""
