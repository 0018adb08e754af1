"""A town with one environment: its AWS, its people, one workload, and the daemon as its own process."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore.config import Config

from rotator.contracts.journal import Journal
from rotator.journal import open_journal
from rotator.model.requests import Request, RequestKind
from rotator.model.rotation import Rotation, State
from rotator.sandbox.aws import REGION, AwsWorld, Parameter
from rotator.sandbox.people import SMTP_HOST, PeopleWorld
from rotator.sandbox.processes import Child
from tests.daemon.forked import ForkedDaemon
from tests.daemon.platform import Platform

CHANNEL, MAILBOX = "C0ROTATOR", "platform@taly.example"
TOKEN, SIGNING = "INTERNAL_API_TOKEN", "WEBHOOK_SIGNING_KEY"
KEY = "alias/taly-staging"
#: Longer than anything here takes, also on a machine that others use.
PATIENCE = 100.0


@dataclass
class Town:
    """Everything around the daemon. Each has a path of its own, so that many share one AWS."""

    folder: Path
    aws: AwsWorld
    people: PeopleWorld | None = None
    path: str = field(default_factory=lambda: f"/t{secrets.token_hex(5)}/staging")
    names: tuple[str, ...] = (TOKEN,)
    platform: Platform = field(init=False)
    extra: dict[str, Any] = field(default_factory=dict)  # secrets with their types, added to the policy

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.platform = Platform(self.accepted)
        self._ssm = boto3.client(
            "ssm",
            endpoint_url=self.aws.endpoint,
            region_name=REGION,
            aws_access_key_id="consumer",
            aws_secret_access_key=secrets.token_hex(),
            config=Config(retries={"total_max_attempts": 8, "mode": "standard"}),
        )
        values = {name: secrets.token_hex(32) for name in self.names}
        for name, value in values.items():
            self.seed(name, value)
            self.seed(f"{name}_ACCEPTED", json.dumps([value]))
        self.write_policy()
        self.platform.start()
        messages = self.people.control.messages() if self.people is not None else {}
        self._read_before = {service: len(read) for service, read in messages.items()}

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder}/state/journal.sqlite"

    @property
    def policy_file(self) -> Path:
        return self.folder / "policies.yaml"

    @property
    def log(self) -> Path:
        return self.folder / "daemon.log"

    def seed(self, name: str, value: str) -> None:
        self.aws.control.seed([Parameter(f"{self.path}/{name}", value, key_id=KEY)])

    def value(self, name: str) -> str:
        return str(
            self._ssm.get_parameter(Name=f"{self.path}/{name}", WithDecryption=True)["Parameter"]["Value"]
        )

    def accepted(self) -> frozenset[str]:
        """What an instance that starts now would accept."""
        return frozenset(
            member for name in self.names for member in json.loads(self.value(f"{name}_ACCEPTED"))
        )

    def versions(self) -> dict[str, int]:
        pages = self._ssm.get_paginator("describe_parameters").paginate(
            ParameterFilters=[{"Key": "Path", "Option": "Recursive", "Values": [self.path]}]
        )
        return {one["Name"]: one["Version"] for page in pages for one in page["Parameters"]}

    def policy(self) -> dict[str, Any]:
        settings = {"format": "hex", "bits": 256}
        kind = {"provider": "token", "rotate_every": "3650d", "grace": "1d", "settings": settings}
        probe = f"{self.platform.address}/accepts"
        ours = {
            name: {"type": "shared", "accepted_as": f"{name}_ACCEPTED", "probe": probe, "deploy": ["api"]}
            for name in self.names
        }
        return {
            "apiVersion": "rotator/v1",
            "kind": "RotationPolicies",
            "defaults": {
                "owner": "platform",
                "warn_before": [],
                "quarantine": "1d",
                "retry": {"attempts": 5, "backoff": "1s..3s"},
            },
            "environments": {
                "staging": {"path": self.path, "aws": {"region": REGION, "kms_key": KEY}, "mode": "auto"}
            },
            "types": {"shared": kind, **self.extra.get("types", {})},
            "secrets": {**ours, **self.extra.get("secrets", {})},
            "deployments": {"api": {"kubernetes": "deployment/api", "timeout": "20s"}},
            "owners": {"platform": {"slack": CHANNEL, "email": MAILBOX}},
            "alerts": {"group_wait": "0s", "repeat": ["3650d"]},
            "unmanaged": "ignore",
        }

    def write_policy(self, **changes: Any) -> None:
        text = yaml.safe_dump({**self.policy(), **changes}, sort_keys=False)
        draft = self.policy_file.with_suffix(".new")
        draft.write_text(text)
        draft.replace(self.policy_file)

    def environment(self, **changes: str) -> dict[str, str]:
        settings = {
            **self.aws.environment("rotator"),
            "ROTATOR_JOURNAL": self.url,
            "ROTATOR_POLICIES": str(self.policy_file),
            "ROTATOR_KEY_FILE": str(self.folder / "state" / "sealing.key"),
            "ROTATOR_SCALE": "0.00001",
            "ROTATOR_REDEPLOYER": "sandbox",
            "ROTATOR_ENDPOINT_PLATFORM": self.platform.address,
            "ROTATOR_SSM_WRITES_PER_SECOND": "100",
            "ROTATOR_SCAN_EVERY": "0.5s",
            "ROTATOR_ALERTS_EVERY": "0.3s",
            "ROTATOR_ALERT_PATIENCE": "0.1s",
            "ROTATOR_ALERT_ATTEMPTS": "1",
            "ROTATOR_POLL": "0.1s",
            "ROTATOR_SLOW_POLL": "0.5s",
            "ROTATOR_LINGER": "0.1s",
            "ROTATOR_SIGNED_REQUEST_LIFE": "2s",
            "ROTATOR_WORKERS": "2",
            "COLUMNS": "160",
        }
        if self.people is not None:
            logins = self.people.logins
            settings |= {
                "ROTATOR_SLACK_TOKEN": logins.slack_token,
                "ROTATOR_ENDPOINT_SLACK": self.people.slack_api,
                "ROTATOR_SMTP_HOST": SMTP_HOST,
                "ROTATOR_SMTP_PORT": str(self.people.smtp_port),
                "ROTATOR_SMTP_USER": logins.smtp_username,
                "ROTATOR_SMTP_PASSWORD": logins.smtp_password,
                "ROTATOR_SMTP_FROM": "rotator@taly.example",
                "ROTATOR_SMTP_CA_FILE": str(self.people.ca_file),
            }
        return {**settings, **changes}

    def start(self, **changes: str) -> ForkedDaemon:
        return ForkedDaemon(self.log, self.environment(**changes))

    def load(self, **changes: str) -> Child:
        """A daemon that is not loaded yet, as whoever starts one has it."""
        return Child(
            "the daemon under test",
            [sys.executable, "-m", "rotator", "run"],
            log=self.log,
            environment=self.environment(**changes),
        )

    @contextmanager
    def daemon(self, **changes: str) -> Iterator[ForkedDaemon]:
        """A daemon that runs meanwhile; it must not have ended by itself, nor shown a traceback."""
        runs = len(self.said("running"))
        child = self.start(**changes)
        try:
            self.until("it runs", lambda: len(self.said("running")) > runs or not child.running)
            yield child
        finally:
            code = child.stop(within=PATIENCE)
        assert code == 0, self.log.read_text()
        assert "Traceback" not in self.log.read_text()

    def cli(self, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "rotator", *words],
            env={**os.environ, **self.environment(**changes)},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done

    @contextmanager
    def journal(self, url: str = "") -> Iterator[Journal]:
        with closing(open_journal(url or self.url, daemon=False)) as journal:
            yield journal

    def lines(self) -> list[dict[str, Any]]:
        """What the daemon logged; every line is JSON, once it is whole."""
        text = self.log.read_text() if self.log.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def said(self, event: str, **facts: str) -> list[dict[str, Any]]:
        """Lines of one event, in which each of `facts` contains this text."""
        return [
            line
            for line in self.lines()
            if line["event"] == event and all(text in str(line.get(key)) for key, text in facts.items())
        ]

    def nags(self) -> list[tuple[str, str]]:
        """What does not work, and why, of which the log tells more than twice: so at every turn, or nearly."""
        told = Counter((line["what"], line["trouble"]) for line in self.said("trouble"))
        return [trouble for trouble, times in told.items() if times > 2]

    def scanned(self, url: str = "") -> bool:
        """Whether two scans agreed, so that rotations may begin."""
        with self.journal(url) as journal:
            surveyed = journal.surveyed()
            return bool(surveyed) and all(one.agreed and not one.trouble for one in surveyed.values())

    def ask(self, name: str, kind: RequestKind = RequestKind.ROTATE, url: str = "") -> None:
        """A request, as the command line leaves one."""
        with self.journal(url) as journal:
            journal.add_request(
                Request(id=secrets.token_hex(8), kind=kind, about=name, by="a person", at=journal.now())
            )

    def rotated(self, url: str = "") -> list[Rotation]:
        """The rotations that are done, the newest first."""
        with self.journal(url) as journal:
            return [one for one in journal.rotations() if one.state is State.DONE]

    def alerts(self, kind: str, url: str = "") -> list[str]:
        """How alerts of a kind stand in the journal."""
        with self.journal(url) as journal:
            return [
                "closed" if row.alert.closed else "open"
                for row in journal.alerts(unclosed=False)
                if row.alert.kind == kind
            ]

    def mails(self) -> list[str]:
        """Subjects of what came by mail since the town was founded, the oldest first."""
        return [str(mail["subject"]) for mail in self._read("mail")]

    def posts(self) -> list[str]:
        """What Slack's readers see of what came since then."""
        return [str(message["shown"]) for message in self._read("slack")]

    def _read(self, service: str) -> list[dict[str, Any]]:
        assert self.people is not None, "nobody reads in this town"
        return self.people.control.messages()[service][self._read_before[service] :]

    def until(self, what: str, so: Callable[[], object], within: float = PATIENCE) -> None:
        """Waits until it is so."""
        deadline = time.monotonic() + within
        while not so():
            assert time.monotonic() < deadline, f"not within {within:g} s: {what}\n{self._log()}"
            time.sleep(0.05)

    def _log(self) -> str:
        return self.log.read_text()[-4000:] if self.log.exists() else "(no log)"
