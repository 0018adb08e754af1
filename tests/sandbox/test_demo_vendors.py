"""The demo's vendors let in what stands in the store and nothing that was ended; jobs count what they are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import httpx
import pytest

from rotator.model.policy import SecretPolicy
from rotator.sandbox.demo import traffic as outside
from rotator.sandbox.demo.consoles import Consoles
from rotator.sandbox.demo.seeds import ENVIRONMENTS
from rotator.sandbox.demo.traffic import Traffic
from rotator.sandbox.demo.vault import Vault
from rotator.sandbox.demo.vendors import Vendors
from rotator.sandbox.demo.witnesses import Witnesses
from rotator.sandbox.openbao import Missing
from rotator.sandbox.sending import Mailbox, Phone, Till
from tests.engine.things import policy

WEBHOOK = "http://127.0.0.1:9/webhooks/{}/api/stripe"
OF_VENDORS = {
    "STRIPE_WEBHOOK_SECRET": "STRIPE_WEBHOOK_SECRET",
    "TWILIO_API_KEY": "TWILIO_API_KEY_SECRET",
    "TWILIO_AUTH_TOKEN": "TWILIO_AUTH_TOKEN",
    "CI_DEPLOY_KEY": "ci/AWS_SECRET_ACCESS_KEY",
    "SES_SMTP_PASSWORD": "SES_SMTP_PASSWORD",
}
BY_HAND = [
    "STRIPE_SECRET_KEY",
    "rotator/STRIPE_ADMIN_KEY",
    "rotator/TWILIO_MAIN_KEY",
    "rotator/GITHUB_APP_KEY",
    "GOOGLE_OAUTH_CLIENT_SECRET",
    "rotator/HEARTBEAT_URL",
]


@pytest.fixture(scope="module")
def vendors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendors]:
    with Vendors(tmp_path_factory.mktemp("vendors"), day=0.01) as running:
        for environment in ENVIRONMENTS:
            running.set_up(environment, WEBHOOK.format(environment))
        yield running


def secret(name: str, environment: str = "staging") -> SecretPolicy:
    user = f"taly-{environment}-{'ci' if name == 'CI_DEPLOY_KEY' else 'ses'}"
    made = policy(f"{environment}/NAME", {"settings": {"iam_user": user}})
    return made.model_copy(update={"name": name, "secret": f"{environment}/{name}"})


def witnesses(vendors: Vendors) -> Witnesses:
    return Witnesses({}, httpx.Client(), vendors, cast("Vault", None), Consoles({}, vendors))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_consumers_are_let_in_with_what_stands_in_the_store(vendors: Vendors, environment: str) -> None:
    held, places = vendors.values(environment), vendors.places(environment)
    assert Phone(places, (held["TWILIO_API_KEY_SID"], held["TWILIO_API_KEY_SECRET"]), "").let_in()
    assert not Phone(places, (held["TWILIO_API_KEY_SID"], held["TWILIO_AUTH_TOKEN"]), "").let_in()
    assert Till(places, held["STRIPE_SECRET_KEY"]).let_in()
    assert Mailbox(places, held["SES_SMTP_USERNAME"], held["SES_SMTP_PASSWORD"]).let_in()


@pytest.mark.parametrize("name", OF_VENDORS)
def test_what_a_vendor_has_made_is_known_by_what_the_store_holds(vendors: Vendors, name: str) -> None:
    value = vendors.values("staging")[OF_VENDORS[name]]
    assert witnesses(vendors).made(secret(name)) == {value: True}
    assert value in {value for _name, value in vendors.values_made()}


def test_nobody_else_is_asked_what_a_vendor_has_made(vendors: Vendors) -> None:
    assert witnesses(vendors).made(secret("JWT_SECRET")) == {}


@pytest.fixture
def jobs(vendors: Vendors, monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, int]]:
    monkeypatch.setattr(outside, "_BETWEEN_TRIES", 0.0)
    traffic = Traffic(vendors)
    job = traffic._job_in("production")

    def run() -> dict[str, int]:
        traffic.counts.clear()
        job()
        return dict(traffic.counts)

    return run


def test_a_job_deploys_with_what_github_gives_it(
    vendors: Vendors, jobs: Callable[[], dict[str, int]]
) -> None:
    assert jobs() == {"ci_jobs": 1}
    held = vendors.github.scopes[vendors.place("production")].held["AWS_SECRET_ACCESS_KEY"]
    whole, held.value = held.value, "of another key"
    assert jobs() == {"ci_jobs": 1, "ci_jobs_started_again": 2, "ci_jobs_refused": 1}
    held.value = whole
    assert jobs() == {"ci_jobs": 1}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_person_makes_one_beside_the_other_and_ends_the_older(vendors: Vendors, name: str) -> None:
    consoles, wanted = Consoles({}, vendors), secret(name, "production")
    first = vendors.values("production").get(name, "made long ago")
    second = consoles.make(wanted, first)
    assert consoles.takes(wanted) == {first: True, second: True}
    consoles.end(wanted, keep=second)
    consoles.end(wanted, keep=second)
    assert consoles.takes(wanted) == {first: False, second: True}
    third = consoles.make(wanted, second)
    consoles.end(wanted, keep=third)
    assert consoles.takes(wanted) == {first: False, second: False, third: True}


@pytest.mark.slow
def test_vault_shows_the_copy_that_rotator_wrote(tmp_path: Path) -> None:
    try:
        vault = Vault(tmp_path)
    except Missing as missing:
        pytest.skip(str(missing))
    with vault:
        address = vault.settings["ROTATOR_ENDPOINT_VAULT"]
        url, headers = f"{address}/v1/kv/data/taly/staging/TOKEN", {"X-Vault-Token": vault.token}
        assert vault.holds("taly/staging/TOKEN") is None
        httpx.post(
            url, json={"data": {"value": "a copy"}}, headers=headers, trust_env=False, timeout=60
        ).raise_for_status()
        assert vault.holds("taly/staging/TOKEN") == "a copy"
