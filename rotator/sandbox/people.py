"""The people of the sandbox, who read Slack and mail: one process that plays both services, and orders for it.

Slack is a stand-in that is as strict as Slack (slack_server.py); mail is a real SMTP server that wants STARTTLS and
AUTH and shows a certificate of its own (mail_server.py). Logins are made anew each time.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from rotator.sandbox.certificates import self_signed
from rotator.sandbox.faults import Outage, Rule
from rotator.sandbox.processes import Child, NotReady, listening_socket

READY_WITHIN = 90.0
SMTP_HOST = "127.0.0.1"
_VARIABLE = "SANDBOX_PEOPLE_"


@dataclass(frozen=True)
class Logins:
    """What a sender must show."""

    slack_token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    webhook_path: str = field(default_factory=lambda: f"/services/{secrets.token_urlsafe(24)}", repr=False)
    smtp_username: str = "rotator"
    smtp_password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """As `environment()` wrote them."""
        names = cls.__dataclass_fields__
        return cls(**{name: environment[_VARIABLE + name.upper()] for name in names})

    def environment(self) -> dict[str, str]:
        """As environment variables, for the process that checks them."""
        return {_VARIABLE + name.upper(): value for name, value in asdict(self).items()}


class PeopleControl:
    """Gives orders to running people, from any process that knows their address. Each order replaces the last."""

    def __init__(self, address: str) -> None:
        self._orders = httpx.Client(base_url=f"{address}/_sandbox/", timeout=60.0, trust_env=False)

    def set_faults(self, rules: Sequence[Rule], seed: int = 0) -> None:
        """From now on calls ("chat.postMessage", "webhook", "mail.rcpt", "mail.data", …) meet these faults."""
        self._put("faults", {"seed": seed, "rules": [rule._asdict() for rule in rules]})

    def set_outages(self, outages: Mapping[str, Outage]) -> None:
        """From now on these services ("slack", "mail") are away, and the others are back."""
        self._put("outages", dict(outages))

    def set_errors(self, errors: Mapping[str, str]) -> None:
        """From now on these operations answer these errors."""
        self._put("errors", dict(errors))

    def set_posts_per_second(self, rate: float | None) -> None:
        """How many messages a second Slack takes into a channel; None: any number."""
        self._put("quotas", {"posts_per_second": rate})

    def statistics(self) -> dict[str, Any]:
        """`calls`, `faults`, `refusals` by name; `findings`; `alerts`: {identity: {"slack", "mail", "resolved"}}."""
        return dict(self._get("statistics"))

    def messages(self) -> dict[str, list[dict[str, Any]]]:
        """What readers see now: `slack` and `mail`."""
        return dict(self._get("messages"))

    def raw(self) -> list[str]:
        """Every body and every mail as it came."""
        return list(self._get("raw"))

    def answers(self) -> bool:
        """Whether they are there."""
        try:
            self.statistics()
        except httpx.TransportError:
            return False
        return True

    def close(self) -> None:
        """Ends the connection, not the people."""
        self._orders.close()

    def _get(self, question: str) -> Any:
        return self._orders.get(question).raise_for_status().json()

    def _put(self, order: str, wanted: object) -> None:
        self._orders.put(order, json=wanted).raise_for_status()


class PeopleWorld:
    """The process itself, with its log and its certificate in `folder`. Raises NotReady where it did not come up."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._slack_port = self._smtp_port = 0
        self._server: Child | None = None
        self._control: PeopleControl | None = None
        self.logins = Logins()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Returns when they take messages and mails; after `stop()` on the same ports, with nothing remembered."""
        pair = self._folder / "people-certificate-and-key.pem"
        if not pair.exists():
            made = self_signed()
            pair.touch(mode=0o600)
            pair.write_bytes(made.certificate + made.key)
            self.ca_file.write_bytes(made.certificate)
        with listening_socket(self._slack_port) as slack, listening_socket(self._smtp_port) as mail:
            self._slack_port, self._smtp_port = slack.getsockname()[1], mail.getsockname()[1]
            sockets = [slack.fileno(), mail.fileno()]
            self._server = Child(
                "the sandbox's people",
                [sys.executable, "-m", "rotator.sandbox.people_server", *map(str, sockets), pair],
                log=self._folder / "people.log",
                environment=self.logins.environment(),
                keep_open=sockets,
            )
        self._control = PeopleControl(self._address)
        self._server.wait_until(self._control.answers, READY_WITHIN)
        return self

    def stop(self) -> None:
        """Ends them."""
        if self._control:
            self._control.close()
        if self._server:
            self._server.stop()

    @property
    def control(self) -> PeopleControl:
        """Raises NotReady before the first start."""
        if self._control is None:
            raise NotReady("the sandbox's people have not been started")
        return self._control

    @property
    def slack_api(self) -> str:
        """For a bot token."""
        return f"{self._address}/api/"

    @property
    def slack_webhook(self) -> str:
        """The incoming webhook's whole address."""
        return self._address + self.logins.webhook_path

    @property
    def smtp_port(self) -> int:
        """On SMTP_HOST."""
        return self._smtp_port

    @property
    def ca_file(self) -> Path:
        """The authority of the mail server's certificate, PEM."""
        return self._folder / "people-ca.pem"

    @property
    def _address(self) -> str:
        return f"http://127.0.0.1:{self._slack_port}"
