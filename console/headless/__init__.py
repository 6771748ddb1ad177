"""One-shot verbs: a table or JSON on standard output and an exit code."""
