"""The Textual application: what an operator sees and the keys they press."""
