"""The reckoning: every old credential is dead, every living one accounted for, and no value was ever shown."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import boto3
import jwt
import psycopg
from botocore.config import Config

from rotator.contracts.journal import Journal
from rotator.model.rotation import Rotation
from rotator.sandbox.aws import REGION
from rotator.sandbox.consumer import refuses_login
from rotator.sandbox.demo.seeds import ACCEPTED, ENVIRONMENTS, ROTATED, USERS
from rotator.sandbox.demo.world import World

#: Shorter pieces of values would be found by chance.
_SHORTEST = 12


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What was found when all was over."""

    tried: int
    alive: list[str]
    unaccounted: list[str]
    leaked: list[str]


def reckon(world: World, journal: Journal, places: Iterable[Path]) -> Reckoning:
    """Tries every old credential, counts every living one, and searches `places` for every value ever made."""
    histories = {name: _versions(world, name) for name in _managed()}
    active = {rotation.secret: rotation for rotation in journal.rotations(unfinished=True)}
    tried, alive = 0, []
    for environment in ENVIRONMENTS:
        for name in ROTATED:
            for version, value in _old(
                histories[f"/taly/{environment}/{name}"], active.get(f"{environment}/{name}")
            ):
                tried += 1
                if _lives(world, environment, name, value):
                    alive.append(f"{environment}/{name} version {version}")
    unaccounted = [
        one for environment in ENVIRONMENTS for one in _unaccounted(world, environment, histories, active)
    ]
    values = {value for versions in histories.values() for value in versions} | set(world.seeded.values())
    return Reckoning(tried, alive, unaccounted, list(_leaks(values, places, world.people.control.raw())))


def _managed() -> list[str]:
    names = [*ROTATED, *ACCEPTED.values()]
    return [f"/taly/{environment}/{name}" for environment in ENVIRONMENTS for name in names]


def _versions(world: World, name: str) -> list[str]:
    """Every value that a parameter ever held, oldest first."""
    client = boto3.client(
        "ssm",
        endpoint_url=world.aws.endpoint,
        aws_access_key_id="auditor",
        aws_secret_access_key=secrets.token_hex(),
        region_name=REGION,
        config=Config(retries={"total_max_attempts": 8, "mode": "standard"}),
    )
    pages = client.get_paginator("get_parameter_history").paginate(Name=name, WithDecryption=True)
    return [version["Value"] for page in pages for version in page["Parameters"]]


def _old(versions: list[str], active: Rotation | None) -> Iterator[tuple[int, str]]:
    """Values that nobody should accept any more: not the current one, nor the predecessor of a rotation under way."""
    living = {versions[-1]}
    if active is not None:
        living |= {
            versions[version - 1] for version in active.ledger.before.values() if version <= len(versions)
        }
    seen = set()
    for number, value in enumerate(versions, start=1):
        if value not in living and value not in seen:
            seen.add(value)
            yield number, value


def _lives(world: World, environment: str, name: str, value: str) -> bool:
    """Whether anybody still accepts an old value."""
    if name == "DATABASE_URL":
        return _logs_in(value)
    if name == "WEBHOOK_SIGNING_KEY":
        return value in json.loads(_versions(world, f"/taly/{environment}/{ACCEPTED[name]}")[-1])
    bearer = jwt.encode({"iss": "auditor"}, value, algorithm="HS256") if name == "JWT_SECRET" else value
    return world.accepts(environment, bearer) != 401


def _logs_in(dsn: str) -> bool:
    try:
        psycopg.connect(dsn, connect_timeout=5).close()
    except psycopg.OperationalError as refusal:
        if refuses_login(str(refusal)):
            return False
        raise
    return True


def _unaccounted(
    world: World, environment: str, histories: dict[str, list[str]], active: dict[str, Rotation]
) -> Iterator[str]:
    """Living credentials that are neither in the store nor part of a rotation under way."""
    current = urlsplit(histories[f"/taly/{environment}/DATABASE_URL"][-1]).username
    with psycopg.connect(world.databases[environment].superuser_dsn()) as session:
        rows = session.execute(
            "select rolname from pg_roles where rolcanlogin and rolname = any(%s)", [[*USERS]]
        )
        for (role,) in rows:
            if role != current and f"{environment}/DATABASE_URL" not in active:
                yield f"{environment}: role {role} can log in"
    for name, accepted in ACCEPTED.items():
        members = json.loads(histories[f"/taly/{environment}/{accepted}"][-1])
        allowed = 2 if f"{environment}/{name}" in active else 1
        if len(members) > allowed:
            yield f"{environment}: {len(members)} members in {accepted}"


def _leaks(values: Iterable[str], places: Iterable[Path], messages: Iterable[str]) -> Iterator[str]:
    """Where a value, or an encoding of it, stands in plain sight."""
    texts = {str(place): place.read_bytes() for place in places if place.is_file()}
    texts["messages"] = "\n".join(messages).encode()
    needles = {needle for value in values for piece in _pieces(value) for needle in _encoded(piece)}
    for place, text in texts.items():
        for needle in needles:
            if needle in text:
                yield place


def _pieces(value: str) -> list[str]:
    """The secret parts of a value: of a connection string its password, of a set its members."""
    if value.startswith("postgresql://"):
        return [urlsplit(value).password or ""]
    return json.loads(value) if value.startswith("[") else [value]


def _encoded(piece: str) -> Iterator[bytes]:
    if len(piece) >= _SHORTEST:
        raw = piece.encode()
        yield raw
        yield raw.hex().encode()
        yield base64.b64encode(raw).rstrip(b"=")
        yield base64.urlsafe_b64encode(raw).rstrip(b"=")
        yield quote(piece, safe="").encode()
        yield raw[::-1]
