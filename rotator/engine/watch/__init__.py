"""The watch: who reads what, while it happens. A turn reads the trail, asks what started, and judges what was held.

One replica at a time has the turn; the journal's rows decide what is left to do, so whoever dies in the middle leaves
nothing behind that the next turn does not find.
"""

from rotator.engine.watch.turn import keep_watch, source_of

__all__ = ["keep_watch", "source_of"]
