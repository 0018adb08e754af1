"""Twilio-api-key: an API key of an account, Standard or Restricted, with which consumers call Twilio.

A successor is of the predecessor's kind: a Restricted key's policy is copied, and where Twilio cannot show the
predecessor none is made. A Main key can be made in the Console only, and is refused. An account has room for many keys;
how many, Twilio does not say.

Deleting a key also ends the access tokens that were signed with it [M: wants confirming in a sandbox account]: grace
must be longer than they live. Twilio shows no use of a key, and has no step that could be taken back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import StringConstraints, field_validator

from rotator.contracts.adapter import Surroundings
from rotator.contracts.options import AdapterOptions, leads_to
from rotator.contracts.provider import AtSource, LastUsed, Liveness, Observation, Overlap, Sight, Traits
from rotator.model.errors import Refused
from rotator.model.policy import Recipe
from rotator.model.rotation import Death
from rotator.model.secrets import Credential, Sealed

if TYPE_CHECKING:
    from rotator.providers.twilio_account import TwilioAccount

_OURS = "rotator:"  # how the name of a key of ours begins
_FIELDS = {"sid", "secret"}
_PAGE = 1000
_BALANCE = "/2010-04-01/Accounts/{account_sid}/Balance.json"

#: An account SID, or a reference to one.
AccountSid = Annotated[str, StringConstraints(pattern=r"^(AC[0-9a-fA-F]{32}|\w+:.+)$")]


class TwilioApiKey:
    """One of an account's API keys. Consumers read two parameters: `sid` and `secret`."""

    needs: ClassVar[str] = "a Main key of the account"
    tried_on: ClassVar[str] = "a stand-in, through Twilio's SDK"
    remark: ClassVar[str] = "Standard and Restricted"

    class Options(AdapterOptions):
        """`auth` leads to a Main key (SK…:secret) or to the account's auth token; no other may manage keys."""

        account_sid: AccountSid
        auth: Annotated[str, leads_to("TWILIO_MAIN_KEY", never="a key or a token")]
        verify_path: str = _BALANCE  # what the key is tried with, a GET

        @field_validator("verify_path")
        @classmethod
        def _stays_in_the_account(cls, path: str) -> str:
            if not re.fullmatch(
                r"/2010-04-01/Accounts/\{account_sid\}(/[\w-]+)*\.json(\?PageSize=\d+)?", path
            ):
                raise ValueError("must be like /2010-04-01/Accounts/{account_sid}/Messages.json?PageSize=1")
            return path

    traits: ClassVar[Traits] = Traits(
        overlap=Overlap.MANY,
        mints=True,
        labels=True,
        reversible=False,
        sight=Sight.NO,
        death=Death.TRIED,
        acceptances=3,
        propagation=timedelta(seconds=60),
        listing=timedelta(seconds=60),
    )

    def __init__(self, recipe: Recipe, around: Surroundings) -> None:
        self._recipe, self._around = recipe, around
        self._options = self.Options.taken_from(recipe.settings, recipe.secret)

    @classmethod
    def check(cls, recipe: Recipe) -> list[str]:
        """What is wrong with a policy that Options alone cannot see; one sentence each."""
        if set(recipe.fields) != _FIELDS:
            return ["fields must be the two parameters that consumers read: {sid: NAME, secret: NAME}"]
        return []

    @property
    def principal(self) -> str:
        """The account: its keys are counted together, and known by each other's secrets."""
        return f"twilio:{self._recipe.environment}:{self._options.account_sid}"

    def observe(self) -> Observation:
        """The account's keys, without the one that rotator itself uses. How many there may be is not known."""
        own = self._account.own.user
        return Observation(tuple(one for one in self._listed() if one.id != own))

    def identify(self, current: Mapping[str, Sealed]) -> str | None:
        """By the SID in the store; None when the account has no such key. Raises Refused for a Main key."""
        sid = current["sid"].reveal()
        if all(one.id != sid for one in self._listed()):
            return None
        if not self._policy(sid) and self._is_main(Credential(sid, current)):
            raise Refused(
                f"{sid} is a Main key: Twilio makes those in the Console only. Give its consumers a Standard key, or "
                "rotate it as `assisted`"
            )
        return sid

    def create(self, label: str, predecessor: str | None) -> Credential:
        """One more key of the predecessor's kind. Asked once: one whose answer was lost bears the label.

        Raises Refused where there is no predecessor: a Standard key in place of a Restricted one may do everything.
        """
        if predecessor is None:
            raise Refused(
                "Twilio has no key with the SID in the store, so nobody knows what its successor may do; nothing was "
                "made. Make a key of that kind by hand, put it into the store, and rotate again"
            )
        policy = self._policy(predecessor)
        kind = {"key_type": "restricted", "policy": policy} if policy else {}
        account, name = self._account, f"{_OURS}{label}"
        made = account.ask(
            lambda twilio: twilio.iam.v1.new_api_key.create(
                account_sid=account.sid, friendly_name=name, **kind
            ),
            "make an API key",
            mints=True,
        )
        if not (made.sid and made.secret):
            raise Refused("Twilio made an API key and showed no secret: nobody can use it")
        return Credential(made.sid, {"sid": Sealed(made.sid), "secret": Sealed(made.secret)})

    def activate(self, successor: Credential) -> None:
        """Nothing: Twilio made it, and takes it as soon as everybody there has heard of it."""

    def verify(self, credential: Credential) -> None:
        """Reads `verify_path` with exactly what consumers have."""
        self._get(credential, self._options.verify_path)

    def disable(self, credential_id: str) -> None:
        """Raises Refused: Twilio has no such step."""
        raise Refused(f"{credential_id} cannot be disabled: Twilio takes a key or deletes it")

    def enable(self, credential_id: str) -> None:
        """Raises Refused: Twilio has no such step."""
        raise Refused(f"{credential_id} cannot be enabled: Twilio has deleted it, or takes it already")

    def remove(self, credential_id: str) -> None:
        """Deletes it, for good. Silent where it is gone; raises Refused where it is another account's, or rotator's."""
        from rotator.providers.twilio_account import NotThere  # noqa: PLC0415 - a policy check must not load twilio

        if credential_id == self._account.own.user:
            raise Refused(f"{credential_id} is what rotator itself logs in with: it was left as it is")
        if all(one.id != credential_id for one in self._listed()) and self._is_there(credential_id):
            raise Refused(
                f"{credential_id} is not listed among the account's API keys, and Twilio has it all the same: it is "
                "another account's, or was made a moment ago; it was left as it is"
            )
        try:
            self._account.ask(
                lambda twilio: twilio.iam.v1.api_key(credential_id).delete(), f"delete {credential_id}"
            )
        except NotThere:
            return

    def last_used(self, credential_id: str) -> LastUsed:  # noqa: ARG002 - the same for all
        """Unknown: Twilio does not show it."""
        return LastUsed(known=False)

    @property
    def _account(self) -> TwilioAccount:
        from rotator.providers.twilio_account import TwilioAccount  # noqa: PLC0415 - as in remove

        return TwilioAccount(self._options.account_sid, self._options.auth, self._around)

    def _listed(self) -> tuple[AtSource, ...]:
        account = self._account
        keys = account.ask(
            lambda twilio: list(twilio.iam.v1.get_api_keys.stream(account_sid=account.sid, page_size=_PAGE)),
            "list the API keys",
        )
        return tuple(
            AtSource(
                key.sid, Liveness.LIVE, created_at=_utc(key.date_created), label=_label(key.friendly_name)
            )
            for key in keys
        )

    def _policy(self, sid: str) -> Mapping[str, Any] | None:
        """What a Restricted key may do; None for any other."""
        fetched = self._account.ask(lambda twilio: twilio.iam.v1.api_key(sid).fetch(), f"show {sid}")
        return fetched.policy or None

    def _is_there(self, sid: str) -> bool:
        from rotator.providers.twilio_account import NotThere  # noqa: PLC0415 - as in remove

        try:
            self._policy(sid)
        except NotThere:
            return False
        return True

    def _is_main(self, credential: Credential) -> bool:
        """Only a Main key may read the account itself."""
        try:
            self._get(credential, "/2010-04-01/Accounts/{account_sid}.json")
        except Refused:
            return False
        return True

    def _get(self, credential: Credential, path: str) -> None:
        from rotator.providers.twilio_account import Login  # noqa: PLC0415 - as in remove

        account = self._account
        sid, secret = credential.fields["sid"].reveal(), credential.fields["secret"]
        if not re.fullmatch(r"SK[0-9a-fA-F]{32}", sid):
            raise Refused("what is stored as `sid` is no SID of an API key (SK…): see what wrote it there")
        url = f"https://api.twilio.com{path.format(account_sid=account.sid)}"
        account.ask_as(Login(sid, secret), lambda twilio: twilio.request("GET", url), sid)


def _label(name: str | None) -> str | None:
    return name.removeprefix(_OURS) if name and name.startswith(_OURS) else None


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
