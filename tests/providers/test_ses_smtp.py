"""SMTP logins of SES in two regions, made from the access keys of one IAM user."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator.contracts.adapter import Surroundings
from rotator.model.errors import CredentialRefused, Refused, RotatorError, Transient
from rotator.model.secrets import Credential, Sealed
from rotator.providers.ses_smtp import SesSmtp, smtp_password
from rotator.providers.ses_smtp_login import log_in
from rotator.sandbox.certificates import self_signed
from rotator.sandbox.sources.ses_smtp import SesServer
from rotator.testing.provider_contract import ProviderContract
from rotator.testing.surroundings import surroundings
from rotator.testing.values import raises_silently
from tests.providers.iam_world import USER, IamWorld
from tests.providers.recipes import recipe_for
from tests.providers.ses_world import REGIONS, SesWorld

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the authority (ca.pem) and the server's pair (pair.pem)."""
    folder, made = tmp_path_factory.mktemp("certificate"), self_signed()
    (folder / "ca.pem").write_bytes(made.certificate)
    (folder / "pair.pem").write_bytes(made.certificate + made.key)
    return folder


@pytest.fixture
def ses(iam: IamWorld, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SesWorld]:
    """Both regions; the machine trusts their authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "ca.pem"))
    servers = [SesServer(iam.iam, region, certificate / "pair.pem") for region in REGIONS.values()]
    with ExitStack() as running:
        for server in servers:
            server.start()
            running.callback(server.stop)
        yield SesWorld(iam.iam, iam.clock, iam.address, servers)


@pytest.mark.slow
class TestSesSmtp(ProviderContract):
    @pytest.fixture
    def world(self, ses: SesWorld) -> SesWorld:
        return ses

    def test_remove_refuses_a_foreign_label(self, world: Any) -> None:
        """A key has no label: whose it is says the user that has it."""
        theirs = world.iam.somebody_makes("taly-staging-other")
        world.provider.remove(theirs.id)
        assert world.iam.find(theirs.id) is theirs


@pytest.mark.parametrize(
    "region, secret, password",
    [
        ("eu-central-1", "some+secret+key", "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2"),
        ("eu-central-1", "another+secret+key", "BBbphbrQmrKMx42d1N6+C7VINYEBGI5v9VsZeTxwskfh"),
        ("us-west-1", "some+secret+key", "BH+jbMzper5WwlwUar9E1ySBqHa9whi0GPo+sJ0mVYJj"),
        ("us-west-1", "another+secret+key", "BKVmjjMDFk/qqw8EROW99bjCS65PF8WKvK5bSr4Y6EqF"),
    ],
)
def test_passwords_are_the_published_ones(region: str, secret: str, password: str) -> None:
    """The vectors are those of the Terraform provider for AWS."""
    assert smtp_password(Sealed(secret), region) == Sealed(password)


def test_one_mint_makes_the_passwords_of_all_regions(ses: SesWorld) -> None:
    successor = ses.provider.create("ro-1", None)
    (key,) = ses.iam.users[USER]
    assert successor.fields == ses.fields(key)
    assert len({value.reveal() for value in successor.fields.values()}) == 3
    assert not any(key.secret == value.reveal() for value in successor.fields.values())


def test_no_mail_is_sent_to_try_a_login(ses: SesWorld) -> None:
    ses.provider.verify(Credential("", ses.predecessor()))
    assert [server.mails for server in ses.servers] == [[], []]


@pytest.mark.slow
def test_a_credential_that_one_region_still_accepts_is_not_dead(ses: SesWorld) -> None:
    """Every other login meets a region that has heard of it."""
    fields = ses.predecessor()
    current = Credential(fields["username"].reveal(), fields)
    ses.provider.disable(current.id)
    ses.clock.pass_by(ses.iam.propagation / 2)
    with raises_silently(Transient, *ses.unsayable(fields)) as caught:
        ses.provider.verify(current)
    assert any(region in str(caught.value) for region in REGIONS.values())
    ses.settle()
    with raises_silently(CredentialRefused, *ses.unsayable(fields)):
        ses.provider.verify(current)


def test_a_successor_that_one_region_has_not_heard_of_is_not_accepted(ses: SesWorld) -> None:
    successor = ses.provider.create("ro-1", None)
    ses.clock.pass_by(ses.iam.propagation / 2 + ses.iam.listing)
    ses.iam.propagation *= 4
    ses.iam.users[USER][0].heard[0] = (ses.clock.now() + ses.iam.propagation / 2, True)
    with raises_silently(Transient, *ses.unsayable(successor.fields)):
        ses.provider.verify(successor)


@pytest.mark.parametrize("age", [timedelta(minutes=3), timedelta(days=400)])
def test_a_successor_that_one_region_goes_on_refusing_is_never_accepted_whatever_its_age(
    ses: SesWorld, monkeypatch: pytest.MonkeyPatch, age: timedelta
) -> None:
    """Consumers of that region would be refused."""
    ses.predecessor()
    successor = ses.provider.create("ro-1", None)
    ses.settle()
    ses.clock.pass_by(age)

    def us_refuses(around: Surroundings, region: str, *login: Any) -> bool:
        return region != "us-east-1" and log_in(around, region, *login)

    monkeypatch.setattr("rotator.providers.ses_smtp.log_in", us_refuses)
    with raises_silently(Transient, *ses.unsayable(successor.fields)) as caught:
        ses.provider.verify(successor)
    assert "us-east-1" in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("meanwhile", ["made-by-terraform", "Qk9UVE9N", "the password of the other region"])
def test_a_region_that_the_policy_has_just_got_holds_nothing_up(ses: SesWorld, meanwhile: str) -> None:
    """Its parameter holds something that is no password yet; mail goes out of the other one."""
    fields = dict(ses.predecessor())
    fields["password_us"] = fields["password"] if "region" in meanwhile else Sealed(meanwhile)
    current = Credential(fields["username"].reveal(), fields)
    ses.provider.verify(current)
    ses.provider.disable(current.id)
    ses.settle()
    with pytest.raises(CredentialRefused):
        ses.provider.verify(current)


def test_the_password_of_another_key_in_one_region_is_told(ses: SesWorld) -> None:
    """Nobody can tell it from a successor's that is not known there yet."""
    fields = {**ses.predecessor(), "password_us": ses.fields(ses.iam.somebody_makes(USER))["password_us"]}
    with raises_silently(Transient, *ses.unsayable(fields)) as caught:
        ses.provider.verify(Credential("", fields))
    assert "another key's password" in str(caught.value)


def test_a_wrong_password_is_tried_once(ses: SesWorld) -> None:
    """A second mechanism after a refusal looks like somebody guessing."""
    with pytest.raises(CredentialRefused):
        ses.provider.verify(
            Credential("", {**ses.predecessor(), **{field: Sealed("no") for field in REGIONS}})
        )
    assert ses.iam.weather.counts["calls"]["ses.auth"] == len(REGIONS)


def test_a_server_that_cannot_be_trusted_hears_nothing(
    ses: SesWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(Transient, match="not trusted"):
        ses.provider.verify(Credential("", ses.predecessor()))
    assert ses.iam.weather.counts["calls"]["ses.auth"] == 0


@pytest.mark.parametrize("code", [421, 454, 530, 534, 550])
def test_every_other_no_of_the_server_is_later(
    ses: SesWorld, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def say(*_: object, **__: object) -> None:
        raise smtplib.SMTPAuthenticationError(code, b"what it was told")

    monkeypatch.setattr(smtplib.SMTP, "auth", say)
    with raises_silently(Transient, Sealed("what it was told")):
        ses.provider.verify(Credential("", ses.predecessor()))


def test_an_endpoint_without_encryption_is_refused() -> None:
    around = surroundings(endpoints={"ses_smtp_eu_central_1": "http://127.0.0.1:25"})
    provider = SesSmtp(recipe_for("SES", "ses-smtp", settings={"iam_user": USER}), around)
    fields = {"username": Sealed("SANDBOX"), "password": Sealed("SANDBOX")}
    with pytest.raises(Refused, match="ROTATOR_ENDPOINT_SES_SMTP_EU_CENTRAL_1"):
        provider.verify(Credential("", fields))


def test_what_is_no_login_is_told_without_saying_it(ses: SesWorld) -> None:
    fields = {**ses.predecessor(), "password": Sealed("zwölf Zeichen")}
    with raises_silently(RotatorError, fields["password"]) as caught:
        ses.provider.verify(Credential("", fields))
    assert type(caught.value) is Refused


@pytest.mark.parametrize(
    "regions, fields, sentences",
    [
        (None, ("username", "password"), []),
        (None, ("password",), ["fields"]),
        (REGIONS, ("username", "password", "password_us"), []),
        (REGIONS, ("username", "password"), ["fields"]),
    ],
)
def test_a_policy_has_a_field_for_each_region(
    regions: dict[str, str] | None, fields: tuple[str, ...], sentences: list[str]
) -> None:
    settings = {"iam_user": USER} | ({"regions": regions} if regions else {})
    recipe = recipe_for("SES", "ses-smtp", settings=settings, fields={field: field for field in fields})
    assert [sentence.split()[0] for sentence in SesSmtp.check(recipe)] == sentences
    short = recipe.model_copy(update={"grace": timedelta(hours=1)})
    assert SesSmtp.check(short)[0].startswith("grace")


@pytest.mark.parametrize("region", ["evil.example/", "eu-central-1.evil", "EU-central-1"])
def test_a_region_cannot_lead_elsewhere(region: str) -> None:
    with pytest.raises(ValueError):
        SesSmtp.Options.model_validate({"iam_user": USER, "regions": {"password": region}})
