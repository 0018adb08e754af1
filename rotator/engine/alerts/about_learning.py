"""The alert about learning: while the watch learns it is a row of the digest, and when it has, one message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rotator.engine.alerts.about_installation import Installation
from rotator.engine.alerts.finding import Finding, identity, listed
from rotator.model.alerts import AlertKind, Severity
from rotator.model.numbers import counted
from rotator.model.watch import Sighting

#: There is one.
LEARNED = identity(AlertKind.READS_LEARNED, "", "")


def about_learning(here: Installation, learned: Sequence[Sighting]) -> Iterator[Finding]:
    """One row while the watch learns, and one message when it has: what would have been told, and where the rules are.

    It is over when policies.yaml allows all of it, or when a person has looked.
    """
    until = here.policies.access.learn_until
    learning = until is not None and here.now < until
    if not learning and not learned:
        return
    calls = sum(one.times for one in learned)
    facts = {
        "What": f"{counted(calls, 'read')} in {counted(len(learned), 'sighting')} would have been told"
        if learned
        else "nothing so far that would have been told",
        "Who": listed(tuple(sorted({one.principal for one in learned}))) if learned else "nobody",
        "Secrets": listed(tuple(sorted({name for one in learned for name in one.secrets})))
        if learned
        else "none",
        "Impact": "whoever is no rule's had the time to read" if learned else "none",
        "Done": "written down, and told to nobody",
        "Next": f"kept quiet until {until:%Y-%m-%d %H:%M} UTC; histories, writes and rotator's own role are told"
        if learning and until
        else "the same reads are told from now on, one by one",
    }
    yield here.finding(
        AlertKind.READS_LEARNED,
        Severity.INFO if learning else Severity.WARNING,
        "the access watch learns" if learning else "the access watch has learned who reads secrets",
        facts,
        "see them, and the rules to paste into access.allow: rotator access learned",
    )
