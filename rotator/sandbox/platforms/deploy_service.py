"""A deploy service of a company's own, played over the platform in memory: the far side of the redeployer `http`.

Without a key it asks for no signature: that is what the program of the redeployer `command` talks to
(deploy_program.py). It is as strict as docs/reference/adapters/http.md tells its author to be: signatures are compared
in constant time, times of more than five minutes ago or ahead are refused, and a label is rolled out once.
It simplifies: one workload.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from datetime import timedelta

from rotator.clock import SystemClock
from rotator.contracts.clock import Clock
from rotator.contracts.redeployer import RolloutProgress
from rotator.sandbox.platforms.front import RETRY_AFTER, Answer, Asked, serve
from rotator.testing.memory_platform import MemoryPlatform

ROLE = "taly-staging-app"
_TOLERANCE = timedelta(minutes=5)


class DeployService:
    """Rolls out the workload at `path`. `why` is what it says of failures; `tells_starts`: it knows them."""

    def __init__(self, clock: Clock, key: bytes | None, path: str, platform: MemoryPlatform) -> None:
        self.clock, self.platform = clock, platform
        self._key, self._path = key, path
        self.why, self.tells_starts = "not-ready", True
        self.instead: Answer | None = None  # what it answers whatever it is asked

    def operation(self, asked: Asked) -> str:
        """Method and the first word below the path."""
        return f"{asked.method} {asked.path.removeprefix(self._path).strip('/').partition('/')[0]}"

    def changes(self, asked: Asked) -> bool:
        """A start of a rollout."""
        return asked.method == "POST"

    def turned_away(self) -> Answer:
        """Later."""
        return Answer(429, {}, {"Retry-After": str(RETRY_AFTER)})

    def answer(self, asked: Asked) -> Answer:
        """One request."""
        if not self._signed(asked):
            return Answer(401, {"error": asked.body.decode()})
        if self.instead:
            return self.instead
        self.platform.catch_up()
        match asked.method, asked.path.removeprefix(self._path).strip("/").split("/"):
            case "POST", ["rollouts"]:
                self.platform.roll(asked.content["label"])
                return Answer(202, {})
            case "GET", ["rollouts", label]:
                return self._progress(label)
            case "GET", ["starts"] if self.tells_starts:
                return Answer(200, [{"role": ROLE, "at": at.isoformat()} for at in self.platform.starts])
        return Answer(404, {})

    def _progress(self, label: str) -> Answer:
        rollout = self.platform.rollouts.get(label)
        if rollout is None:
            return Answer(404, {})
        living, seen = self.platform.living, dict[str, int]()
        for one in living:
            for name, held in one.read.items():
                seen[name] = min(held.version, seen.get(name, held.version))
        failed = rollout.progress is RolloutProgress.FAILED
        said = {
            "progress": rollout.progress,
            "why": ("replaced" if "another" in rollout.sentence else self.why) if failed else "",
            "fresh": sum(one.rollout == label for one in living),
            "wanted": self.platform.replicas,
            "left": sum(one.started_at < rollout.started_at for one in living),
            "seen": seen,
        }
        return Answer(200, said)

    def _signed(self, asked: Asked) -> bool:
        if self._key is None:
            return True
        time, shown = asked.headers.get("x-rotator-time", ""), asked.headers.get("x-rotator-signature", "")
        text = f"{time}\n{asked.method}\n{asked.path}\n".encode() + asked.body
        expected = "v1=" + hmac.new(self._key, text, hashlib.sha256).hexdigest()
        now = self.clock.now().timestamp()
        fresh = time.isdigit() and abs(now - int(time)) <= _TOLERANCE.total_seconds()
        return fresh and hmac.compare_digest(expected, shown)


def main() -> None:
    """`python -m rotator.sandbox.platforms.deploy_service --port 0`: serves /api, with the key in DEPLOY_KEY."""
    clock = SystemClock()
    key = os.environ["DEPLOY_KEY"].encode()
    serve(lambda: DeployService(clock, key, "/api", MemoryPlatform(clock, "staging/api", {})))


if __name__ == "__main__":
    main()
