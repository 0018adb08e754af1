"""An environment that chose Secrets Manager: a whole rotation by the engine, owned, dated and tidy there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rotator.model.errors import Refused
from rotator.model.rotation import State
from rotator.model.secrets import Sealed
from rotator.testing.values import fresh_value
from tests.stores.aws_secrets_world import AwsSecretsWorld
from tests.stores.environments import TOKEN, Employer, policy

pytestmark = pytest.mark.slow

PATH = "/taly/staging"
NAME, SET = f"{PATH}/{TOKEN}", f"{PATH}/{TOKEN}_ACCEPTED"


@pytest.fixture
def employer(aws_secrets: AwsSecretsWorld, tmp_path: Path) -> Employer:
    text = policy(PATH, {"kind": "secrets-manager"})
    return Employer(tmp_path, text, {"secrets_manager": aws_secrets.address})


def test_a_token_is_rotated_in_secrets_manager(aws_secrets: AwsSecretsWorld, employer: Employer) -> None:
    before = fresh_value(64)
    aws_secrets.seed(NAME, before)
    aws_secrets.seed(SET, Sealed(json.dumps([before.reveal()])))
    aws_secrets.seed(f"{PATH}/NOBODYS", fresh_value())

    row = employer.rotates()

    assert row.state is State.DONE, row.sentence
    there = aws_secrets.holds(NAME)
    assert there is not None and there.value != before
    assert aws_secrets.holds(SET) is not None
    accepted = aws_secrets.holds(SET)
    assert accepted is not None and accepted.value == Sealed(json.dumps([there.value.reveal()]))
    assert (row.ledger.wrote, there.version, accepted.version) == ({NAME: 2}, 2, 3)
    assert aws_secrets.stages(NAME) == [["AWSPREVIOUS"], ["AWSCURRENT"]]
    seen = employer.journal.observed()[f"staging/{TOKEN}"]
    assert (seen.present, seen.versions) == (True, {NAME: 2})
    surveyed = employer.journal.surveyed()["staging"]
    assert (surveyed.unmanaged, surveyed.trouble) == ((f"{PATH}/NOBODYS",), "")
    owner = employer.parts.store("staging").owner(PATH)
    assert owner is not None and owner.installation == employer.journal.installation()


def test_references_lead_into_that_store_and_ssm_and_no_further(
    aws_secrets: AwsSecretsWorld, employer: Employer
) -> None:
    key = fresh_value()
    aws_secrets.seed(f"{PATH}/rotator/ADMIN_KEY", key)
    resolve = employer.parts._surroundings("staging").resolve
    assert resolve(f"secrets-manager:{PATH}/rotator/ADMIN_KEY") == key
    for reference in (
        f"secrets-manager:{NAME}",
        "secrets-manager:/taly/production/rotator/ADMIN_KEY",
        f"secrets-manager:{PATH}/rotator/../{TOKEN}",
        f"vault:{PATH}/rotator/ADMIN_KEY",
        f"file:{PATH}/rotator/ADMIN_KEY",
        f"ssm:{NAME}",
    ):
        with pytest.raises(Refused, match=r"is not allowed: only ssm:.* and secrets-manager:"):
            resolve(reference)
