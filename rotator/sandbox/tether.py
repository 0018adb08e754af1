"""Runs a command that cannot outlive its parent: `python tether.py PARENT SIGNAL USER GROUP COMMAND…`.

The Linux kernel sends SIGNAL to the process when its parent dies, however it dies (PR_SET_PDEATHSIG, prctl(2)), so
a test run or a demo that is killed leaves nothing behind. The setting must be made by the child itself, after it
has given up root, because a change of user clears it; `exec` keeps it. That is why this is a program of its own that
turns into the command: the command keeps the process id that the parent knows.

USER and GROUP are numbers, or `-` to stay who we are. It imports nothing outside the standard library and runs with
`python -I -S`, so that it costs a few milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: str, death_signal: str, user: str, group: str, *command: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)  # loaded while we may still read the files of the parent's user
    if user != "-":
        os.setgroups([])
        os.setgid(int(group))
        os.setuid(int(user))
    if libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0) != 0:
        sys.exit(f"cannot tie {command[0]} to its parent: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != int(parent):
        sys.exit("the parent was gone before its child began")
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and an ignored signal survives exec
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"cannot run {command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(*sys.argv[1:])
