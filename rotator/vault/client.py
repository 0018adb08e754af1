"""Asking Vault or OpenBao through hvac, within bounds, and saying what it said.

Nothing that hvac or Vault wrote reaches a message: an answer may hold the very secret. People get our sentences, made
of status codes. A missing right is trouble and no verdict: a person repairs it, and no rotation is undone for it.

Redirects are not followed: hvac would send the token along to wherever they lead. Proxies of the environment are not
used; VAULT_CACERT and VAULT_CAPATH are (hvac's doing), and nothing else of Vault's variables.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from hvac import Client, exceptions
from requests import RequestException, Timeout  # noqa: TID251 - hvac's own HTTP library; its errors are its

from rotator.contracts.adapter import Surroundings
from rotator.contracts.guard import CALL_SECONDS, MINT_SECONDS
from rotator.model.errors import GaveUp, Refused, RotatorError, Transient
from rotator.vault.access import Auth
from rotator.vault.way import NoVault, Redirected, Way

#: Where Kubernetes puts a pod's token.
POD_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_PAUSE = timedelta(seconds=1)  # Vault names none that hvac would tell

Answer = TypeVar("Answer")
#: hvac's client, as requests get it: its stubs leave half of its methods untyped.
Asked = Any


class NotThere(Refused):
    """There is nothing at that path."""


class Changed(Refused):
    """Check-and-set: the version that was expected is not the one that is there. Nothing was written."""


class Vault:
    """One login to one Vault. `reveal` gives the value behind a reference, when it is needed.

    One call at a time: what a call may change is said to the connection that it goes through.
    """

    def __init__(self, auth: Auth, around: Surroundings, reveal: Callable[[str], str]) -> None:
        self._auth, self._around, self._reveal = auth, around, reveal
        self._lock = Lock()
        self._client: Client | None = None
        self._way = Way()

    def ask(self, request: Callable[[Asked], Answer], doing: str) -> Answer:
        """The answer to a request that changes nothing; `doing` completes "Vault could not …".

        Raises NotThere, Transient or Refused.
        """
        return self._call(request, doing, CALL_SECONDS, changes=False)

    def change(self, request: Callable[[Asked], Answer], doing: str) -> Answer:
        """The answer to a request that changes something. Raises Changed, and as ask()."""
        return self._call(request, doing, CALL_SECONDS, changes=True)

    def mint(self, request: Callable[[Asked], Answer], doing: str) -> Answer:
        """As change(), for what takes longer and is never asked again."""
        return self._call(request, doing, MINT_SECONDS, changes=True)

    def now(self) -> datetime:
        """The present, for what Vault says about moments."""
        return self._around.clock.now()

    def _call(
        self, request: Callable[[Asked], Answer], doing: str, within: float, *, changes: bool
    ) -> Answer:
        with self._lock:
            answered = self._answered(request, doing, within, changes=changes)
            if isinstance(answered, _Denied):
                # A token that has run out is told like one that never was; nothing has happened, so it is safe.
                self._client = None
                answered = self._answered(request, doing, within, changes=changes)
        if isinstance(answered, RotatorError):
            raise answered
        return answered

    def _answered(
        self, request: Callable[[Asked], Answer], doing: str, within: float, *, changes: bool
    ) -> Answer | RotatorError:
        """The answer, or what to say: returned, so that no exception drags Vault's text along."""
        try:
            client = self._client or self._login()
        except (exceptions.VaultError, RequestException) as error:
            # Whatever is wrong with rotator's own login, a person repairs it.
            return Transient(f"{_sorted(error, f'log in to {doing}', changes=False)}; it is asked again")
        try:
            self._way.seconds, self._way.changes = within, changes
            return request(client)
        except (exceptions.VaultError, RequestException) as error:
            return _sorted(error, doing, changes=changes)
        finally:
            self._way.seconds, self._way.changes = CALL_SECONDS, False

    def _login(self) -> Client:
        address = self._around.endpoint("vault")
        if address is None:
            raise Refused("settings do not say where Vault is: set ROTATOR_ENDPOINT_VAULT")
        # An empty token is none: hvac would take VAULT_TOKEN from the environment, or a file in our home.
        client = Client(url=address, token="", allow_redirects=False)
        client.session.trust_env = False
        client.session.mount("http://", self._way)
        client.session.mount("https://", self._way)
        way = self._auth
        if way.token is not None:
            client.token = self._reveal(way.token).strip()
        elif way.approle is not None:
            secret_id = self._reveal(way.approle.secret_id).strip()
            client.auth.approle.login(way.approle.role_id, secret_id, mount_point=way.approle.mount)
        elif way.kubernetes is not None:
            jwt = _pod_token()
            client.auth.kubernetes.login(way.kubernetes.role, jwt, mount_point=way.kubernetes.mount)
        self._client = client
        return client


def _pod_token() -> str:
    try:
        return POD_TOKEN.read_text(encoding="ascii").strip()
    except OSError:
        trouble = Transient(
            f"rotator has no pod token in {POD_TOKEN}, so it cannot log in to Vault as Kubernetes: it does not run in "
            "a pod, or the pod has automountServiceAccountToken: false"
        )
    raise trouble


class _Denied(Transient):
    """Not allowed, or not logged in any more."""


def _sorted(error: Exception, doing: str, *, changes: bool) -> RotatorError:
    """What an error means; its text is never shown."""
    open_question = "; whether it happened shows at the next attempt" if changes else "; nothing was changed"
    if isinstance(error, exceptions.Forbidden | exceptions.Unauthorized):
        return _Denied(
            f"Vault does not allow rotator to {doing}: its policy lacks that path, or its login is not valid any more. "
            "Nothing was changed, and the work goes on by itself once it is allowed"
        )
    if isinstance(error, exceptions.InvalidPath):
        return NotThere(f"Vault could not {doing}: there is nothing at that path")
    if isinstance(error, exceptions.InvalidRequest):
        if "check-and-set" in str(error.errors):
            return Changed(f"Vault did not {doing}: somebody else came between; nothing was written")
        return Refused(f"Vault could not {doing}: it does not take the request; nothing was changed")
    if isinstance(error, exceptions.RateLimitExceeded):
        return Transient(f"Vault is being asked too often and did not {doing}; nothing was changed", _PAUSE)
    if isinstance(error, exceptions.VaultDown):
        return Transient(f"Vault is sealed or on standby and could not {doing}; nothing was changed")
    if isinstance(error, NoVault):
        return Transient(
            f"what answered when asked to {doing} was no Vault; is a proxy in between?{open_question}"
        )
    if isinstance(error, Redirected):
        return Transient(
            f"Vault sends rotator elsewhere when asked to {doing}, and rotator does not follow with its token: make "
            "ROTATOR_ENDPOINT_VAULT the address of the active node, or of a balancer; nothing was changed"
        )
    if isinstance(error, exceptions.VaultError):
        return Transient(f"Vault failed ({type(error).__name__}) when asked to {doing}{open_question}")
    late = changes and isinstance(error, Timeout)
    return (GaveUp if late else Transient)(
        f"Vault did not answer ({type(error).__name__}) when asked to {doing}{open_question}"
    )
