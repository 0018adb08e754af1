"""The embedded world is itself tested: a demo on a broken stage proves nothing."""
