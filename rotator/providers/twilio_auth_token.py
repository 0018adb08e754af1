"""Twilio-auth-token: the token with which consumers log in as the account, and with which Twilio signs what it sends.

An account has one token, and room for one beside it, which is taken as well. Only the first signs; promotion puts the
other in its place and ends the first at once. So verifiers accept both before (the accepted set) and there is no way
back after.

Twilio does not show whether there is a token beside the first. rotator makes its own by deleting one that may be there:
somebody else's, or one whose answer was lost. Hence `owns_secondary`: nobody else makes any. And nobody's token is ever
promoted that was not seen to be ours a moment before.

Rotator's own login is a Main key, which a promotion does not touch, or the token itself. Then `auth` must lead to the
parameter that this very rotation writes, where the successor is before the promotion. A token kept elsewhere would lock
rotator out, after a restart at the latest: nothing is made then.
To be confirmed in a sandbox account [M]: that a Main key may manage tokens, that the first token alone signs until the
promotion, and that this ends the first token within a minute everywhere.
Sources: "Auth Tokens and how to change them", and the API references of secondary auth tokens and their promotion.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import StringConstraints

from rotator.contracts.adapter import Surroundings
from rotator.contracts.options import AdapterOptions, leads_to
from rotator.contracts.provider import AtSource, LastUsed, Liveness, Observation, Overlap, Sight, Traits
from rotator.model.errors import CredentialRefused, Refused
from rotator.model.policy import Recipe
from rotator.model.rotation import Death
from rotator.model.secrets import Credential, Sealed
from rotator.providers.verified_value import VerifiedValue

if TYPE_CHECKING:
    from rotator.providers.twilio_account import Login, TwilioAccount

_NAME = "auth-token"
#: With what a verifier says that a signature is wrong.
_NO = frozenset({400, 401, 403})

#: An account SID, or a reference to one.
AccountSid = Annotated[str, StringConstraints(pattern=r"^(AC[0-9a-fA-F]{32}|\w+:.+)$")]


class TwilioAuthToken(VerifiedValue):
    """The auth token of one account. Consumers read one parameter."""

    needs: ClassVar[str] = "a Main key of the account, or the auth token itself"
    tried_on: ClassVar[str] = "a stand-in, through Twilio's SDK"
    remark: ClassVar[str] = "promoted when nobody needs the old one"

    class Options(AdapterOptions):
        """`auth` leads to a Main key (SK…:secret), or to the auth token itself in the parameter that is rotated."""

        account_sid: AccountSid
        auth: Annotated[str, leads_to("TWILIO_MAIN_KEY", never="a key or a token")]
        owns_secondary: bool = False  # nobody else makes a secondary token: one that is there may be deleted

    traits: ClassVar[Traits] = Traits(
        overlap=Overlap.PAIR,
        mints=True,
        labels=False,
        reversible=False,
        sight=Sight.NO,
        death=Death.TRIED,
        verified=True,
        promotes=True,
        acceptances=3,
        propagation=timedelta(seconds=60),
    )

    def __init__(self, recipe: Recipe, around: Surroundings) -> None:
        self._recipe, self._around = recipe, around
        self._options = self.Options.taken_from(recipe.settings, recipe.secret)

    @classmethod
    def check(cls, recipe: Recipe) -> list[str]:
        """Also: verifiers must know both tokens, and nobody else may make one."""
        complaints = super().check(recipe)
        if recipe.accepted_as is None and not recipe.accept_gap:
            complaints.append(
                "accepted_as is missing: from one moment to the next Twilio signs with the new token; write "
                "accepted_as: NAME_ACCEPTED, or accept_gap: true if nothing of yours verifies what Twilio sends"
            )
        if recipe.settings.get("owns_secondary") is not True:
            complaints.append(
                "owns_secondary is missing: Twilio does not show whether there is a secondary token, and rotator "
                "deletes one before it makes its own; write owns_secondary: true if nobody else makes any"
            )
        return complaints

    @property
    def principal(self) -> str:
        """The account's token and the place beside it."""
        return f"twilio:{self._recipe.environment}:{self._options.account_sid}/{_NAME}"

    def observe(self) -> Observation:
        """The token in use; what is beside it Twilio does not show, and it is rotator's."""
        sid = self._account.sid
        self._account.ask(lambda twilio: twilio.api.v2010.accounts(sid).fetch(), "show the account")
        return Observation((AtSource(self._id(), Liveness.LIVE),), free_slots=1)

    def identify(self, current: Mapping[str, Sealed]) -> str | None:
        """The account's token, if Twilio takes it."""
        try:
            self._try(current["value"], "the auth token in the store")
        except CredentialRefused:
            return None
        return self._id()

    def create(self, label: str, predecessor: str | None) -> Credential:  # noqa: ARG002 - all tokens are of one kind
        """A token beside the one in use, after what was there is deleted: so a lost answer is made good.

        Raises Refused where a promotion would end what rotator itself logs in with.
        """
        self._check_ownership()
        self._check_login()
        self._empty_the_place()
        made = self._account.ask(
            lambda twilio: twilio.accounts.v1.secondary_auth_token().create(),
            "make a secondary auth token",
            mints=True,
        )
        if not made.secondary_auth_token:
            raise Refused("Twilio made a secondary auth token and did not show it: nobody can use it")
        return Credential(f"{self._id()}@{label}", {"value": Sealed(made.secondary_auth_token)})

    def activate(self, successor: Credential) -> None:
        """Nothing: Twilio made it, and takes it as soon as everybody there has heard of it."""

    def verify(self, credential: Credential) -> None:
        """Logs in with it, as the account."""
        self._try(credential.fields["value"], credential.id or "the auth token in the store")

    def disable(self, credential_id: str) -> None:
        """Raises Refused: Twilio has no such step."""
        raise Refused(f"{credential_id} cannot be disabled: it ends when another one is promoted")

    def enable(self, credential_id: str) -> None:
        """Raises Refused: Twilio has no such step."""
        raise Refused(f"{credential_id} cannot be enabled: Twilio has ended it, or takes it already")

    def remove(self, credential_id: str) -> None:
        """Takes a token away that was made beside the one in use. Silent where none is there.

        Raises Refused for the one in use: only a promotion ends that.
        """
        if not credential_id.startswith(f"{self._id()}@"):
            raise Refused(f"{credential_id} is in use: Twilio ends it only by promoting another one")
        self._check_ownership()
        self._empty_the_place()

    def promote(self, predecessor: Credential, successor: Credential) -> None:
        """The successor signs from now on, and the predecessor is refused. Silent where that is so already.

        Raises Refused where the successor is not the token beside the one in use: somebody else's would be promoted.
        """
        from rotator.providers.twilio_account import NotThere  # noqa: PLC0415 - a policy check must not load twilio

        first, second = predecessor.fields["value"], successor.fields["value"]
        if first == second:
            raise Refused(f"{successor.id} is what it should replace: nothing was promoted")
        try:
            self._try(second, successor.id)
        except CredentialRefused:
            raise Refused(
                f"Twilio does not take {successor.id}: somebody made another secondary token, or deleted this one. "
                "Nothing was promoted; consumers read a token that Twilio refuses, so look at once"
            ) from None
        if not self._takes(first, predecessor.id):
            return
        account = self._account
        own = account.own
        if own.user == account.sid and own.password != second:
            raise Refused(self._locked_out("nothing was promoted"))
        try:
            promoted = self._account.ask(
                lambda twilio: twilio.accounts.v1.auth_token_promotion().update(),
                "promote the secondary auth token",
            )
        except NotThere:
            return  # promoted already; servers that take the predecessor have not heard of it yet
        if Sealed(promoted.auth_token or "") != second:
            raise Refused(f"Twilio promoted another token than {successor.id}: look at once who made it")

    def last_used(self, credential_id: str) -> LastUsed:  # noqa: ARG002 - the same for all
        """Unknown: Twilio does not show it."""
        return LastUsed(known=False)

    def probe(self, url: str, credential: Credential) -> None:
        """POSTs a form that means nothing, signed as Twilio signs; 400, 401 and 403 are a no."""
        from rotator.providers.probing import ask  # noqa: PLC0415 - as in promote
        from rotator.providers.twilio_account import signature  # noqa: PLC0415 - as in promote

        form = {"AccountSid": self._account.sid, "RotatorProbe": "1"}
        headers = {"X-Twilio-Signature": signature(credential.fields["value"], url, form)}
        ask(self._around.allows, "POST", url, credential.id, _NO, data=form, headers=headers)

    @property
    def _account(self) -> TwilioAccount:
        from rotator.providers.twilio_account import TwilioAccount  # noqa: PLC0415 - as in promote

        return TwilioAccount(self._options.account_sid, self._options.auth, self._around)

    def _check_login(self) -> None:
        """A Main key stays as it is, and whoever reads the parameter that is rotated has the successor."""
        account = self._account
        place = self._options.auth.partition(":")[2]
        if account.own.user == account.sid and place not in self._recipe.parameters:
            raise Refused(self._locked_out("nothing was made"))

    def _locked_out(self, untouched: str) -> str:
        return (
            f"{self._options.auth} holds the account's auth token, and this rotation writes the successor elsewhere: "
            f"Twilio would refuse rotator from the promotion on; {untouched}. Put a Main key (SK…:secret) there, or "
            "let `auth` lead to the parameter that is rotated"
        )

    def _id(self) -> str:
        return f"{self._account.sid}/{_NAME}"

    def _login(self, token: Sealed) -> Login:
        from rotator.providers.twilio_account import Login  # noqa: PLC0415 - as in promote

        return Login(self._account.sid, token)

    def _try(self, token: Sealed, who: str) -> None:
        account = self._account
        account.ask_as(self._login(token), lambda twilio: twilio.api.v2010.accounts(account.sid).fetch(), who)

    def _takes(self, token: Sealed, who: str) -> bool:
        try:
            self._try(token, who)
        except CredentialRefused:
            return False
        return True

    def _check_ownership(self) -> None:
        if not self._options.owns_secondary:
            raise Refused(
                "without owns_secondary: true rotator touches no secondary token; nothing was changed"
            )

    def _empty_the_place(self) -> None:
        from rotator.providers.twilio_account import NotThere  # noqa: PLC0415 - as in promote

        try:
            self._account.ask(
                lambda twilio: twilio.accounts.v1.secondary_auth_token().delete(),
                "delete the secondary auth token",
            )
        except NotThere:
            return
