"""An authorization server of the sandbox, in the shape of Okta, Entra, Auth0 or Keycloak: clients and their secrets.

Written from the vendors' documentation, which the recipes name (rotator/providers/oauth_recipes). Hostile unless it
is told otherwise: a new secret is listed late, every change reaches the token endpoint late and one server after the
other, lists come in pages with an empty one first where there is a Link header to say so (Okta), and limits hold: two
secrets a client at Okta, of which the last live one is not disabled and no live one deleted; one at Auth0 and Keycloak.
Keycloak switches off what a PUT does not say is on, and Entra may not find yet, or any more, what it lists.

Simplified: the management API itself sees every change but a new secret at once; token endpoints are two servers, of
which one hears of a change after half the time; scopes and audiences are not looked at; nobody needs rights; Auth0's
rotate-secret and Keycloak's preview of two secrets are not played.
"""

from __future__ import annotations

import json
import re
import secrets
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from rotator.clock import SystemClock
from rotator.contracts.clock import Clock
from rotator.sandbox.faults import Fault, Outage
from rotator.sandbox.sources.oauth_wire import Call, No, Reply, Wire
from rotator.sandbox.weather import Weather

OWN_CLIENT = "rotator"
_OKTA = r"/api/v1/apps/(?P<app>[^/]+)/credentials/secrets"
_GRAPH = r"/v1.0/applications/(?P<app>[^/]+)"
#: (vendor, method, path) -> the operation, by whose name the weather knows it.
ROUTES = [
    ("okta", "POST", r"/oauth2/[^/]+/v1/token", "token"),
    ("okta", "GET", _OKTA, "list"),
    ("okta", "POST", _OKTA, "create"),
    ("okta", "POST", rf"{_OKTA}/(?P<id>[^/]+)/lifecycle/deactivate", "disable"),
    ("okta", "POST", rf"{_OKTA}/(?P<id>[^/]+)/lifecycle/activate", "enable"),
    ("okta", "DELETE", rf"{_OKTA}/(?P<id>[^/]+)", "remove"),
    ("entra", "POST", r"/[^/]+/oauth2/v2.0/token", "token"),
    ("entra", "GET", _GRAPH, "list"),
    ("entra", "POST", rf"{_GRAPH}/addPassword", "create"),
    ("entra", "POST", rf"{_GRAPH}/removePassword", "remove"),
    ("auth0", "POST", r"/oauth/token", "token"),
    ("auth0", "GET", r"/api/v2/clients/(?P<app>[^/]+)", "look"),
    ("auth0", "PATCH", r"/api/v2/clients/(?P<app>[^/]+)", "tell"),
    ("keycloak", "POST", r"/realms/[^/]+/protocol/openid-connect/token", "token"),
    ("keycloak", "GET", r"/admin/realms/[^/]+/clients/(?P<app>[^/]+)", "look"),
    ("keycloak", "PUT", r"/admin/realms/[^/]+/clients/(?P<app>[^/]+)", "tell"),
]
#: How a vendor says that a client's secret is wrong, always with 401.
_WRONG = {
    "okta": ("invalid_client", "The client secret supplied for a confidential client is invalid."),
    "entra": ("invalid_client", "AADSTS7000215: Invalid client secret provided."),
    "auth0": ("access_denied", "Unauthorized"),
    "keycloak": ("unauthorized_client", "Invalid client or Invalid client credentials"),
}

#: What Keycloak switches off where a PUT does not say that it is on; with it go the service account's roles and all
#: policies of authorization (ClientResource.updateClientFromRep and updateAuthorizationSettings in its source).
_OFF_UNLESS_SAID = ("serviceAccountsEnabled", "authorizationServicesEnabled")


@dataclass
class Kept:
    """One secret. `heard` is what token endpoints were told: from when on, and whether they accept it."""

    id: str
    value: str = field(repr=False)
    created_at: datetime
    label: str = ""
    live: bool = True
    heard: list[tuple[datetime, bool]] = field(default_factory=list)

    def accepted(self, at: datetime) -> bool:
        """By endpoints that have heard of everything until `at`."""
        return [accepted for since, accepted in self.heard if since <= at][-1:] == [True]


class OauthSource:
    """One vendor's server. What is no operation acts past the API."""

    def __init__(
        self,
        clock: Clock,
        vendor: str,
        *,
        propagation: timedelta = timedelta(seconds=20),
        listing: timedelta = timedelta(seconds=15),
    ) -> None:
        self.clock, self.vendor, self.weather = clock, vendor, Weather()
        self.propagation, self.listing = propagation, listing
        self.clients: dict[str, list[Kept]] = {}
        self.settings: dict[str, dict[str, Any]] = {}  # Keycloak's, by client
        self.unfound: set[str] = (
            set()
        )  # ids that Entra lists, and that the copy which removes has not heard of
        self.own_token, self.own_secret = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.address = ""
        self._dead: list[Kept] = []
        self._issued: set[str] = set()
        self._tries = 0
        self._one_at_a_time = threading.Lock()

    # past the API

    def somebody_makes(self, client: str, label: str = "") -> Kept:
        """A secret that everybody has heard of long ago. Where there is one place only, it takes it."""
        kept = self._new(secrets.token_urlsafe(30), label, self.clock.now() - timedelta(days=100))
        if self.vendor in {"auth0", "keycloak"}:
            self._dead += self.clients.pop(client, [])
        self.clients.setdefault(client, []).append(kept)
        return kept

    def find(self, value: str) -> Kept | None:
        """A secret by its value."""
        return next((kept for known in self.clients.values() for kept in known if kept.value == value), None)

    def set_up(self, client: str) -> dict[str, Any]:
        """What Keycloak keeps of a client besides its secret."""
        usual = {"clientId": client, "redirectUris": [f"https://{client}.example/*"]}
        return self.settings.setdefault(client, usual | dict.fromkeys(_OFF_UNLESS_SAID, True))

    def accepts(self, client: str, value: str) -> bool:
        """Whether a token endpoint lets it in now. While a change is under way, every other one has heard of it."""
        self._tries += 1
        at = self.clock.now() + (self.propagation / 2 if self._tries % 2 else timedelta())
        known = [*self.clients.get(client, []), *self._dead]
        return any(kept.accepted(at) and secrets.compare_digest(kept.value, value) for kept in known)

    # operations

    def _token(self, call: Call) -> Reply:
        client, secret = call.login
        own = client == OWN_CLIENT and secrets.compare_digest(secret, self.own_secret)
        if not own and not self.accepts(client, secret):
            error, description = _WRONG[self.vendor]
            raise No(HTTPStatus.UNAUTHORIZED, {"error": error, "error_description": description})
        token = secrets.token_urlsafe(16)
        if own:
            self._issued.add(token)
        return Reply(HTTPStatus.OK, {"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    def _list(self, call: Call, app: str) -> Reply:
        there = [kept for kept in self._of(app) if kept.created_at + self.listing <= self.clock.now()]
        if self.vendor == "entra":
            return Reply(
                HTTPStatus.OK, {"id": app, "passwordCredentials": [self._entra(kept) for kept in there]}
            )
        page = int(call.query.get("after", "0"))  # the first page is empty, and each other holds one
        shown = [self._okta(kept) for kept in (there[page - 1 : page] if page else [])]
        link = f'<{self.address}{call.path}?after={page + 1}>; rel="next"'
        return Reply(HTTPStatus.OK, shown, {"Link": link} if page < len(there) else {})

    def _create(self, call: Call, app: str) -> Reply:
        there = self._of(app)
        if self.vendor == "okta" and len(there) >= 2:
            raise _okta_no("Api validation failed: secrets", "A client can have two secrets.")
        label = "" if self.vendor == "okta" else call.json["passwordCredential"].get("displayName", "")
        kept = self._new(secrets.token_urlsafe(30), label, self.clock.now())
        there.append(kept)
        if self.vendor == "okta":
            return Reply(HTTPStatus.CREATED, self._okta(kept))
        return Reply(HTTPStatus.OK, {**self._entra(kept), "secretText": kept.value})

    def _disable(self, _call: Call, app: str, id: str) -> Reply:  # noqa: A002 - the path's own word
        kept = self._one(app, id)
        if kept.live and sum(other.live for other in self._of(app)) == 1:
            raise _okta_no("Api validation failed: lifecycle", "The last live secret cannot be deactivated.")
        return self._turned(kept, live=False)

    def _enable(self, _call: Call, app: str, id: str) -> Reply:  # noqa: A002 - the path's own word
        return self._turned(self._one(app, id), live=True)

    def _remove(self, call: Call, app: str, id: str = "") -> Reply:  # noqa: A002 - the path's own word
        kept = self._one(app, id or call.json["keyId"])
        if self.vendor == "okta" and kept.live:
            raise _okta_no("Api validation failed: secrets", "A live secret cannot be deleted.")
        self._of(app).remove(kept)
        self._dead.append(kept)
        self._hears(kept, accepted=False)
        return Reply(HTTPStatus.NO_CONTENT)

    def _look(self, _call: Call, app: str) -> Reply:
        there, client = self._of(app), app.removeprefix("app-")
        if self.vendor == "auth0":
            return Reply(HTTPStatus.OK, {"client_id": client})
        return Reply(HTTPStatus.OK, {**self.set_up(client), "secret": there[0].value if there else None})

    def _tell(self, call: Call, app: str) -> Reply:
        there, value = self._of(app), call.json["client_secret" if self.vendor == "auth0" else "secret"]
        if self.vendor == "keycloak":
            said = {name: value for name, value in call.json.items() if name != "secret"}
            self.set_up(app.removeprefix("app-")).update(dict.fromkeys(_OFF_UNLESS_SAID, False) | said)
        if there and there[0].value == value:
            return self._told(app, value)
        for kept in there:
            self._hears(kept, accepted=False)
        self._dead += there
        there[:] = [self._new(value, "", self.clock.now())]
        return self._told(app, value)

    # within

    def answer(self, call: Call) -> Reply | None:
        """None where the connection is to be closed without an answer."""
        found = next(
            (
                (operation, match.groupdict())
                for vendor, method, path, operation in ROUTES
                if vendor == self.vendor
                and method == call.method
                and (match := re.fullmatch(path, call.path))
            ),
            None,
        )
        if found is None:
            return Reply(HTTPStatus.NOT_FOUND, {"error": "no such path"})
        operation, given = found[0], {name: unquote(value) for name, value in found[1].items()}
        self.weather.count("calls", operation)
        try:
            if self.weather.outage(self.vendor) is Outage.CLOSED:
                return None
            fault = self._weather(operation)
            self._let_in(operation, call)
            with self._one_at_a_time:
                reply: Reply = getattr(self, f"_{operation}")(call, **given)
        except No as no:
            self.weather.count("refusals", f"{operation} {no.reply.status}")
            return no.reply
        return None if fault is Fault.LOST_ANSWER else reply

    def _weather(self, operation: str) -> Fault | None:
        if self.weather.outage(self.vendor):
            raise No(HTTPStatus.SERVICE_UNAVAILABLE, {})
        rule = self.weather.draw(operation)
        if rule and rule.fault is Fault.THROTTLED:
            if self.vendor in {"okta", "auth0"}:  # these tell when, and not how long
                at = int(self.clock.now().timestamp()) + 7
                raise No(HTTPStatus.TOO_MANY_REQUESTS, {}, X_Rate_Limit_Reset=str(at))
            raise No(
                HTTPStatus.TOO_MANY_REQUESTS, {}, **({"Retry_After": "7"} if self.vendor == "entra" else {})
            )
        if rule and rule.fault is Fault.INTERNAL_ERROR:
            raise No(HTTPStatus.INTERNAL_SERVER_ERROR, {})
        return rule.fault if rule else None

    def _let_in(self, operation: str, call: Call) -> None:
        kind, _, token = call.headers.get("authorization", "").partition(" ")
        ours = token in self._issued or secrets.compare_digest(token, self.own_token)
        if operation != "token" and not (ours and kind == ("SSWS" if self.vendor == "okta" else "Bearer")):
            raise No(HTTPStatus.UNAUTHORIZED, {"error": "Invalid token"})

    def _of(self, app: str) -> list[Kept]:
        client = app.removeprefix("app-")
        if client not in self.clients:
            raise No(HTTPStatus.NOT_FOUND, {"error": "no such application"})
        return self.clients[client]

    def _one(self, app: str, kept_id: str) -> Kept:
        for kept in self._of(app):
            if kept.id == kept_id and kept_id not in self.unfound:
                return kept
        if self.vendor == "entra":
            message = f"No password credential found with keyId '{kept_id}'."
            raise No(HTTPStatus.BAD_REQUEST, {"error": {"code": "Request_BadRequest", "message": message}})
        raise No(HTTPStatus.NOT_FOUND, {"errorCode": "E0000007", "errorSummary": "Not found"})

    def _new(self, value: str, label: str, at: datetime) -> Kept:
        kept = Kept(secrets.token_hex(10), value, at, label)
        kept.heard.append((at + self.propagation, True))
        return kept

    def _hears(self, kept: Kept, *, accepted: bool) -> None:
        kept.heard.append((self.clock.now() + self.propagation, accepted))

    def _turned(self, kept: Kept, *, live: bool) -> Reply:
        if kept.live is not live:
            kept.live = live
            self._hears(kept, accepted=live)
        return Reply(HTTPStatus.OK, self._okta(kept))

    def _told(self, app: str, value: str) -> Reply:
        if self.vendor == "keycloak":
            return Reply(HTTPStatus.NO_CONTENT)
        return Reply(HTTPStatus.OK, {"client_id": app, "client_secret": value})

    def _okta(self, kept: Kept) -> dict[str, Any]:
        state, at = "ACTIVE" if kept.live else "INACTIVE", f"{kept.created_at:%Y-%m-%dT%H:%M:%S}.000Z"
        return {"id": kept.id, "status": state, "client_secret": kept.value, "created": at, "lastUpdated": at}

    def _entra(self, kept: Kept) -> dict[str, Any]:
        at = f"{kept.created_at:%Y-%m-%dT%H:%M:%S}.1234567Z"
        shown = {
            "keyId": kept.id,
            "displayName": kept.label or None,
            "hint": kept.value[:3],
            "secretText": None,
        }
        return {**shown, "startDateTime": at, "endDateTime": "2099-01-01T00:00:00Z"}

    @contextmanager
    def serving(self, port: int = 0) -> Iterator[str]:
        """Its address, while it serves in threads of this process."""
        with Wire(self.answer, self.weather).serving(port) as self.address:
            yield self.address


def main(_port: str, port: str, vendor: str, *clients: str) -> None:
    """`--port 0`, the vendor, then clients. Prints the address, rotator's token and each client's secret, as JSON."""
    source, ended = OauthSource(SystemClock(), vendor), threading.Event()
    made = {client: source.somebody_makes(client).value for client in clients}
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with source.serving(int(port)) as address:
        print(json.dumps({"address": address, "token": source.own_token, "secrets": made}), flush=True)
        ended.wait()


def _okta_no(summary: str, cause: str) -> No:
    said = {"errorCode": "E0000001", "errorSummary": summary, "errorCauses": [{"errorSummary": cause}]}
    return No(HTTPStatus.BAD_REQUEST, said)


if __name__ == "__main__":
    main(*sys.argv[1:])
