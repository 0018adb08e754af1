"""Stops a daemon under test between guard and send: nothing can fence what follows, so no moment is worse."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import structlog

from rotator.engine.worker import Worker


def freeze_when(hit: Callable[[str], bool]) -> None:
    """After guard has said yes to an effect, the whole process stops if `hit` says so of its phase.

    The bytes leave when it wakes. Effects of rollouts have the phase `rollout`.
    """
    asked = Worker._check

    def check(worker: Worker, row_id: str, seconds: float) -> None:
        asked(worker, row_id, seconds)
        if hit(structlog.contextvars.get_contextvars().get("phase", "rollout")):
            os.kill(os.getpid(), signal.SIGSTOP)

    Worker._check = check  # type: ignore[method-assign,assignment]  # the freeze must fall between guard and send, nowhere else
