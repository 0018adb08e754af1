"""A credential of several fields in one parameter: one write, no halves, and what other people keep in it is theirs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from rotator.contracts.provider import (
    AtSource,
    LastUsed,
    Liveness,
    Observation,
    Overlap,
    Provider,
    Sight,
    Traits,
)
from rotator.contracts.sealer import Sealer
from rotator.engine.census import take_census
from rotator.engine.parameters import Unreadable
from rotator.engine.phases import PHASES
from rotator.engine.phases.step import Move, Park, Step
from rotator.engine.requests import carry_out_requests
from rotator.engine.settings import Bounds
from rotator.model.errors import CredentialRefused, Refused, Transient
from rotator.model.policy import Recipe
from rotator.model.requests import RequestKind, RequestState
from rotator.model.rotation import Death, Phase, Reason, Rotation, State
from rotator.model.secrets import Credential, Sealed
from rotator.testing.memory_mirror import MemoryMirror, MemoryPlace
from rotator.testing.virtual_clock import VirtualClock
from tests.engine.things import DAY, HOUR, NOW, policies, policy, recipe, request, rotation, seen
from tests.engine.world import World
from tests.providers.rotations import Company

NAME, SET = "/taly/production/KEY", "/taly/production/KEY_ACCEPTED"
ONE: dict[str, Any] = {"fields": {"sid": NAME, "secret": NAME}, "one_parameter": True}
#: As somebody wrote it: blanks, an escape that nobody needs, and keys of their own.
FORMER = '{\n  "sid": "s\\u0069d-0",\n  "note": 1.10,\n  "secret": "secret-0"\n}\n'
OURS = '{\n  "sid": "sid-1",\n  "note": 1.10,\n  "secret": "secret-1"\n}\n'


def fields(number: int) -> dict[str, Sealed]:
    return {"sid": Sealed(f"sid-{number}"), "secret": Sealed(f"secret-{number}")}


class Keys:
    """A source of numbered keys with an id and a secret."""

    traits: ClassVar[Traits] = Traits(
        overlap=Overlap.MANY, mints=True, labels=True, reversible=True, sight=Sight.YES, death=Death.TRIED
    )
    principal = "fake:production/KEY"

    def __init__(self) -> None:
        self.live = {"sid-0": AtSource("sid-0", Liveness.LIVE)}
        self.made = 0

    def observe(self) -> Observation:
        return Observation(tuple(self.live.values()))

    def identify(self, current: Mapping[str, Sealed]) -> str | None:
        assert set(current) == {"sid", "secret"}
        return current["sid"].reveal()

    def create(self, label: str, predecessor: str | None) -> Credential:
        self.made += 1
        made = f"sid-{self.made}"
        self.live[made] = AtSource(made, Liveness.LIVE, label=label)
        return Credential(made, fields(self.made))

    def activate(self, successor: Credential) -> None:
        raise AssertionError

    def verify(self, credential: Credential) -> None:
        sid, secret = (credential.fields[field].reveal() for field in ("sid", "secret"))
        known = self.live.get(sid)
        if known is None or known.liveness is not Liveness.LIVE or sid.split("-")[1] != secret.split("-")[1]:
            raise CredentialRefused(f"{sid} is refused")

    def disable(self, credential_id: str) -> None:
        if credential_id in self.live:
            self.live[credential_id] = replace(self.live[credential_id], liveness=Liveness.DISABLED)

    def enable(self, credential_id: str) -> None:
        self.live[credential_id] = replace(self.live[credential_id], liveness=Liveness.LIVE)

    def remove(self, credential_id: str) -> None:
        self.live.pop(credential_id, None)

    def last_used(self, credential_id: str) -> LastUsed:
        return LastUsed()

    def member(self, credential: Credential) -> Sealed:
        return credential.fields["secret"]


class Plain:
    """A sealer that writes what it is given as JSON."""

    wrapped = "key"

    def new_key(self, _context: Mapping[str, str]) -> Plain:
        return self

    def open_key(self, _wrapped: str, _context: Mapping[str, str]) -> Plain:
        return self

    def seal(self, sealed: Mapping[str, Sealed], _bound_to: str) -> str:
        return json.dumps({name: value.reveal() for name, value in sealed.items()})

    def open(self, sealed: str, _bound_to: str) -> Mapping[str, Sealed]:
        return {name: Sealed(value) for name, value in json.loads(sealed).items()}


class Bench(World):
    """One rotation on the bench, as in test_phases.py."""

    source: Keys

    @property
    def sealer(self) -> Sealer:
        return cast(Sealer, Plain())

    def provider(self, recipe: Recipe) -> Provider:
        return cast(Provider, self.source)

    def goes(self, row: Rotation) -> Move:
        return PHASES[row.phase](Step(row, self, Bounds(), self.clock.now()))

    def text(self) -> str:
        return self.parameters.parameters[NAME].value.reveal()

    def version(self) -> int:
        return self.parameters.parameters[NAME].version


@pytest.fixture
def bench(world: World) -> Bench:
    made = Bench(world.clock, world.journal, policies(policy(how=ONE)))
    made.source = Keys()
    made.source.create("rot1", "sid-0")
    made.put(NAME, FORMER)
    return made


def under_way(phase: Phase, how: dict[str, Any] | None = None, **ledger: Any) -> Rotation:
    written = {
        "predecessor_id": "sid-0",
        "predecessor_works": True,
        "successor_id": "sid-1",
        "created_fence": 1,
        "before": {NAME: 1},
        **ledger,
    }
    row = rotation(
        ledger=written,
        phase=phase,
        sealed_predecessor=json.dumps({NAME: FORMER}),
        sealed_successor=json.dumps({"sid": "sid-1", "secret": "secret-1"}),
        data_key="k",
    )
    return row.model_copy(update={"recipe": recipe(**{**ONE, **(how or {})})})


def stored(phase: Phase, how: dict[str, Any] | None = None, **ledger: Any) -> Rotation:
    known = {"wrote": {NAME: 2}, "wrote_at": NOW, "confirmed_at": NOW, "grace_until": NOW}
    return under_way(phase, how, **{**known, **ledger})


def onwards(row: Rotation, move: Move) -> Rotation:
    """The row as the worker would write it; a person has looked if it was parked."""
    sealed = dict(move.sealed or {})
    return row.model_copy(update={"phase": move.phase, "ledger": move.ledger, "reason": None, **sealed})


# plan


def test_plan_keeps_the_whole_text_and_knows_the_fields_in_it(bench: Bench) -> None:
    bench.source.remove("sid-1")
    move = bench.goes(rotation(phase=Phase.PLAN, recipe=recipe(**ONE)))
    assert (move.ledger.predecessor_id, move.ledger.before) == ("sid-0", {NAME: 1})
    assert move.sealed is not None
    assert json.loads(move.sealed["sealed_predecessor"] or "") == {NAME: FORMER}
    assert "secret-0" not in move.sentence + move.ledger.model_dump_json()


@pytest.mark.parametrize(
    "text", ["secret-0", '{"sid": "sid-0"}', '{"sid": "sid-0", "secret": "a", "sid": "b"}']
)
def test_what_cannot_be_read_is_said_and_never_written_over(bench: Bench, text: str) -> None:
    bench.put(NAME, text)
    for row in (
        rotation(phase=Phase.PLAN, recipe=recipe(**ONE)),
        stored(Phase.RESTORE),
        stored(Phase.DISCARD),
    ):
        with pytest.raises(Unreadable, match=f"{NAME}: .*; nothing was written to it") as refused:
            bench.goes(row)
        assert "sid-0" not in str(refused.value) and "secret-0" not in str(refused.value)
    with pytest.raises(Unreadable):
        bench.goes(under_way(Phase.STORE))
    assert (bench.text(), bench.version()) == (text, 2)


# store


def test_one_write_and_one_look_at_what_is_there(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, store = list[str](), bench.store("production")

    def counted(call: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*more: Any) -> Any:
            asked.append(call)
            return plain(*more)

        return counting

    for call in ("read", "look", "write", "edit"):
        monkeypatch.setattr(store, call, counted(call, getattr(store, call)))
    move = bench.goes(under_way(Phase.STORE))
    assert (move.phase, move.ledger.wrote) == (Phase.REDEPLOY, {NAME: 2})
    assert asked == ["write", "look"]
    assert bench.text() == OURS


def test_a_mirror_gets_the_same_text(bench: Bench) -> None:
    bench.goes(under_way(Phase.STORE, {"mirrors": ("copies",)}))
    assert bench.mirrors["copies"]._place.copies[NAME].value == Sealed(OURS)


def test_a_mirror_that_fails_holds_the_rotation_before_its_restarts_and_is_named(bench: Bench) -> None:
    row = under_way(Phase.STORE, {"mirrors": ("fine", "copies")})
    place = MemoryPlace(bench.clock, away=True)
    bench.mirrors["copies"] = MemoryMirror(place)
    with pytest.raises(Transient, match=r"^the mirror copies: the place does not answer$"):
        bench.goes(row)
    place.away = False
    assert bench.goes(row).phase is Phase.REDEPLOY
    assert bench.mirrors["copies"]._place.copies[NAME].value == Sealed(OURS)


def test_a_write_that_was_not_recorded_is_found_again(bench: Bench) -> None:
    """The process died between the write and the row."""
    row = under_way(Phase.STORE)
    bench.goes(row)
    move = bench.goes(row)
    assert (move.phase, move.ledger.wrote, bench.version()) == (Phase.REDEPLOY, {NAME: 2}, 2)


def test_a_key_that_somebody_added_meanwhile_is_taken_up(bench: Bench) -> None:
    theirs = FORMER.replace("1.10", '1.10, "theirs": true')
    bench.put(NAME, theirs)
    row = under_way(Phase.STORE)
    again = bench.goes(row)
    assert (again.phase, again.ledger.before) == (Phase.STORE, {NAME: 2})
    assert again.sentence == f"somebody wrote what else is in {NAME}, as version 2"
    row = onwards(row, again)
    move = bench.goes(row)
    assert bench.text() == OURS.replace("1.10", '1.10, "theirs": true')
    back = onwards(row, move).model_copy(update={"phase": Phase.RESTORE})
    bench.goes(back)
    assert bench.text() == theirs


@pytest.mark.parametrize("theirs", [("sid-0", "secret-9"), ("sid-1", "secret-0"), ("sid-9", "secret-9")])
def test_half_of_a_credential_is_drift_and_stays(bench: Bench, theirs: tuple[str, str]) -> None:
    text = json.dumps(dict(zip(("sid", "secret"), theirs, strict=True)))
    for _ in range(2):
        bench.put(NAME, text)
    with pytest.raises(Park) as parked:
        bench.goes(under_way(Phase.STORE))
    assert parked.value.reason is Reason.DRIFT
    for phase in (Phase.RESTORE, Phase.DISABLE):
        with pytest.raises(Park) as parked:
            bench.goes(stored(phase))
        assert parked.value.reason is Reason.DRIFT
    assert bench.text() == text


def test_after_a_race_what_is_there_then_is_gone_on_from(bench: Bench) -> None:
    bench.store("production")
    bench.stores["production"].interfere(NAME, Sealed('{"sid": "sid-0", "secret": "secret-0", "theirs": 1}'))
    row = under_way(Phase.STORE, {"mirrors": ("copies",)})
    parked = bench.goes(row)
    assert (parked.state, parked.reason) == (State.PARKED, Reason.RACED)
    again = OURS.replace("1.10", '1.10, "theirs": 1')
    bench.put(NAME, again)  # the person who looked puts their key back
    row = onwards(row, parked)
    parked = bench.goes(row)
    assert (parked.state, parked.ledger.wrote) == (State.PARKED, {NAME: 4})
    move = bench.goes(onwards(row, parked))
    assert (move.phase, bench.text()) == (Phase.REDEPLOY, again)
    assert bench.mirrors["copies"]._place.copies[NAME].value == Sealed(again)


# the way back


def test_an_undo_puts_the_former_text_back_to_the_letter(bench: Bench) -> None:
    row = under_way(Phase.STORE, {"mirrors": ("copies",)})
    row = onwards(row, bench.goes(row)).model_copy(update={"phase": Phase.RESTORE})
    move = bench.goes(row)
    assert (move.phase, move.ledger.restored) == (Phase.RECONFIRM, {NAME: 3})
    assert bench.text() == FORMER
    assert bench.mirrors["copies"]._place.copies[NAME].value == Sealed(FORMER)
    assert bench.goes(row).ledger.restored == {NAME: 3}, "and once more after a crash"
    assert bench.version() == 3


def test_an_undo_keeps_the_key_that_somebody_added_since(bench: Bench) -> None:
    bench.put(NAME, OURS.replace("1.10", '1.10, "theirs": true'))
    bench.goes(stored(Phase.RESTORE))
    assert (
        bench.text() == '{\n  "sid": "sid-0",\n  "note": 1.10, "theirs": true,\n  "secret": "secret-0"\n}\n'
    )


def test_a_successor_that_half_stands_there_is_not_removed(bench: Bench) -> None:
    bench.put(NAME, '{"sid": "sid-1", "secret": "secret-0"}')
    with pytest.raises(Park) as parked:
        bench.goes(stored(Phase.DISCARD, swept=True))
    assert parked.value.reason is Reason.DRIFT
    assert "sid-1" in bench.source.live


def test_a_field_that_both_credentials_have_does_not_name_the_successor(bench: Bench) -> None:
    """Two passwords of one user, in two parameters."""
    user, password = f"{NAME}_USER", f"{NAME}_PASSWORD"
    apart = {"fields": {"sid": user, "secret": password}, "one_parameter": False}
    bench.put(user, "app")
    bench.put(password, "secret-0")
    row = stored(Phase.DISCARD, apart, swept=True, before={user: 1, password: 1}).model_copy(
        update={
            "sealed_predecessor": json.dumps({"sid": "app", "secret": "secret-0"}),
            "sealed_successor": json.dumps({"sid": "app", "secret": "secret-1"}),
        }
    )
    assert bench.goes(row).phase is Phase.DISPROVE


# invalidating


def test_a_key_that_somebody_added_since_does_not_hold_it(bench: Bench) -> None:
    theirs = OURS.replace("1.10", '1.10, "theirs": true')
    bench.put(NAME, theirs)
    bench.put(NAME, theirs)
    row = stored(Phase.DISABLE, {"mirrors": ("copies",)})
    adopted = bench.goes(row)
    assert (adopted.phase, adopted.ledger.wrote) == (Phase.DISABLE, {NAME: 3})
    assert bench.mirrors["copies"]._place.copies[NAME].value == Sealed(theirs)
    assert bench.goes(onwards(row, adopted)).phase is Phase.FORGET
    assert bench.source.live["sid-0"].liveness is Liveness.DISABLED


def test_ready_asks_for_the_size_of_the_whole_text(bench: Bench) -> None:
    bench.put(NAME, '{"sid": "sid-0", "secret": "secret-0", "theirs": "%s"}' % ("x" * 4030))
    row = under_way(Phase.READY).model_copy(update={"sealed_predecessor": json.dumps({NAME: bench.text()})})
    assert bench.goes(row).phase is Phase.ACTIVATE
    longer = row.model_copy(update={"sealed_successor": json.dumps({"sid": "sid-1", "secret": "s" * 40})})
    with pytest.raises(Refused, match="bytes"):
        bench.goes(longer)


# beside it


def test_the_census_reads_the_fields_in_it(bench: Bench) -> None:
    bench.looked(seen())
    take_census(bench)
    assert bench.journal.observed()["production/KEY"].unknown == ("sid-1",)
    bench.put(NAME, "spoilt")
    take_census(bench)
    assert "no JSON object" in bench.journal.observed()["production/KEY"].trouble


def test_it_may_have_an_accepted_set_beside_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """`prepare` makes it of the credential in the object; forget looks at both, each named once."""
    shared = replace(Keys.traits, shared=True, sight=Sight.OURS, reversible=False, mints=False, labels=False)
    monkeypatch.setattr(Keys, "traits", shared)
    bench.today = policies(policy(how={**ONE, "accepted_as": SET}))
    bench.journal.add_request(request(RequestKind.PREPARE))
    carry_out_requests(bench)
    (answered,) = bench.journal.requests(waiting=False)
    assert answered.state is RequestState.TAKEN
    assert bench.parameters.parameters[SET].value == Sealed('["secret-0"]')

    bench.parameters.put(SET, Sealed('["secret-0", "secret-1"]'), "us")
    bench.put(NAME, OURS)
    looks = list[tuple[str, ...]]()
    store = bench.store("production")
    plain = store.look

    def look(names: Any) -> Any:
        looks.append(tuple(names))
        return plain(looks[-1])

    monkeypatch.setattr(store, "look", look)
    bench.goes(stored(Phase.FORGET, {"accepted_as": SET}))
    assert looks == [(SET, NAME)]
    assert bench.parameters.parameters[SET].value == Sealed('["secret-1"]')


# whole


def company(tmp_path: Path, source: Keys, **how: Any) -> Company:
    made = Company(VirtualClock(NOW), cast(Provider, source), recipe(**{**ONE, **how}), tmp_path)
    made.parameters.put(NAME, Sealed(FORMER), "people")
    return made


def test_a_whole_rotation_writes_once(tmp_path: Path) -> None:
    source = Keys()
    place = company(tmp_path, source)
    row = place.rotates({}, within=3 * DAY)
    assert row.state is State.DONE
    held = place.parameters.parameters[NAME]
    assert (held.value, held.version, list(source.live)) == (Sealed(OURS), 2, ["sid-1"])
    place.journal.close()


def test_a_lost_answer_writes_no_second_time(tmp_path: Path) -> None:
    source = Keys()
    place = company(tmp_path, source)
    place.store("production")
    place.stores["production"].lose_next_answer()
    row = place.rotates({}, within=3 * DAY)
    assert (row.state, place.parameters.parameters[NAME].version) == (State.DONE, 2)
    place.journal.close()


def test_it_parks_where_a_person_must_mend_the_object_and_goes_on_then(tmp_path: Path) -> None:
    source = Keys()
    place = company(tmp_path, source)
    place.parameters.put(NAME, Sealed("{}"), "people")
    row = place.rotates({}, within=timedelta(hours=2))
    assert (row.state, row.reason, row.phase) == (State.PARKED, Reason.UNREADABLE, Phase.PLAN)
    assert list(source.live) == ["sid-0"]
    place.parameters.put(NAME, Sealed(FORMER), "people")
    place.journal.add_request(request(RequestKind.APPROVE, about=row.id))
    carry_out_requests(place)
    assert place.ends(row.id, within=3 * DAY).state is State.DONE
    assert place.parameters.parameters[NAME].value == Sealed(OURS)
    place.journal.close()


def test_a_rollback_takes_the_former_text_back(tmp_path: Path) -> None:
    source = Keys()
    place = company(tmp_path, source, grace=8 * HOUR)

    def regret() -> None:
        (row,) = place.journal.rotations(secret="production/KEY")
        if row.phase is Phase.GRACE and row.rolled_back_by is None:
            assert place.parameters.parameters[NAME].value == Sealed(OURS)
            place.journal.add_request(request(RequestKind.ROLL_BACK, about=row.id))
            carry_out_requests(place)

    row = place.rotates({}, within=3 * DAY, meanwhile=regret)
    assert row.state is State.UNDONE
    assert place.parameters.parameters[NAME].value == Sealed(FORMER)
    assert list(source.live) == ["sid-0"]
    place.journal.close()
