"""A failure of the database becomes JournalAway with one sentence, and the driver's exception is left behind."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import sqlalchemy.exc

from rotator.journal.failures import SILENT, sentence_of
from rotator.model.errors import JournalAway

#: These are bugs of ours, not the database's state.
_BUGS: Final = (
    sqlalchemy.exc.IntegrityError,
    sqlalchemy.exc.ProgrammingError,
    sqlalchemy.exc.DataError,
    sqlalchemy.exc.NotSupportedError,
)


@contextmanager
def answering() -> Iterator[None]:
    """Turns every failure of the database into JournalAway; what can only be a bug of ours goes on as it is."""
    try:
        yield
    except sqlalchemy.exc.TimeoutError:
        raise JournalAway("all connections to the journal's database are in use") from None
    except (sqlalchemy.exc.DBAPIError, sqlite3.Error) as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        raise JournalAway(sentence) from None


def _sentence(error: sqlalchemy.exc.DBAPIError | sqlite3.Error) -> str | None:
    """What the failure means; None when it is a bug."""
    known = sentence_of(error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else error)
    return known or (None if isinstance(error, _BUGS) else SILENT)
