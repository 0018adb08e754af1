"""The command line beside a journal with a story in it; nothing else is there: no AWS, no daemon, no network."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from rotator.cli.main import main
from rotator.clock import SystemClock
from rotator.config.reading import load_with
from rotator.config.settings import read_settings
from rotator.contracts.journal import Journal, Told
from rotator.journal import open_journal
from rotator.model.observations import Observed, Surveyed
from rotator.model.policy import Policies
from rotator.model.requests import RequestState
from rotator.model.rotation import Ledger, Phase, Reason, Rotation, State
from rotator.testing.journal_contract.rows import opens

DAY = timedelta(days=1)
#: One secret for each way to stand; all live in production, and HEALTHY in staging, too.
NAMES = ("PARKED", "FAILED", "WAITS_FOR_YES", "GRACE", "TOO_OLD", "HEALTHY", "NOT_SEEN", "GONE")


class Said(NamedTuple):
    """What came of one command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Beside:
    """An installation's folder, and whoever types in it."""

    folder: Path
    capture: pytest.CaptureFixture[str] | None
    monkeypatch: pytest.MonkeyPatch

    def __post_init__(self) -> None:
        for name in ("COLUMNS", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"):
            self.monkeypatch.delenv(name, raising=False)
        self.monkeypatch.setenv("ROTATOR_JOURNAL", self.url)
        self.monkeypatch.setenv("ROTATOR_POLICIES", str(self.policy_file))
        self.monkeypatch.setenv("ROTATOR_REDEPLOYER", "sandbox")
        self.policy_file.write_text(policy_text())

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder}/state/journal.sqlite"

    @property
    def policy_file(self) -> Path:
        return self.folder / "policies.yaml"

    def __call__(self, *words: str) -> Said:
        assert self.capture is not None
        self.monkeypatch.setattr(sys, "argv", ["rotator", *words])
        self.capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = self.capture.readouterr()
        assert "Traceback" not in said.err
        return Said(int(ended.value.code or 0), said.out, said.err)

    @contextmanager
    def journal(self) -> Iterator[Journal]:
        with closing(open_journal(self.url, daemon=False)) as journal:
            yield journal

    @property
    def policies(self) -> Policies:
        loaded = load_with(read_settings(), self.policy_file.read_text())
        assert loaded.policies is not None, loaded.complaints
        return loaded.policies

    def daemon_seems_to_run(self) -> None:
        """The journal's lock names a process that lives: this one."""
        lock = self.folder / "state" / "journal.sqlite.lock"
        lock.write_text(f"process {os.getpid()} on {socket.gethostname()}\n")

    @contextmanager
    def daemon_answers(self, state: RequestState, sentence: str) -> Iterator[None]:
        """A daemon seems to run, and settles the first request like that."""
        self.daemon_seems_to_run()

        def answer() -> None:
            clock = SystemClock()
            with self.journal() as journal:
                while not journal.requests():
                    clock.sleep(0.05)
                journal.settle_request(journal.requests()[0].id, state, sentence)

        daemon = threading.Thread(target=answer)
        daemon.start()
        yield
        daemon.join()

    def scanned_ago(self, span: timedelta) -> None:
        """The last scan of every environment was so long ago; opening the journal as such takes longer."""
        at = datetime.now(UTC) - span
        with closing(sqlite3.connect(self.folder / "state" / "journal.sqlite")) as file, file:
            file.execute(
                "UPDATE environment SET surveyed = json_set(surveyed, '$.scanned_at', ?)", [at.isoformat()]
            )

    def tell_the_story(self, scanned: timedelta = timedelta(minutes=2)) -> None:
        """Scans so long ago, and a rotation for each way to stand."""
        policies = self.policies
        with self.journal() as journal:
            journal.note_policy(policies, self.policy_file.read_text())
            now = journal.now()
            for name in policies.environments:
                journal.note_surveyed(
                    Surveyed(environment=name, scanned_at=now - scanned, agreed=True, digest="x")
                )
            journal.note_observed(
                Observed(
                    secret=secret.secret,
                    observed_at=now,
                    present=secret.name != "GONE",
                    versions={} if secret.name == "GONE" else dict.fromkeys(secret.recipe.fields.values(), 3),
                    modified_at=None if secret.name == "GONE" else now - age,
                )
                for secret in policies.secrets.values()
                if secret.name != "NOT_SEEN"
                for age in (95 * DAY if secret.name == "TOO_OLD" else 40 * DAY,)
            )
            rotate = partial(_rotate, journal, policies)
            rotate("PARKED", Phase.PROVE, State.PARKED, Reason.STILL_ALIVE, "it still works")
            rotate("FAILED", Phase.CREATE, State.ACTIVE, Reason.RETRYING, "no answer", attempt=4)
            rotate("WAITS_FOR_YES", Phase.FORGET, State.ACTIVE, Reason.AWAITING_YES, "asks")
            rotate("GRACE", Phase.GRACE, State.ACTIVE, Reason.GRACE, "the old one lives")


def _rotate(
    journal: Journal,
    policies: Policies,
    name: str,
    phase: Phase,
    state: State,
    reason: Reason,
    sentence: str,
    attempt: int = 0,
) -> None:
    now, secret = journal.now(), f"production/{name}"
    draft = Rotation(
        id=f"r{name.lower().replace('_', '')}", secret=secret, principal=secret, provider="token",
        phase=Phase.PLAN, run_at=now, opened_at=now, phase_since=now, recipe=policies.secrets[secret].recipe,
    )  # fmt: skip
    opens(journal, draft, Told("opened", "it was due"))
    claimed = next(one for one in journal.claim_rotations("t", 10, Phase, DAY) if one.id == draft.id)
    ledger = Ledger(grace_until=now + 3 * DAY, confirmed_at=now) if phase is Phase.GRACE else Ledger()
    changed = claimed.model_copy(
        update={
            "phase": phase, "state": state, "reason": reason, "sentence": sentence, "attempt": attempt,
            "run_at": now + DAY, "ledger": ledger,
        }
    )  # fmt: skip
    kind = {State.PARKED: "parked"}.get(state, "retries" if attempt else "waits")
    journal.checkpoint(claimed, changed, Told(kind, sentence, phase), release=True)


def policy_text() -> str:
    exempt = {"until": "2099-01-01", "reason": "not there"}
    secrets: dict[str, dict[str, Any]] = {
        name: {"type": "shared", "deploy": ["api"], "accepted_as": f"{name}_ACCEPTED"} for name in NAMES
    }
    for name, secret in secrets.items():
        if name != "HEALTHY":
            secret["environments"] = {"staging": {"exempt": {**exempt}}}
    environments = {
        name: {"path": f"/taly/{name}", "aws": {"region": "eu-central-1"}, "kubernetes": {"namespace": name}}
        for name in ("staging", "production")
    }
    return yaml.safe_dump(
        {
            "apiVersion": "rotator/v1",
            "kind": "RotationPolicies",
            "defaults": {"owner": "platform", "warn_before": []},
            "environments": environments,
            "types": {"shared": {"provider": "token", "rotate_every": "90d", "grace": "3d"}},
            "secrets": secrets,
            "deployments": {"api": {"kubernetes": "deployment/api"}},
            "owners": {"platform": {"email": "platform@taly.example"}},
        },
        sort_keys=False,
    )
