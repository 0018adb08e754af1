"""Access keys of an IAM user, through boto3 and HTTP, at an IAM that tells things late."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from rotator.contracts.provider import Liveness, Use
from rotator.model.errors import CredentialRefused, Refused, Transient
from rotator.model.secrets import Credential, Sealed
from rotator.providers.aws_access_key import AwsAccessKey
from rotator.sandbox.sources.aws_query import Call, Refusal
from rotator.testing.provider_contract import ProviderContract
from rotator.testing.values import raises_silently
from tests.providers.iam_world import USER, IamWorld
from tests.providers.recipes import recipe_for

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow

FIELDS = {"access_key_id": "CI_KEY_ID", "secret_access_key": "CI_SECRET_KEY"}


@pytest.mark.slow
class TestAwsAccessKey(ProviderContract):
    @pytest.fixture
    def world(self, iam: IamWorld) -> IamWorld:
        return iam

    def test_remove_refuses_a_foreign_label(self, world: Any) -> None:
        """A key has no label: whose it is says the user that has it."""
        theirs = world.iam.somebody_makes("taly-staging-other")
        world.provider.remove(theirs.id)
        assert world.iam.find(theirs.id) is theirs


def test_no_room_is_made_where_the_user_has_two_keys_and_a_disabled_one_counts(iam: IamWorld) -> None:
    keys = [iam.iam.somebody_makes(USER), iam.iam.somebody_makes(USER)]
    keys[1].live = False
    seen = iam.provider.observe()
    assert seen.free_slots == 0
    assert USER in seen.blocker
    with pytest.raises(Refused, match="makes no room"):
        iam.provider.create("ro-1", keys[0].id)
    assert iam.iam.users[USER] == keys
    assert [one.liveness for one in seen.credentials] == [Liveness.LIVE, Liveness.DISABLED]


@pytest.mark.parametrize("effect", ["disable", "remove"])
def test_another_user_s_key_is_never_touched(iam: IamWorld, effect: str) -> None:
    theirs = iam.iam.somebody_makes("taly-staging-other")
    act: Callable[[str], None] = getattr(iam.provider, effect)
    act(theirs.id)
    assert theirs.live
    assert iam.iam.users["taly-staging-other"] == [theirs]


def test_another_user_s_key_in_the_store_is_told_and_is_no_proof_of_death(iam: IamWorld) -> None:
    theirs = iam.fields(iam.iam.somebody_makes("taly-staging-other"))
    assert iam.provider.identify(theirs) is None
    with raises_silently(Refused, theirs["secret_access_key"]) as caught:
        iam.provider.verify(Credential("", theirs))
    assert not isinstance(caught.value, CredentialRefused)
    assert "taly-staging-other" in str(caught.value)


def test_a_wrong_secret_is_refused_by_its_signature(iam: IamWorld) -> None:
    mixed = {**iam.predecessor(), "secret_access_key": iam.predecessor()["secret_access_key"]}
    with raises_silently(CredentialRefused, mixed["secret_access_key"]):
        iam.provider.verify(Credential("", mixed))


@pytest.mark.parametrize("said", ["expired: 20260101T000000Z is now earlier than …", "not yet current: …"])
def test_a_wrong_clock_is_not_taken_for_a_dead_key(
    iam: IamWorld, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    def refuse(_call: Call) -> dict[str, str]:
        raise Refusal("SignatureDoesNotMatch", f"Signature {said}", 403)

    monkeypatch.setitem(iam.iam.server._actions, "GetCallerIdentity", refuse)
    with pytest.raises(Transient, match="clock"):
        iam.provider.verify(Credential("", iam.predecessor()))


def test_while_a_new_key_spreads_it_is_accepted_here_and_refused_there(iam: IamWorld) -> None:
    """Why one acceptance is not enough."""
    provider = iam.provider
    successor = provider.create("ro-1", None)
    iam.clock.pass_by(iam.iam.propagation / 2)
    accepted = 0
    for _try in range(6):
        with suppress(CredentialRefused):
            provider.verify(successor)
            accepted += 1
    assert accepted == 3
    assert provider.traits.acceptances >= 2
    iam.clock.pass_by(iam.iam.propagation)
    for _try in range(provider.traits.acceptances):
        provider.verify(successor)
    assert iam.iam.propagation * 2 < provider.traits.propagation


def test_a_use_shows_late_and_by_the_minute_and_grace_outlasts_that(iam: IamWorld) -> None:
    fields = iam.predecessor()
    key_id = fields["access_key_id"].reveal()
    iam.pass_by(seconds=40)
    moment = iam.clock.now()
    iam.pass_by(seconds=5)
    with iam.in_use(fields):
        assert iam.provider.last_used(key_id).since(moment) is Use.UNUSED
    iam.clock.pass_by(iam.iam.use_shows)
    used = iam.provider.last_used(key_id)
    assert used.since(moment) is Use.USED
    assert "s3" in used.by


def test_where_days_are_fast_so_are_the_minutes_in_which_a_use_is_told(iam: IamWorld) -> None:
    iam.iam.use_shows, iam.iam.shown_in = timedelta(), timedelta(seconds=1)
    fields = iam.predecessor()
    with iam.in_use(fields):
        moment = iam.clock.now()
    recipe = recipe_for("CI_KEY", "aws-access-key", fields=FIELDS, settings={"iam_user": USER})
    told = [
        AwsAccessKey(recipe.model_copy(update={"scale": scale}), iam.around)
        .last_used(fields["access_key_id"].reveal())
        .at
        for scale in (1.0, 1e-5)
    ]
    second = moment.replace(microsecond=0)
    assert told == [second + timedelta(seconds=59), second + timedelta(seconds=1)]


def test_a_key_that_iam_does_not_know_was_not_seen_unused(iam: IamWorld) -> None:
    assert iam.provider.last_used("SANDBOXNOBODYHASTHIS").since(iam.clock.now()) is Use.UNKNOWN


def test_what_is_no_access_key_is_told_without_saying_it(iam: IamWorld) -> None:
    fields = {**iam.predecessor(), "secret_access_key": Sealed("two\nlines")}
    with raises_silently(Refused, fields["secret_access_key"]) as caught:
        iam.provider.verify(Credential("", fields))
    assert not isinstance(caught.value, CredentialRefused)


def test_a_user_that_does_not_exist_is_told(iam: IamWorld) -> None:
    del iam.iam.users[USER]
    with pytest.raises(Refused, match=USER):
        iam.provider.observe()


def test_a_policy_whose_grace_is_shorter_than_what_aws_shows_late_is_refused() -> None:
    def complaints(hours: float, scale: float = 1.0) -> list[str]:
        grace = timedelta(hours=hours)
        more = {"fields": FIELDS, "settings": {"iam_user": USER}, "grace": grace, "scale": scale}
        return AwsAccessKey.check(recipe_for("CI_KEY", "aws-access-key", **more))

    assert complaints(8) == []
    assert complaints(1, scale=0.1) == []
    (sentence,) = complaints(7.9)
    assert sentence.startswith("grace is shorter than 8h")


def test_a_policy_names_the_two_parameters_that_consumers_read() -> None:
    (sentence,) = AwsAccessKey.check(recipe_for("CI_KEY", "aws-access-key", settings={"iam_user": USER}))
    assert sentence.startswith("fields must be")


@pytest.mark.slow
def test_a_policy_check_loads_no_sdk() -> None:
    program = "import sys, rotator.providers.aws_access_key; sys.exit('boto3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=240).returncode == 0
