"""The demo's audit sees an old credential that lives, and a living one that nobody accounts for, of every kind."""

from __future__ import annotations

import json
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from secrets import token_hex
from types import SimpleNamespace
from typing import Any, cast

import jwt
import pytest

from rotator.contracts.journal import Journal
from rotator.engine.phases.step import predecessor_seal, seal_context, submitted_seal, successor_seal
from rotator.model.policy import SecretPolicy
from rotator.model.requests import RequestKind
from rotator.model.rotation import Rotation
from rotator.model.secrets import Sealed
from rotator.sandbox.aws import KEYS, AwsWorld, Parameter
from rotator.sandbox.demo import audit
from rotator.sandbox.demo.audit import Reckoning, reckon
from rotator.sandbox.demo.known import Known, pieces
from rotator.sandbox.demo.seeds import ACCEPTED
from rotator.sandbox.events import Event, signature
from rotator.sealers.kms import Kms
from rotator.testing.surroundings import surroundings
from tests.engine.things import policies, policy, rotation

SHARED = ["JWT_SECRET", "INTERNAL_API_TOKEN", "WEBHOOK_SIGNING_KEY"]
BY_HAND = "STRIPE_SECRET_KEY"
OF_VENDORS = [
    "STRIPE_WEBHOOK_SECRET",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_API_KEY",
    "CI_DEPLOY_KEY",
    "SES_SMTP_PASSWORD",
    BY_HAND,
]
TRIED = ["JWT_SECRET", "DATABASE_URL", "INTERNAL_API_TOKEN", *OF_VENDORS]
NAMES = [*SHARED, "DATABASE_URL", *OF_VENDORS]
FIELDS = {
    "TWILIO_API_KEY": {"sid": "/taly/staging/TWILIO_API_KEY_SID", "secret": "/taly/staging/TWILIO_API_KEY"},
    "CI_DEPLOY_KEY": {
        "access_key_id": "/taly/staging/ci/AWS_ACCESS_KEY_ID",
        "secret_access_key": "/taly/staging/CI_DEPLOY_KEY",
    },
    "SES_SMTP_PASSWORD": {
        "username": "/taly/staging/SES_SMTP_USERNAME",
        "password": "/taly/staging/SES_SMTP_PASSWORD",
    },
}


ADMIN = policy("staging/ADMIN", submitted=True).model_copy(
    update={"secret": "staging/rotator/DATABASE_ADMIN_URL", "name": "rotator/DATABASE_ADMIN_URL"}
)


def secret(name: str) -> SecretPolicy:
    accepted = {"accepted_as": f"/taly/staging/{ACCEPTED[name]}"} if name in ACCEPTED else {}
    fields = {"fields": FIELDS[name]} if name in FIELDS else {}
    how = {**accepted, **fields, "mirrors": ("vault",)}
    return policy(f"staging/{name}", how, submitted=name == BY_HAND)


@dataclass
class HeldKnown(Known):
    """What is known, without an AWS."""

    parameters: dict[str, str] = field(default_factory=dict)
    rows: dict[str, set[str]] = field(default_factory=dict)

    def current(self, parameter: str) -> str:
        return self.parameters[parameter]

    def of(self, rotation: Rotation) -> set[str]:
        return self.rows[rotation.id]


@dataclass
class FarSides:
    """Sources, verifiers and customers, and what they still take."""

    roles: list[str]
    accepted: set[str] = field(default_factory=set)  # tokens, and keys of verifiers
    customers: set[str] = field(default_factory=set)  # keys that they verify with
    signers: list[str] = field(default_factory=list)  # keys that services sign with
    ever: list[str] = field(default_factory=list)  # what the vendor has made
    copy: str | None = None  # what the mirror holds

    def logins_of(self, environment: str) -> list[str]:
        return self.roles

    def accepts(self, environment: str, bearer: str) -> HTTPStatus:
        known = bearer in self.accepted or any(_signed(bearer, key) for key in self.accepted)
        return HTTPStatus.OK if known else HTTPStatus.UNAUTHORIZED

    def customers_accept(self, environment: str, key: str) -> HTTPStatus:
        return HTTPStatus.OK if key in self.customers else HTTPStatus.UNAUTHORIZED

    def events_of_living(self, environment: str) -> list[Event]:
        return [Event(1, "x", tuple(signature(key, "x") for key in self.signers))]

    def made(self, secret: SecretPolicy) -> dict[str, bool]:
        return {value: value in self.accepted for value in self.ever} if secret is not ADMIN else {}

    def copies(self, secret: SecretPolicy) -> list[tuple[str, str, str | None]]:
        return [("vault", f"/taly/staging/{secret.name}", self.copy)] if secret is not ADMIN else []


def _signed(bearer: str, key: str) -> bool:
    try:
        return bool(jwt.decode(bearer, key, algorithms=["HS256"]))
    except jwt.InvalidTokenError:
        return False


@dataclass
class Held:
    """A small world after one rotation of one secret: what is old, what is in use, and who may say so."""

    secret: SecretPolicy
    known: HeldKnown
    far: FarSides
    old: str
    used: str
    unfinished: list[Rotation] = field(default_factory=list)
    submitted: list[SimpleNamespace] = field(default_factory=list)  # what waits for a rotation

    def reckoned(self) -> Reckoning:
        journal = cast(Journal, _Rows(self.unfinished, self.submitted))
        return reckon(self.far, self.known, [self.secret, ADMIN], journal)


@dataclass
class _Rows:
    rows: Sequence[Rotation]

    submitted: Sequence[SimpleNamespace] = ()

    def rotations(self, **_: object) -> Sequence[Rotation]:
        return self.rows

    def requests(self) -> Sequence[SimpleNamespace]:
        return self.submitted


@pytest.fixture
def held(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Held:
    """All is well: the old one is dead. For DATABASE_URL logging in is played, by the roles' names."""
    name: str = request.param
    old, used = token_hex(32), token_hex(32)
    if name == "DATABASE_URL":
        old, used = (f"postgresql://taly_app_{which}:{token_hex()}@127.0.0.1:5/taly" for which in "ab")
    made = secret(name)
    known = HeldKnown("http://127.0.0.1:9")
    known.credentials[made.secret] = {old: "the old one", used: "the one in use"}
    known.parameters[f"/taly/staging/{name}"] = used
    known.parameters["/taly/staging/ADMIN"] = f"postgresql://rotator_admin_2:{token_hex()}@127.0.0.1:5/taly"
    if made.recipe.accepted_as:
        known.parameters[made.recipe.accepted_as] = json.dumps([used])
    roles = ["postgres", "rotator_admin_2", "taly_app_b"]
    far = FarSides(roles, accepted={used}, customers={used}, signers=[used], copy=used)
    far.ever = [old, used] if name in OF_VENDORS else []
    monkeypatch.setattr(audit, "logs_in", lambda dsn: dsn in far.accepted)
    return Held(made, known, far, old, used)


def found(held: Held, tried: int, *alive: str) -> Reckoning:
    return Reckoning(Counter({held.secret.name: tried} if tried else {}), list(alive), [], [])


@pytest.mark.parametrize("held", NAMES, indirect=True)
def test_nothing_is_found_where_the_old_one_is_dead(held: Held) -> None:
    assert held.reckoned() == found(held, 1)


@pytest.mark.parametrize("held", TRIED, indirect=True)
def test_an_old_credential_that_is_accepted_is_seen(held: Held) -> None:
    held.far.accepted.add(held.old)
    assert held.reckoned() == found(held, 1, "the old one")


@pytest.mark.parametrize("held", NAMES, indirect=True)
def test_a_credential_of_a_rotation_that_was_undone_unstored_is_tried_too(held: Held) -> None:
    unstored = f"{held.old}-unstored"
    held.known.credentials[held.secret.secret][unstored] = "the one that was undone"
    held.far.accepted.add(unstored)
    held.far.customers.add(unstored)
    held.far.ever += [unstored] if held.far.ever else []
    assert held.reckoned() == found(held, 2, "the one that was undone")


@pytest.mark.parametrize("held", ["WEBHOOK_SIGNING_KEY"], indirect=True)
@pytest.mark.parametrize(
    "alive",
    [
        lambda held: held.far.customers.add(held.old),
        lambda held: held.far.signers.append(held.old),
        lambda held: held.known.parameters.update(
            {"/taly/staging/WEBHOOK_SIGNING_KEYS_ACTIVE": json.dumps([held.used, held.old])}
        ),
    ],
    ids=["a customer verifies with it", "a service signs with it", "it is in the set"],
)
def test_a_signing_key_lives_while_anybody_uses_it(held: Held, alive: Callable[[Held], None]) -> None:
    alive(held)
    assert held.reckoned().alive == ["the old one"]


@pytest.mark.parametrize("held", ["DATABASE_URL"], indirect=True)
@pytest.mark.parametrize("role", ["taly_app_a", "somebody", "rotator_admin"])
def test_a_role_that_can_log_in_and_should_not_is_unaccounted_for(held: Held, role: str) -> None:
    held.far.roles.append(role)
    assert held.reckoned().unaccounted == [f"staging: role {role} can log in"]


@pytest.mark.parametrize("held", OF_VENDORS, indirect=True)
def test_what_a_vendor_has_made_and_nobody_knows_is_unaccounted_for(held: Held) -> None:
    lost = token_hex(32)
    held.far.ever.append(lost)
    assert held.reckoned() == found(held, 1), "the vendor does not let it in"
    held.far.accepted.add(lost)
    assert held.reckoned().unaccounted == [
        f"{held.secret.secret}: 1 at the vendor that rotator does not know of"
    ]


@pytest.mark.parametrize("held", [BY_HAND], indirect=True)
def test_what_a_person_submitted_is_accounted_for_before_a_rotation_takes_it_up(held: Held) -> None:
    submitted, forgotten = token_hex(32), token_hex(32)
    held.far.ever.append(submitted)
    held.far.accepted.update({submitted, forgotten})
    held.submitted = [SimpleNamespace(kind=RequestKind.SUBMIT, about=held.secret.secret)]
    assert held.reckoned() == found(held, 1)
    held.far.ever.append(forgotten)
    assert held.reckoned().unaccounted == [
        f"{held.secret.secret}: 2 at the vendor that rotator does not know of"
    ]


@pytest.mark.parametrize("held", ["INTERNAL_API_TOKEN", "CI_DEPLOY_KEY"], indirect=True)
@pytest.mark.parametrize("copy", ["another", None])
def test_a_copy_that_is_not_what_the_store_holds_is_stale(held: Held, copy: str | None) -> None:
    held.far.copy = copy
    assert held.reckoned().stale == [f"{held.secret.secret}: vault"]
    held.unfinished = [rotation(held.secret.secret)]
    held.known.rows["rot1"] = {held.old, held.used}
    assert held.reckoned().stale == [], "the rotation under way writes it"


@pytest.mark.parametrize("held", ["STRIPE_WEBHOOK_SECRET", "TWILIO_AUTH_TOKEN"], indirect=True)
def test_a_member_of_a_receivers_set_lives_whatever_the_vendor_says(held: Held) -> None:
    assert held.secret.recipe.accepted_as
    held.known.parameters[held.secret.recipe.accepted_as] = json.dumps([held.used, held.old])
    assert held.reckoned().alive == ["the old one"]


@pytest.mark.parametrize("held", SHARED, indirect=True)
def test_a_member_of_an_accepted_set_that_nobody_knows_is_unaccounted_for(held: Held) -> None:
    assert held.secret.recipe.accepted_as
    held.known.parameters[held.secret.recipe.accepted_as] = json.dumps([held.used, token_hex(32)])
    assert held.reckoned().unaccounted == [
        f"{held.secret.recipe.accepted_as}: 1 members that nobody knows of"
    ]


@pytest.mark.parametrize("held", NAMES, indirect=True)
def test_both_credentials_of_a_rotation_under_way_may_live(held: Held) -> None:
    held.unfinished = [rotation(held.secret.secret)]
    held.known.rows["rot1"] = {held.old, held.used}
    held.far.accepted.add(held.old)
    held.far.roles.append("taly_app_a")
    assert held.reckoned() == found(held, 0)


def test_a_kind_of_secret_that_nobody_can_try_is_no_silent_success() -> None:
    with pytest.raises(LookupError, match="how to try a API_KEY"):
        audit.lives(FarSides([]), HeldKnown(""), policy("staging/API_KEY"), "x")


# what is known


def test_the_secret_pieces_of_a_value() -> None:
    assert pieces("plain") == ["plain"]
    assert pieces('["one", "two"]') == ["one", "two"]
    assert pieces("postgresql://user:pass@db/taly") == ["pass"]
    assert pieces("postgresql://user:p%2Fss@db/taly") == ["p%2Fss", "p/ss"]
    sid, secret = token_hex(16), token_hex(16)
    assert pieces(f"SK{sid}:{secret}") == [secret]
    assert pieces("-----BEGIN X\nfirst\nsecond\nthird\nlast\n-----END X") == ["second", "third"]


@pytest.fixture
def known(aws: AwsWorld) -> Known:
    return Known(aws.endpoint)


def sealed_row(aws: AwsWorld, **values: str) -> Rotation:
    """A row that holds a sealed predecessor and a sealed successor, as the engine writes it."""
    row = rotation("staging/JWT_SECRET", {"created_fence": 7}, id=f"ro_{token_hex(4)}")
    sealer = Kms(KEYS[1], surroundings(endpoints={"kms": aws.endpoint}))
    key = sealer.new_key(seal_context(row.secret, row.id))
    bound_to = {"predecessor": predecessor_seal(row.id), "successor": successor_seal(row.id, 7)}
    sealed: dict[str, Any] = {
        f"sealed_{which}": key.seal({"value": Sealed(value)}, bound_to[which])
        for which, value in values.items()
    }
    return row.model_copy(update={**sealed, "data_key": key.wrapped})


def test_what_stands_sealed_in_a_row_is_known_before_the_row_forgets_it(aws: AwsWorld, known: Known) -> None:
    old, new = token_hex(32), token_hex(32)
    row = sealed_row(aws, predecessor=old, successor=new)
    known.watch([row])
    known.watch([row])
    assert known.of(row) == {old, new}
    assert set(known.credentials["staging/JWT_SECRET"]) == {old, new}
    assert {old, new} < set(known.values)
    assert f"the data key of {row.id}" in known.values.values()
    assert known.never_opened([row]) == []
    wiped = row.model_copy(update={"sealed_successor": None, "sealed_predecessor": None, "data_key": None})
    known.watch([wiped])
    assert known.never_opened([wiped]) == []


def test_what_a_person_submitted_is_known_before_the_rotation_takes_it_up(
    aws: AwsWorld, known: Known
) -> None:
    row, value = rotation("staging/JWT_SECRET", id=f"ro_{token_hex(4)}"), token_hex(32)
    key = Kms(KEYS[1], surroundings(endpoints={"kms": aws.endpoint})).new_key(
        seal_context(row.recipe.secret, row.id)
    )
    sealed = key.seal({"value": Sealed(value)}, submitted_seal(row.id))
    row = row.model_copy(update={"sealed_successor": sealed, "data_key": key.wrapped})
    known.watch([row])
    assert known.of(row) == {value}


def test_a_successor_that_nobody_saw_is_admitted(aws: AwsWorld, known: Known) -> None:
    row = sealed_row(aws, predecessor=token_hex(32))
    known.watch([row])
    assert known.never_opened([row]) == [f"staging/JWT_SECRET: the successor of {row.id}"]
    assert known.never_opened([rotation(id="ro_x")]) == [], "it had made none yet"


def test_every_version_of_every_sealed_parameter_is_known(aws: AwsWorld, known: Known) -> None:
    first, second, member = token_hex(32), token_hex(32), token_hex(32)
    path = f"/{token_hex(4)}"
    aws.control.seed([Parameter(f"{path}/KEY", first), Parameter(f"{path}/SET", json.dumps([member]))])
    aws.control.seed(
        [Parameter(f"{path}/KEY", second), Parameter(f"{path}/OPEN", "open to all", type="String")]
    )
    of_it = policy("staging/KEY", {"fields": {"value": f"{path}/KEY"}})
    known.read_history(policies(of_it))
    assert list(known.credentials["staging/KEY"]) == [first, second]
    assert known.values[first] == f"{path}/KEY version 1"
    assert known.values[member] == f"{path}/SET version 1"
    assert "open to all" not in known.values


def test_a_value_is_in_no_repr(aws: AwsWorld, known: Known) -> None:
    row = sealed_row(aws, predecessor=token_hex(32), successor=token_hex(32))
    known.watch([row])
    assert not any(str(value) in repr(known) for value in known.values)
    assert b64decode(str(row.data_key).removeprefix("kms:")) not in known.values
