"""Names in the embedded journal, for shell completion: with SQLite's own JSON, because a TAB waits for no model.

Every failure is silence: who presses TAB asked no question that could be answered with an error.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rotator.model.alert_ids import alert_id

#: Seconds to wait for a writer.
_PATIENCE: Final = 0.2
_SECRETS: Final = """
SELECT secret.key, json_extract(secret.value, '$.type'), json_extract(secret.value, '$.owner')
FROM policy_version, json_each(resolved, '$.secrets') AS secret
WHERE number = (SELECT max(number) FROM policy_version)"""
_ALERTS: Final = (
    "SELECT identity, json_extract(alert, '$.title') FROM alert WHERE NOT closed ORDER BY severity DESC"
)
_ROTATIONS: Final = "SELECT id, secret FROM rotation WHERE state IN ('active', 'parked')"


@dataclass(frozen=True, slots=True)
class Names:
    """What a person may name."""

    secrets: tuple[tuple[str, str, str], ...] = ()  # environment/NAME, its type, its owner
    rotations: tuple[tuple[str, str], ...] = ()  # the id of an unfinished rotation, and its secret
    alerts: tuple[tuple[str, str], ...] = ()  # the id of an open alert, and its title


def names_in(path: Path) -> Names:
    """The names of the policy in force, and of unfinished rotations; none where the file does not tell."""
    try:
        address = f"{path.absolute().as_uri()}?mode=rw"  # who only reads must still join the write-ahead log
        with closing(sqlite3.connect(address, timeout=_PATIENCE, uri=True)) as file:
            file.execute("PRAGMA query_only = ON")
            alerts = tuple((alert_id(identity), title) for identity, title in file.execute(_ALERTS))
            return Names(tuple(file.execute(_SECRETS)), tuple(file.execute(_ROTATIONS)), alerts)
    except sqlite3.Error:
        return Names()
