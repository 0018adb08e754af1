"""One instance of a workload, as a container is: it reads its parameters once, at start, and lives by them.

It logs in to PostgreSQL anew all the time, signs JWTs and shows internal tokens to its peers, and verifies what they
show, against the accepted set that it read. It sends customers events that it signs with every key of its set, takes
what Stripe and Twilio send, and sends SMS, mail and payments. Whatever is refused is counted: that is what the demo is
about.
"""

from __future__ import annotations

import hmac
import json
import os
import random
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import boto3
import jwt
from botocore.config import Config

from rotator.sandbox.diet import COUNTS, Count, Diet, Pace, Places, tell
from rotator.sandbox.events import Outbox
from rotator.sandbox.inbox import Inbox
from rotator.sandbox.logins import logged_in
from rotator.sandbox.sending import Sender, send, senders
from rotator.sandbox.tokens import Peers, talk

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

#: How often, and after how many seconds, an instance reads again what nobody lets it in with.
_READS, _BETWEEN_READS = 20, 0.3


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an instance finds besides its parameters. `directory`: where the platform lists peers and takes events."""

    workload: str  # staging/api
    directory: str
    places: Places
    pace: Pace

    @property
    def environment(self) -> str:
        """The first half of the workload's name."""
        return self.workload.split("/", 1)[0]

    def webhook(self, vendor: str) -> str:
        """Where a vendor finds the workload."""
        return f"{self.directory}/webhooks/{self.workload}/{vendor}"


def run(diet: Diet, around: Surroundings, counts: Any, platform: Connection) -> None:
    """The process: reads, says that it is ready (with its port and the versions it read), and works until SIGTERM.

    `counts` is a shared array in the order of COUNTS.
    """
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_outlive_nobody, args=(platform,), daemon=True).start()

    def count(what: str) -> None:
        with counts.get_lock():
            counts[COUNTS.index(what)] += 1

    values, versions, sending = read_whole(parameter_store(), diet, around, count)
    verifier = Verifier(diet, values, Inbox.of(diet, values, around.webhook("twilio"), count))
    threading.Thread(target=verifier.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    platform.send({"port": verifier.port, "versions": versions})
    peers = Peers(around.directory, around.environment, verifier.port)
    signing_keys = json.loads(diet.held("signing_keys", values) or "[]")
    outbox = Outbox(f"{around.directory}/events/{around.environment}", signing_keys)
    pace = around.pace
    work = [
        threading.Thread(target=_log_in, args=(diet, values, pace, count, stopping), daemon=True),
        threading.Thread(
            target=talk, args=(around.workload, diet, values, pace, peers, count, stopping), daemon=True
        ),
        threading.Thread(target=_send_events, args=(outbox, pace, count, stopping), daemon=True),
        *(
            threading.Thread(target=send, args=(sender, pace, count, stopping), daemon=True)
            for sender in sending
        ),
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


def read_whole(
    client: SSMClient, diet: Diet, around: Surroundings, count: Count
) -> tuple[dict[str, str], dict[str, int], list[Sender]]:
    """The same, and what can be sent with it; read again while a vendor refuses what was read.

    A credential in two parameters can be read torn: one of them from before a write, the other from after it. The
    policy says `torn_ok` of these, and this is why it is: a container that is let in nowhere is not ready, and reads
    again when it is started again. That is counted, and whatever is still refused then is refused in the open.
    """
    reads = 0
    while True:
        values, versions = read(client, diet.names())
        sending = senders(diet, values, around.places, around.webhook("twilio"))
        reads += 1
        if reads == _READS or all(sender.let_in() for sender in sending):
            return values, versions, sending
        count("reads_torn")
        time.sleep(_BETWEEN_READS)


def _log_in(
    diet: Diet, values: Mapping[str, str], pace: Pace, count: Count, stopping: threading.Event
) -> None:
    """A new login, again and again, with what was read at start."""
    while diet.database and not stopping.wait(pace.between_logins * random.uniform(0.5, 1.5)):
        count(logged_in(values[diet.database]))


def _send_events(outbox: Outbox, pace: Pace, count: Count, stopping: threading.Event) -> None:
    """An event for the customers, again and again."""
    while outbox.signs and not stopping.wait(pace.between_events * random.uniform(0.5, 1.5)):
        for counted in outbox.sent():
            count(counted)
            if counted == "events_refused":
                tell("customers refuse an event")


class Verifier(ThreadingHTTPServer):
    """Answers peers and probes: 200 for a token that the accepted set of this instance knows, 401 for any other.

    What vendors send to /webhooks/VENDOR goes to the inbox.
    """

    def __init__(self, diet: Diet, values: Mapping[str, str], inbox: Inbox | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Verdicts)
        self._keys: list[str] = json.loads(diet.held("jwt_accepted", values) or "[]")
        self._tokens: list[str] = json.loads(diet.held("token_accepted", values) or "[]")
        self.inbox = inbox

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
        self._answer(HTTPStatus.OK if self.server.accepts(bearer) else HTTPStatus.UNAUTHORIZED)

    def do_POST(self) -> None:
        body, inbox = self.rfile.read(int(self.headers["Content-Length"])), self.server.inbox
        headers = {name.lower(): value for name, value in self.headers.items()}
        vendor = self.path.rpartition("/")[2]
        self._answer(inbox.take(vendor, headers, body) if inbox else HTTPStatus.NOT_FOUND)

    def _answer(self, status: HTTPStatus) -> None:
        self.send_response(status)
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
