"""What one process tells people by itself, without the journal: once when it is so, and once when it is over.

For what only this process knows, or what cannot be written down. Messages begin at a whole minute and have the identity
that they are given, so that a channel which knows its messages again joins those of all replicas. A process that ends
takes along what it would have told.
"""

from __future__ import annotations

from rotator.daemon.installation import Installation
from rotator.engine.alerts.closing import closed
from rotator.engine.outbox import tell
from rotator.engine.repeats import unheard
from rotator.model.alerts import Alert, AlertRow


class OwnWord:
    """About one thing."""

    def __init__(self, parts: Installation) -> None:
        self._parts = parts
        self._row: AlertRow | None = None

    def so(self, alert: Alert) -> bool:
        """It is so: told, unless it has been. Whether it is news."""
        news = self._row is None or self._row.alert.closed
        if self._row is None or news:
            began = alert.opened_at
            whole = alert.model_copy(update={"opened_at": began.replace(second=0, microsecond=0)})
            self._row = AlertRow(alert=whole, run_at=began)
        self._tell(self._row)
        return news

    def over(self, ending: str = "") -> None:
        """It is over: told to whoever was told of it. `ending`: how, where its kind does not say that."""
        if self._row is None:
            return
        if not self._row.alert.closed:
            now = self._parts.clock.now()
            ended = closed(self._row.alert, now, None, None, ending)
            self._row = self._row.model_copy(update={"alert": ended, "run_at": now})
        self._tell(self._row)
        if not unheard(self._row):
            self._row = None

    def _tell(self, row: AlertRow) -> None:
        """As the outbox does: whoever could not be told is tried again, more and more slowly."""
        now = self._parts.clock.now()
        if row.run_at <= now:
            (self._row,), _ = tell(self._parts.policies(), self._parts.channels(unpaced=True), [row], now)
