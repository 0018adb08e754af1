"""What an instance of a workload lives by: the parameters that it reads, where services are, its pace, its counts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

#: What an instance counts, by position in its shared array.
COUNTS = (
    "logins", "logins_refused", "login_troubles",
    "tokens_checked", "tokens_refused",
    "events_checked", "events_refused",
    "stripe_taken", "stripe_duplicates", "stripe_refused",
    "payments_made", "payments_refused", "payments_troubles",
    "sms_sent", "sms_refused", "sms_troubles",
    "callbacks_checked", "callbacks_refused",
    "mails_sent", "mails_refused", "mails_troubles",
    "reads_torn",
)  # fmt: skip
#: Says that one more was counted.
Count = Callable[[str], None]
#: How a line about a refusal or a trouble begins.
TROUBLE = "trouble:"


@dataclass(frozen=True, slots=True)
class Diet:
    """Which parameters an instance reads; an empty name: it does not use that kind."""

    database: str = ""
    jwt: str = ""
    jwt_accepted: str = ""
    token: str = ""
    token_accepted: str = ""
    signing_keys: str = ""
    stripe_key: str = ""
    stripe_accepted: str = ""
    twilio_sid: str = ""
    twilio_secret: str = ""
    twilio_accepted: str = ""
    smtp_username: str = ""
    smtp_password: str = ""
    others: tuple[str, ...] = ()

    def names(self) -> list[str]:
        """Every parameter name, once."""
        named = (getattr(self, each.name) for each in fields(self) if each.name != "others")
        return sorted({name for name in (*named, *self.others) if name})

    def held(self, name: str, values: Mapping[str, str]) -> str:
        """What was read of one kind; empty where the instance does not use it."""
        parameter: str = getattr(self, name)
        return values[parameter] if parameter else ""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the services are that an instance calls. They are no secrets: a deployment writes them down."""

    stripe: str = ""
    twilio: str = ""
    twilio_account: str = ""
    smtp_port: int = 0  # on this machine
    ca_file: str = ""  # the authority of the SMTP server's certificate


@dataclass(frozen=True, slots=True)
class Pace:
    """How busy an instance is and how long its tokens live, in seconds."""

    between_logins: float = 0.15
    between_tokens: float = 0.3
    between_events: float = 0.4
    between_sendings: float = 1.2
    token_life: float = 3.0


def tell(trouble: str) -> None:
    """Every refusal and every trouble is a line on standard error, so that whoever counts can explain."""
    print(TROUBLE, trouble, file=sys.stderr, flush=True)
