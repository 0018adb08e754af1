"""An environment on another store than SSM, with the real installation and the real engine: only the daemon's clock is
not real."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from rotator.config.settings import Settings
from rotator.daemon.installation import Installation
from rotator.daemon.policy import PolicyInForce
from rotator.engine.ownership import hold_environments
from rotator.engine.scan import open_due, survey
from rotator.engine.worker import Worker
from rotator.journal import open_memory_journal
from rotator.model.requests import Request, RequestKind
from rotator.model.rotation import Rotation, State
from rotator.sandbox.aws import REGION
from rotator.testing.virtual_clock import VirtualClock

TOKEN = "INTERNAL_API_TOKEN"


def policy(path: str, store: Mapping[str, Any], **secret: Any) -> str:
    """policies.yaml of one environment with one token."""
    ours = {"type": "token", "accepted_as": f"{TOKEN}_ACCEPTED", "deploy": [], **secret}
    document = {
        "apiVersion": "rotator/v1",
        "kind": "RotationPolicies",
        "defaults": {"owner": "platform", "warn_before": [], "grace": "1h"},
        "environments": {"staging": {"path": path, "aws": {"region": REGION}, "store": dict(store)}},
        "types": {"token": {"provider": "token", "rotate_every": "90d", "settings": {"format": "hex"}}},
        "secrets": {TOKEN: ours},
        "owners": {"platform": {"email": "platform@taly.example"}},
    }
    return yaml.safe_dump(document, sort_keys=False)


class Employer:
    """Whoever runs rotator there."""

    def __init__(self, folder: Path, text: str, endpoints: Mapping[str, str]) -> None:
        (folder / "policies.yaml").write_text(text)
        self.clock = VirtualClock(datetime.now(UTC))
        settings = Settings(
            policies=folder / "policies.yaml",
            journal="sqlite:///nowhere",
            key_file=folder / "sealing.key",
            endpoints=dict(endpoints),
        )
        self.journal = open_memory_journal(now=self.clock.now)
        self.parts = Installation(settings, self.journal, PolicyInForce(settings, self.journal), self.clock)

    def rotates(self, within: timedelta = timedelta(days=3)) -> Rotation:
        """As the daemon does: it owns, looks twice, is asked, opens, and works until the rotation has ended."""
        hold_environments(self.parts)
        for _ in range(2):
            survey(self.parts)
            self.clock.pass_by(timedelta(minutes=5))
        about = f"staging/{TOKEN}"
        asked = Request(id="q1", kind=RequestKind.ROTATE, about=about, by="ana", at=self.clock.now())
        self.journal.add_request(asked)
        assert open_due(self.parts) == 1
        worker, ends = Worker(self.parts, "worker"), self.clock.now() + within
        while self.row().state is State.ACTIVE and self.clock.now() < ends:
            busy = worker.work()
            self.clock.pass_by(timedelta(seconds=5 if busy else 60))
        survey(self.parts)
        return self.row()

    def row(self) -> Rotation:
        """The rotation."""
        (found,) = self.journal.rotations(secret=f"staging/{TOKEN}")
        return found
