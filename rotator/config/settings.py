"""Settings: what the deployment says and a policy must not: where things are, what may be named, secrets of our own.

They come from environment variables that begin with ROTATOR_. A wrong one is a sentence and exit code 2.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from rotator.config.complaints import nearest
from rotator.config.describe import describe
from rotator.config.places import journal_address, state_file
from rotator.config.spelling import Duration, Listen, Region, Url, Wrong
from rotator.model.durations import parse_duration
from rotator.model.errors import RotatorError
from rotator.model.hosts import is_allowed
from rotator.model.secrets import Sealed

_PREFIX = "ROTATOR_"
_ENDPOINT = f"{_PREFIX}ENDPOINT_"
#: What Kubernetes sets in every pod beside a Service that is called rotator.
_SIGNS = "whsec_"
_KUBERNETES = re.compile(r"ROTATOR_(SERVICE|PORT)(_\w+)?")


class InvalidSettings(RotatorError):
    """Some settings cannot be used; `str()` has one sentence for each (exit code 2)."""

    exit_code = 2

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


def _sealed(value: Any) -> Any:
    return Sealed(value) if isinstance(value, str) else value


def _separated(value: Any) -> Any:
    return (
        tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value
    )


def _journal(value: str) -> str:
    if not re.match(r"(sqlite:///|postgresql(\+psycopg)?://)", value):
        raise Wrong("must begin with sqlite:/// or postgresql://")
    return value


def _listen(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    spelt = re.fullmatch(r"(?P<host>[\d.]+|localhost|\[[\da-fA-F:]+\]):(?P<port>\d{1,5})", value)
    if spelt is None or int(spelt["port"]) > 65535:
        raise Wrong("is no address to listen on; write it as 127.0.0.1:8080, or 0.0.0.0:8080 in a pod")
    return Listen(spelt["host"].strip("[]"), int(spelt["port"]))


def _signing_secret(value: Any) -> Any:
    if isinstance(value, str) and not all(map(_signs, value.split() or [""])):
        raise Wrong(
            "holds no signing secret; write whsec_ and the base64 of 24 to 64 random bytes, as of openssl rand"
        )
    return value


def _signs(word: str) -> bool:
    try:
        key = base64.b64decode(word.removeprefix(_SIGNS), validate=True)
    except ValueError:
        return False
    return word.startswith(_SIGNS) and 24 <= len(key) <= 64


SealedText = Annotated[Sealed, BeforeValidator(_sealed)]
SigningSecret = Annotated[Sealed, BeforeValidator(_sealed), BeforeValidator(_signing_secret)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_separated)]


def _region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "eu-central-1"


def _endpoints() -> dict[str, Any]:
    return {
        name.removeprefix(_ENDPOINT).lower(): value
        for name, value in os.environ.items()
        if name.startswith(_ENDPOINT) and value
    }


def _seconds(text: str) -> Any:
    return Field(default=parse_duration(text), gt=parse_duration("0s"))


class Settings(BaseSettings):
    """Every setting with its default; ROTATOR_ and the name in capitals is its variable."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
    )

    policies: Path = Path("policies.yaml")
    journal: Annotated[str, BeforeValidator(_journal), Field(repr=False)] = Field(
        default_factory=journal_address
    )
    region: Region = Field(
        default_factory=_region
    )  # of what belongs to no environment: KMS for the journal's data keys

    sealer: Literal["kms", "keyfile"] = "keyfile"
    kms_key: str | None = Field(default=None, validate_default=True)
    key_file: Path = Field(default_factory=lambda: state_file("sealing.key"))

    slack_token: SealedText | None = None
    slack_webhook: SealedText | None = None
    slack_app_token: SealedText | None = None  # for buttons
    smtp_host: str | None = None
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_user: str | None = None
    smtp_password: SealedText | None = Field(default=None, validate_default=True)
    smtp_from: str | None = Field(default=None, validate_default=True)
    smtp_ca_file: Path | None = None
    ses_region: Region | None = Field(default=None, validate_default=True)  # mail goes by Amazon SES
    ses_from: str | None = Field(default=None, validate_default=True)
    webhook_secret: SigningSecret | None = None  # of events for programs: each word signs
    docs_url: Url | None = None  # where the folder docs is served: alerts then link to their page

    listen: Annotated[Listen | None, NoDecode, BeforeValidator(_listen)] = (
        None  # health, metrics and the status page; None: nowhere
    )

    kubeconfig: Path | None = None  # None: the service account of rotator's own pod
    redeployer: str | None = None  # does the work of every other: the sandbox's
    scale: float = Field(default=1.0, gt=0, le=1)  # durations of the calendar are multiplied by it
    reference_prefixes: Words = ()
    allowed_hosts: Words = ()
    commands: Words = ()  # full paths of programs that policies may call to restart a workload
    own_recipes: bool = False  # policies may write requests with rotator's own token, and SQL that Vault runs

    workers: int = Field(default=4, ge=1, le=64)
    claim_seconds: int = Field(default=60, ge=20, le=600)
    ssm_writes_per_second: float = Field(default=3.0, gt=0, le=100)
    signed_request_life: Duration = _seconds("15m")
    scan_every: Duration = _seconds("5m")
    census_every: Duration = _seconds("1d")
    alerts_every: Duration = _seconds("15s")
    trail_every: Duration = _seconds("20s")  # records of who read what
    alert_patience: Duration = _seconds("10m")  # trouble that mostly passes is told after so long
    alert_attempts: int = Field(default=6, ge=1)  # that fail at an address before the others hear of it
    poll: Duration = _seconds("2s")
    slow_poll: Duration = _seconds("5m")
    linger: Duration = _seconds("2m")  # a rollout stays open for others to join

    endpoints: dict[str, Url] = Field(default_factory=_endpoints, validate_default=True)

    def endpoint(self, service: str) -> str | None:
        """The address of a far side (`ssm`, `kms`, `slack` …) from ROTATOR_ENDPOINT_<SERVICE>, or None."""
        return self.endpoints.get(service.lower().replace("-", "_"))

    def allows(self, host: str) -> bool:
        """Whether rotator may talk to a host: this machine, the allowed hosts, and those of ROTATOR_ENDPOINT_…."""
        named = {urlsplit(address).hostname for address in self.endpoints.values()}
        return host in named or is_allowed(host, self.allowed_hosts)

    @property
    def can_tell(self) -> bool:
        """Whether any channel is set up."""
        ways = self.slack_token, self.slack_webhook, self.smtp_host, self.ses_region, self.webhook_secret
        return any(way is not None for way in ways)

    @field_validator("kms_key", "slack_app_token", "smtp_password", "smtp_from", "ses_region", "ses_from")
    @classmethod
    def _together(cls, value: Any, info: ValidationInfo) -> Any:
        """What another setting asks for; seen per field, so that it is said beside every other mistake."""
        given = info.data
        match info.field_name:
            case "kms_key" if given.get("sealer") == "kms" and not value:
                raise Wrong("is missing; ROTATOR_SEALER=kms needs a key, e.g. alias/rotator")
            case "slack_app_token" if value and not given.get("slack_token"):
                raise Wrong("goes together with ROTATOR_SLACK_TOKEN, and that is missing")
            case "smtp_password" if (given.get("smtp_user") is None) != (value is None):
                raise Wrong("goes together with ROTATOR_SMTP_USER, and one of them is missing")
            case "smtp_from" if given.get("smtp_host") and not value:
                raise Wrong("is missing; mail needs a sender, e.g. rotator@taly.example")
            case "ses_region" if value and given.get("smtp_host"):
                raise Wrong("is one way too many; mail goes by ROTATOR_SMTP_HOST already")
            case "ses_from" if given.get("ses_region") and not value:
                raise Wrong(
                    "is missing; mail needs a sender that SES has verified, e.g. rotator@taly.example"
                )
        return value


def read_settings() -> Settings:
    """The settings of this process. Raises InvalidSettings with every mistake."""
    sentences = _misspelt(os.environ)
    try:
        settings = Settings()
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False):
            sentences += _sentence(error).splitlines()
        raise InvalidSettings(sentences) from None
    if sentences:
        raise InvalidSettings(sentences)
    return settings


def _sentence(error: Any) -> str:
    place = [str(part) for part in error["loc"]]
    if not place:
        return describe(error)
    name = f"{_ENDPOINT}{place[1]}" if place[0] == "endpoints" and len(place) > 1 else f"{_PREFIX}{place[0]}"
    return f"{name.upper()}: {describe(error)}"


def _misspelt(environ: Mapping[str, str]) -> list[str]:
    """A variable that is nearly a setting: a misspelt ROTATOR_SLACK_TOKEN would mean silence."""
    known = frozenset(f"{_PREFIX}{name.upper()}" for name in Settings.model_fields)
    strangers = [
        name
        for name in sorted(environ)
        if name.startswith(_PREFIX) and name not in known and not name.startswith(_ENDPOINT)
    ]
    return [
        f"{name} is no setting; did you mean {meant}?"
        for name in strangers
        if not _KUBERNETES.fullmatch(name) and (meant := nearest(name, known, cutoff=0.85))
    ]
