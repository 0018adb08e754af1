"""Whole rotations of what people make, by the engine: from what was submitted to the end of the old one."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.contracts.provider import SubmittedProvider
from rotator.engine.requests import carry_out_requests
from rotator.engine.scan import open_due
from rotator.engine.submissions import sealed_in
from rotator.engine.worker import Worker
from rotator.model.alerts import AlertKind, Severity
from rotator.model.errors import Transient
from rotator.model.requests import Request, RequestKind, RequestState
from rotator.model.rotation import Death, Phase, Reason, Rotation, State
from rotator.model.secrets import Sealed
from rotator.providers.assisted import Assisted
from rotator.sealers.keyfile import KeyFile
from rotator.testing.source_world import Fields
from rotator.testing.surroundings import surroundings
from rotator.testing.virtual_clock import VirtualClock
from tests.engine.things import seen
from tests.providers.assisted_world import KeyService
from tests.providers.rotations import Company

SECRET, NAME = "staging/SERVICE_KEY", "/taly/staging/SERVICE_KEY"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
pytestmark = pytest.mark.slow


class Office(Company):
    """People who make keys at the service, and rotator that does the rest."""

    def __init__(self, service: KeyService, folder: Path) -> None:
        clock = VirtualClock()
        recipe = service.recipe.model_copy(update={"grace": HOUR})
        provider = Assisted(recipe, surroundings(clock=clock))
        assert isinstance(provider, SubmittedProvider)
        super().__init__(clock, provider, recipe, folder)
        self.service = service
        key = service.made()["value"]
        self.current = {field: Sealed("app") if field == "client" else key for field in recipe.fields}
        for field, name in recipe.fields.items():
            self.parameters.put(name, self.current[field], "people")
        self.looked(seen(SECRET, 40 * DAY))
        self.worker = Worker(self, "worker")

    def submits(self, fields: Fields, by: str = "ana") -> Request:
        """A person submits it."""
        draft = Request(
            id=secrets.token_hex(10), kind=RequestKind.SUBMIT, about=SECRET, by=by, at=self.clock.now()
        )
        request = sealed_in(draft, fields, self.sealer)
        self.journal.add_request(request)
        return request

    def lives(self, span: timedelta, meanwhile: Callable[[], None] = lambda: None) -> None:
        """What the daemon does, for so long."""
        ends = self.clock.now() + span
        while self.clock.now() < ends:
            carry_out_requests(self)
            open_due(self)
            busy = self.worker.work()
            meanwhile()
            self.clock.pass_by(timedelta(seconds=5 if busy else 60))

    def outcome(self, request: Request) -> Request:
        return {one.id: one for one in self.journal.requests(waiting=False)}[request.id]

    @property
    def newest(self) -> Rotation:
        return self.journal.rotations(secret=SECRET)[0]


@contextmanager
def office(folder: Path, *, tells: bool = True) -> Iterator[Office]:
    with KeyService(tells=tells) as service:
        made = Office(service, folder)
        yield made
        made.journal.close()


@pytest.fixture
def tried(tmp_path: Path) -> Iterator[Office]:
    """Keys can be tried at the service."""
    with office(tmp_path) as made:
        yield made


@pytest.fixture
def untried(tmp_path: Path) -> Iterator[Office]:
    """Nobody can be asked about a key."""
    with office(tmp_path, tells=False) as made:
        yield made


def test_what_a_person_submits_is_used_and_done_once_the_old_one_is_refused(tried: Office) -> None:
    new, dark = tried.service.made(), list[Fields]()

    def used() -> None:
        if not tried.service.accepts(tried.reads()):
            dark.append(tried.reads())

    request = tried.submits(new)
    tried.lives(3 * HOUR, meanwhile=used)
    row = tried.newest
    assert row.id == request.id == tried.outcome(request).rotation
    assert tried.reads() == new
    assert (row.state, row.phase, row.reason) == (State.ACTIVE, Phase.PROVE, Reason.AWAITING_END)
    tried.service.ended(tried.current)
    tried.lives(HOUR, meanwhile=used)
    row = tried.newest
    assert (row.state, row.ledger.death, row.ledger.submitted_by) == (State.DONE, Death.TRIED, "ana")
    assert (row.sealed_predecessor, row.sealed_successor, row.data_key) == (None, None, None)
    assert dark == []


def test_where_nobody_can_be_asked_a_person_answers_for_the_end_and_the_record_says_so(
    untried: Office,
) -> None:
    untried.submits(untried.service.made())
    untried.lives(3 * HOUR)
    row = untried.newest
    assert (row.state, row.phase, row.reason) == (State.ACTIVE, Phase.PROVE, Reason.AWAITING_YES)
    assert row.ledger.predecessor_works is None
    assert "it is not tried" in " ".join(event.sentence for event in untried.journal.events(row.id))
    yes = Request(id="yes", kind=RequestKind.APPROVE, about=row.id, by="bo", at=untried.clock.now())
    untried.journal.add_request(yes)
    untried.lives(HOUR)
    row = untried.newest
    assert (row.state, row.ledger.death) == (State.DONE, Death.ASSUMED)
    assert row.sentence == "done; nobody can try the old one, bo answers for its end"


def test_a_wrong_value_is_undone_before_anybody_reads_it(tried: Office) -> None:
    wrong = {"value": Sealed("key-mistyped")}
    request = tried.submits(wrong)
    tried.lives(HOUR)
    row = tried.newest
    assert (row.state, row.ledger.undo_reason) == (State.UNDONE, Reason.NOT_ACCEPTED)
    assert "submit it again" in row.sentence
    assert tried.reads() == tried.current
    assert tried.store("staging").read(NAME).version == 1
    assert (row.sealed_successor, row.data_key) == (None, None)
    assert tried.outcome(request).sealed is None


def test_the_value_in_use_is_no_new_one(tried: Office) -> None:
    tried.submits(tried.current)
    tried.lives(HOUR)
    row = tried.newest
    assert (row.state, row.ledger.undo_reason) == (State.UNDONE, Reason.NOT_USABLE)
    told = " ".join(event.sentence for event in tried.journal.events(row.id))
    assert "what ana submitted cannot be used: it is the one in use" in told
    assert row.sentence == "undone; what ana submitted is the one in use: leave it alive"


def test_a_value_of_another_kind_is_refused_without_a_word_of_it(tried: Office) -> None:
    tried.submits(tried.service.unfit())
    tried.lives(HOUR)
    told = " ".join(event.sentence for event in tried.journal.events(tried.newest.id))
    assert "it does not begin with key-" in told
    assert tried.newest.ledger.undo_reason is Reason.NOT_USABLE


def test_a_value_that_the_store_does_not_take_is_refused_before_it_is_tried(tried: Office) -> None:
    long = {"value": Sealed("key-" + "x" * 9000)}
    tried.service.keys.add(long["value"].reveal())
    asked = tried.service.asked
    tried.submits(long)
    tried.lives(HOUR)
    assert tried.newest.ledger.undo_reason is Reason.NOT_USABLE
    assert tried.service.asked == asked + 1  # only the one in use was tried


def test_of_several_fields_one_may_be_submitted_and_the_others_stay(tmp_path: Path) -> None:
    with KeyService() as service:
        service.settings["verify"]["basic"] = {"user": "${secret}", "password": "${client}"}
        service.settings["begins_with"] = {"secret": "key-"}
        fields = {"client": "CLIENT_ID", "secret": "SERVICE_KEY"}
        service.recipe_fields = fields
        with_two = Office(service, tmp_path)
        with_two.submits({"secret": service.made()["value"]})
        with_two.lives(HOUR / 2)
        assert with_two.newest.phase is Phase.GRACE
        assert with_two.reads()["client"] == with_two.current["client"]
        assert with_two.reads()["secret"] != with_two.current["secret"]
        with_two.journal.close()


def test_who_submits_twice_means_the_second(tried: Office) -> None:
    first, second = tried.service.made(), tried.service.made()
    early = tried.submits(first)
    tried.clock.pass_by(timedelta(seconds=1))
    late = tried.submits(second, by="bo")
    tried.lives(3 * HOUR)
    assert tried.outcome(early).state is RequestState.REFUSED
    assert tried.outcome(early).sentence.startswith("replaced by what bo submitted")
    assert tried.outcome(early).sealed is None
    assert tried.newest.id == late.id
    assert tried.reads() == second


def test_who_submits_while_one_is_under_way_waits_and_then_replaces_it(tried: Office) -> None:
    first, second = tried.service.made(), tried.service.made()
    tried.submits(first)
    tried.lives(HOUR / 2)
    waits = tried.submits(second)
    tried.lives(3 * HOUR)
    assert tried.reads() == first
    assert tried.outcome(waits).state is RequestState.WAITING
    tried.service.ended(tried.current)
    tried.lives(3 * HOUR)
    assert tried.reads() == second
    tried.service.ended(first)
    tried.lives(HOUR)
    assert [row.state for row in tried.journal.rotations(secret=SECRET)] == [State.DONE, State.DONE]


def test_who_ends_the_new_one_by_mistake_is_told_and_nothing_is_called_done(tried: Office) -> None:
    new = tried.service.made()
    tried.submits(new)
    tried.lives(3 * HOUR)
    tried.service.ended(new)
    tried.lives(HOUR)
    assert (tried.newest.state, tried.newest.reason) == (State.PARKED, Reason.SUCCESSOR_DEAD)


def test_the_source_away_is_no_proof_of_death(tried: Office) -> None:
    tried.submits(tried.service.made())
    tried.lives(3 * HOUR)
    with tried.service.away():
        tried.lives(3 * HOUR)
        assert tried.newest.ended_at is None
    tried.service.ended(tried.current)
    tried.lives(HOUR)
    assert tried.newest.state is State.DONE


def test_nobody_is_asked_to_end_what_consumers_read(tried: Office) -> None:
    """Somebody put the old value back: ending it now would lock everybody out."""
    tried.submits(tried.service.made())
    tried.lives(HOUR / 2)
    tried.parameters.put(NAME, tried.current["value"], "people")
    tried.lives(3 * HOUR)
    assert (tried.newest.state, tried.newest.reason) == (State.PARKED, Reason.DRIFT)


def test_a_crash_between_the_request_and_its_rotation_loses_nothing(tried: Office, tmp_path: Path) -> None:
    """Nothing but the row is needed to go on: each look is that of another process."""
    new = tried.service.made()
    tried.submits(new)

    def another_process() -> None:
        tried.worker = Worker(tried, secrets.token_hex(4))
        tried._sealer = KeyFile(tmp_path / "sealing.key")

    tried.lives(3 * HOUR, meanwhile=another_process)
    assert tried.reads() == new
    assert tried.newest.reason is Reason.AWAITING_END


def test_without_the_key_service_what_was_submitted_waits(
    tried: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = tried.service.made()
    tried.submits(new)

    def away(*_asked: object) -> None:
        raise Transient("KMS does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(KeyFile, "open_key", away)
        tried.lives(HOUR)
        assert (tried.newest.state, tried.newest.phase) == (State.ACTIVE, Phase.PLAN)
    tried.lives(3 * HOUR)
    assert tried.reads() == new


def test_nothing_that_was_submitted_is_anywhere_in_the_journal(tried: Office) -> None:
    new = tried.service.made()
    tried.submits(new)
    value = new["value"].reveal().encode()
    assert value not in tried.journal.snapshot()
    for _ in range(40):
        tried.lives(timedelta(minutes=5))
        assert value not in tried.journal.snapshot()
    tried.service.ended(tried.current)
    tried.lives(HOUR)
    assert value not in tried.journal.snapshot()


def test_people_are_told_to_end_the_old_one_and_when_it_is_over(tried: Office) -> None:
    tried.submits(tried.service.made())
    tried.lives(3 * HOUR)
    tried.tell()
    asked = tried.open_alerts()[AlertKind.BY_HAND]
    assert asked.title == "SERVICE_KEY (staging): the old one is to be ended by hand"
    assert asked.severity is Severity.WARNING
    assert "done once it is refused" in asked.facts["Next"]
    tried.service.ended(tried.current)
    tried.lives(HOUR)
    tried.news()
    tried.tell()
    (over,) = [line for line in tried.news() if "ended by hand" in line]
    assert over.startswith("over: SERVICE_KEY (staging): the old one is to be ended by hand: done;")


def test_an_emergency_asks_for_a_new_one_and_what_is_submitted_then_has_no_grace(tried: Office) -> None:
    declared = Request(
        id="e", kind=RequestKind.EMERGENCY, about=SECRET, by="bo", at=tried.clock.now(), because="on a laptop"
    )
    tried.journal.add_request(declared)
    tried.lives(HOUR / 2)
    assert tried.outcome(declared).state is RequestState.WAITING
    tried.tell()
    asked = tried.open_alerts()[AlertKind.BY_HAND]
    assert (asked.severity, asked.action) == (Severity.CRITICAL, f"rotator submit {SECRET}")
    tried.submits(tried.service.made())
    tried.lives(HOUR / 2)
    assert tried.newest.reason is Reason.AWAITING_END
    assert tried.outcome(declared).rotation == tried.newest.id
    tried.tell()
    assert tried.open_alerts()[AlertKind.BY_HAND].severity is Severity.CRITICAL


def test_a_rollback_gives_the_new_one_back_to_the_person(tried: Office) -> None:
    new = tried.service.made()
    tried.submits(new)
    tried.lives(HOUR / 2)
    assert tried.newest.phase is Phase.GRACE
    back = Request(id="b", kind=RequestKind.ROLL_BACK, about=tried.newest.id, by="bo", at=tried.clock.now())
    tried.journal.add_request(back)
    tried.lives(HOUR)
    assert tried.newest.state is State.UNDONE
    assert tried.reads() == tried.current
    assert "What ana submitted is not used" in tried.newest.sentence
    tried.submits(new)
    tried.lives(3 * HOUR)
    assert tried.reads() == new
