"""run: the daemon."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rotator.cli.memory import keep_private
from rotator.cli.opening import Unusable, settings
from rotator.clock import SystemClock
from rotator.config.settings import Settings
from rotator.daemon.installation import Installation
from rotator.daemon.logs import start_logging
from rotator.daemon.policy import PolicyInForce
from rotator.daemon.rhythm import bounds_of, rhythm_of
from rotator.daemon.run import Daemon
from rotator.daemon.serving import serving
from rotator.journal import open_journal
from rotator.journal.place import journal_place
from rotator.model.errors import JournalAway, Refused, Transient

_LEVELS = ("debug", "info", "warning", "error")


def run_daemon(log_level: str) -> None:
    """Runs until SIGTERM.

    Raises JournalAway, JournalBusy, NoPolicy, CannotListen, and what else keeps a daemon from starting: whoever
    starts it (Kubernetes, systemd, a person) learns it at once, and tries again.
    """
    if log_level not in _LEVELS:
        raise Unusable(f"--log-level {log_level}: it is one of {', '.join(_LEVELS)}")
    keep_private()
    known = settings()
    start_logging(human=sys.stderr.isatty(), level=log_level)
    clock = SystemClock()
    with _where_the_journal_is(known):
        journal = open_journal(known.journal, daemon=True, monotonic=clock.monotonic)
        policy = PolicyInForce(known, journal)
        parts = Installation(known, journal, policy, clock)
        _must_be_able_to_seal(parts)
    daemon = Daemon(parts, policy, bounds_of(known), rhythm_of(known), known.workers)
    with serving(parts, policy, daemon.pulse, daemon.heartbeat):
        daemon.run()


@contextmanager
def _where_the_journal_is(known: Settings) -> Iterator[None]:
    """A journal that is away is named, by everything but its login."""
    try:
        yield
    except JournalAway as away:
        place = journal_place(known.journal)
        raise JournalAway(
            f"cannot start: {away}. The journal is {place.name}, by ROTATOR_JOURNAL; this tells more: {place.look}"
        ) from None


def _must_be_able_to_seal(parts: Installation) -> None:
    """A key file that is of no use shows now, and not when a rotation needs it. KMS is asked when it is needed."""
    if parts.settings.sealer != "keyfile":
        return
    try:
        parts.sealer.new_key({"app": "rotator", "made": "to see whether the key file is of use"})
    except (Refused, Transient) as trouble:
        raise Unusable(f"cannot start: ROTATOR_KEY_FILE: {trouble}") from None
