"""Where a SQLite file may live: on a disk of this machine.

SQLite's WAL needs memory that all its processes share, and locks that hold; over a network file system both are
promises that nobody keeps (sqlite.org/wal.html, "does not work over a network filesystem"). Better said at the start
than found in a damaged journal.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from rotator.model.errors import Refused

_MOUNTS: Final = Path(
    "/proc/self/mountinfo"
)  # proc_pid_mountinfo(5); other systems have none, and are not checked
_REMOTE: Final = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "smb3",
        "smbfs",
    }
)

_ESCAPED: Final = re.compile(r"\\(\d{3})")  # \040 stands for a space


def refuse_network(folder: Path, mounts: Path = _MOUNTS) -> None:
    """Raises Refused when `folder` is on a file system that is reached over a network, or through FUSE."""
    kind = file_system(folder, mounts)
    if kind in _REMOTE or kind.split(".")[0] == "fuse":
        raise Refused(
            f"the journal's folder {folder} is on a network file system ({kind}), where SQLite loses data: "
            "give it a disk of this machine, or use PostgreSQL"
        )


def file_system(folder: Path, mounts: Path = _MOUNTS) -> str:
    """The type of the file system that `folder` is on, by the longest mount point above it; empty if unknown."""
    found, kind = Path(), ""
    place = folder.resolve()
    for line in mounts.read_text().splitlines() if mounts.exists() else ():
        before, _, after = line.partition(" - ")
        point = Path(_ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), before.split(" ")[4]))
        if place.is_relative_to(point) and len(point.parts) >= len(found.parts):
            found, kind = point, after.split(" ")[0]
    return kind
