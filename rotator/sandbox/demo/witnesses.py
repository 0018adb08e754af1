"""Those whose word counts at the end: databases, verifiers, customers, vendors. The audit asks; they answer for now."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx
import psycopg

from rotator.model.policy import SecretPolicy
from rotator.sandbox.demo.consoles import Consoles
from rotator.sandbox.demo.vault import Vault
from rotator.sandbox.demo.vendors import Vendors, mail_password
from rotator.sandbox.events import Event, signature
from rotator.sandbox.postgres import EmbeddedPostgres
from rotator.sandbox.processes import NotReady

_SENT_WITHIN = 20.0


@dataclass(frozen=True)
class Witnesses:
    """The demo's `audit.FarSides`."""

    databases: Mapping[str, EmbeddedPostgres]
    platform: httpx.Client = field(repr=False)
    vendors: Vendors = field(repr=False)
    vault: Vault = field(repr=False)
    consoles: Consoles = field(repr=False)

    def logins_of(self, environment: str) -> list[str]:
        """Roles of its database that can log in."""
        with psycopg.connect(self.databases[environment].superuser_dsn()) as session:
            return [role for (role,) in session.execute("select rolname from pg_roles where rolcanlogin")]

    def accepts(self, environment: str, bearer: str) -> HTTPStatus:
        """What all verifiers of an environment say of a token: 200, 401, or 503 where they differ."""
        headers = {"Authorization": f"Bearer {bearer}"}
        return HTTPStatus(self.platform.get(f"/accepts/{environment}", headers=headers).status_code)

    def customers_accept(self, environment: str, key: str) -> HTTPStatus:
        """What all customers say of an event that is signed with `key`: 200, 401, or 503 where they differ."""
        event = Event(os.getpid(), "from the auditor", (signature(key, "from the auditor"),))
        answer = self.platform.post(f"/events/{environment}", json=event._asdict())
        return HTTPStatus(answer.status_code)

    def events_of_living(self, environment: str) -> list[Event]:
        """One event, sent from now on, of every instance that sends any. Raises NotReady where none comes."""
        before, deadline = self._newest_events(environment), time.monotonic() + _SENT_WITHIN
        while True:
            instances = self.platform.get(f"/instances/{environment}/api").json()
            living = {instance["pid"] for instance in instances}
            events = [
                event
                for event in self._newest_events(environment)
                if event.sender in living and event not in before
            ]
            if {event.sender for event in events} == living:
                return events
            if time.monotonic() > deadline:
                raise NotReady(
                    f"not every instance of {environment}/api sent an event within {_SENT_WITHIN:g} s"
                )
            time.sleep(0.05)

    def taken(self, environment: str) -> set[str]:
        """The ids of Stripe's events that the company has written down."""
        with psycopg.connect(self.databases[environment].superuser_dsn("taly")) as session:
            return {event for (event,) in session.execute("select id from stripe_event")}

    def made(self, secret: SecretPolicy) -> dict[str, bool]:
        """Every credential that its vendor ever made -> whether it is let in now; empty where there is no vendor.

        A credential goes by what is secret of it, as consumers read it.
        """
        if secret.submitted:
            return self.consoles.takes(secret)
        stripe, twilio, iam = self.vendors.stripe, self.vendors.twilio, self.vendors.iam
        account = self.vendors.accounts[secret.environment]
        match secret.name:
            case "STRIPE_WEBHOOK_SECRET":
                url = account.endpoint.url if account.endpoint else ""
                return {one.secret: stripe.signs_with(one.secret) for one in stripe.ever if one.url == url}
            case "TWILIO_API_KEY" | "TWILIO_AUTH_TOKEN":
                kinds = {"token"} if secret.name == "TWILIO_AUTH_TOKEN" else {"standard", "restricted"}
                mine = [one for one in twilio.ever if one.account == account.twilio and one.kind in kinds]
                return {one.secret: twilio.accepts(one.id, one.secret) is not None for one in mine}
            case "CI_DEPLOY_KEY" | "SES_SMTP_PASSWORD":
                user = secret.recipe.settings["iam_user"]
                keys = [key for key in iam.ever() if key.user == user]
                shown = mail_password if secret.name == "SES_SMTP_PASSWORD" else lambda key: key.secret
                return {shown(key): iam.accepts(key.id, key.secret) for key in keys}
        return {}

    def copies(self, secret: SecretPolicy) -> Iterator[tuple[str, str, str | None]]:
        """Every copy that the secret's mirrors should have: the mirror, the parameter, and what stands there."""
        for mirror in secret.recipe.mirrors:
            for parameter in secret.recipe.fields.values():
                if mirror == "vault":
                    yield mirror, parameter, self.vault.holds(parameter.strip("/"))
                else:
                    held = self.vendors.github.holds(
                        self.vendors.place(secret.environment), parameter.rpartition("/")[2]
                    )
                    yield mirror, parameter, held

    def _newest_events(self, environment: str) -> list[Event]:
        answer = self.platform.get(f"/events/{environment}").json()
        return [Event(one["sender"], one["body"], tuple(one["signatures"])) for one in answer]
