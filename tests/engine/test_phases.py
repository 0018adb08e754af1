"""Single phases where the simulation seldom gets: what a person finds, and how it goes on once they have looked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from rotator.contracts.journal import Told
from rotator.contracts.provider import LastUsed, Overlap, Provider, Sight, Traits
from rotator.contracts.sealer import Sealer
from rotator.engine.phases import PHASES
from rotator.engine.phases.step import Move, Park, Step, Undo
from rotator.engine.phases.undo import begin_undo
from rotator.engine.settings import Bounds
from rotator.model.errors import CredentialRefused, GaveUp, Refused, Transient
from rotator.model.policy import Deployment, Recipe
from rotator.model.rotation import (
    Death,
    Evidence,
    Phase,
    Priority,
    Purpose,
    Reason,
    RolloutRow,
    RolloutState,
    Rotation,
    State,
)
from rotator.model.secrets import Credential, Sealed
from rotator.testing.journal_contract.rows import opens
from rotator.testing.memory_mirror import MemoryMirror, MemoryPlace
from tests.engine.things import DAY, HOUR, MINUTE, NOW, done, policies, policy, rotation
from tests.engine.world import Source, World

NAME, SET = "/taly/production/KEY", "/taly/production/KEY_ACCEPTED"
API = Deployment(id="production/api", kind="fake", target="api")
WORKER = Deployment(id="production/worker", kind="fake", target="worker")
MINTED = Traits(
    overlap=Overlap.MANY, mints=True, labels=True, reversible=True, sight=Sight.YES, death=Death.TRIED
)
SHARED = replace(MINTED, mints=False, labels=False, reversible=False, sight=Sight.OURS, shared=True)
GAPPED = replace(MINTED, overlap=Overlap.NONE, reversible=False)


class Asked(Source):
    """A source that answers, and remembers what it was told to do."""

    def __init__(self, traits: Traits) -> None:
        super().__init__("fake:production/KEY")
        self.traits = traits  # type: ignore[misc]  # every test has its own
        self.refuses: set[str] = set()
        self.use = LastUsed()
        self.told: list[str] = []
        self.leads_elsewhere = self.cannot_tell = False
        self.gives_up = False

    def identify(self, current: Mapping[str, Sealed]) -> str | None:
        """The value is the id."""
        if self.leads_elsewhere:
            raise Refused("the value leads to another place than the policy")
        return None if self.cannot_tell else super().identify(current)

    def verify(  # type: ignore[override]  # there all that nobody asks is one
        self, credential: Credential
    ) -> None:
        """Accepted, unless the test says otherwise."""
        if credential.fields["value"].reveal() in self.refuses:
            raise CredentialRefused(f"{credential.id} is refused")

    def create(self, label: str, predecessor: str | None) -> Credential:
        """No answer came in time, if the test says so."""
        if self.gives_up:
            raise GaveUp(f"{label} may be made later, beside {predecessor}")
        return super().create(label, predecessor)

    def last_used(self, credential_id: str) -> LastUsed:
        """As the test says."""
        return self.use

    def disable(  # type: ignore[override]  # there all that nobody asks is one
        self, credential_id: str
    ) -> None:
        """Remembered."""
        self.told.append(f"disable {credential_id}")

    def enable(  # type: ignore[override]  # there all that nobody asks is one
        self, credential_id: str
    ) -> None:
        """Remembered."""
        self.told.append(f"enable {credential_id}")

    def remove(self, credential_id: str) -> None:
        """Remembered."""
        self.told.append(f"remove {credential_id}")

    def promote(self, predecessor: Credential, successor: Credential) -> None:
        """Remembered."""
        self.told.append(f"promote {successor.id} over {predecessor.id}")

    def member(self, credential: Credential) -> Sealed:
        """The value itself."""
        return credential.fields["value"]


class Open:
    """A sealer under which every sealed text is its own value."""

    wrapped = "key"

    def new_key(self, _context: Mapping[str, str]) -> Open:
        """Itself."""
        return self

    def open_key(self, _wrapped: str, _context: Mapping[str, str]) -> Open:
        """Itself."""
        return self

    def seal(self, fields: Mapping[str, Sealed], _bound_to: str) -> str:
        """The value."""
        return fields["value"].reveal()

    def open(self, sealed: str, _bound_to: str) -> Mapping[str, Sealed]:
        """The value again."""
        return {"value": Sealed(sealed)}


class Bench(World):
    """One rotation on the bench: phases are called by hand, rows are made up."""

    source: Asked

    @property
    def sealer(self) -> Sealer:
        """Nothing is hidden here."""
        return cast(Sealer, Open())

    def provider(self, recipe: Recipe) -> Provider:
        """The one source."""
        return cast(Provider, self.source)

    def step(self, row: Rotation) -> Step:
        """What a phase sees now."""
        return Step(row, self, Bounds(), self.clock.now())

    def goes(self, row: Rotation) -> Move:
        """What its phase answers."""
        return PHASES[row.phase](self.step(row))

    def resumes(self, row: Rotation) -> Move:
        """What its phase answers under a claim that has just begun."""
        return PHASES[row.phase](replace(self.step(row), resumed=True))

    def ended(self, rollout_id: str, state: RolloutState) -> None:
        """A worker brought a rollout to its end."""
        for row in self.journal.claim_rollouts("worker", 10, timedelta(seconds=60)):
            if row.id == rollout_id:
                started = self.journal.start_rollout(row)
                assert started is not None
                end = {"state": state, "sentence": "it does not start", "ended_at": self.clock.now()}
                ended = started.model_copy(update=end)
                self.journal.checkpoint_rollout(started, ended, release=True)


@pytest.fixture
def bench(world: World) -> Bench:
    made = Bench(world.clock, world.journal, policies(policy(how={"deployments": (API,)})))
    made.source = Asked(MINTED)
    made.put(NAME, "old")
    return made


def under_way(phase: Phase, recipe: dict[str, Any] | None = None, **ledger: Any) -> Rotation:
    written = {
        "predecessor_id": "old",
        "predecessor_works": True,
        "successor_id": "new",
        "created_fence": 1,
        "before": {NAME: 1},
        **ledger,
    }
    row = rotation(
        ledger=written, phase=phase, sealed_predecessor="old", sealed_successor="new", data_key="k"
    )
    how = {"deployments": (API,), **(recipe or {})}
    return row.model_copy(update={"recipe": row.recipe.model_copy(update=how)})


def at_rest(phase: Phase, recipe: dict[str, Any] | None = None, **ledger: Any) -> Rotation:
    """The store holds the successor, consumers are confirmed."""
    stored = {"wrote": {NAME: 2}, "wrote_at": NOW, "confirmed_at": NOW, "grace_until": NOW + HOUR}
    return under_way(phase, recipe, **{**stored, **ledger})


def onwards(row: Rotation, move: Move, **changes: Any) -> Rotation:
    """The row as the worker would write it; a person has looked if it was parked."""
    return row.model_copy(update={"phase": move.phase, "ledger": move.ledger, "reason": None, **changes})


def joined(bench: Bench, purpose: Purpose, row: Rotation) -> tuple[Rotation, RolloutRow]:
    bench.has(row)
    rollout = bench.journal.join_rollout(row.id, API.id, purpose, exclusive=False)
    rollouts = {**row.ledger.rollouts, purpose.value: (rollout.id,)}
    return row.model_copy(update={"ledger": row.ledger.having(rollouts=rollouts)}), rollout


# plan


def test_plan_asks_the_source_about_the_value_also_where_the_journal_remembers_it(bench: Bench) -> None:
    """The source refuses values that lead elsewhere than the policy: memory must not pass that by."""
    made_it = done(
        version=1, ledger={"wrote": {NAME: 1}, "wrote_at": NOW, "successor_id": "old"}, id="earlier"
    )
    assert opens(bench.journal, made_it.model_copy(update={"state": State.ACTIVE}), Told("opened", ""))
    bench.becomes("earlier", state=State.DONE, ended_at=NOW)
    bench.source.leads_elsewhere = True
    with pytest.raises(Refused, match="another place"):
        bench.goes(rotation(phase=Phase.PLAN))


def test_the_source_knows_better_than_the_journal_whose_value_it_is(bench: Bench) -> None:
    """A parameter that was deleted and made again has the version that the journal remembers."""
    made_it = done(
        version=1, ledger={"wrote": {NAME: 1}, "wrote_at": NOW, "successor_id": "gone"}, id="earlier"
    )
    assert opens(bench.journal, made_it.model_copy(update={"state": State.ACTIVE}), Told("opened", ""))
    bench.becomes("earlier", state=State.DONE, ended_at=NOW)
    assert bench.goes(rotation(phase=Phase.PLAN)).ledger.predecessor_id == "old"


def test_a_source_that_only_lists_is_not_believed_against_the_journal(bench: Bench) -> None:
    """Found with a Stripe that shows a key its own mode only: at the URL stood an endpoint of the other mode, alone."""
    bench.source = Asked(replace(MINTED, death=Death.LISTED_GONE))
    bench.source.has("old")
    made_it = done(
        version=1, ledger={"wrote": {NAME: 1}, "wrote_at": NOW, "successor_id": "made"}, id="earlier"
    )
    assert opens(bench.journal, made_it.model_copy(update={"state": State.ACTIVE}), Told("opened", ""))
    bench.becomes("earlier", state=State.DONE, ended_at=NOW)
    with pytest.raises(Park, match="made") as parked:
        bench.goes(rotation(phase=Phase.PLAN))
    assert parked.value.reason is Reason.UNKNOWN_AT_SOURCE
    bench.source.has("made")
    assert bench.goes(rotation(phase=Phase.PLAN)).ledger.predecessor_id == "made"
    bench.put(NAME, "old")
    assert bench.goes(rotation(phase=Phase.PLAN)).ledger.predecessor_id == "old"


def test_a_value_that_an_undo_put_back_is_the_one_that_the_journal_remembers(bench: Bench) -> None:
    """Found by `make chaos`: after an undo the credential in use had another name."""
    bench.source = Asked(SHARED)
    for value in ("new", "old"):
        bench.put(NAME, value)
    made = done(version=1, ledger={"wrote": {NAME: 1}, "wrote_at": NOW, "successor_id": "made"}, id="one")
    back = {"origin": {NAME: 1}, "before": {NAME: 1}, "wrote": {NAME: 2}, "restored": {NAME: 3}}
    undone = rotation(state=State.UNDONE, ended_at=NOW, ledger=back, id="two")
    for earlier in (made, undone):
        row = earlier.model_copy(update={"state": State.ACTIVE, "opened_at": NOW})
        assert opens(bench.journal, row, Told("opened", ""))
        bench.becomes(row.id, state=earlier.state, ended_at=NOW)
    assert bench.goes(rotation(phase=Phase.PLAN)).ledger.predecessor_id == "made"


def test_a_second_plan_keeps_the_name_that_the_first_one_had_while_the_store_is_the_same(
    bench: Bench,
) -> None:
    """Found by `make crash`: after a lost mint two endpoints sent to one URL, and nobody could name the old one."""
    bench.source.cannot_tell = True
    planned = under_way(Phase.PLAN)
    assert bench.goes(planned).ledger.predecessor_id == "old"
    bench.put(NAME, "somebody's")
    assert bench.goes(planned).ledger.predecessor_id is None


def test_plan_reports_members_that_somebody_else_wrote(bench: Bench) -> None:
    bench.source = Asked(SHARED)
    bench.put(SET, '["old", "theirs", "another"]')
    row = rotation(phase=Phase.PLAN)
    row = row.model_copy(update={"recipe": row.recipe.model_copy(update={"accepted_as": SET})})
    assert bench.goes(row).sentence.endswith("somebody else wrote, and that stay: 2")


def test_tidy_says_what_it_removed_and_what_it_disabled(bench: Bench) -> None:
    move = bench.goes(under_way(Phase.TIDY, strays=("a",), doubtful=("b", "c")))
    assert bench.source.told == ["remove a", "disable b", "disable c"]
    assert move.sentence == "tidied leftovers of a lost answer: removed a, disabled b and c"


# verify


def test_where_nobody_can_be_asked_the_successor_is_given_its_time(bench: Bench) -> None:
    bench.source = Asked(replace(MINTED, mints=False, death=Death.ASSUMED, submitted=True))
    row = under_way(Phase.VERIFY)
    waits = bench.goes(row)
    assert (waits.phase, waits.run_at) == (Phase.VERIFY, NOW + MINTED.propagation)
    bench.passes(MINTED.propagation)
    assert bench.goes(onwards(row, waits)).phase is Phase.STORE


# store


def test_a_successor_that_the_source_has_not_any_more_is_never_stored(bench: Bench) -> None:
    bench.source.refuses = {"new"}
    row = under_way(Phase.STORE)
    waits = bench.resumes(row)
    assert (waits.phase, waits.reason) == (Phase.STORE, Reason.PROPAGATING)
    bench.passes(MINTED.propagation)
    with pytest.raises(Undo) as undone:
        bench.resumes(onwards(row, waits))
    assert undone.value.reason is Reason.NOT_ACCEPTED
    assert bench.store("production").read(NAME).value == Sealed("old")


def test_a_source_that_hesitates_a_moment_holds_the_store_up_for_that_moment(bench: Bench) -> None:
    bench.source.refuses = {"new"}
    row = under_way(Phase.STORE)
    waits = bench.resumes(row)
    bench.source.refuses = set()
    move = bench.resumes(onwards(row, waits))
    assert (move.phase, move.ledger.wrote, move.ledger.polling_since) == (Phase.REDEPLOY, {NAME: 2}, None)


def test_the_only_credential_is_stored_without_asking_again(bench: Bench) -> None:
    bench.source = Asked(GAPPED)
    bench.source.refuses = {"new"}
    assert bench.resumes(under_way(Phase.STORE)).ledger.wrote == {NAME: 2}, (
        "consumers are locked out meanwhile"
    )


def test_a_race_is_gone_on_from_once_a_person_has_looked(bench: Bench) -> None:
    bench.store("production")
    bench.stores["production"].interfere(NAME, Sealed("theirs"))
    row = under_way(Phase.STORE)
    parked = bench.goes(row)
    assert (parked.state, parked.reason) == (State.PARKED, Reason.RACED)
    assert "our version 3" in parked.sentence and "version 1" in parked.sentence
    move = bench.goes(onwards(row, parked))
    assert (move.phase, move.ledger.wrote) == (Phase.REDEPLOY, {NAME: 3})


def test_a_race_that_was_not_recorded_is_still_a_race(bench: Bench) -> None:
    bench.put(NAME, "theirs")
    bench.put(NAME, "new")
    row = under_way(Phase.STORE)
    parked = bench.goes(row)
    assert (parked.state, parked.reason, parked.ledger.wrote) == (State.PARKED, Reason.RACED, {NAME: 3})
    assert bench.goes(onwards(row, parked)).phase is Phase.REDEPLOY


def test_our_own_value_written_again_by_a_worker_that_woke_late_is_no_race(bench: Bench) -> None:
    bench.put(NAME, "new")
    bench.put(NAME, "new")
    move = bench.goes(under_way(Phase.STORE))
    assert (move.phase, move.ledger.wrote) == (Phase.REDEPLOY, {NAME: 3})


def test_after_a_race_another_value_is_never_taken_for_ours(bench: Bench) -> None:
    bench.put(NAME, "new")
    bench.put(NAME, "theirs")
    parked = bench.goes(under_way(Phase.STORE, wrote={NAME: 2}))
    assert (parked.state, parked.reason, parked.ledger.wrote) == (State.PARKED, Reason.RACED, {NAME: 2})


def test_the_old_value_written_again_is_no_drift(bench: Bench) -> None:
    bench.put(NAME, "old")
    row = under_way(Phase.STORE)
    again = bench.goes(row)
    assert (again.phase, again.ledger.before) == (Phase.STORE, {NAME: 2})
    assert bench.goes(onwards(row, again)).ledger.wrote == {NAME: 3}


def test_another_value_is_drift(bench: Bench) -> None:
    bench.put(NAME, "theirs")
    with pytest.raises(Park) as parked:
        bench.goes(under_way(Phase.STORE))
    assert parked.value.reason is Reason.DRIFT


def test_a_deleted_parameter_is_drift(bench: Bench) -> None:
    bench.parameters.parameters.clear()
    with pytest.raises(Park) as parked:
        bench.goes(under_way(Phase.STORE))
    assert parked.value.reason is Reason.DRIFT


@pytest.mark.parametrize("phase", [Phase.ANNOUNCE, Phase.FORGET, Phase.WITHDRAW, Phase.RESTORE])
def test_an_accepted_set_that_somebody_spoilt_parks_and_is_no_bug(bench: Bench, phase: Phase) -> None:
    bench.source = Asked(SHARED)
    bench.put(SET, "not a list")
    if phase is Phase.FORGET:
        bench.put(NAME, "new")
    row = at_rest(phase, {"accepted_as": SET}, rollouts={})
    bench.today = policies(policy(how={"deployments": ()}))
    row = row.model_copy(update={"recipe": row.recipe.model_copy(update={"deployments": ()})})
    with pytest.raises(Park) as parked:
        bench.goes(row)
    assert parked.value.reason is Reason.NO_ACCEPTED_SET


def test_a_set_of_the_other_form_parks_before_anybody_reads_the_successor(bench: Bench) -> None:
    bench.source = Asked(SHARED)
    bench.put(SET, '{"keys": []}')
    with pytest.raises(Park, match="what rotates is no public key") as parked:
        bench.goes(under_way(Phase.ANNOUNCE, {"accepted_as": SET}))
    assert parked.value.reason is Reason.NO_ACCEPTED_SET


def restarted_late(bench: Bench, phase: Phase, purpose: Purpose, **ledger: Any) -> Rotation:
    """Whoever serves the accepted set to verifiers that keep copies was restarted 10 minutes after it was written."""
    bench.source = Asked(replace(SHARED, verifier_cache=HOUR))
    row = under_way(phase, {"accepted_as": SET}, **ledger)
    row, rollout = joined(bench, purpose, row)
    bench.passes(10 * MINUTE)
    bench.ended(rollout.id, RolloutState.DONE)
    bench.passes(timedelta(seconds=1))
    return row


def test_nobody_signs_with_the_successor_while_verifiers_keep_a_copy_from_before(bench: Bench) -> None:
    row = restarted_late(bench, Phase.ANNOUNCE, Purpose.ANNOUNCE, announced=2, announced_at=NOW)
    waits = bench.goes(row)
    assert (waits.phase, waits.reason) == (Phase.ANNOUNCE, Reason.PROPAGATING)
    assert waits.run_at == NOW + 10 * MINUTE + HOUR
    assert bench.goes(row.model_copy(update={"priority": Priority.EMERGENCY})).run_at == waits.run_at
    bench.passes(HOUR)
    assert bench.goes(row).phase is Phase.STORE


def test_the_old_one_is_proved_dead_when_no_verifier_keeps_a_copy_with_it(bench: Bench) -> None:
    row = restarted_late(bench, Phase.FORGET, Purpose.FORGET, forgot=3, forgot_at=NOW)
    assert bench.goes(row).run_at == NOW + 10 * MINUTE + HOUR
    bench.passes(HOUR)
    assert bench.goes(row).phase is Phase.PROVE


def test_a_set_that_nobody_is_restarted_for_is_kept_from_the_write_on(bench: Bench) -> None:
    bench.source = Asked(replace(SHARED, verifier_cache=HOUR))
    bench.today = policies(policy(how={"deployments": ()}))
    how = {"accepted_as": SET, "deployments": ()}
    row = under_way(Phase.ANNOUNCE, how, announced=2, announced_at=NOW, rollouts={"announce": ()})
    assert bench.goes(row).run_at == NOW + HOUR


# rollouts that failed where there is no way back


def test_once_the_platform_is_repaired_consumers_are_taken_back_after_all(bench: Bench) -> None:
    row, rollout = joined(bench, Purpose.UNDO, under_way(Phase.RECONFIRM, restored_at=NOW))
    bench.ended(rollout.id, RolloutState.FAILED)
    parked = bench.goes(row)
    assert (parked.state, parked.reason) == (State.PARKED, Reason.RECONFIRM_FAILED)
    again = bench.goes(onwards(row, parked))
    assert again.state is State.ACTIVE
    (fresh,) = again.ledger.rollouts[Purpose.UNDO.value]
    assert fresh != rollout.id


def test_a_platform_that_does_not_answer_is_trouble_of_all_that_wait_for_it(bench: Bench) -> None:
    row, _ = joined(bench, Purpose.REDEPLOY, under_way(Phase.CONFIRM, wrote={NAME: 2}, wrote_at=NOW))
    assert bench.goes(row).reason is Reason.ROLLING_OUT
    (claimed,) = bench.journal.claim_rollouts("worker", 10, timedelta(seconds=60))
    waits = claimed.model_copy(update={"attempt": 1, "run_at": NOW + MINUTE})
    bench.journal.checkpoint_rollout(claimed, waits, release=True)
    with pytest.raises(Transient, match="platform of production/api does not answer"):
        bench.goes(row)


@pytest.mark.parametrize("why", ["one credential only", "the old one was dead before"])
def test_where_the_only_way_is_forward_a_failed_rollout_is_tried_again(bench: Bench, why: str) -> None:
    gapped = why == "one credential only"
    bench.source = Asked(GAPPED if gapped else MINTED)
    bench.put(NAME, "new")
    row = under_way(Phase.CONFIRM, wrote={NAME: 2}, wrote_at=NOW, predecessor_works=gapped)
    row, rollout = joined(bench, Purpose.REDEPLOY, row)
    bench.ended(rollout.id, RolloutState.FAILED)
    with pytest.raises(Undo) as verdict:
        bench.goes(row)
    parked = begin_undo(bench.step(row), verdict.value)
    assert (parked.state, parked.phase) == (State.PARKED, Phase.REDEPLOY)
    again = bench.goes(onwards(row, parked))
    assert again.phase is Phase.CONFIRM
    assert again.ledger.rollouts[Purpose.REDEPLOY.value] != (rollout.id,)


def test_the_only_credential_is_left_as_it_is_while_a_mirror_is_away(bench: Bench) -> None:
    """There is no way back once the source has been told: who reads the mirror would be locked out."""
    bench.source, how = Asked(GAPPED), {"mirrors": ("copies",), "deployments": ()}
    bench.today = policies(policy(how=how))
    row = under_way(Phase.READY, how)
    place = MemoryPlace(bench.clock, away=True)
    bench.mirrors["copies"] = MemoryMirror(place)
    with pytest.raises(Transient, match="does not answer"):
        bench.goes(row)
    place.away = False
    assert bench.goes(row).phase is Phase.ACTIVATE
    assert bench.source.told == []


def test_one_workload_that_fails_takes_all_of_them_back(bench: Bench) -> None:
    both = {"deployments": (API, WORKER)}
    bench.today = policies(policy(how=both))
    bench.put(NAME, "new")
    row = under_way(Phase.CONFIRM, both, wrote={NAME: 2}, wrote_at=NOW)
    bench.has(row)
    fine, failed = (
        bench.journal.join_rollout(row.id, one.id, Purpose.REDEPLOY, exclusive=False) for one in (API, WORKER)
    )
    rollouts = {Purpose.REDEPLOY.value: (fine.id, failed.id)}
    row = row.model_copy(update={"ledger": row.ledger.having(rollouts=rollouts)})
    bench.ended(failed.id, RolloutState.FAILED)
    with pytest.raises(Undo, match="production/worker") as verdict:
        bench.goes(row)
    back = begin_undo(bench.step(row), verdict.value)
    assert back.phase is Phase.RESTORE
    restored = bench.goes(onwards(row, back))
    assert restored.phase is Phase.RECONFIRM
    undone = bench.goes(onwards(row, restored)).ledger.rollouts[Purpose.UNDO.value]
    assert {one.workload for one in bench.journal.rollouts(undone)} == {API.id, WORKER.id}


def test_consumers_are_never_taken_back_to_a_dead_credential(bench: Bench) -> None:
    """A journal that was restored from yesterday does not know that the old one has been removed since."""
    bench.put(NAME, "new")
    bench.source.refuses = {"old"}
    row = under_way(Phase.RESTORE, wrote={NAME: 2}, wrote_at=NOW)
    with pytest.raises(Park, match="the source refuses the old one") as verdict:
        bench.goes(row)
    assert verdict.value.reason is Reason.NOTHING_TO_RETURN_TO
    assert bench.store("production").read(NAME).value.reveal() == "new"


def test_a_stray_is_not_discarded_while_the_store_is_not_as_the_rotation_knows_it(bench: Bench) -> None:
    """A journal that was restored takes for a stray what this rotation made, and what consumers use."""
    bench.put(NAME, "ours")
    row = under_way(Phase.DISCARD, successor_id=None, created_fence=None, strays=("ours",), swept=True)
    row = row.model_copy(update={"sealed_successor": None})
    with pytest.raises(Park, match="ours may be in use"):
        bench.goes(row)
    assert bench.source.told == []
    known = row.model_copy(update={"ledger": row.ledger.having(before={NAME: 2})})
    assert bench.goes(known).state is State.UNDONE
    assert bench.source.told == ["remove ours"]


@pytest.mark.parametrize(
    "lost, wait",
    [
        ({"claim_lost_at": NOW}, 16 * MINUTE),
        ({"ledger": {"gave_up_at": NOW}}, 16 * MINUTE),
        ({"ledger": {"mints_lost": 1}}, MINUTE),
    ],
)
def test_leftovers_are_looked_for_once_the_source_must_list_them(
    bench: Bench, lost: dict[str, Any], wait: timedelta
) -> None:
    """Found by the simulation: a mint that landed last of all was not listed yet, and outlived its rotation."""
    bench.source.traits = replace(MINTED, listing=MINUTE)  # type: ignore[misc]  # every test has its own
    row = under_way(Phase.DISCARD, successor_id=None, created_fence=None, **lost.pop("ledger", {}))
    row = row.model_copy(update={"sealed_successor": None, "phase_since": NOW, **lost})
    bench.passes(wait - timedelta(seconds=1))
    assert bench.goes(row).reason is Reason.SETTLING
    bench.passes(timedelta(seconds=1))
    bench.source.has("late", label=row.id)
    found = bench.goes(row)
    assert (found.ledger.strays, found.ledger.swept) == (("late",), True)
    known = found.ledger.having(before={NAME: 1})
    assert bench.goes(row.model_copy(update={"ledger": known})).state is State.UNDONE
    assert bench.source.told == ["remove late"]


def test_a_rotation_that_cannot_name_the_old_one_leaves_none_of_its_own_behind(bench: Bench) -> None:
    bench.put(NAME, "new")
    row = at_rest(Phase.GRACE, predecessor_id=None, mints_lost=1)
    row = row.model_copy(update={"approved_by": "ops"})
    bench.passes(DAY)
    bench.source.has("new", "late", label=row.id)
    swept = bench.goes(row)
    assert swept.ledger.strays == ("late",)
    assert bench.goes(onwards(row, swept)).state is State.DONE
    assert bench.source.told == ["remove late"]


def test_a_mint_that_was_given_up_may_come_late(bench: Bench) -> None:
    bench.source.gives_up = True
    again = bench.goes(under_way(Phase.CREATE, successor_id=None, planned_fence=0))
    assert (again.phase, again.ledger.gave_up_at, again.ledger.mints_lost) == (Phase.PLAN, NOW, 1)


def test_a_discard_goes_on_after_a_crash_that_came_right_after_the_removal(bench: Bench) -> None:
    """Of what it has no more the source cannot tell whether it is in use; of what it has that is no answer."""
    bench.source.use = LastUsed(known=False)
    row = under_way(Phase.DISCARD, reconfirmed_at=NOW)
    assert bench.goes(row).phase is Phase.DISPROVE
    bench.source.has("new")
    with pytest.raises(Park) as parked:
        bench.goes(row)
    assert parked.value.reason is Reason.UNSEEN


def test_what_the_source_lists_late_is_not_taken_for_gone(bench: Bench) -> None:
    bench.source = Asked(replace(MINTED, listing=MINUTE))
    bench.source.use = LastUsed(known=False)
    waits = bench.goes(under_way(Phase.DISCARD, reconfirmed_at=NOW))
    assert (waits.reason, waits.run_at) == (Reason.LISTING, NOW + MINUTE)
    assert bench.source.told == []


@pytest.mark.parametrize(
    "phase, ledger",
    [(Phase.READY, {}), (Phase.CREATE, {"successor_id": None, "mints_lost": 1})],
)
def test_a_mint_that_replaced_the_only_credential_is_never_undone(
    bench: Bench, phase: Phase, ledger: dict[str, Any]
) -> None:
    bench.source = Asked(GAPPED)
    parked = begin_undo(bench.step(under_way(phase, **ledger)), Undo(Reason.STORE_REFUSED, "it does not fit"))
    assert (parked.state, parked.phase) == (State.PARKED, phase)


def test_before_the_mint_the_only_credential_is_left_as_it_is(bench: Bench) -> None:
    bench.source = Asked(GAPPED)
    row = under_way(Phase.CREATE, successor_id=None)
    assert begin_undo(bench.step(row), Undo(Reason.SOURCE_REFUSED, "no")).phase is Phase.DISCARD


# grace and the look for use


def test_what_somebody_replaced_by_hand_is_not_done_by_a_yes(bench: Bench) -> None:
    bench.put(NAME, "new")
    row = at_rest(Phase.GRACE, predecessor_id=None, grace_until=NOW).model_copy(update={"approved_by": "ana"})
    bench.passes(2 * HOUR)
    assert bench.goes(row).state is State.DONE
    bench.put(NAME, "theirs")
    with pytest.raises(Park) as parked:
        bench.goes(row)
    assert parked.value.reason is Reason.DRIFT, "the successor lives at the source, and nobody uses it"


@pytest.mark.parametrize("late", [{"claim_lost_at": NOW}, {"ledger": {"gave_up_at": NOW}}])
def test_nothing_ends_while_a_late_write_may_land(bench: Bench, late: dict[str, Any]) -> None:
    bench.put(NAME, "new")
    row = at_rest(Phase.DISABLE, **late.pop("ledger", {})).model_copy(update=late)
    waits = bench.goes(row)
    assert (waits.reason, waits.run_at) == (Reason.SETTLING, NOW + 15 * MINUTE)
    bench.passes(15 * MINUTE)
    assert bench.goes(row).reason is not Reason.SETTLING


def test_where_there_is_one_credential_it_is_proved_when_nothing_can_replace_it_any_more(
    bench: Bench,
) -> None:
    """Found by the simulation: a mint that was given up landed when its rotation was done, and locked consumers out."""
    bench.source.traits, bench.source.refuses = GAPPED, {"old"}  # type: ignore[misc]  # every test has its own
    row = at_rest(Phase.PROVE, gave_up_at=NOW)
    assert bench.goes(row).reason is Reason.SETTLING
    bench.passes(15 * MINUTE)
    assert bench.goes(row).state is State.DONE
    bench.source.refuses = {"old", "new"}
    assert bench.goes(row).reason is Reason.SUCCESSOR_DEAD


def test_todays_policy_may_lengthen_grace_while_it_runs(bench: Bench) -> None:
    bench.today = policies(policy(how={"grace": DAY}))
    bench.passes(2 * HOUR)
    move = bench.goes(at_rest(Phase.GRACE))
    assert (move.reason, move.run_at) == (Reason.GRACE, NOW + DAY)


def test_todays_policy_does_not_shorten_grace(bench: Bench) -> None:
    bench.today = policies(policy(how={"grace": MINUTE}))
    bench.passes(2 * MINUTE)
    assert bench.goes(at_rest(Phase.GRACE)).run_at == NOW + HOUR


def test_what_cannot_be_seen_is_recorded_as_assumed(bench: Bench) -> None:
    bench.source.use = LastUsed(known=False)
    bench.passes(2 * HOUR)
    row, _ = joined(bench, Purpose.REDEPLOY, at_rest(Phase.GRACE, {"accept_unseen": True}))
    move = bench.goes(row)
    assert (move.phase, move.ledger.unused) == (Phase.GRACE, Evidence.ASSUMED)
    assert "assumed" in move.sentence
    onward = bench.goes(onwards(row, move))
    assert (onward.phase, onward.sentence) == (Phase.DISABLE, "grace is over")


def test_what_parked_unseen_goes_on_once_todays_policy_accepts_that(bench: Bench) -> None:
    bench.source.use = LastUsed(known=False)
    bench.passes(2 * HOUR)
    row, _ = joined(bench, Purpose.REDEPLOY, at_rest(Phase.GRACE))
    with pytest.raises(Park) as parked:
        bench.goes(row)
    assert parked.value.reason is Reason.UNSEEN
    bench.today = policies(policy(how={"accept_unseen": True}))
    assert bench.goes(row).ledger.unused is Evidence.ASSUMED


def test_what_was_seen_unused_is_said(bench: Bench) -> None:
    bench.passes(2 * HOUR)
    row, _ = joined(bench, Purpose.REDEPLOY, at_rest(Phase.GRACE))
    move = bench.goes(row)
    assert move.sentence == "grace is over and nobody is seen using the old one"
    assert move.ledger.unused is None


# before the old one ends


@pytest.mark.parametrize("traits", [MINTED, SHARED], ids=["disable", "forget"])
def test_consumers_added_to_the_policy_are_redeployed_before_the_old_one_ends(
    bench: Bench, traits: Traits
) -> None:
    bench.source = Asked(traits)
    bench.today = policies(policy(how={"deployments": (API, WORKER)}))
    bench.put(NAME, "new")
    phase, how = (Phase.FORGET, {"accepted_as": SET}) if traits.shared else (Phase.DISABLE, {})
    row, _ = joined(bench, Purpose.REDEPLOY, at_rest(phase, how))
    move = bench.goes(row)
    assert (move.phase, bench.source.told) == (Phase.REDEPLOY, [])
    assert "production/worker" in move.sentence
    onward = bench.goes(onwards(row, move))
    assert len(onward.ledger.rollouts[Purpose.REDEPLOY.value]) == 2


def test_a_consumer_that_still_uses_the_old_one_is_restarted_once_it_is_in_the_policy(bench: Bench) -> None:
    bench.source = Asked(replace(MINTED, sight=Sight.YES))
    bench.source.has("old")
    bench.source.use = LastUsed(now=True)
    bench.put(NAME, "new")
    row, _ = joined(bench, Purpose.REDEPLOY, at_rest(Phase.GRACE))
    bench.passes(2 * HOUR)
    assert bench.goes(row).reason is Reason.STILL_USED
    bench.today = policies(policy(how={"deployments": (API, WORKER)}))
    move = bench.goes(row)
    assert (move.phase, bench.source.told) == (Phase.REDEPLOY, [])
    assert "production/worker" in move.sentence


@pytest.mark.parametrize(
    "how, hours_ago, waits",
    [({}, 0.9, True), ({}, 1.1, False), ({"priority": Priority.EMERGENCY}, 0.1, False)],
)
def test_use_that_a_source_tells_by_its_time_ends_after_a_whole_grace_without_any(
    bench: Bench, how: dict[str, Priority], hours_ago: float, waits: bool
) -> None:
    bench.source = Asked(replace(MINTED, sight=Sight.LAGGING))
    bench.source.has("old")
    bench.put(NAME, "new")
    row, _ = joined(bench, Purpose.REDEPLOY, at_rest(Phase.GRACE))
    bench.passes(5 * HOUR)
    bench.source.use = LastUsed(at=bench.clock.now() - hours_ago * HOUR)
    move = bench.goes(row.model_copy(update=how))
    assert (move.reason is Reason.STILL_USED) == waits


def test_where_removing_kills_the_look_for_use_is_repeated_right_before(bench: Bench) -> None:
    bench.source = Asked(replace(MINTED, reversible=False))
    bench.source.has("old")
    bench.source.use = LastUsed(now=True)
    bench.put(NAME, "new")
    move = bench.goes(at_rest(Phase.REMOVE))
    assert (move.reason, bench.source.told) == (Reason.STILL_USED, [])


def test_a_removal_whose_answer_was_lost_asks_nobody_about_its_use(bench: Bench) -> None:
    bench.source = Asked(replace(MINTED, reversible=False))
    bench.source.use = LastUsed(known=False)
    bench.put(NAME, "new")
    assert bench.goes(at_rest(Phase.REMOVE)).phase is Phase.PROVE


def test_verifiers_outside_our_control_are_waited_for_also_in_an_emergency(bench: Bench) -> None:
    bench.source = Asked(SHARED)
    bench.put(NAME, "new")
    bench.put(SET, '["old", "new"]')
    row, _ = joined(
        bench, Purpose.REDEPLOY, at_rest(Phase.FORGET, {"accepted_as": SET, "external_consumers": True})
    )
    move = bench.goes(row.model_copy(update={"priority": Priority.EMERGENCY}))
    assert move.reason is Reason.AWAITING_YES


# a source that signs, and verifiers of ours


SIGNS = replace(MINTED, verified=True)


@pytest.mark.parametrize(
    "traits, phase, told",
    [
        (SIGNS, Phase.DISABLE, "disable old"),
        (replace(SIGNS, reversible=False), Phase.REMOVE, "remove old"),
        (replace(SIGNS, reversible=False, promotes=True), Phase.REMOVE, "promote new over old"),
    ],
)
def test_verifiers_forget_what_the_source_signed_with_only_when_it_has_ended_there(
    bench: Bench, traits: Traits, phase: Phase, told: str
) -> None:
    bench.put(NAME, "new")
    bench.put(SET, '["old", "new"]')
    bench.source = Asked(traits)
    row, _ = joined(bench, Purpose.REDEPLOY, at_rest(phase, {"accepted_as": SET}))
    move = bench.goes(row)
    assert (bench.source.told, move.phase) == ([told], Phase.FORGET)
    assert bench.goes(onwards(row, move)).ledger.forgot == 2
    assert bench.parameters.parameters[SET].value == Sealed('["new"]')


def test_verifiers_know_the_old_one_again_before_the_source_signs_with_it(bench: Bench) -> None:
    bench.source = Asked(SIGNS)
    bench.source.refuses = {"old", "new"}
    bench.put(NAME, "new")
    bench.put(SET, '["new"]')
    row = at_rest(Phase.PROVE, {"accepted_as": SET}, disabled_at=NOW, forgot=2, forgot_at=NOW)
    parked = bench.goes(row)
    assert (parked.reason, bench.source.told) == (Reason.SUCCESSOR_DEAD, ["enable old"])
    assert bench.parameters.parameters[SET].value == Sealed('["new", "old"]')
    assert (parked.phase, parked.ledger.forgot) == (Phase.DISABLE, None)


# trouble after it was disabled


@pytest.mark.parametrize("phase", [Phase.PROVE, Phase.QUARANTINE])
def test_what_was_enabled_again_is_disabled_again_once_a_person_has_looked(
    bench: Bench, phase: Phase
) -> None:
    bench.put(NAME, "new")
    bench.source.refuses = {"old", "new"}
    row, _ = joined(bench, Purpose.REDEPLOY, at_rest(phase, disabled_at=NOW, quarantine_until=NOW + DAY))
    parked = bench.goes(row)
    assert (parked.state, parked.reason, bench.source.told) == (
        State.PARKED,
        Reason.SUCCESSOR_DEAD,
        ["enable old"],
    )
    bench.source.refuses = set()
    onward = bench.goes(onwards(row, parked))
    assert (bench.source.told[-1], onward.phase) == ("disable old", Phase.FORGET)


def test_a_sign_of_trouble_is_looked_for_while_the_quarantine_lasts(bench: Bench) -> None:
    row = at_rest(Phase.QUARANTINE, {"quarantine": DAY}, disabled_at=NOW, quarantine_until=NOW + DAY)
    move = bench.goes(row)
    assert (move.reason, move.run_at) == (Reason.QUARANTINE, NOW + DAY / 10)
    assert move.sentence == "disabled; removed for good at the earliest 2026-06-11 12:00 UTC"
    bench.source.refuses = {"new"}
    assert bench.goes(row).reason is Reason.SUCCESSOR_DEAD


# the way back


def test_a_successor_that_the_store_names_is_not_withdrawn(bench: Bench) -> None:
    """A late write, or a person, made it the value in use again: whoever starts now signs with it."""
    bench.source = Asked(SHARED)
    bench.put(SET, '["old", "new"]')
    bench.put(NAME, "new")
    row = under_way(Phase.WITHDRAW, {"accepted_as": SET}, announced=1)
    with pytest.raises(Park) as parked:
        bench.goes(row)
    assert parked.value.reason is Reason.DRIFT
    assert bench.parameters.parameters[SET].version == 1


def test_todays_longer_grace_holds_on_the_way_back_too(bench: Bench) -> None:
    bench.source = Asked(SHARED)
    bench.today = policies(policy(how={"grace": DAY}))
    bench.passes(2 * HOUR)
    row = under_way(Phase.WITHDRAW, {"accepted_as": SET}, announced=1, reconfirmed_at=NOW)
    assert bench.goes(row).run_at == NOW + DAY


def test_the_successors_death_is_proved_in_the_way_that_the_source_has(bench: Bench) -> None:
    bench.source = Asked(replace(MINTED, death=Death.LISTED_GONE))
    assert bench.goes(under_way(Phase.DISPROVE)).state is State.UNDONE
    bench.source.has("new")
    assert bench.goes(under_way(Phase.DISPROVE)).reason is Reason.PROPAGATING
