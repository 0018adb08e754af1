"""The company's vendors: Stripe, Twilio, AWS's IAM with SES, and GitHub, each as the sandbox plays it.

They serve in threads of this process: one process each would be five more on a machine with two cores, and the audit
asks them past their APIs. Days are short here and so is what vendors count in days; what takes them real time does so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from rotator.clock import SystemClock
from rotator.model.secrets import Sealed
from rotator.providers.ses_smtp import smtp_password
from rotator.sandbox.aws import REGION
from rotator.sandbox.certificates import self_signed
from rotator.sandbox.demo.seeds import AGES, ENVIRONMENTS
from rotator.sandbox.diet import Places
from rotator.sandbox.faults import Fault, Rule
from rotator.sandbox.platforms.front import Front
from rotator.sandbox.platforms.github import Github, HeldSecret, Scope
from rotator.sandbox.sources.iam import Iam, Key
from rotator.sandbox.sources.ses_smtp import SesServer
from rotator.sandbox.sources.stripe import Endpoint, Stripe
from rotator.sandbox.sources.twilio import Held, Twilio

APP, REPOSITORY = "184467", "repos/taly/crm"
#: What CI reads of the deploy key, as GitHub calls it.
CI_KEY = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
#: A change is heard of everywhere after so long: real vendors take up to a minute.
_PROPAGATION = timedelta(seconds=1)
#: Trying to deliver an event takes real time, however short the days are.
_TRIED_AT_LEAST = timedelta(seconds=15)

_STRIPE_FAULTS = (
    Rule(Fault.LOST_ANSWER, "POST /v1/webhook_endpoints", 0.3),
    Rule(Fault.INTERNAL_ERROR, "POST /v1/webhook_endpoints/*", 0.1),
    Rule(Fault.THROTTLED, "GET /v1/webhook_endpoints", 0.03),
)
_TWILIO_FAULTS = (
    Rule(Fault.LOST_ANSWER, "DELETE /v1/Keys/*", 0.3),
    Rule(Fault.LOST_ANSWER, "POST /v1/AuthTokens/Promote", 0.3),
    Rule(Fault.THROTTLED, "GET /v1/Keys", 0.03),
)
_AWS_FAULTS = (
    Rule(Fault.LOST_ANSWER, "UpdateAccessKey", 0.2),
    Rule(Fault.LOST_ANSWER, "DeleteAccessKey", 0.2),
    Rule(Fault.THROTTLED, "ListAccessKeys", 0.05),
)


@dataclass
class Account:
    """What one environment has at the vendors; the first of each was made by a person, long ago."""

    twilio: str
    main_key: Held = field(repr=False)
    api_key: Held = field(repr=False)
    stripe_admin_key: str = field(repr=False)
    stripe_key: str = field(repr=False)
    mailer: Key = field(repr=False)
    deployer: Key = field(repr=False)
    github_key: str = field(repr=False)
    endpoint: Endpoint | None = field(default=None, repr=False)


class Vendors:
    """All of them, while the context lasts. `day` is the length of a calendar day in seconds."""

    def __init__(self, folder: Path, day: float) -> None:
        clock, self._folder, self._day, scale = SystemClock(), folder, day, day / 86400
        tried = max(timedelta(days=3) * scale, _TRIED_AT_LEAST)
        self.stripe = Stripe(clock, tried=tried)
        self.twilio = Twilio(clock, propagation=_PROPAGATION, listing=_PROPAGATION)
        self.iam = Iam(
            clock,
            propagation=_PROPAGATION,
            listing=_PROPAGATION,
            use_shows=timedelta(hours=4) * scale,
            shown_in=timedelta(seconds=1),
        )
        self.github = Github(clock)
        self.github.app = APP
        self.github.scopes = {self.place(environment): Scope() for environment in ENVIRONMENTS}
        self.accounts = {environment: self._opened(environment) for environment in ENVIRONMENTS}
        self._addresses: dict[str, str] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        made = self_signed()
        self.ca_file.write_bytes(made.certificate)
        pair = self._folder / "ses-certificate-and-key.pem"
        pair.touch(mode=0o600)
        pair.write_bytes(made.certificate + made.key)
        self.ses = SesServer(self.iam, REGION, pair)
        self.ses.start()
        self._open.callback(self.ses.stop)
        aws = self._open.enter_context(self.iam.server.serving())
        self._addresses = {
            "STRIPE": self._open.enter_context(self.stripe.server.serving()),
            "TWILIO": self._open.enter_context(self.twilio.server.serving()),
            "IAM": aws,
            "STS": aws,
            "GITHUB": self._open.enter_context(Front(self.github)).address,
            f"SES_SMTP_{REGION.replace('-', '_').upper()}": f"https://127.0.0.1:{self.ses.port}",
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def ca_file(self) -> Path:
        """The authority of SES's certificate."""
        return self._folder / "ses-ca.pem"

    @property
    def settings(self) -> dict[str, str]:
        """What leads the daemon here."""
        found = {f"ROTATOR_ENDPOINT_{name}": address for name, address in self._addresses.items()}
        found["ROTATOR_ENDPOINT_ASSISTED"] = self._addresses["STRIPE"]  # the one whose keys can be tried
        return {**found, "SSL_CERT_FILE": str(self.ca_file)}

    def address(self, vendor: str) -> str:
        """Where a vendor answers."""
        return self._addresses[vendor]

    def places(self, environment: str) -> Places:
        """What leads consumers here."""
        return Places(
            self._addresses["STRIPE"],
            self._addresses["TWILIO"],
            self.accounts[environment].twilio,
            self.ses.port,
            str(self.ca_file),
        )

    @staticmethod
    def place(environment: str) -> str:
        """Where an environment's Actions secrets are."""
        return f"{REPOSITORY}/environments/{environment}"

    def values(self, environment: str) -> dict[str, str]:
        """What the company had written into SSM of it, by the parameter's name below the environment's path."""
        account = self.accounts[environment]
        assert account.endpoint is not None, "it is made when its URL is known"
        return {
            "STRIPE_SECRET_KEY": account.stripe_key,
            "STRIPE_WEBHOOK_SECRET": account.endpoint.secret,
            "TWILIO_API_KEY_SID": account.api_key.id,
            "TWILIO_API_KEY_SECRET": account.api_key.secret,
            "TWILIO_AUTH_TOKEN": self.twilio.tokens[account.twilio].secret,
            "ci/AWS_ACCESS_KEY_ID": account.deployer.id,
            "ci/AWS_SECRET_ACCESS_KEY": account.deployer.secret,
            "SES_SMTP_USERNAME": account.mailer.id,
            "SES_SMTP_PASSWORD": mail_password(account.mailer),
            "rotator/STRIPE_ADMIN_KEY": account.stripe_admin_key,
            "rotator/GITHUB_APP_KEY": account.github_key,
            "rotator/TWILIO_MAIN_KEY": f"{account.main_key.id}:{account.main_key.secret}",
        }

    def set_up(self, environment: str, webhook: str) -> None:
        """The company tells Stripe where its webhook is, and GitHub what CI deploys with."""
        account, now = self.accounts[environment], self.github.clock.now()
        account.endpoint = self.stripe.somebody_makes(webhook)
        account.endpoint.created_at = self._made_at("STRIPE_WEBHOOK_SECRET")
        held = self.github.scopes[self.place(environment)].held
        for name, value in zip(CI_KEY, (account.deployer.id, account.deployer.secret), strict=True):
            held[name] = HeldSecret(value, now, now)

    def make_weather(self) -> None:
        """From now on rotator's own calls meet faults."""
        self.stripe.weather.set_faults(_STRIPE_FAULTS, seed=20)
        self.twilio.weather.set_faults(_TWILIO_FAULTS, seed=20)
        self.iam.weather.set_faults(_AWS_FAULTS, seed=20)

    def values_made(self) -> Iterator[tuple[str, str]]:
        """(name, value) of every secret that a vendor has made: rotator had most of them in its hands."""
        yield from ((f"the secret of {one.id}", one.secret) for one in self.stripe.ever)
        yield from (("a key of Stripe", key) for key in self.stripe.keys)
        yield from ((f"the secret of {one.id}", one.secret) for one in self.twilio.ever)
        yield from ((f"the secret of {key.id}", key.secret) for key in self.iam.ever())
        yield from ((f"the password of {key.id}", mail_password(key)) for key in self.iam.ever())
        yield from (("a key of the GitHub App", key) for key in self.github.app_keys)
        yield from (("a token of GitHub's", token) for token in self.github.tokens)

    def faults(self) -> int:
        """How many there were."""
        weathers = (self.stripe.weather, self.twilio.weather, self.iam.weather)
        return sum(weather.counts["faults"].total() for weather in weathers)

    def _opened(self, environment: str) -> Account:
        account = self.twilio.somebody_opens()
        opened = Account(
            account,
            main_key=self.twilio.somebody_makes(account, kind="main"),
            api_key=self.twilio.somebody_makes(account),
            stripe_admin_key=self.stripe.somebody_makes_a_key(),
            stripe_key=self.stripe.somebody_makes_a_key(),
            mailer=self.iam.somebody_makes(f"taly-{environment}-ses"),
            deployer=self.iam.somebody_makes(f"taly-{environment}-ci"),
            github_key=self.github.somebody_makes_a_key(),
        )
        opened.main_key.created_at = self._made_at("rotator/TWILIO_MAIN_KEY")
        opened.api_key.created_at = self._made_at("TWILIO_API_KEY_SID")
        opened.mailer.created_at = self._made_at("SES_SMTP_USERNAME")
        opened.deployer.created_at = self._made_at("ci/AWS_ACCESS_KEY_ID")
        return opened

    def _made_at(self, parameter: str) -> datetime:
        """A vendor's date is as old as the parameter."""
        return self.iam.clock.now() - timedelta(seconds=AGES[parameter] * self._day)


def mail_password(key: Key) -> str:
    """What SES takes as the password of an access key."""
    return smtp_password(Sealed(key.secret), REGION).reveal()
