"""One daemon per SQLite file: whoever starts second is told who was first.

The lock is the kernel's (flock) and ends with the process, however that ends. So a daemon that holds it knows that the
former one is dead, and may give back what that one had claimed.
"""

from __future__ import annotations

import fcntl
import os
import socket
from contextlib import ExitStack
from pathlib import Path

from rotator.journal.failures import sentence_of_file
from rotator.model.errors import JournalAway, JournalBusy


class LockFile:
    """The exclusive lock beside a journal's file, held until `release()` or the end of the process.

    Raises JournalBusy when another process holds it, JournalAway when the file cannot be made or written.
    """

    def __init__(self, journal: Path) -> None:
        path = journal.with_name(journal.name + ".lock")
        with ExitStack() as failed:
            try:
                self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                failed.callback(self.release)
                self._take(journal)
            except OSError as error:
                raise JournalAway(f"the lock file {sentence_of_file(path, error)}") from None
            failed.pop_all()

    def _take(self, journal: Path) -> None:
        """Locks the file and writes down who we are, for whoever comes second."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 200, 0).decode(errors="replace").strip()
            raise JournalBusy(
                f"the journal {journal} is in use by {holder or 'another process'}: "
                "one daemon at a time works on it; stop that one first"
            ) from None
        os.truncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)

    def release(self) -> None:
        """Lets the next one in. The file stays: removing it would let two hold a lock of the same name."""
        os.close(self._descriptor)
