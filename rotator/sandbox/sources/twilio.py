"""Twilio of the sandbox: accounts, their API keys and auth tokens, and what Twilio's servers have heard of them.

Written from Twilio's documentation: "API keys overview", the API references of Key resources (v1), Auth Token
(secondary and promotion) and Account; "Error and warning dictionary"; "Webhooks security" for signatures. Hostile
unless it is told otherwise: the first page of a list is empty and each other holds one key, a new key is listed late,
changes reach the servers late and one after the other, a secret is shown once, an account is full at `keys_allowed`.

Simplified: products other than those here are one harmless answer; permissions of a Restricted key are the ends of the
paths that it may read; e-mails about tokens are not sent. What Twilio answers to a Restricted key that may not do
something is taken as 403, and wants confirming in a sandbox account [M].
"""

from __future__ import annotations

import hmac
import json
import secrets
import sys
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from rotator.clock import SystemClock
from rotator.contracts.clock import Clock
from rotator.sandbox.sources.listening import serve_until_ended
from rotator.sandbox.sources.rest import Refusal, Reply, Request, RestServer, Source, post
from rotator.sandbox.weather import Weather


@dataclass
class Held:
    """A key, or a token of the account (then `id` is the account). `heard`: from when on servers accept it, or not."""

    id: str
    secret: str = field(repr=False)
    account: str
    created_at: datetime
    kind: str = "standard"  # main, standard, restricted, token
    name: str = ""
    policy: dict[str, Any] = field(default_factory=dict)
    heard: list[tuple[datetime, bool]] = field(default_factory=list)

    def accepted(self, at: datetime) -> bool:
        """By servers that have heard of everything until `at`."""
        return [accepted for since, accepted in self.heard if since <= at][-1:] == [True]


@dataclass
class Message:
    """One SMS. `answers`: what the consumer's webhook said to the news that it was delivered; 0 for nothing."""

    sid: str
    account: str
    callback: str
    answers: list[int] = field(default_factory=list)


class Twilio:
    """Some accounts. Everything but the operations acts past the API."""

    def __init__(
        self,
        clock: Clock,
        *,
        propagation: timedelta = timedelta(seconds=20),
        listing: timedelta = timedelta(seconds=20),
    ) -> None:
        self.clock, self.weather = clock, Weather()
        self.propagation, self.listing, self.keys_allowed = propagation, listing, 30
        self.keys: list[Held] = []
        self.tokens: dict[str, Held] = {}  # account -> the primary token
        self.beside: dict[str, Held] = {}  # account -> the secondary token
        self.ever: list[Held] = []  # keys and tokens, the ended ones too
        self.messages: list[Message] = []
        self._tries = 0
        self.server = RestServer(
            Source(
                "twilio",
                {
                    "GET /v1/Keys": self._list,
                    "POST /v1/Keys": self._create,
                    "GET /v1/Keys/*": lambda request: Reply(_shown(self._find(request))),
                    "DELETE /v1/Keys/*": self._delete,
                    "GET /2010-04-01/Accounts/*.json": self._show_account,
                    "GET /2010-04-01/Accounts/*/*.json": self._read,
                    "POST /2010-04-01/Accounts/*/Messages.json": self._send,
                    "POST /v1/AuthTokens/Secondary": self._make_beside,
                    "DELETE /v1/AuthTokens/Secondary": self._delete_beside,
                    "POST /v1/AuthTokens/Promote": self._promote,
                },
                _refused,
                orders={"notify": lambda order: self.notify(**order)},
                throttled=20429,
            ),
            self.weather,
        )

    # past the API

    def somebody_opens(self) -> str:
        """An account; its SID."""
        account = f"AC{secrets.token_hex(16)}"
        self.tokens[account] = self._new(account, account, kind="token", since=timedelta(days=100))
        return account

    def somebody_makes(
        self, account: str, *, kind: str = "standard", policy: Mapping[str, Any] | None = None
    ) -> Held:
        """A key that everybody has heard of long ago."""
        made = self._new(
            self._sid(), account, kind=kind, name="CRM", policy=policy, since=timedelta(days=100)
        )
        self.keys.append(made)
        return made

    def somebody_deletes(self, sid: str) -> None:
        """A key, in the Console: at once."""
        (key,) = (one for one in self.keys if one.id == sid)
        self.keys.remove(key)
        key.heard.append((self.clock.now(), False))

    def somebody_makes_a_token_beside(self, account: str) -> Held:
        """A secondary token that everybody has heard of."""
        made = self.beside[account] = self._new(account, account, kind="token", since=timedelta(days=1))
        return made

    def accepts(self, user: str, secret: str) -> Held | None:
        """Who is let in with it now. While a change is under way, every other server has heard of it."""
        self._tries += 1
        early = self.propagation / 2 if self._tries % 2 else timedelta()
        at = self.clock.now() + early
        mine = [one for one in self.ever if one.id == user and secrets.compare_digest(one.secret, secret)]
        return next((one for one in mine if one.accepted(at)), None)

    def notify(self, account: str, url: str, **fields: str) -> int:
        """Twilio calls a webhook of ours, signed with the primary token; the status of the answer, 0 for none."""
        text = url + "".join(f"{name}{value}" for name, value in sorted(fields.items()))
        signed = hmac.digest(self.tokens[account].secret.encode(), text.encode(), "sha1")
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": b64encode(signed).decode(),
        }
        return post(url, urlencode(fields), headers)

    def report(self) -> list[int]:
        """Tells whoever sent a message, once, that it was delivered; the answers."""
        waiting = [one for one in tuple(self.messages) if one.callback and not one.answers]
        for one in waiting:
            news = {"MessageSid": one.sid, "MessageStatus": "delivered"}
            one.answers.append(self.notify(one.account, one.callback, **news))
        return [answer for one in waiting for answer in one.answers]

    # keys

    def _list(self, request: Request) -> Reply:
        account, page = self._managed(request), int(request.given.get("Page", 0))
        mine = [
            one
            for one in self.keys
            if one.account == account and one.created_at + self.listing <= self.clock.now()
        ]
        shown = [_shown(one) for one in mine[page - 1 : page]] if page else []
        more = f"https://iam.twilio.com/v1/Keys?AccountSid={account}&Page={page + 1}&PageToken=PT{page}"
        meta = {"key": "keys", "page": page, "next_page_url": more if page < len(mine) else None}
        return Reply({"keys": shown, "meta": meta})

    def _create(self, request: Request) -> Reply:
        account, given = self._managed(request), request.given
        if sum(one.account == account for one in self.keys) >= self.keys_allowed:
            raise Refusal(70151, "You have reached the maximum number of API keys.")
        if len(given.get("FriendlyName", "")) > 64:
            raise Refusal(70002, "FriendlyName is too long.")
        kind = given.get("KeyType", "standard")
        if kind not in {"standard", "restricted"} or (kind == "restricted") != ("Policy" in given):
            raise Refusal(70002, "Restricted keys have a policy, and others have none.")
        policy = json.loads(given.get("Policy", "{}"))
        made = self._new(self._sid(), account, kind=kind, name=given.get("FriendlyName", ""), policy=policy)
        self.keys.append(made)
        return Reply({**_shown(made), "secret": made.secret}, HTTPStatus.CREATED)

    def _delete(self, request: Request) -> Reply:
        key = self._find(request)
        self.keys.remove(key)
        self._tell(key, accepted=False)
        return Reply(None, HTTPStatus.NO_CONTENT)

    # what consumers do

    def _show_account(self, request: Request) -> Reply:
        who = self._let_in(request)
        if who.kind not in {"main", "token"} or who.account != request.ids[0]:
            raise _forbidden(HTTPStatus.FORBIDDEN)
        return Reply({"sid": who.account, "status": "active", "friendly_name": "Taly"})

    def _read(self, request: Request) -> Reply:
        who = self._let_in(request)
        allowed = who.kind != "restricted" or request.ids[1] in who.policy["allow"]
        if who.account != request.ids[0] or not allowed:
            raise _forbidden(HTTPStatus.FORBIDDEN)
        return Reply({"account_sid": who.account, "balance": "12.00", "currency": "EUR"})

    def _send(self, request: Request) -> Reply:
        who, given = self._let_in(request), request.given
        allowed = who.kind != "restricted" or "Messages" in who.policy["allow"]
        if who.account != request.ids[0] or not allowed:
            raise _forbidden(HTTPStatus.FORBIDDEN)
        if not (given.get("To") and given.get("Body")):
            raise Refusal(21604, "A 'To' phone number and a 'Body' are required.")
        sent = Message(f"SM{secrets.token_hex(16)}", who.account, given.get("StatusCallback", ""))
        self.messages.append(sent)
        return Reply({"sid": sent.sid, "status": "queued", "to": given["To"]}, HTTPStatus.CREATED)

    # tokens

    def _make_beside(self, request: Request) -> Reply:
        account = self._managing(request).account
        if account in self.beside:
            raise Refusal(20001, "There is a secondary auth token already.")
        made = self.beside[account] = self._new(account, account, kind="token")
        return Reply({"account_sid": account, "secondary_auth_token": made.secret}, HTTPStatus.CREATED)

    def _delete_beside(self, request: Request) -> Reply:
        account = self._managing(request).account
        self._tell(self._beside(account), accepted=False)
        del self.beside[account]
        return Reply(None, HTTPStatus.NO_CONTENT)

    def _promote(self, request: Request) -> Reply:
        account = self._managing(request).account
        taking = self._beside(account)
        self._tell(self.tokens[account], accepted=False)
        self.tokens[account] = taking
        del self.beside[account]
        return Reply({"account_sid": account, "auth_token": taking.secret})

    # within

    def _let_in(self, request: Request) -> Held:
        who = self.accepts(*request.basic)
        if who is None:
            raise Refusal(20003, "Authenticate", HTTPStatus.UNAUTHORIZED)
        return who

    def _managing(self, request: Request) -> Held:
        who = self._let_in(request)
        if who.kind not in {"main", "token"}:
            raise _forbidden(HTTPStatus.UNAUTHORIZED)
        return who

    def _managed(self, request: Request) -> str:
        who, account = self._managing(request), request.given.get("AccountSid")
        if account != who.account:
            raise _forbidden(HTTPStatus.UNAUTHORIZED)
        return who.account

    def _find(self, request: Request) -> Held:
        """Of any account: neither a look nor a deletion says which one is meant."""
        self._managing(request)
        for one in self.keys:
            if one.id == request.ids[0]:
                return one
        raise Refusal(20404, "The requested resource was not found.", HTTPStatus.NOT_FOUND)

    def _beside(self, account: str) -> Held:
        if account not in self.beside:
            raise Refusal(20404, "There is no secondary auth token.", HTTPStatus.NOT_FOUND)
        return self.beside[account]

    def _sid(self) -> str:
        return f"SK{secrets.token_hex(16)}"

    def _new(
        self,
        sid: str,
        account: str,
        *,
        kind: str,
        name: str = "",
        policy: Mapping[str, Any] | None = None,
        since: timedelta = timedelta(),
    ) -> Held:
        made_at = self.clock.now() - since
        made = Held(sid, secrets.token_hex(16), account, made_at, kind, name, dict(policy or {}))
        made.heard.append((made_at + self.propagation, True))
        self.ever.append(made)
        return made

    def _tell(self, held: Held, *, accepted: bool) -> None:
        held.heard.append((self.clock.now() + self.propagation, accepted))


def _shown(key: Held) -> dict[str, Any]:
    moment = format_datetime(key.created_at)
    policy = {"policy": key.policy} if key.policy else {"policy": None}
    return {
        "sid": key.id,
        "friendly_name": key.name,
        "date_created": moment,
        "date_updated": moment,
        **policy,
    }


def _forbidden(status: HTTPStatus) -> Refusal:
    return Refusal(20003, "Permission denied.", status)


def _refused(refusal: Refusal) -> dict[str, Any]:
    return {"code": refusal.code, "message": refusal.sentence, "more_info": "", "status": refusal.status}


def main(_port: str, port: str) -> None:
    """`--port 0`; prints an account that somebody opened, its token, a Main key and a Standard key, too."""
    twilio = Twilio(SystemClock(), propagation=timedelta(), listing=timedelta())
    account = twilio.somebody_opens()
    own, key = twilio.somebody_makes(account, kind="main"), twilio.somebody_makes(account)
    token = twilio.tokens[account].secret
    more = {"auth": f"{own.id}:{own.secret}", "sid": key.id, "secret": key.secret, "token": token}
    serve_until_ended(twilio.server, int(port), account=account, **more)


if __name__ == "__main__":
    main(*sys.argv[1:])
