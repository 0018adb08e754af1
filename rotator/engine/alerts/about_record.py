"""The alert about the record itself: something in it is not as it was written.

All of the record is read once a day, by each replica: what one has found, only a later look may take back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from rotator.contracts.parts import Parts
from rotator.engine.alerts.about_installation import LOG, Installation
from rotator.engine.alerts.closing import closed
from rotator.engine.alerts.finding import listed
from rotator.engine.alerts.posting import post
from rotator.model.alerts import AlertKind, Severity
from rotator.model.numbers import counted
from rotator.model.record import Broken


def tell_of_record(parts: Parts, faults: Sequence[Broken]) -> None:
    """Opens the alert, or ends it: `faults` is what a look at all of the record has just found."""
    now = parts.journal.now()
    open_one = next(
        (
            row.alert
            for row in parts.journal.alerts(unclosed=True)
            if row.alert.kind is AlertKind.AUDIT_BROKEN and not row.alert.closed
        ),
        None,
    )
    if not faults:
        if open_one is not None:
            parts.journal.post_alert(closed(open_one, now, None, None), timedelta())
        return
    places = dict.fromkeys(fault.rotation or "the signed heads" for fault in faults)
    unchecked = all(fault.unchecked for fault in faults)
    facts = {
        "What": f"{counted(len(faults), 'place')} of the record: {faults[0].sentence}",
        "Which": listed(tuple(places)),
        "Impact": "none on credentials; who did what, and when, cannot be proved from here on",
        "Done": "all of the record was read and compared, and nothing of it repaired",
        "Next": "rotator goes on, and looks again within a day",
    }
    finding = Installation(parts.policies(), now).finding(
        AlertKind.AUDIT_BROKEN,
        Severity.WARNING if unchecked else Severity.CRITICAL,
        "a part of rotator's record cannot be checked"
        if unchecked
        else "rotator's record is not as it was written",
        facts,
        f"keep a copy of the journal before anything else; the log says where: {LOG} | grep 'the record'",
    )
    post(parts, finding.alert, open_one, parts.policies().alerts.group_wait)
