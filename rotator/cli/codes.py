"""Exit codes: a public vocabulary (docs/reference/exit-codes.md)."""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """What a shell learns."""

    OK = 0  # done, or nothing to do
    ERROR = 1
    USAGE = 2  # bad usage, settings or policy
    SOME_FAILED = 3
    REFUSED = 4  # window, freeze, approval: not as things stand
    BUSY = 5  # another process holds the embedded journal
    DUE = 10  # with --exit-code: work is due
    OVERDUE = 11
    FAILED = 12
    FINDING = 13  # drift, or a credential that nobody knows
    TIMEOUT = 124  # --timeout passed while the work goes on
    INTERRUPTED = 130
