"""The census: what lives at a source that nobody knows. It shows, and never removes: the source here would raise."""

from __future__ import annotations

from typing import Any

import pytest

from rotator.contracts.provider import AtSource, Liveness
from rotator.engine.census import take_census
from rotator.model.errors import NotYet, Refused, Transient
from rotator.model.observations import Observed
from rotator.model.policy import Mode, SecretPolicy
from rotator.model.rotation import Phase, State
from tests.engine.things import DAY, HOUR, NOW, ago, policies, policy, rotation, seen, surveyed
from tests.engine.world import Source, Unlabelled, World


@pytest.fixture
def source(world: World) -> Source:
    """One live credential, the one in the store."""
    world.put("/taly/production/KEY", "K1")
    world.looked(seen())
    source = world.sources["production/KEY"] = Source("fake:production/KEY")
    source.has("K1", created_at=ago(412 * DAY))
    return source


def found(world: World, secret: str = "production/KEY") -> Observed:
    take_census(world)
    return world.journal.observed()[secret]


def test_the_credential_in_the_store_is_known_and_its_date_kept(world: World, source: Source) -> None:
    counted = found(world)
    assert (counted.unknown, counted.created_at, counted.census_at) == ((), ago(412 * DAY), NOW)


def test_what_nobody_knows_is_found_until_it_is_gone(world: World, source: Source) -> None:
    source.has("K2")
    assert found(world).unknown == ("K2",)
    source.listed.pop()
    assert found(world).unknown == ()


def test_what_the_source_cannot_name_the_journal_remembers(
    world: World, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stripe shows a signing secret once: what rotator made itself would be told as nobody's."""
    monkeypatch.setattr(source, "identify", lambda _current: None)
    assert found(world).unknown == ("K1",)
    wrote = {"wrote": {"/taly/production/KEY": 1}, "successor_id": "K1"}
    world.has(rotation(id="rot0", state=State.DONE, ended_at=NOW, ledger=wrote))
    assert found(world).unknown == ()


def test_what_is_disabled_does_not_live(world: World, source: Source) -> None:
    source.listed.append(AtSource("K2", Liveness.DISABLED))
    assert found(world).unknown == ()


@pytest.mark.parametrize("state", [State.ACTIVE, State.PARKED])
@pytest.mark.parametrize(
    "ledger", [{"successor_id": "K2"}, {"predecessor_id": "K2"}, {"strays": ("K2",)}, {"doubtful": ("K2",)}]
)
def test_what_a_rotation_under_way_has_written_down_is_known(
    world: World, source: Source, ledger: dict[str, Any], state: State
) -> None:
    source.has("K2")
    world.has(rotation(ledger=ledger, state=state))
    assert found(world).unknown == ()


def test_what_bears_the_label_of_a_rotation_under_way_is_known_before_it_is_written_down(
    world: World, source: Source
) -> None:
    source.has("K2", label="rot1")
    world.has(rotation(phase=Phase.CREATE))
    assert found(world).unknown == ()


def test_what_bears_the_label_of_a_parked_rotation_and_it_does_not_name_is_a_finding(
    world: World, source: Source
) -> None:
    source.has("K2", label="rot1")
    world.has(rotation(phase=Phase.GRACE, state=State.PARKED))
    assert found(world).unknown == ("K2",), "found by the simulation, seed 5623: a mint that landed late"


@pytest.mark.parametrize("label", ["terraform", "rot0", None])
def test_other_labels_and_those_of_finished_rotations_are_findings(
    world: World, source: Source, label: str | None
) -> None:
    source.has("K2", label=label)
    world.has(rotation(id="rot0", state=State.UNDONE, ended_at=NOW, ledger={"successor_id": "K2"}))
    world.has(rotation(opened_at=NOW))
    assert found(world).unknown == ("K2",)


def test_a_rotation_of_another_principal_answers_for_nothing_here(world: World, source: Source) -> None:
    source.has("K2")
    world.has(rotation("production/OTHER", ledger={"successor_id": "K2"}))
    assert found(world).unknown == ("K2",)


def test_where_there_are_no_labels_a_mint_under_way_puts_the_census_off(world: World, source: Source) -> None:
    world.sources["production/KEY"] = unlabelled = Unlabelled(source.principal)
    unlabelled.has("K1", "K2")
    world.has(rotation(phase=Phase.CREATE, ledger={"minting_at": NOW}))
    assert found(world).census_at is None
    world.becomes("rot1", state=State.PARKED)
    assert found(world).unknown == ("K2",), "a parked one mints no more"


@pytest.mark.parametrize("ledger", [{}, {"minting_at": NOW, "successor_id": "K1"}])
def test_before_and_after_a_mint_the_census_is_taken(
    world: World, source: Source, ledger: dict[str, Any]
) -> None:
    world.sources["production/KEY"] = unlabelled = Unlabelled(source.principal)
    unlabelled.has("K1", "K2")
    world.has(rotation(ledger=ledger))
    assert found(world).unknown == ("K2",)


def test_where_there_are_labels_a_mint_puts_nothing_off(world: World, source: Source) -> None:
    source.has("K2")
    world.has(rotation(ledger={"minting_at": NOW}))
    assert found(world).unknown == ("K2",)


def test_of_a_source_that_lists_nothing_no_value_is_read(world: World) -> None:
    world.put("/taly/production/KEY", "K1")
    world.looked(seen())
    assert found(world).census_at == NOW
    assert world.parameters.reads == 0


def test_a_rotation_that_begins_while_the_source_is_asked_is_seen(world: World, source: Source) -> None:
    listing = source.observe

    def observe() -> Any:
        world.has(rotation(ledger={"successor_id": "K2"}))
        source.has("K2")
        return listing()

    source.observe = observe  # type: ignore[method-assign]  # another worker is quick
    assert found(world).unknown == ()


def test_two_secrets_of_one_principal_know_each_others_credential(world: World, source: Source) -> None:
    world.today = policies(policy(), policy("production/TWIN"))
    world.put("/taly/production/TWIN", "K2")
    world.looked(seen(), seen("production/TWIN"))
    world.sources["production/TWIN"] = source
    source.has("K2", created_at=ago(DAY))
    source.has("K3")
    take_census(world)
    counted = world.journal.observed()
    assert {name: (one.unknown, one.created_at) for name, one in counted.items()} == {
        "production/KEY": (("K3",), ago(412 * DAY)),
        "production/TWIN": (("K3",), ago(DAY)),
    }


BUG = "an unexpected KeyError in the census: this is a bug of rotator"


@pytest.mark.parametrize(
    "trouble, said",
    [
        (Transient("away"), "away"),
        (Refused("not allowed"), "not allowed"),
        (NotYet("later", NOW + HOUR), "later"),
        (KeyError("AccessKeyId"), BUG),
    ],
)
def test_a_source_that_does_not_answer_keeps_what_was_known_and_holds_up_no_other(
    world: World, source: Source, trouble: Exception, said: str
) -> None:
    source.has("K2")
    take_census(world)
    world.today = policies(policy(), policy("production/OTHER"))
    world.put("/taly/production/OTHER", "O1")
    world.looked(world.journal.observed()["production/KEY"], seen("production/OTHER"))
    world.sources["production/OTHER"] = other = Source("fake:other")
    other.has("O1", "O2")
    source.trouble = trouble
    world.passes(DAY)
    counted = found(world)
    assert (counted.unknown, counted.trouble, counted.census_at) == (("K2",), said, NOW)
    assert world.journal.observed()["production/OTHER"].unknown == ("O2",)


def test_a_source_that_cannot_be_made_is_trouble_too(world: World, source: Source) -> None:
    world.refusals["production/KEY"] = Refused("users: must be two logins")
    assert found(world).trouble == "users: must be two logins"


def test_a_scan_in_the_middle_costs_nothing(world: World, source: Source) -> None:
    source.has("K2")
    listing = source.observe

    def observe() -> Any:
        world.passes(HOUR)
        world.looked(seen(version=9, observed_at=world.clock.now()))
        return listing()

    source.observe = observe  # type: ignore[method-assign]  # asking takes an hour
    counted = found(world)
    assert (counted.unknown, counted.versions) == (("K2",), {"/taly/production/KEY": 9})


@pytest.mark.parametrize(
    "today",
    [policy(mode=Mode.OBSERVE), policy(exempt_until=NOW + DAY, exempt_reason="x")],
)
def test_what_is_not_rotated_is_not_counted(world: World, source: Source, today: SecretPolicy) -> None:
    source.has("K2")
    world.today = policies(today)
    assert found(world).census_at is None


def test_what_belongs_to_another_installation_is_not_counted(world: World, source: Source) -> None:
    world.journal.note_surveyed(surveyed(foreign_owner="b"))
    assert found(world).census_at is None
