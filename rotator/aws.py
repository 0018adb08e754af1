"""AWS: one way to build clients, and one way to say what went wrong.

Stores, sealers and providers never see each other; what they share about AWS is here, below them all. One session
serves the whole process, because a service model is large (SSM's takes 13 MB each time it is loaded) and credentials
are best fetched once.

Nothing that botocore or AWS wrote reaches a message: validation errors quote the value that was sent
(ParamValidationError, ParameterPatternMismatchException). People get our sentences, made of error codes.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from boto3.session import Session
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    ReadTimeoutError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from rotator.contracts.guard import guard
from rotator.model.caller import caller
from rotator.model.errors import GaveUp, Refused, RotatorError, Transient

Client = TypeVar("Client", bound=BaseClient)
Answer = TypeVar("Answer")

# At DEBUG botocore logs every request and every answer, values included.
logging.getLogger("botocore").setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class Manner:
    """How patiently a client asks, and what may have happened when no answer came."""

    config: Config
    unanswered: str
    changes: bool = False


#: A call that changes nothing: asked again once, 2 x (1 + 3) s and a second between.
READING = Manner(
    Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 2, "mode": "standard"}),
    "nothing was changed",
)
#: A call that changes something: asked once, 9 s. Only who asked can tell whether a lost answer meant an effect.
CHANGING = Manner(
    Config(connect_timeout=2, read_timeout=7, retries={"total_max_attempts": 1, "mode": "standard"}),
    "whether it happened shows at the next attempt, which looks before it acts",
    changes=True,
)


class Throttled(Transient):
    """AWS says that the account's rate is used up; everyone who shares it should make a pause."""

    pause = timedelta(seconds=1)  # AWS names none; its quotas are per second


@dataclass(frozen=True, slots=True)
class Failure:
    """AWS's answer that says no. `message` may quote what was sent: take facts out of it, never show it."""

    code: str
    message: str
    doing: str


#: What a service's own error codes mean; None leaves the answer to what all services share.
Verdicts = Callable[[Failure], RotatorError | None]


class _SharedSession:
    """The process's session. No two threads may use a Session at once; the clients made from it they may."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._session: Session | None = None

    def use(self, connect: Callable[[Session], Client]) -> tuple[Session, Client]:
        """A client, and the session that it was made from."""
        with self._lock:
            self._session = self._session or Session()
            return self._session, connect(self._session)

    def forget(self, session: Session) -> None:
        """The next client is made from a new session, unless that has happened already."""
        with self._lock:
            if self._session is session:
                self._session = None


_shared = _SharedSession()


def guarded(client: Client, effects: Iterable[str]) -> Client:
    """The client, which asks guard() before each of these operations: after signing, right before the bytes leave.

    What guard() raises ends the call unsent and unretried.
    """
    service = client.meta.service_model.service_id.hyphenize()
    for operation in effects:
        client.meta.events.register(f"before-send.{service}.{operation}", _last_look)
    return client


def _last_look(**_event: object) -> None:
    guard()


class Service(Generic[Client]):
    """One AWS service, asked in one manner. Its client is made on first use, and again when credentials fail.

    `installation` says in the user agent who calls, beside what the process's environment may say there (botocore's
    `user_agent_appid` is left to that).
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[Session, Config], Client],
        manner: Manner,
        own: Verdicts,
        installation: str = "",
    ) -> None:
        self._name, self._connect, self._manner, self._own = name, connect, manner, own
        self._config = _saying(installation, manner.config)
        self._made: tuple[Session, Client] | None = None

    def ask(self, request: Callable[[Client], Answer], doing: str) -> Answer:
        """The answer to one request; `doing` completes "SSM could not …". Raises Transient or Refused.

        Missing credentials and permissions are Transient: a person repairs them, and a rotation must not be undone
        for it. So is an error code that nobody declared a verdict.
        """
        try:
            return request(self._client())
        except (BotoCoreError, ClientError) as error:
            failed = error
        # Raised out here, so that the error with AWS's own words is not even the context of ours.
        trouble = (
            self._answered(failed, doing) if isinstance(failed, ClientError) else self._unasked(failed, doing)
        )
        raise trouble

    def _client(self) -> Client:
        made = self._made
        if made is None:
            made = self._made = _shared.use(lambda session: self._connect(session, self._config))
        return made[1]

    def _answered(self, error: ClientError, doing: str) -> RotatorError:
        code = error.response["Error"].get("Code", "an unnamed error")
        message = error.response["Error"].get("Message", "")
        if code in _WRONG_TIMES or (code in _BAD_SIGNATURES and _WRONG_TIME.match(message)):
            return self._wrong_time(code, message, doing)
        if error.operation_name.startswith("AssumeRole"):
            return self._no_credentials(code, doing)
        # The service's own word first: a provider that tries a credential asks with that one, not with rotator's.
        verdict = self._own(Failure(code, message, doing))
        if verdict is None and code in _BAD_CREDENTIALS:
            return self._no_credentials(code, doing)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return (
            verdict
            or self._denied(error.operation_name, code, message, doing)
            or self._later(code, status, doing)
            or Transient(
                f"{self._name} could not {doing} and gave a reason that rotator does not know: {code}"
            )
        )

    def _wrong_time(self, code: str, message: str, doing: str) -> Transient:
        """A signature that AWS finds too old or too new tells of clocks, not of credentials or of what was asked."""
        moments = [at for one in _MOMENT.findall(message) if (at := _moment(one)) is not None]
        minutes = round(abs(moments[-1] - moments[0]).total_seconds() / 60) if len(moments) > 1 else 0
        by = f", by about {minutes} min" if minutes else ""
        return Transient(
            f"AWS finds the clock of the machine that rotator runs on wrong{by} ({code}), so {self._name} could not "
            f"{doing}; nothing was changed. Set that clock (NTP): no credential and no permission is missing"
        )

    def _denied(self, operation: str, code: str, message: str, doing: str) -> RotatorError | None:
        if code not in _DENIED:
            return None
        action = _ACTION.search(message)
        resource = _RESOURCE.search(message)
        missing = action[1] if action else f"{self._name.lower()}:{operation}"
        where = f" on {resource[1]}" if resource else ""
        return Transient(
            f"AWS does not allow rotator to {doing}: its role lacks {missing}{where}, or a policy denies it. "
            "Nothing was changed, and the work goes on by itself once it is allowed"
        )

    def _later(self, code: str, status: int, doing: str) -> RotatorError | None:
        if code in _THROTTLED or status == 429:
            return Throttled(
                f"{self._name} is being asked too often in this account ({code}) and did not {doing}; "
                "nothing was changed",
                retry_after=Throttled.pause,
            )
        if status >= 500:
            return Transient(f"{self._name} failed ({code}) when asked to {doing}; {self._manner.unanswered}")
        return None

    def _unasked(self, error: BotoCoreError, doing: str) -> RotatorError:
        kind = type(error).__name__
        if isinstance(error, _NO_CREDENTIALS):
            return self._no_credentials(kind, doing)
        if isinstance(error, ParamValidationError):
            return Refused(f"{self._name} cannot {doing}: the request breaks its rules; nothing was sent")
        sent = not isinstance(error, (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError))
        aftermath = self._manner.unanswered if sent else "nothing was changed"
        # A connection that the far side closed carries nothing any more; one that we gave up may deliver yet.
        late = self._manner.changes and isinstance(error, ReadTimeoutError)
        return (GaveUp if late else Transient)(
            f"{self._name} did not answer{self._where()} ({kind}) when asked to {doing}; {aftermath}"
        )

    def _where(self) -> str:
        """The region, and the address if somebody chose it: whichever is wrong, it is a setting."""
        if self._made is None:
            return ""
        meta = self._made[1].meta
        host = urlsplit(meta.endpoint_url)
        region = f" in {meta.region_name}"
        prefix = meta.service_model.endpoint_prefix
        if re.match(
            rf"{prefix}\.({meta.region_name}\.|amazonaws\.com)", host.hostname or ""
        ):  # IAM has no region
            return region
        setting = f"ROTATOR_ENDPOINT_{self._name.upper().replace(' ', '_')}"
        return f"{region} at {host.scheme}://{host.netloc.rpartition('@')[2]}, from {setting} or AWS_ENDPOINT_URL"

    def _no_credentials(self, why: str, doing: str) -> Transient:
        """The next attempt starts from a new session: credentials may be there by then."""
        if self._made is not None:
            _shared.forget(self._made[0])
            self._made = None
        return Transient(
            f"rotator has no valid AWS credentials ({why}), so {self._name} could not {doing}; nothing was changed. "
            "Give its pod a role, or its environment AWS_PROFILE or an access key"
        )


def _moment(text: str) -> datetime | None:
    """When that is; None where digits make no date: whoever answers in AWS's place may write anything."""
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%S%z")
    except ValueError:
        return None


def _saying(installation: str, config: Config) -> Config:
    return config.merge(Config(user_agent_extra=caller(installation))) if installation else config


_NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
    ProfileNotFound,
)
# The codes are AWS's common errors, under the names that the JSON, query and EC2 protocols give them.
_BAD_CREDENTIALS = frozenset(
    {
        "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException",
        "InvalidAccessKeyId", "InvalidSignatureException", "SignatureDoesNotMatch",
        "MissingAuthenticationToken", "MissingAuthenticationTokenException", "IncompleteSignature", "InvalidToken",
    }
)  # fmt: skip
_WRONG_TIMES = frozenset({"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"})
_BAD_SIGNATURES = frozenset({"InvalidSignatureException", "SignatureDoesNotMatch"})
_WRONG_TIME = re.compile(r"Signature (expired|not yet current)")
#: "Signature expired: MOMENT is now earlier than MOMENT (MOMENT - 5 min.)": the request's comes first, AWS's last.
_MOMENT = re.compile(r"\b\d{8}T\d{6}Z")
_DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "403"}
)
_THROTTLED = frozenset(
    {
        "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException",
        "TooManyRequestsException", "RequestLimitExceeded", "SlowDown",
    }
)  # fmt: skip
_ACTION = re.compile(r"perform: ([\w-]+:\w+)")
_RESOURCE = re.compile(r"on resource: (arn:[\w:/*.+=@-]+)")
