"""One instance of a workload, as a container is: it reads its parameters once, at start, and lives by them.

It logs in to PostgreSQL anew all the time, signs JWTs and shows internal tokens to its peers, and verifies what they
show, against the accepted set that it read. It sends customers events that it signs with every key of its set.
Whatever is refused is counted: that is what the demo is about.
"""

from __future__ import annotations

import hmac
import json
import math
import os
import random
import re
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
import httpx
import jwt
import psycopg
from botocore.config import Config

from rotator.sandbox.events import Outbox

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

#: What an instance counts, by position in its shared array.
COUNTS = (
    "logins", "logins_refused", "login_troubles",
    "tokens_checked", "tokens_refused",
    "events_checked", "events_refused",
)  # fmt: skip
_REFUSALS = re.compile(
    r'password authentication failed|role "[^"]*" (is not permitted to log in|does not exist)'
)
#: How a line about a refusal or a trouble begins.
TROUBLE = "trouble:"
#: Says that one more was counted.
Count = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Diet:
    """Which parameters an instance reads; an empty name: it does not use that kind."""

    database: str = ""
    jwt: str = ""
    jwt_accepted: str = ""
    token: str = ""
    token_accepted: str = ""
    signing_keys: str = ""
    others: tuple[str, ...] = ()

    def names(self) -> list[str]:
        """Every parameter name, once."""
        named = (
            self.database,
            self.jwt,
            self.jwt_accepted,
            self.token,
            self.token_accepted,
            self.signing_keys,
        )
        return sorted({name for name in (*named, *self.others) if name})


class Token(NamedTuple):
    """Something to show to a peer; times are seconds since 1970."""

    kind: str
    bearer: str
    made_at: float
    expires: float = math.inf


@dataclass(frozen=True, slots=True)
class Pace:
    """How busy an instance is and how long its tokens live, in seconds."""

    between_logins: float = 0.12
    between_tokens: float = 0.15
    between_events: float = 0.3
    token_life: float = 3.0


def run(workload: str, diet: Diet, pace: Pace, directory: str, counts: Any, platform: Connection) -> None:
    """The process: reads, says that it is ready (with its port and the versions it read), and works until SIGTERM.

    `directory` is the URL at which the platform lists peers and takes events for customers; `counts` a shared array
    in the order of COUNTS.
    """
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_outlive_nobody, args=(platform,), daemon=True).start()

    def count(what: str) -> None:
        with counts.get_lock():
            counts[COUNTS.index(what)] += 1

    values, versions = read(parameter_store(), diet.names())
    verifier = Verifier(diet, values)
    threading.Thread(target=verifier.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    platform.send({"port": verifier.port, "versions": versions})
    environment = workload.split("/", 1)[0]
    peers = Peers(directory, environment, verifier.port)
    signing_keys = json.loads(values[diet.signing_keys]) if diet.signing_keys else []
    outbox = Outbox(f"{directory}/events/{environment}", signing_keys)
    work = [
        threading.Thread(target=_log_in, args=(diet, values, pace, count, stopping), daemon=True),
        threading.Thread(
            target=_talk, args=(workload, diet, values, pace, peers, count, stopping), daemon=True
        ),
        threading.Thread(target=_send_events, args=(outbox, pace, count, stopping), daemon=True),
    ]
    for thread in work:
        thread.start()
    stopping.wait()
    for thread in work:
        thread.join(5.0)
    verifier.shutdown()


def _outlive_nobody(platform: Connection) -> None:
    """The platform never says anything: what arrives is its end, however it ended, and nobody asks for counts then."""
    try:
        platform.recv()
    except (EOFError, OSError):
        os._exit(1)


def parameter_store() -> SSMClient:
    """A client for SSM, of the process's own session. It is patient: a container that cannot read cannot start."""
    patient = Config(retries={"total_max_attempts": 8, "mode": "standard"}, read_timeout=5)
    return boto3.client("ssm", config=patient)


def read(client: SSMClient, names: list[str]) -> tuple[dict[str, str], dict[str, int]]:
    """Value and version of every parameter, by name. Raises LookupError when one is missing."""
    values, versions = {}, {}
    for start in range(0, len(names), 10):
        answer = client.get_parameters(Names=names[start : start + 10], WithDecryption=True)
        if answer["InvalidParameters"]:
            raise LookupError(f"parameters are missing: {', '.join(answer['InvalidParameters'])}")
        for parameter in answer["Parameters"]:
            values[parameter["Name"]], versions[parameter["Name"]] = parameter["Value"], parameter["Version"]
    return values, versions


def _log_in(
    diet: Diet, values: Mapping[str, str], pace: Pace, count: Count, stopping: threading.Event
) -> None:
    """A new login, again and again, with what was read at start."""
    while diet.database and not stopping.wait(pace.between_logins * random.uniform(0.5, 1.5)):
        count(logged_in(values[diet.database]))


def logged_in(dsn: str) -> str:
    """One new login and one query, as what it counts: refused is the server's no to this credential.

    Trouble is everything else that keeps a consumer from its work; each is explained by a line of the platform's log.
    """
    try:
        with psycopg.connect(dsn, connect_timeout=8) as session:
            session.execute("select count(*) from visit")
    except (psycopg.errors.InsufficientPrivilege, psycopg.OperationalError) as trouble:
        _explain(trouble, str(trouble))
        refused = isinstance(trouble, psycopg.errors.InsufficientPrivilege) or refuses_login(str(trouble))
        return "logins_refused" if refused else "login_troubles"
    except psycopg.Error as trouble:
        _explain(trouble, "")  # what it says may quote the connection string
        return "login_troubles"
    return "logins"


def _explain(trouble: psycopg.Error, words: str) -> None:
    """What libpq or the server says, which holds no password."""
    _tell(f"login: {type(trouble).__name__} {' '.join(words.split())}")


def _tell(trouble: str) -> None:
    """Every refusal and every trouble is a line on standard error, so that whoever counts can explain."""
    print(TROUBLE, trouble, file=sys.stderr, flush=True)


def refuses_login(message: str) -> bool:
    """Whether the server said no to the credential; psycopg leaves the SQLSTATE of a failed connect empty."""
    return bool(_REFUSALS.search(message))


def _talk(
    workload: str,
    diet: Diet,
    values: Mapping[str, str],
    pace: Pace,
    peers: Peers,
    count: Count,
    stopping: threading.Event,
) -> None:
    """Signs tokens and shows them to peers, fresh ones and ones that are nearly at their end."""
    issued = deque[Token](maxlen=64)
    while not stopping.wait(pace.between_tokens * random.uniform(0.5, 1.5)):
        now = time.time()
        if diet.jwt:
            expires = math.ceil(now + pace.token_life)  # RFC 7519 counts whole seconds
            bearer = jwt.encode({"iss": workload, "exp": expires}, values[diet.jwt], algorithm="HS256")
            issued.append(Token("a JWT", bearer, now, expires))
        alive = [token for token in issued if now - token.made_at < pace.token_life * 0.8]
        tokens = [random.choice(alive)] if alive else []
        if diet.token:
            tokens.append(Token("an internal token", values[diet.token], now))
        for token in tokens:
            for counted in peers.shown(token):
                count(counted)


def _send_events(outbox: Outbox, pace: Pace, count: Count, stopping: threading.Event) -> None:
    """An event for the customers, again and again."""
    while outbox.signs and not stopping.wait(pace.between_events * random.uniform(0.5, 1.5)):
        for counted in outbox.sent():
            count(counted)
            if counted == "events_refused":
                _tell("customers refuse an event")


class Peers:
    """The other instances of the environment, as the platform lists them."""

    def __init__(self, directory: str, environment: str, own_port: int) -> None:
        self._list, self._own_port = f"{directory}/peers/{environment}", own_port
        self._client = httpx.Client(timeout=5.0, trust_env=False)

    def shown(self, token: Token) -> Iterator[str]:
        """Shows one token to one peer; what that counts.

        A peer that went away meanwhile has refused nothing, and a token that ended on the way says nothing.
        """
        try:
            ports = [port for port in self._client.get(self._list).json() if port != self._own_port]
            if not ports:
                return
            url = f"http://127.0.0.1:{random.choice(ports)}/accepts"
            answer = self._client.get(url, headers={"Authorization": f"Bearer {token.bearer}"})
        except httpx.TransportError:
            return
        now = time.time()
        if now >= token.expires:
            return
        yield "tokens_checked"
        if answer.status_code != HTTPStatus.OK:
            _tell(f"a peer refuses {token.kind}, {now - token.made_at:.1f} s old, with {answer.status_code}")
            yield "tokens_refused"


class Verifier(ThreadingHTTPServer):
    """Answers peers and probes: 200 for a token that the accepted set of this instance knows, 401 for any other."""

    def __init__(self, diet: Diet, values: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Verdicts)
        self._keys: list[str] = json.loads(values[diet.jwt_accepted]) if diet.jwt_accepted else []
        self._tokens: list[str] = json.loads(values[diet.token_accepted]) if diet.token_accepted else []

    @property
    def port(self) -> int:
        """Where it answers."""
        return self.server_port

    def accepts(self, bearer: str) -> bool:
        """Whether it is signed by a key of the accepted set and has not expired, or is a token of the other set."""
        known = any(hmac.compare_digest(bearer.encode(), token.encode()) for token in self._tokens)
        return known or any(_signed_by(bearer, key) for key in self._keys)


class _Verdicts(BaseHTTPRequestHandler):
    server: Verifier

    def do_GET(self) -> None:
        bearer = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        self.send_response(HTTPStatus.OK if self.server.accepts(bearer) else HTTPStatus.UNAUTHORIZED)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing: a request line would be noise, and headers are secrets."""


def _signed_by(bearer: str, key: str) -> bool:
    try:
        jwt.decode(bearer, key, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        return False
    return True
