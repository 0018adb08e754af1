"""What the outside does to the company all the time: Stripe's events, Twilio's news of messages, jobs in CI."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Self

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from rotator.sandbox.aws import REGION
from rotator.sandbox.demo.seeds import ENVIRONMENTS
from rotator.sandbox.demo.vendors import CI_KEY, Vendors

_BETWEEN_EVENTS, _BETWEEN_REPORTS, _BETWEEN_JOBS = 0.4, 0.5, 1.0
_LAST_TRIES = 5
#: A job that fails is started again once: it may have read the two halves of a key from before and after a write.
_TRIES, _BETWEEN_TRIES = 2, 1.0
_ONCE = Config(retries={"total_max_attempts": 1, "mode": "standard"}, proxies={}, read_timeout=8)


@dataclass
class Traffic:
    """Enter it to begin it; leave it, and what was under way has been delivered or given up."""

    vendors: Vendors
    counts: Counter[str] = field(default_factory=Counter)
    events: list[str] = field(default_factory=list)  # the ids of Stripe's events, for every environment
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        work: list[tuple[Callable[[], None], float]] = [
            (self._emit, _BETWEEN_EVENTS),
            (self._report, _BETWEEN_REPORTS),
            *((self._job_in(environment), _BETWEEN_JOBS) for environment in ENVIRONMENTS),
        ]
        self._threads = [threading.Thread(target=self._repeat, args=each, daemon=True) for each in work]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        for _ in range(_LAST_TRIES):
            if not self.vendors.stripe.deliver():
                break
            time.sleep(_BETWEEN_EVENTS)
        self._report()

    def _repeat(self, work: Callable[[], None], pause: float) -> None:
        while not self._stopping.wait(pause):
            work()

    def _emit(self) -> None:
        """A new event for everybody who listens, and another try of those that nobody has taken."""
        event = f"evt_{len(self.events) + 1:06}"
        self.events.append(event)
        self.vendors.stripe.emit({"id": event, "type": "invoice.paid", "data": {"object": {}}})
        self.vendors.stripe.deliver()

    def _report(self) -> None:
        for answer in self.vendors.twilio.report():
            self.counts["callbacks"] += 1
            self.counts["callbacks_unanswered"] += answer in {0, HTTPStatus.BAD_GATEWAY}

    def _job_in(self, environment: str) -> Callable[[], None]:
        place = self.vendors.github.scopes[self.vendors.place(environment)]
        session = Session(region_name=REGION)  # reads AWS's descriptions once

        def deployed() -> bool:
            """What GitHub gives the job when it starts, shown to AWS."""
            key_id, secret = (place.held[name].value for name in CI_KEY)
            sts = session.client(
                "sts",
                endpoint_url=self.vendors.address("STS"),
                aws_access_key_id=key_id,
                aws_secret_access_key=secret,
                config=_ONCE,
            )
            try:
                sts.get_caller_identity()
            except (ClientError, BotoCoreError):
                return False
            return True

        def job() -> None:
            self.counts["ci_jobs"] += 1
            for _ in range(_TRIES):
                if deployed():
                    return
                self.counts["ci_jobs_started_again"] += 1
                time.sleep(_BETWEEN_TRIES)
            self.counts["ci_jobs_refused"] += 1

        return job
