"""A platform whose rollouts take as long as they are told to, in the terms of the sandbox's redeployer."""

# ruff: noqa: TID251 - a benchmark measures real time

from __future__ import annotations

import threading
import time
from collections import Counter
from http import HTTPStatus
from typing import Any


class Platform:
    """Every workload that it is asked for is there. Counts restarts, and remembers when rollouts began."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.restarts = Counter[str]()
        self._began: dict[str, float] = {}
        self._lock = threading.Lock()

    @property
    def spans(self) -> list[tuple[float, float]]:
        """From when to when each rollout took, by the wall clock."""
        return [(began, began + self.seconds) for began in self._began.values()]

    def answer(self, path: str, order: Any) -> tuple[HTTPStatus, Any]:
        """Starts a rollout, once a label; or says how one stands."""
        if order is not None:
            self._roll(order["workload"], order["label"])
            return HTTPStatus.ACCEPTED, None
        began = self._began.get(path.rpartition("/")[2])
        if began is None:
            return HTTPStatus.NOT_FOUND, None
        progress = "done" if time.time() - began >= self.seconds else "pending"
        return HTTPStatus.OK, {"progress": progress, "sentence": "rolling", "seen": {}}

    def _roll(self, workload: str, label: str) -> None:
        with self._lock:
            if label not in self._began:
                self._began[label] = time.time()
                self.restarts[workload] += 1
