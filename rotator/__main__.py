"""`rotator`, and `python -m rotator`: the command line, and for the daemon an ear for SIGTERM before anything else.

A daemon loads for a second or two before it runs, and whoever asks it to stop meanwhile is obeyed at once: nothing has
begun, and an opening journal survives it as it survives kill -9. Unheard, the signal would end it with 143; and as
process 1 of a container it would not end at all, because the kernel keeps from that one what it does not listen to.
Nothing is imported here that takes time.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from types import FrameType

from rotator import __version__


def main() -> None:
    """The console script."""
    if sys.argv[1:] == ["--version"]:  # asked alone it needs no command line: scripts and probes ask it often
        sys.stdout.write(f"rotator {__version__}\n")
        return
    if "run" in sys.argv:
        signal.signal(signal.SIGTERM, _not_begun)
    from rotator.cli.main import main as command_line  # noqa: PLC0415 - this is what takes time

    command_line()


def _not_begun(_number: int, _frame: FrameType | None) -> None:
    """Ends the process with a line, as the daemon does once it runs. No logging: it may be half imported."""
    said = "stopped before it ran"
    if not sys.stderr.isatty():
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        said = json.dumps({"event": said, "level": "info", "timestamp": now})
    os.write(2, f"{said}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    main()
