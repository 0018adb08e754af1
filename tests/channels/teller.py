"""`python -m tests.channels.teller FOLDER PORT CA_FILE [NEW]`: a process that tells people by mail, to be killed.

It goes on with the journal in FOLDER as a daemon does, and posts NEW alerts beside (0 by default), each a mail of its
own. It ends when there is nothing left to tell. The server's login comes in MAIL_USER and MAIL_PASSWORD.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import cast

from rotator.channels.smtp import Smtp
from rotator.clock import SystemClock
from rotator.contracts.journal import Journal
from rotator.contracts.parts import Parts
from rotator.engine.settings import Bounds
from rotator.journal import open_journal
from rotator.model.alerts import Alert, AlertKind, Severity
from rotator.model.policy import AlertPolicy, OwnerPolicy, Policies
from rotator.model.secrets import Sealed
from tests.delivery import deliver_due

MAILBOX = "platform@taly.example"


def one_owner(addresses: dict[str, str]) -> Policies:
    """A policy of nothing but one owner, who is told everything once."""
    return Policies(
        version="1",
        environments={},
        secrets={},
        owners={"platform": OwnerPolicy(name="platform", addresses=addresses)},
        default_owner="platform",
        alerts=AlertPolicy(repeat=()),
    )


@dataclass
class Telling:
    """What the outbox needs of an installation."""

    journal: Journal
    clock: SystemClock

    def policies(self) -> Policies:
        """Whoever reads mail."""
        return one_owner({"email": MAILBOX})


def main(folder: Path, port: int, ca_file: Path, new: int = 0) -> None:
    """Posts and tells, one after the other."""
    clock = SystemClock()
    channel = Smtp(
        host="127.0.0.1",
        port=port,
        username=os.environ["MAIL_USER"],
        password=Sealed(os.environ["MAIL_PASSWORD"]),
        sender="rotator@taly.example",
        clock=clock,
        ca_file=ca_file,
    )
    url = f"sqlite:///{folder / 'journal.sqlite'}"
    with closing(open_journal(url, daemon=True, monotonic=time.monotonic)) as journal:
        parts, known = cast(Parts, Telling(journal, clock)), len(journal.alerts(unclosed=False))
        left = deliver_due(parts, {"email": channel}, f"process {os.getpid()}", Bounds())
        for number in range(known, known + new):
            journal.post_alert(_alert(number, journal), timedelta())
            left = deliver_due(parts, {"email": channel}, f"process {os.getpid()}", Bounds())
        while left:
            left = deliver_due(parts, {"email": channel}, f"process {os.getpid()}", Bounds())


def _alert(number: int, journal: Journal) -> Alert:
    """In an environment of its own: nothing is company to it."""
    return Alert(
        identity=f"parked/{number}",
        kind=AlertKind.PARKED,
        severity=Severity.WARNING,
        environment=f"environment-{number}",
        owner="platform",
        title=f"KEY_{number}: parked",
        opened_at=journal.now(),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), *map(int, sys.argv[4:]))
