"""What a cluster asks a daemon, does it turn, is it ready, what are its figures, and the page that people look at.

Never a value, never a write.
"""
