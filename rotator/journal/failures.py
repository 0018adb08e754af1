"""What a failure of the database means, in one sentence.

Whatever the driver says may quote SQL, values or the address with its password, so nothing of it goes any further:
the sentence is chosen by the failure's code.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

#: By the beginning of SQLite's error name (sqlite.org/rescode.html).
_SQLITE: Final = {
    "SQLITE_BUSY": "the journal's file is locked by another process: it is tried again",
    "SQLITE_LOCKED": "the journal's file is locked by another process: it is tried again",
    "SQLITE_FULL": "the disk of the journal is full: nothing can be recorded until there is space",
    "SQLITE_READONLY": "the journal's file cannot be written: look at its owner, its mode and the mount",
    "SQLITE_CANTOPEN": "the journal's file cannot be opened: look at its folder, its owner and its mode",
    "SQLITE_PERM": "the journal's file cannot be opened: look at its folder, its owner and its mode",
    "SQLITE_IOERR": "the disk of the journal answers with errors: nothing can be recorded",
    "SQLITE_CORRUPT": "the journal's file is damaged: stop rotator and restore it from a backup",
    "SQLITE_NOTADB": "the journal's file is not a journal: look at the setting that names it",
    "SQLITE_INTERRUPT": "the journal's file was closed in the middle of a call",
}
#: By the beginning of PostgreSQL's SQLSTATE (PostgreSQL documentation, appendix A).
_POSTGRESQL: Final = {
    "08": "the journal's database cannot be reached",
    "25006": "the journal's database takes no writes: it is a standby, or was made read-only",
    "28": "the journal's database refuses our login: look at the user and the password",
    "3D": "the journal's database does not exist on its server",
    "40": "the journal's database chose another writer first: it is tried again",
    "42501": "the journal's database does not let our user do this: grant it the tables of its schema",
    "53": "the journal's database has run out of disk, memory or connections",
    "55P03": "the journal's database was locked for too long: it is tried again",
    "57": "the journal's database is shutting down, starting up, or cut the call short",
    "58": "the journal's database answers with errors of its disk: nothing can be recorded",
    "XX": "the journal's database reports damage or a fault of its own: look at its log",
}
SILENT: Final = "the journal's database gave no answer"
#: EFBIG is a limit of the process or of the file system, and ends like a full disk.
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NOT_OURS: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def sentence_of(driver: BaseException | None) -> str | None:
    """What the failure that a driver raised means; None when its code is not one of those above."""
    for said, sentences in (
        (getattr(driver, "sqlite_errorname", None), _SQLITE),
        (getattr(driver, "sqlstate", None), _POSTGRESQL),
    ):
        for beginning, sentence in sentences.items():
            if said is not None and said.startswith(beginning):
                return sentence
    return None


def sentence_of_file(path: Path, error: OSError) -> str:
    """What keeps a file of the journal from being opened or written, and what to do."""
    said = error.strerror or type(error).__name__
    if error.errno in _NO_ROOM:
        return f"{path} cannot be written: its disk is full ({said}): make room there"
    if error.errno in _NOT_OURS:
        return f"{path} cannot be opened ({said}): let user {os.geteuid()} write to it and to its folder"
    return f"{path} cannot be opened ({said}): look at its folder"
