"""What a person should be told, computed from state.

Nothing is sent because something happened; an alert is open because something *is* so, and closes when it is not.
A crash between a change and its message therefore loses nothing: the next look finds the same state.
"""

from rotator.engine.alerts.keeping import keep_alerts

__all__ = ["keep_alerts"]
