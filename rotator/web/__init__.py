"""What a cluster asks a daemon: does it turn, is it ready, and what are its figures. Never a value, never a write."""
