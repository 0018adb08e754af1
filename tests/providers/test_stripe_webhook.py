"""Signing secrets of Stripe, through the SDK and HTTP, by both APIs, at an account that repeats answers of old."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from stripe import SignatureVerificationError, WebhookSignature

from rotator.contracts.provider import Liveness, VerifiedProvider
from rotator.model.errors import CredentialRefused, Refused, Transient
from rotator.model.secrets import AcceptedSet, Credential, Sealed
from rotator.providers.stripe_webhook import StripeWebhook
from rotator.sandbox.faults import Fault, Rule
from rotator.sandbox.sources.rest import Refusal, Reply, Request
from rotator.testing.provider_contract import ProviderContract
from rotator.testing.values import raises_silently
from tests.providers.stripe_receiver import Receiver
from tests.providers.stripe_world import AUTH, URL, StripeWorld, stripe

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow

__all__ = ["stripe"]


@pytest.mark.slow
class TestStripeWebhook(ProviderContract):
    @pytest.fixture
    def world(self, stripe: StripeWorld) -> StripeWorld:
        return stripe

    def test_identify_gives_the_id_that_observe_lists(self, world: Any) -> None:
        """Only while one endpoint sends to the URL: with two, nobody but the journal knows whose secret it is."""
        fields = world.predecessor()
        (only,) = world.provider.observe().credentials
        assert world.provider.identify(fields) == only.id
        successor = world.provider.create("ro-1", only.id)
        assert world.provider.identify(fields) is None
        assert world.provider.identify(successor.fields) is None
        world.provider.disable(only.id)
        assert world.provider.identify(successor.fields) == successor.id


def predecessor_of(world: StripeWorld) -> Credential:
    fields = world.predecessor()
    found = world.provider.identify(fields)
    assert found
    return Credential(found, fields)


def test_consumers_verify_what_it_signs(stripe: StripeWorld) -> None:
    assert isinstance(stripe.provider, VerifiedProvider)


def test_a_successor_is_a_clone_and_says_whose_it_is(stripe: StripeWorld) -> None:
    kind: dict[str, Any] = {"enabled_events": ["*"], "api_version": "2026-10-28.endive"}
    if stripe.api == "v2":
        of_v2 = {"name": "CRM", "event_payload": "snapshot", "events_from": ["@accounts"]}
        kind = {"enabled_events": ["invoice.paid"], "snapshot_api_version": "2026-10-28.endive", **of_v2}
    made = stripe.stripe.somebody_makes(URL, **kind)
    made.metadata["team"] = "payments"
    successor = stripe.provider.create("ro-1", made.id)
    clone = stripe.stripe.find(successor.id)
    assert clone is not None
    assert (clone.url, clone.kind) == (made.url, made.kind)
    assert clone.metadata == {
        "team": "payments",
        "rotator_rotation": "ro-1",
        "rotator_secret": "staging/STRIPE",
    }
    assert successor.fields["value"] == Sealed(clone.secret)


def test_connect_is_said_by_the_policy_because_stripe_does_not_show_it(stripe: StripeWorld) -> None:
    stripe.api = "v1"  # an event destination shows where its events are from
    current = predecessor_of(stripe)
    provider = StripeWebhook(stripe.recipe(settings={"connect": True}), stripe.around)
    clone = stripe.stripe.find(provider.create("ro-1", current.id).id)
    assert clone is not None
    assert clone.kind["connect"] == "true"


# a mint is asked once, and its answer can be asked for again


def test_a_lost_answer_is_repeated_within_a_day_with_the_same_secret(stripe: StripeWorld) -> None:
    current = predecessor_of(stripe)
    stripe.lose_next_answer()
    with pytest.raises(Transient):
        stripe.provider.create("ro-1", current.id)
    successor = stripe.provider.create("ro-1", current.id)
    assert len(stripe.stripe.endpoints) == 2
    assert stripe.accepts(successor.fields)


def test_after_a_day_another_one_is_made_and_the_lost_one_bears_the_label(stripe: StripeWorld) -> None:
    current = predecessor_of(stripe)
    stripe.lose_next_answer()
    with pytest.raises(Transient):
        stripe.provider.create("ro-1", current.id)
    stripe.clock.pass_by(timedelta(hours=25))
    successor = stripe.provider.create("ro-1", current.id)
    labelled = [one.id for one in stripe.provider.observe().credentials if one.label == "ro-1"]
    assert successor.id in labelled
    assert len(labelled) == 2


def test_an_answer_of_what_was_deleted_meanwhile_is_not_taken_for_a_successor(stripe: StripeWorld) -> None:
    """The engine removes what a lost answer left, and asks again under the same label."""
    current = predecessor_of(stripe)
    stripe.lose_next_answer()
    with pytest.raises(Transient):
        stripe.provider.create("ro-1", current.id)
    stripe.stripe.weather.set_faults(())
    (stray,) = [one.id for one in stripe.provider.observe().credentials if one.label == "ro-1"]
    stripe.provider.remove(stray)
    successor = stripe.provider.create("ro-1", current.id)
    assert successor.id != stray
    assert stripe.accepts(successor.fields)


def test_an_error_that_stripe_repeats_for_a_day_does_not_stop_a_rotation_for_a_day(
    stripe: StripeWorld,
) -> None:
    current = predecessor_of(stripe)
    creates = [
        one for one in stripe.stripe.server.source.operations if one.startswith("POST") and "*" not in one
    ]
    stripe.stripe.weather.set_faults([Rule(Fault.INTERNAL_ERROR, one, times=1) for one in creates])
    with pytest.raises(Transient):
        stripe.provider.create("ro-1", current.id)
    assert stripe.accepts(stripe.provider.create("ro-1", current.id).fields)


def creating(world: StripeWorld) -> str:
    operations = world.stripe.server.source.operations
    (name,) = [one for one in operations if one.startswith(f"POST /{world.api}") and "*" not in one]
    return name


def test_while_stripe_is_still_at_a_mint_no_other_one_is_begun(
    stripe: StripeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = predecessor_of(stripe)

    def busy(_request: Request) -> Reply:
        raise Refusal("idempotency_key_in_use", "Wait.", HTTPStatus.CONFLICT, kind="idempotency_error")

    monkeypatch.setitem(stripe.stripe.server.source.operations, creating(stripe), busy)
    with pytest.raises(Transient):
        stripe.provider.create("ro-1", current.id)
    assert stripe.stripe.weather.counts["calls"][creating(stripe)] == 1


def test_a_secret_that_is_not_shown_is_no_reason_to_make_more(
    stripe: StripeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = predecessor_of(stripe)
    make = stripe.stripe.server.source.operations[creating(stripe)]

    def hidden(request: Request) -> Reply:
        said = make(request).said
        said.pop("secret", None)
        said.pop("webhook_endpoint", None)
        return Reply(said)

    monkeypatch.setitem(stripe.stripe.server.source.operations, creating(stripe), hidden)
    with pytest.raises(Refused, match="no secret"):
        stripe.provider.create("ro-1", current.id)
    assert len(stripe.stripe.endpoints) == 2


def test_a_predecessor_that_was_changed_meanwhile_is_cloned_as_it_is_now(stripe: StripeWorld) -> None:
    current = predecessor_of(stripe)
    stripe.lose_next_answer()
    with pytest.raises(Transient):
        stripe.provider.create("ro-1", current.id)
    made = stripe.stripe.find(current.id)
    assert made is not None
    made.kind = {**made.kind, "enabled_events": ["payout.paid"]}
    clone = stripe.stripe.find(stripe.provider.create("ro-1", current.id).id)
    assert clone is not None
    assert clone.kind["enabled_events"] == ["payout.paid"]


# slots


def test_no_room_is_made_in_a_full_account(stripe: StripeWorld) -> None:
    current = predecessor_of(stripe)
    for number in range(15):
        stripe.stripe.somebody_makes(f"https://other.example/{number}")
    before = list(stripe.stripe.endpoints)
    seen = stripe.provider.observe()
    assert (seen.free_slots, [one.id for one in seen.credentials]) == (0, [current.id])
    assert "slots" in seen.blocker
    with raises_silently(Refused, *stripe.unsayable(current.fields)) as caught:
        stripe.provider.create("ro-1", current.id)
    assert "makes no room" in str(caught.value)
    assert stripe.stripe.endpoints == before


def test_slots_says_what_the_account_may_have(stripe: StripeWorld) -> None:
    predecessor_of(stripe)
    assert StripeWebhook(stripe.recipe(settings={"slots": 100}), stripe.around).observe().free_slots == 99


# whose it is


@pytest.mark.parametrize("effect", ["disable", "enable", "remove"])
def test_what_sends_elsewhere_is_never_touched(stripe: StripeWorld, effect: str) -> None:
    theirs = stripe.stripe.somebody_makes("https://other.example/")
    with pytest.raises(Refused, match="another URL"):
        getattr(stripe.provider, effect)(theirs.id)
    assert theirs.enabled
    assert theirs in stripe.stripe.endpoints


def test_live_endpoints_are_refused_with_a_test_key_and_the_other_way_round(
    stripe: StripeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stripe shows a key only its own mode; were that to fail, nothing of the other mode is touched."""
    made = stripe.stripe.somebody_makes(URL, live=True)
    monkeypatch.setattr(stripe.stripe, "_of_mode", lambda _request: stripe.stripe.endpoints)
    for act in (stripe.provider.observe, lambda: stripe.provider.remove(made.id)):
        with pytest.raises(Refused, match="live mode"):
            act()
    assert stripe.stripe.endpoints == [made]


def test_a_live_endpoint_is_not_made_for_plain_http(stripe: StripeWorld) -> None:
    made = stripe.stripe.somebody_makes(URL, live=True)
    stripe.key = Sealed(stripe.stripe.somebody_makes_a_key(live=True))
    with pytest.raises(Refused, match="https"):
        stripe.provider.create("ro-1", made.id)


def test_without_a_known_predecessor_what_all_at_the_url_have_in_common_is_cloned(
    stripe: StripeWorld,
) -> None:
    with pytest.raises(Refused, match="no endpoint"):
        stripe.provider.create("ro-1", None)
    stripe.stripe.somebody_makes(URL)
    stripe.stripe.somebody_makes(URL)
    stripe.provider.create("ro-1", None)
    stripe.stripe.somebody_makes(URL, enabled_events=["*"])
    with pytest.raises(Refused, match="not of one kind"):
        stripe.provider.create("ro-2", None)


# the key that rotator itself uses


def test_a_key_that_stripe_refuses_undoes_nothing(stripe: StripeWorld) -> None:
    stripe.key = Sealed(stripe.key.reveal() + "x")
    with raises_silently(Transient, stripe.key) as caught:
        stripe.provider.observe()
    assert AUTH in str(caught.value)


def test_the_key_is_read_anew_for_a_list_and_not_for_each_line_of_it(stripe: StripeWorld) -> None:
    read = list[str]()

    def resolve(reference: str) -> Sealed:
        read.append(reference)
        return stripe.key

    for number in range(12):
        stripe.stripe.somebody_makes(f"https://other.example/{number}")
    provider = StripeWebhook(stripe.recipe(), replace(stripe.around, resolve=resolve))
    provider.observe()
    assert 0 < len(read) <= 2


def test_what_is_no_key_is_told_without_saying_it(stripe: StripeWorld) -> None:
    stripe.key = Sealed("whatever somebody put there")
    with raises_silently(Refused, stripe.key):
        stripe.provider.observe()


def test_later_is_told_with_stripe_s_own_word_for_when_and_all_hear_of_it(stripe: StripeWorld) -> None:
    stripe.throttle_next()
    with pytest.raises(Transient) as caught:
        stripe.provider.observe()
    assert caught.value.retry_after == timedelta(seconds=2)
    assert stripe.pacer.backed_off == [(f"stripe:{AUTH}", timedelta(seconds=2))]


def test_every_page_is_paced_for_all_who_ask_the_account(stripe: StripeWorld) -> None:
    for _endpoint in range(5):  # the stand-in shows two a page
        stripe.predecessor()
    stripe.provider.observe()
    accounts = [account for account, *_ in stripe.pacer.paced]
    assert len(accounts) > 1
    assert set(accounts) == {f"stripe:{AUTH}"}


# consumers


def test_where_nothing_sends_to_the_url_no_secret_is_of_use(stripe: StripeWorld) -> None:
    unnamed = Credential("", stripe.unknown())
    with raises_silently(CredentialRefused, *unnamed.fields.values()):
        stripe.provider.verify(unnamed)
    stripe.stripe.somebody_makes(URL)
    stripe.provider.verify(unnamed)


def test_a_disabled_predecessor_is_listed_as_disabled_which_is_how_its_death_is_proved(
    stripe: StripeWorld,
) -> None:
    current = predecessor_of(stripe)
    stripe.provider.disable(current.id)
    assert stripe.provider.observe().by_id()[current.id].liveness is Liveness.DISABLED


def test_no_event_is_lost_in_a_rotation_and_each_is_known_by_its_id(stripe: StripeWorld) -> None:
    with Receiver() as receiver:
        stripe.url = receiver.url
        current = predecessor_of(stripe)
        accepted = AcceptedSet([current.fields["value"]])

        def happens(number: int) -> None:
            stripe.stripe.emit({"id": f"evt_{number}", "type": "invoice.paid", "data": {"object": {}}})

        receiver.accept(accepted)
        happens(1)
        successor = stripe.provider.create("ro-1", current.id)
        happens(2)  # the successor's copy is refused
        accepted = accepted.including(stripe.provider.member(successor))
        receiver.accept(accepted)
        happens(3)
        stripe.provider.disable(current.id)
        happens(4)
        receiver.accept(accepted.without(stripe.provider.member(current)))
        happens(5)
        stripe.provider.remove(current.id)
        happens(6)
        assert stripe.stripe.deliver() == 0
        assert receiver.events == ["evt_1", "evt_2", "evt_3", "evt_3", "evt_4", "evt_5", "evt_6", "evt_2"]


def test_a_probe_is_an_event_that_means_nothing_signed_as_stripe_signs(stripe: StripeWorld) -> None:
    credential = Credential("we_1", stripe.unknown())
    with Receiver() as receiver:
        with raises_silently(CredentialRefused, *credential.fields.values()):
            stripe.provider.probe(receiver.url, credential)
        receiver.accept(AcceptedSet([credential.fields["value"]]))
        stripe.provider.probe(receiver.url, credential)
        receiver.status = HTTPStatus.BAD_GATEWAY
        with raises_silently(Transient, *credential.fields.values()):
            stripe.provider.probe(receiver.url, credential)
    with raises_silently(Transient, *credential.fields.values()):
        stripe.provider.probe(receiver.url, credential)
    with raises_silently(Refused, *credential.fields.values()):
        stripe.provider.probe("http://receiver.example/", credential)


def test_the_sandbox_signs_as_the_sdk_verifies(stripe: StripeWorld) -> None:
    """The fake is not made with the SDK; what it sends must be what the SDK takes."""
    with Receiver() as receiver:
        made = stripe.stripe.somebody_makes(receiver.url)
        stripe.stripe.emit({"id": "evt_1", "type": "invoice.paid"})
        ((body, signature),) = receiver.arrived
    assert json.loads(body)["id"] == "evt_1"
    WebhookSignature.verify_header(body, signature, made.secret)
    with pytest.raises(SignatureVerificationError):
        WebhookSignature.verify_header(body, signature, stripe.unknown()["value"].reveal())


# the policy


@pytest.mark.parametrize(
    "more, said",
    [
        ({"accepted_as": None}, "accepted_as is missing"),
        ({"fields": {"id": "A", "value": "B"}}, "it is one value"),
        ({"settings": {"endpoint_url": "http://api.example/"}}, "endpoint_url must begin with https"),
        (
            {"settings": {"endpoint_url": "https://a.example/", "api": "v2", "connect": True}},
            "connect belongs",
        ),
        (
            {"settings": {"endpoint_url": "https://a.example/"}, "probe": ("http://a.example/",)},
            "probe http://a",
        ),
        ({"settings": {"endpoint_url": "https://a.example/"}}, None),
        ({"accepted_as": None, "accept_gap": True}, None),
    ],
)
def test_what_is_wrong_with_a_policy_is_said(
    stripe: StripeWorld, more: dict[str, Any], said: str | None
) -> None:
    changed = {key: value for key, value in more.items() if key != "settings"}
    recipe = stripe.recipe(settings={"api": "v1", **more.get("settings", {})}).model_copy(update=changed)
    complaints = StripeWebhook.check(recipe)
    assert (complaints == []) if said is None else complaints[0].startswith(said)


def test_a_key_itself_is_no_reference() -> None:
    with pytest.raises(ValueError, match="reference"):
        StripeWebhook.Options(endpoint_url=URL, auth="rk_" + "test")


@pytest.mark.slow
def test_a_policy_check_loads_no_sdk() -> None:
    program = "import sys, rotator.providers.stripe_webhook; sys.exit('stripe' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=240).returncode == 0
