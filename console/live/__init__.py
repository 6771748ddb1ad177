"""What is there, kept current: list then watch, and the rows of one kind in one scope."""
