"""IAM and STS of the sandbox: users, their access keys, and what the rest of AWS has heard of them.

Written from the API references of IAM (CreateAccessKey, ListAccessKeys, UpdateAccessKey, DeleteAccessKey,
GetAccessKeyLastUsed; "IAM and AWS STS quotas") and AWS STS (GetCallerIdentity), and "Troubleshoot IAM: changes that I
make are not always immediately visible" in the IAM user guide. Hostile unless it is told otherwise: lists come in pages
of one with an empty one first, a new key is listed late, every change reaches the services late and one after the
other, uses are shown hours later and in whole minutes.

Simplified: effects are at once in IAM itself; the services are two, of which one hears of a change after half the
time; nobody needs permissions; requests of callers that are no user's key are rotator's own, and are let through.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from rotator.clock import SystemClock
from rotator.contracts.clock import Clock
from rotator.sandbox.aws import ACCOUNT
from rotator.sandbox.sources.aws_query import Call, Listed, QueryServer, Refusal
from rotator.sandbox.sources.listening import serve_until_ended
from rotator.sandbox.weather import Weather

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
KEYS_PER_USER = 2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Key:
    """One access key. `heard` is what the services were told: from when on, and whether they accept it."""

    id: str
    secret: str = field(repr=False)
    user: str
    created_at: datetime
    live: bool = True
    heard: list[tuple[datetime, bool]] = field(default_factory=list)
    uses: list[tuple[datetime, str, str]] = field(default_factory=list)

    def accepted(self, at: datetime) -> bool:
        """By services that have heard of everything until `at`."""
        return [accepted for since, accepted in self.heard if since <= at][-1:] == [True]


class Iam:
    """The account. Everything but the actions acts past the API. Uses are shown so late, and in whole `shown_in`."""

    def __init__(
        self,
        clock: Clock,
        *,
        propagation: timedelta = timedelta(seconds=12),
        listing: timedelta = timedelta(seconds=12),
        use_shows: timedelta = timedelta(hours=4),
        shown_in: timedelta = timedelta(minutes=1),
    ) -> None:
        self.clock, self.weather = clock, Weather()
        self.propagation, self.listing = propagation, listing
        self.use_shows, self.shown_in = use_shows, shown_in
        self.users: dict[str, list[Key]] = {}
        self._deleted: list[Key] = []
        self._tries = 0
        self.server = QueryServer(
            {
                "CreateAccessKey": self._create,
                "ListAccessKeys": self._list,
                "UpdateAccessKey": self._update,
                "DeleteAccessKey": self._delete,
                "GetAccessKeyLastUsed": self._last_used,
                "GetCallerIdentity": self._caller,
            },
            self.weather,
        )

    # past the API

    def somebody_makes(self, user: str) -> Key:
        """A key that everybody has heard of long ago."""
        key = self._new(user, self.clock.now() - timedelta(days=100))
        self.users.setdefault(user, []).append(key)
        return key

    def find(self, key_id: str) -> Key | None:
        """A key that is not deleted."""
        return next((key for keys in self.users.values() for key in keys if key.id == key_id), None)

    def accepted(self, key_id: str) -> Key | None:
        """The key, if a service lets it in now. While a change is under way, every other one has heard of it."""
        self._tries += 1
        early = self.propagation / 2 if self._tries % 2 else timedelta()
        key = next((one for one in self.ever() if one.id == key_id), None)
        return key if key and key.accepted(self.clock.now() + early) else None

    def ever(self) -> list[Key]:
        """Every key that there was, the deleted ones too."""
        return [*self._deleted, *(key for keys in self.users.values() for key in keys)]

    def accepts(self, key_id: str, secret: str) -> bool:
        """Whether a service lets in whoever signs with it now."""
        key = self.accepted(key_id)
        return key is not None and secrets.compare_digest(key.secret, secret)

    def use(self, key_id: str, service: str, region: str = "eu-central-1") -> None:
        """Somebody used it right now."""
        key = self.find(key_id)
        if key is not None:
            key.uses.append((self.clock.now(), service, region))

    # actions of IAM

    def _create(self, call: Call) -> Mapping[str, Any]:
        keys = self._keys_of(call)
        if len(keys) >= KEYS_PER_USER:
            sentence = f"Cannot exceed quota for AccessKeysPerUser: {KEYS_PER_USER}"
            raise Refusal("LimitExceeded", sentence, HTTPStatus.CONFLICT)
        key = self._new(call.given["UserName"], self.clock.now())
        keys.append(key)
        return {"AccessKey": {**self._shown(key), "SecretAccessKey": key.secret}}

    def _list(self, call: Call) -> Mapping[str, Any]:
        """The first page is empty, and each other holds one key: only IsTruncated says when it is over."""
        keys = [key for key in self._keys_of(call) if key.created_at + self.listing <= self.clock.now()]
        page = int(call.given.get("Marker", "0"))
        more = page < len(keys)
        shown = [self._shown(key) for key in keys[page - 1 : page]] if page else []
        return {
            "AccessKeyMetadata": Listed("member", shown),
            "IsTruncated": more,
            "Marker": page + 1 if more else None,
        }

    def _update(self, call: Call) -> Mapping[str, Any]:
        key, live = self._key_of(call), call.given["Status"] == "Active"
        if key.live is not live:
            key.live = live
            self._tell(key, accepted=live)
        return {}

    def _delete(self, call: Call) -> Mapping[str, Any]:
        key = self._key_of(call)
        self.users[key.user].remove(key)
        self._deleted.append(key)
        self._tell(key, accepted=False)
        return {}

    def _last_used(self, call: Call) -> Mapping[str, Any]:
        key = self.find(call.given["AccessKeyId"])
        if key is None:
            raise _no_such("access key", call.given["AccessKeyId"])
        shown = [use for use in key.uses if use[0] + self.use_shows <= self.clock.now()]
        at, service, region = shown[-1] if shown else (None, "N/A", "N/A")
        told = at - (at - _EPOCH) % self.shown_in if at else None
        used = {"LastUsedDate": told, "ServiceName": service, "Region": region}
        return {"UserName": key.user, "AccessKeyLastUsed": used}

    # the action of STS

    def _caller(self, call: Call) -> Mapping[str, Any]:
        key = self.accepted(call.caller)
        if key is None:
            sentence = "The security token included in the request is invalid."
            raise Refusal("InvalidClientTokenId", sentence, HTTPStatus.FORBIDDEN)
        if not call.signed_with(key.secret):
            sentence = "The request signature we calculated does not match the signature you provided."
            raise Refusal("SignatureDoesNotMatch", sentence, HTTPStatus.FORBIDDEN)
        key.uses.append((self.clock.now(), "sts", "eu-central-1"))
        return {
            "Arn": f"arn:aws:iam::{ACCOUNT}:user/rotated/{key.user}",
            "UserId": "AIDA",
            "Account": ACCOUNT,
        }

    # within

    def _tell(self, key: Key, *, accepted: bool) -> None:
        key.heard.append((self.clock.now() + self.propagation, accepted))

    def _new(self, user: str, at: datetime) -> Key:
        """Ids look like AWS's, and say at second sight that they are not."""
        mark = "".join(secrets.choice(_ALPHABET) for _ in range(13))
        key = Key(f"SANDBOX{mark}", secrets.token_urlsafe(30), user, at)
        key.heard.append((at + self.propagation, True))
        return key

    def _keys_of(self, call: Call) -> list[Key]:
        name = call.given.get("UserName", "the caller")
        if name not in self.users:
            raise _no_such("user", name)
        return self.users[name]

    def _key_of(self, call: Call) -> Key:
        wanted = call.given["AccessKeyId"]
        for key in self._keys_of(call):
            if key.id == wanted:
                return key
        raise _no_such("access key", wanted)

    def _shown(self, key: Key) -> dict[str, Any]:
        status = "Active" if key.live else "Inactive"
        return {"UserName": key.user, "AccessKeyId": key.id, "Status": status, "CreateDate": key.created_at}


def _no_such(what: str, name: str) -> Refusal:
    return Refusal("NoSuchEntity", f"The {what} with id {name} cannot be found.", HTTPStatus.NOT_FOUND)


def main(_port: str, port: str, *users: str) -> None:
    """`--port 0`, then the names of users, who have no keys yet; see `serve_until_ended`."""
    iam = Iam(SystemClock())
    iam.users = {user: [] for user in users}
    serve_until_ended(iam.server, int(port))


if __name__ == "__main__":
    main(*sys.argv[1:])
