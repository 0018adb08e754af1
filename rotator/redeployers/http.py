"""HTTP: a deploy service of the company's own restarts the workload; it is called, signed, and asked how it stands.

Every request bears a time and an HMAC-SHA256 over it, the method, the path and the body, so that nobody else can
restart anything or learn how a rollout stands. The label is the idempotency key: the service starts no rollout twice.

What the service writes never reaches a message (own_words.py). Redirects are not followed, and only https is spoken,
except on loopback.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, ClassVar, Literal

import httpx

from rotator.bounded import LATER, Bounded
from rotator.contracts.adapter import Surroundings
from rotator.contracts.guard import CALL_SECONDS, guard
from rotator.contracts.options import AdapterOptions, leads_to
from rotator.contracts.redeployer import Rollout, Start
from rotator.model.errors import GaveUp, Refused, RotatorError, Transient
from rotator.model.hosts import must_be_allowed, on_this_machine
from rotator.model.policy import Deployment
from rotator.model.retry_after import pause_asked
from rotator.redeployers.own_words import LARGEST, rollout, starts

TIME, SIGNATURE = "X-Rotator-Time", "X-Rotator-Signature"
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Http:
    """One workload: `http: https://HOST/PATH`; `key` in its settings leads to what requests are signed with."""

    needs: ClassVar[str] = "a key that the deploy service knows, and its host among the allowed ones"
    tried_on: ClassVar[str] = "a stand-in for a deploy service"

    class Options(AdapterOptions):
        """What `settings` of the deployment may say."""

        key: Annotated[str, leads_to("DEPLOY_KEY", never="a key")]

    def __init__(self, deployment: Deployment, around: Surroundings) -> None:
        """Raises Refused when the address is no https address, or the settings cannot be used."""
        self._id, self._around = deployment.id, around
        self._address = _address(deployment)
        self._key = self.Options.taken_from(deployment.settings, deployment.id).key
        self._client = Bounded(self._address.host, CALL_SECONDS, largest=LARGEST)

    def redeploy(self, label: str) -> None:
        """Asks for a rollout that bears the label. Raises Refused when the service will not start it."""
        body = f'{{"label":"{_plain(label)}"}}'.encode()
        status, _content = self._ask("POST", "/rollouts", body)
        if status == httpx.codes.NOT_FOUND:
            raise Refused(f"{self._where} runs no such workload; nothing was changed")

    def progress(self, label: str) -> Rollout:
        """How the rollout with the label stands: the service's word, and for DONE that nothing from before is left."""
        status, content = self._ask("GET", f"/rollouts/{_plain(label)}")
        if status == httpx.codes.NOT_FOUND:
            return Rollout.failed(f"{self._where} knows no such rollout")
        return rollout(self._id, content, self._where)

    def starts(self, since: datetime) -> Iterator[Start]:
        """Starts since then; none from a service that does not tell them (404)."""
        status, content = self._ask("GET", "/starts")
        if status == httpx.codes.NOT_FOUND:
            return iter(())
        return iter([one for one in starts(self._id, content, self._where) if one.at >= since])

    @property
    def _where(self) -> str:
        return f"the deploy service of {self._id} at {self._address.host}"

    def _ask(self, method: Literal["GET", "POST"], path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Status (2xx or 404) and content. Raises Transient or Refused."""
        must_be_allowed(self._around.allows, self._address.raw_host.decode(), self._address.host)
        url = self._address.copy_with(path=self._address.path.rstrip("/") + path)
        headers = self._signed(method, url.raw_path.decode(), body)
        if method == "POST":
            guard()
        trouble: RotatorError | None
        try:
            answer = self._client.request(method, url, content=body, headers=headers)
        except httpx.TransportError as error:
            late = method == "POST" and isinstance(error, httpx.ReadTimeout)
            trouble = (GaveUp if late else Transient)(
                f"{self._where} did not answer ({type(error).__name__}); whether anything happened shows at the next "
                "attempt, and a label is rolled out once"
            )
        else:
            trouble = self._trouble(answer)
            if trouble is None:
                return answer.status_code, answer.content
        raise trouble

    def _signed(self, method: str, path: str, body: bytes) -> dict[str, str]:
        """`path` as it is sent, from the first slash on."""
        time = str(int(self._around.clock.now().timestamp()))
        key = self._around.resolve(self._key).reveal().encode()
        signed = signature(key, time, method, path, body)
        return {TIME: time, SIGNATURE: signed, "Content-Type": "application/json"}

    def _trouble(self, answer: httpx.Response) -> RotatorError | None:
        """What an answer means that is no success."""
        status = answer.status_code
        if answer.is_success or status == httpx.codes.NOT_FOUND:
            return None
        if status in {401, 403}:
            return Transient(
                f"{self._where} does not accept rotator's signature ({status}): the keys differ, or the clocks do"
            )
        if status in {429, 503}:
            later = pause_asked(answer.headers)
            return Transient(f"{self._where} says that it is asked too often", later)
        if status in LATER:
            return Transient(
                f"{self._where} answers {status}, which is not its word on the rollout; it is asked again"
            )
        if answer.is_redirect:
            return Refused(
                f"{self._where} answers {status}: rotator follows no redirects; write the address itself"
            )
        if answer.is_client_error:
            return Refused(f"{self._where} refuses it with {status}; nothing was changed")
        return Transient(f"{self._where} is in trouble and answers {status}")


def signature(key: bytes, time: str, method: str, path: str, body: bytes) -> str:
    """`v1=` and the hexadecimal HMAC-SHA256 over time, method, path and body, a line feed between them."""
    text = f"{time}\n{method}\n{path}\n".encode() + body
    return f"v1={hmac.new(key, text, hashlib.sha256).hexdigest()}"


def _address(deployment: Deployment) -> httpx.URL:
    try:
        address = httpx.URL(deployment.target)
    except httpx.InvalidURL:
        address = httpx.URL()
    secure = address.scheme == "https" or (address.scheme == "http" and on_this_machine(address.host))
    if not secure or not address.host or address.userinfo or address.query or address.fragment:
        raise Refused(
            f"{deployment.id} has no address that rotator calls: write http: https://HOST/PATH, without a user, a "
            "query or a fragment"
        )
    return address


def _plain(label: str) -> str:
    """A label is part of an address."""
    if not _LABEL.fullmatch(label):
        raise Refused("a label has letters, digits, - and _ only")
    return label
