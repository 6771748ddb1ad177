"""The registry of kinds: one file a kind, one line here each."""
