"""An environment that chose Vault: a whole rotation by the engine on OpenBao, with tenants, and a login kept in SSM."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rotator.model.errors import Refused
from rotator.model.rotation import State
from rotator.model.secrets import Sealed
from rotator.sandbox.aws import KEYS, AwsWorld, Parameter
from rotator.sandbox.openbao import EmbeddedOpenBao
from rotator.testing.values import fresh_value
from tests.stores.environments import TOKEN, Employer, policy
from tests.vault.kv2_world import Kv2World

pytestmark = pytest.mark.slow


@pytest.fixture
def world(openbao: EmbeddedOpenBao) -> Iterator[Kv2World]:
    with Kv2World(openbao, path="<folder>/{tenant}/staging/{name}", tenant="shared") as world:
        yield world


@pytest.fixture
def employer(
    world: Kv2World, openbao: EmbeddedOpenBao, aws: AwsWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Employer:
    for name, value in aws.environment("rotator").items():
        monkeypatch.setenv(name, value)
    login = f"{world.path}/rotator/VAULT_TOKEN"
    aws.control.seed([Parameter(login, openbao.token, key_id=KEYS[0])])
    store = {"kind": "vault-kv2", "auth": {"token": f"ssm:{login}"}, **world.settings}
    endpoints = {"vault": world.front.address, "ssm": aws.endpoint}
    return Employer(tmp_path, policy(world.path, store), endpoints)


def test_a_token_is_rotated_in_vault(world: Kv2World, employer: Employer) -> None:
    name, accepted_as, before = f"{world.path}/{TOKEN}", f"{world.path}/{TOKEN}_ACCEPTED", fresh_value(64)
    world.seed(name, before)
    world.seed(accepted_as, Sealed(json.dumps([before.reveal()])))
    world.seed(f"{world.path}/acme/NOBODYS", fresh_value())

    row = employer.rotates()

    assert row.state is State.DONE, row.sentence
    there, accepted = world.holds(name), world.holds(accepted_as)
    assert there is not None and there.value != before
    assert accepted is not None and accepted.value == Sealed(json.dumps([there.value.reveal()]))
    assert (row.ledger.wrote, there.version, accepted.version) == ({name: 2}, 2, 3)
    assert world.metadata(name)["beside"] == "stays"
    seen = employer.journal.observed()[f"staging/{TOKEN}"]
    assert (seen.present, seen.versions) == (True, {name: 2})
    surveyed = employer.journal.surveyed()["staging"]
    assert (surveyed.unmanaged, surveyed.trouble) == ((f"{world.path}/acme/NOBODYS",), "")
    owner = employer.parts.store("staging").owner(world.path)
    assert owner is not None and owner.installation == employer.journal.installation()


def test_references_lead_into_vault_but_never_those_that_open_it(world: Kv2World, employer: Employer) -> None:
    key, reference = fresh_value(), f"vault:{world.path}/rotator/ADMIN_KEY"
    world.seed(f"{world.path}/rotator/ADMIN_KEY", key)
    assert employer.parts._surroundings("staging").resolve(reference) == key
    opens = employer.parts.store("staging")._around.resolve  # type: ignore[attr-defined]  # of this store
    with pytest.raises(Refused, match=f"is not allowed: only ssm:{world.path}/rotator/… of the same"):
        opens(reference)
    with pytest.raises(Refused, match="is not allowed"):
        employer.parts._surroundings("staging").resolve(f"vault:{world.path}/{TOKEN}")
