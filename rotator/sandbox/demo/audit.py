"""The reckoning: every old credential is dead, every living one accounted for, and every value was looked for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlsplit

import jwt
import psycopg

from rotator.contracts.journal import Journal
from rotator.model.policy import SecretPolicy
from rotator.model.requests import RequestKind
from rotator.model.rotation import Rotation
from rotator.sandbox.demo.known import Known, secret_parameter
from rotator.sandbox.events import Event
from rotator.sandbox.logins import refuses_login
from rotator.sandbox.postgres import SUPERUSER


class FarSides(Protocol):
    """Those whose word counts: sources, verifiers, customers. The demo's world is these."""

    def logins_of(self, environment: str) -> list[str]:
        """Roles of its database that can log in."""

    def accepts(self, environment: str, bearer: str) -> HTTPStatus:
        """What all verifiers of an environment say of a token."""

    def customers_accept(self, environment: str, key: str) -> HTTPStatus:
        """What all customers say of an event that is signed with `key`."""

    def events_of_living(self, environment: str) -> list[Event]:
        """One event, sent from now on, of every service that sends any."""

    def made(self, secret: SecretPolicy) -> dict[str, bool]:
        """Every credential that its vendor ever made -> whether it is let in now; empty where there is no vendor."""

    def copies(self, secret: SecretPolicy) -> Iterable[tuple[str, str, str | None]]:
        """Every copy that the secret's mirrors should have: the mirror, the parameter, and what stands there."""


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What was found when all was over."""

    tried: Counter[str]  # by the secret's name
    alive: list[str]
    unaccounted: list[str]
    stale: list[str]  # copies in mirrors that are not what the store holds


def reckon(world: FarSides, known: Known, rotated: Iterable[SecretPolicy], journal: Journal) -> Reckoning:
    """Tries every credential that is neither in use nor part of a rotation under way, and counts those that live."""
    secrets = list(rotated)
    unfinished = {rotation.secret: rotation for rotation in journal.rotations(unfinished=True)}
    living = {secret.secret: _living(known, secret, unfinished.get(secret.secret)) for secret in secrets}
    tried, alive = Counter[str](), []
    for secret in secrets:
        for value, name in known.credentials.get(secret.secret, {}).items():
            if value not in living[secret.secret]:
                tried[secret.name] += 1
                alive += [name] if lives(world, known, secret, value) else []
    stale = [
        f"{secret.secret}: {mirror}"
        for secret in secrets
        if secret.secret not in unfinished
        for mirror, parameter, held in world.copies(secret)
        if held != known.current(parameter)
    ]
    waiting = Counter(one.about for one in journal.requests() if one.kind is RequestKind.SUBMIT)
    return Reckoning(tried, alive, list(_unaccounted(world, known, secrets, living, waiting)), stale)


def lives(world: FarSides, known: Known, secret: SecretPolicy, value: str) -> bool:
    """Whether anybody still accepts what `value` makes, or still uses it. Raises LookupError for an unknown kind."""
    environment = secret.environment
    if secret.submitted:
        return world.made(secret).get(value, False)
    match secret.name:
        case "DATABASE_URL":
            return logs_in(value)
        case "JWT_SECRET":
            bearer = jwt.encode({"iss": "auditor"}, value, algorithm="HS256")
            return world.accepts(environment, bearer) != HTTPStatus.UNAUTHORIZED
        case "INTERNAL_API_TOKEN":
            return world.accepts(environment, value) != HTTPStatus.UNAUTHORIZED
        case "WEBHOOK_SIGNING_KEY":
            return (
                value in _accepted_set(known, secret)
                or world.customers_accept(environment, value) != HTTPStatus.UNAUTHORIZED
                or any(event.signed_with(value) for event in world.events_of_living(environment))
            )
        case "STRIPE_WEBHOOK_SECRET" | "TWILIO_AUTH_TOKEN":
            return value in _accepted_set(known, secret) or world.made(secret).get(value, False)
        case "TWILIO_API_KEY" | "CI_DEPLOY_KEY" | "SES_SMTP_PASSWORD":
            return world.made(secret).get(value, False)
    raise LookupError(f"nobody here knows how to try a {secret.name}")


def logs_in(dsn: str) -> bool:
    """Whether the server takes a connection string. Raises OperationalError where it says neither yes nor no."""
    try:
        psycopg.connect(dsn, connect_timeout=5).close()
    except psycopg.OperationalError as refusal:
        if refuses_login(str(refusal)):
            return False
        raise
    return True


def _living(known: Known, secret: SecretPolicy, unfinished: Rotation | None) -> set[str]:
    """What may live: the value in use, and both credentials of a rotation that has not ended."""
    in_use = {known.current(secret_parameter(secret))}
    return in_use | (known.of(unfinished) if unfinished else set())


def _accepted_set(known: Known, secret: SecretPolicy) -> list[str]:
    accepted_as = secret.recipe.accepted_as
    members: list[str] = json.loads(known.current(accepted_as)) if accepted_as else []
    return members


def _unaccounted(
    world: FarSides,
    known: Known,
    secrets: Iterable[SecretPolicy],
    living: Mapping[str, set[str]],
    waiting: Mapping[str, int],
) -> Iterator[str]:
    """Credentials that are alive and that nobody knows: roles, members of accepted sets, what vendors have made.

    `waiting`: how many were submitted for a secret and are in the journal, which no rotation has taken up yet.
    """
    for secret in secrets:
        may_live = living[secret.secret]
        if secret.name == "DATABASE_URL":
            admin = f"{secret.environment}/rotator/DATABASE_ADMIN_URL"
            admins = living.get(admin, set())
            expected = {SUPERUSER, *(urlsplit(dsn).username for dsn in may_live | admins)}
            strange = sorted(set(world.logins_of(secret.environment)) - expected)[waiting.get(admin, 0) :]
            yield from (f"{secret.environment}: role {role} can log in" for role in strange)
        ours = (
            may_live | known.credentials.get(secret.secret, {}).keys()
        )  # a known one that lives is told as alive
        lost = sum(lets_in and value not in ours for value, lets_in in world.made(secret).items())
        if lost > waiting[secret.secret]:
            yield f"{secret.secret}: {lost} at the vendor that rotator does not know of"
        strangers = set(_accepted_set(known, secret)) - may_live
        if strangers:
            yield f"{secret.recipe.accepted_as}: {len(strangers)} members that nobody knows of"
