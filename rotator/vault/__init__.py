"""Vault and OpenBao: one way to log in, to ask, and to say what went wrong, below all adapters that need it."""
