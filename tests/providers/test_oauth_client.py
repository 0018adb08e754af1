"""OAuth clients' secrets through HTTP, at servers in the shapes of four vendors that tell things late."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator.contracts.guard import claimed
from rotator.contracts.provider import Overlap
from rotator.model.errors import CredentialRefused, LostClaim, Refused, Transient
from rotator.model.secrets import Credential, Sealed
from rotator.providers.oauth_client import OauthClient
from rotator.providers.oauth_recipe import shipped, shipped_names
from rotator.sandbox.faults import Fault, Rule
from rotator.sandbox.sources.oauth_wire import Reply
from rotator.testing.provider_contract import ProviderContract
from rotator.testing.values import raises_silently
from tests.providers.oauth_world import CLIENT, SETTINGS, OauthWorld, server_of
from tests.providers.recipes import recipe_for

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow

TOLD = ("auth0", "keycloak")


@pytest.fixture
def okta() -> Iterator[OauthWorld]:
    with server_of("okta") as world:
        yield world


@pytest.fixture
def entra() -> Iterator[OauthWorld]:
    with server_of("entra") as world:
        yield world


@pytest.fixture(params=TOLD)
def told(request: pytest.FixtureRequest) -> Iterator[OauthWorld]:
    with server_of(request.param) as world:
        yield world


@pytest.mark.slow
class TestOkta(ProviderContract):
    @pytest.fixture
    def world(self, okta: OauthWorld) -> OauthWorld:
        return okta

    def test_remove_refuses_a_foreign_label(self, world: Any) -> None:
        """Okta's secrets have no label: whose it is says the app that has it."""
        theirs = world.source.somebody_makes("another-app")
        world.predecessor()
        world.provider.remove(theirs.id)
        assert world.source.find(theirs.value) is theirs


@pytest.mark.slow
class TestEntra(ProviderContract):
    @pytest.fixture
    def world(self, entra: OauthWorld) -> OauthWorld:
        return entra


@pytest.mark.slow
class TestTold(ProviderContract):
    """What the suite asks about a credential's id does not apply: the one secret has none."""

    @pytest.fixture
    def world(self, told: OauthWorld) -> OauthWorld:
        return told


# a source that is told


def test_the_successor_is_known_before_the_source_forgets_the_predecessor(told: OauthWorld) -> None:
    current = Credential("", told.predecessor())
    told.provider.verify(current)
    assert told.provider.identify(current.fields) is None
    assert told.provider.observe().credentials == ()
    successor = told.provider.create("ro-1", None)
    assert told.accepts(current.fields)
    assert told.calls("tell") == 0
    told.lose_next_answer()
    with raises_silently(Transient, *told.unsayable(successor.fields)):
        told.provider.activate(successor)
    told.provider.activate(successor)
    told.settle()
    told.provider.verify(successor)
    with raises_silently(CredentialRefused, *told.unsayable(current.fields)):
        told.provider.verify(current)


def test_values_that_lead_to_another_client_are_seen_before_it_is_told_anything() -> None:
    with server_of("keycloak") as world:
        world.source.somebody_makes("another")
        settings = {**world.recipe().settings, "values": {"realm": "taly", "client": "app-another"}}
        provider = OauthClient(world.recipe().model_copy(update={"settings": settings}), world.around)
        with pytest.raises(Refused, match="another one"):
            provider.observe()


def test_all_else_of_a_client_stays_as_it_is_where_what_is_not_said_is_switched_off() -> None:
    """Keycloak would take the service account's roles and the authorization policies away."""
    with server_of("keycloak") as world:
        world.predecessor()
        before = deepcopy(world.source.set_up(CLIENT))
        world.provider.activate(world.provider.create("ro-1", None))
        assert world.source.set_up(CLIENT) == before


def test_a_client_that_became_another_one_meanwhile_is_told_nothing() -> None:
    with server_of("keycloak") as world:
        world.predecessor()
        successor = world.provider.create("ro-1", None)
        world.source.set_up(CLIENT)["clientId"] = "another"
        with raises_silently(Refused, *world.unsayable(successor.fields)):
            world.provider.activate(successor)
        assert not world.calls("tell")


def test_nothing_is_told_without_the_claim(told: OauthWorld) -> None:
    current = told.predecessor()
    successor = told.provider.create("ro-1", None)

    def lost(_seconds: float) -> None:
        raise LostClaim("another worker has it")

    with claimed(lost), pytest.raises(LostClaim):
        told.provider.activate(successor)
    told.settle()
    assert told.calls("tell") == 0
    assert told.accepts(current)


def test_what_is_told_has_ended_by_the_next_one(told: OauthWorld) -> None:
    told.provider.remove("anything")
    for turn in (told.provider.disable, told.provider.enable):
        with pytest.raises(Refused):
            turn("anything")
    assert not sum(told.source.weather.counts["calls"].values())


# what sources say


def test_no_room_is_made_where_a_client_has_two_secrets_and_a_disabled_one_counts(okta: OauthWorld) -> None:
    there = [okta.source.somebody_makes(CLIENT), okta.source.somebody_makes(CLIENT)]
    there[1].live = False
    seen = okta.provider.observe()
    assert seen.free_slots == 0
    assert CLIENT in seen.blocker
    with raises_silently(Refused, *okta.unsayable({})):
        okta.provider.create("ro-1", there[0].id)
    assert okta.source.clients[CLIENT] == there


def test_two_secrets_that_begin_alike_are_not_told_apart(entra: OauthWorld) -> None:
    """Entra shows three characters: a guess would remove somebody's secret."""
    kept, other = entra.source.somebody_makes(CLIENT), entra.source.somebody_makes(CLIENT)
    assert entra.provider.identify(entra.fields(kept)) == kept.id
    other.value = kept.value[:3] + other.value[3:]
    assert entra.provider.identify(entra.fields(kept)) is None


def test_the_secret_of_another_environment_is_never_removed(entra: OauthWorld) -> None:
    theirs = entra.source.somebody_makes(CLIENT, "rotator/production/ro-9")
    with pytest.raises(Refused, match="rotator/production/ro-9"):
        entra.provider.remove(theirs.id)
    assert entra.source.clients[CLIENT] == [theirs]


def test_what_is_listed_and_cannot_be_found_is_not_taken_for_gone(entra: OauthWorld) -> None:
    """Copies of the directory hear of a new secret one after the other."""
    kept = entra.source.somebody_makes(CLIENT, "rotator/staging/ro-1")
    entra.source.unfound.add(kept.id)
    with raises_silently(Transient, *entra.unsayable(entra.fields(kept))):
        entra.provider.remove(kept.id)
    entra.source.unfound.clear()
    entra.provider.remove(kept.id)
    assert entra.source.clients[CLIENT] == []


def test_while_a_change_spreads_a_secret_is_accepted_here_and_refused_there(entra: OauthWorld) -> None:
    """Why one acceptance is not enough."""
    successor = entra.provider.create("ro-1", None)
    entra.clock.pass_by(entra.source.propagation / 2)
    accepted = 0
    for _try in range(6):
        with suppress(CredentialRefused):
            entra.provider.verify(successor)
            accepted += 1
    assert accepted == 3
    assert entra.provider.traits.acceptances >= 2


@pytest.mark.parametrize("vendor", shipped_names())
def test_later_is_said_with_the_time_that_the_vendor_names_and_all_hear_of_it(vendor: str) -> None:
    with server_of(vendor) as world:
        world.predecessor()
        provider = world.provider
        named = None if vendor == "keycloak" else timedelta(seconds=7)
        operation = "tell" if vendor in TOLD else "list"
        world.source.weather.set_faults([Rule(Fault.THROTTLED, operation, times=1)])
        with pytest.raises(Transient, match="too often") as caught:
            provider.activate(provider.create("ro-1", None)) if vendor in TOLD else provider.observe()
        assert caught.value.retry_after == named
        assert len(world.pacer.backed_off) == (named is not None)


def test_an_own_token_is_asked_for_once_and_anew_when_it_is_not_taken(entra: OauthWorld) -> None:
    entra.predecessor()
    provider = entra.provider
    provider.observe()
    provider.observe()
    assert entra.calls("token") == 1
    entra.source._issued.clear()
    with pytest.raises(Transient, match="own token"):
        provider.observe()
    provider.observe()
    entra.pass_by(minutes=59)
    provider.observe()
    assert entra.calls("token") == 3


def test_a_refusal_that_tells_nothing_of_the_secret_is_no_proof_of_death(
    okta: OauthWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = okta.predecessor()
    said = {"error": "unauthorized_client", "error_description": "The client is not allowed this grant."}
    for status, error in ((400, "unauthorized_client"), (403, "invalid_client"), (200, "invalid_client")):
        reply = Reply(status, {**said, "error": error})
        monkeypatch.setattr(okta.source, "_token", lambda _call, reply=reply: reply)
        with pytest.raises(Transient, match="grant"):
            okta.provider.verify(Credential("", current))


def test_another_client_s_id_in_the_store_is_told_and_is_no_proof_of_death(okta: OauthWorld) -> None:
    recipe = okta.recipe(fields={"client_id": "OAUTH_ID", "client_secret": "OAUTH_SECRET"})
    provider = OauthClient(recipe, okta.around)
    value = okta.predecessor()["value"]
    provider.verify(Credential("", {"client_id": Sealed(CLIENT), "client_secret": value}))
    with raises_silently(Refused, value) as caught:
        provider.verify(Credential("", {"client_id": Sealed("another"), "client_secret": value}))
    assert not isinstance(caught.value, CredentialRefused)
    assert provider.create("ro-1", None).fields["client_id"] == Sealed(CLIENT)


# policies


@pytest.mark.parametrize("name", shipped_names())
def test_a_policy_for_each_recipe_is_right(name: str) -> None:
    assert _complaints(name) == []
    places = OauthClient.hosts(_recipe(name))
    assert set(places) == {"address", "token_address"}
    assert all(len(hosts) == 1 for hosts in places.values())


def test_traits_are_those_of_the_recipe() -> None:
    overlaps = {name: shipped(name).traits.overlap for name in shipped_names()}
    assert overlaps == {
        "okta": Overlap.PAIR,
        "entra": Overlap.MANY,
        "auth0": Overlap.NONE,
        "keycloak": Overlap.NONE,
    }


@pytest.mark.parametrize("name", shipped_names())
def test_the_engine_is_told_how_slow_a_server_is(name: str) -> None:
    recipe, traits = shipped(name), shipped(name).traits
    assert recipe.propagation > 0
    assert (traits.propagation.total_seconds(), traits.listing.total_seconds()) == (
        recipe.propagation,
        recipe.listing,
    )
    assert traits.acceptances == recipe.acceptances >= 2, "nodes hear of a change one after the other"


def test_a_policy_says_what_its_recipe_needs() -> None:
    (sentence,) = _complaints("okta", values={})
    assert sentence.startswith("values must say what app is")
    (sentence, *_more) = _complaints("okta", address=None)
    assert sentence.startswith("address must say where")
    assert _complaints("okta", address="http://taly.okta.example")[0].startswith(
        "address: its address must begin with"
    )
    (sentence,) = _complaints("okta", access=SETTINGS["entra"]["access"])
    assert sentence.startswith("access must be a token")
    (sentence,) = OauthClient.check(_recipe("auth0").model_copy(update={"accept_gap": False}))
    assert "accept_gap: true" in sentence
    (sentence,) = OauthClient.check(_recipe("okta").model_copy(update={"fields": {"secret": "x"}}))
    assert sentence.startswith("fields must be")


@pytest.mark.parametrize(
    "settings",
    [
        {"recipe": "okto"},
        {"access": {}},
        {"access": {"token": "ssm:/a/b", "client_id": "x", "client_secret": "ssm:/a/c"}},
        {"access": {"token": "a-token-as-it-is"}},
        {"client_id": "two words"},
        {"address": "https://user:password@taly.okta.example"},
        {"address": "https://taly.okta.example/?to=elsewhere"},
    ],
)
def test_options_that_are_none_are_refused_and_not_shown(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError) as caught:
        OauthClient.Options.model_validate({**_settings("okta"), **settings})
    assert "password" not in str(caught.value)
    assert "a-token-as-it-is" not in str(caught.value)


def test_the_recipes_say_what_wants_confirming() -> None:
    folder = Path(OauthClient.__module__.replace(".", "/")).parent / "oauth_recipes"
    for file in (Path(__file__).parents[2] / folder).glob("*.yaml"):
        assert "Source:" in file.read_text(encoding="utf-8")
        assert "Wants confirming" in file.read_text(encoding="utf-8")


def _settings(name: str, **more: Any) -> dict[str, Any]:
    return {"recipe": name, "client_id": CLIENT, **SETTINGS[name], **more}


def _recipe(name: str, **more: Any) -> Any:
    gap = name in TOLD
    return recipe_for("OAUTH_SECRET", "oauth-client", settings=_settings(name, **more), accept_gap=gap)


def _complaints(name: str, **more: Any) -> list[str]:
    return OauthClient.check(_recipe(name, **more))
