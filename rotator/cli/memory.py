"""Memory that holds values is for this process alone: nothing of it in a core dump, and no debugger of the same user.

A crashing process would leave a file with whatever it held, and another process of the same user could read it while
it lives. Root still can: what root must not see, root must not run.
"""

from __future__ import annotations

import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4  # prctl(2)


def keep_private() -> None:
    """Before the first value is read. What this process starts gets no core dumps either."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
