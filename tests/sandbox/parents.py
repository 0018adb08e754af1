"""Parents that a test may kill, and a way to see that their children went with them."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import textwrap


def parent_process(story: str) -> subprocess.Popen[str]:
    """A Python process that plays the parent."""
    prologue = "import sys, time\nfrom pathlib import Path\n"
    return subprocess.Popen(
        [sys.executable, "-c", prologue + textwrap.dedent(story)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def has_ended(process: int, within: float) -> bool:
    """Whether the process of this pidfd ends in time; unlike its number, a pidfd is never somebody else's."""
    poll = select.poll()
    poll.register(process, select.POLLIN)
    ended = bool(poll.poll(within * 1000))
    os.close(process)
    return ended
