"""The prober calls dark what is refused while somebody lives by it, and nothing else."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from tests.company.consumers import Instance, Reading
from tests.crash.prober import Prober
from tests.crash.sources.postgres import PostgresRoles
from tests.crash.sources.rds_master import RdsMasterUser
from tests.crash.sources.source import Login, Source, parameter
from tests.crash.sources.token import ApiToken

TOKEN, DATABASE, MASTER = ApiToken(), PostgresRoles(), RdsMasterUser()


def holding(value: str, *accepted: str) -> Reading:
    return Reading({parameter("value"): value, TOKEN.accepted_as or "": json.dumps(accepted)}, {})


def dsn(value: str) -> Reading:
    return Reading({parameter("value"): value}, {})


class People:
    """Consumers and a store that the test moves by hand."""

    def __init__(self, stored: Reading, *held: Reading) -> None:
        self.stored = stored
        self.instances = tuple(Instance("staging", reading, 0.0) for reading in held)

    def living(self) -> tuple[Instance, ...]:
        return self.instances

    def read(self) -> Reading:
        return self.stored


def prober(source: Source, people: People, **more: Any) -> Prober:
    made = Prober(source, people.living, people.read, **more)
    made.at = "killed here"
    return made


def taking(source: Login, takes: Callable[[str], bool], monkeypatch: pytest.MonkeyPatch) -> Login:
    monkeypatch.setattr(source, "takes", lambda fields: takes(fields["value"]))
    return source


def test_nothing_is_dark_while_everybody_accepts_everybody() -> None:
    people = People(holding("new", "old", "new"), holding("old", "old", "new"), holding("new", "old", "new"))
    looking = prober(TOKEN, people)
    looking.look()
    assert (looking.dark, looking.looks) == ([], 1)


def test_a_verifier_that_refuses_what_another_instance_makes_is_dark() -> None:
    people = People(holding("new", "old", "new"), holding("old", "old"), holding("new", "old", "new"))
    looking = prober(TOKEN, people)
    looking.look()
    looking.look()
    assert looking.dark == ["killed here: instance 2 by instance 1 is refused"]
    looking.at = "killed there"
    looking.look()
    assert len(looking.dark) == 2


def test_whoever_reads_the_copy_is_somebody_too() -> None:
    people = People(holding("new", "new"), holding("new", "new"))
    looking = prober(TOKEN, people, copy=lambda _name: "old")
    looking.look()
    assert looking.dark == ["killed here: whoever reads the copy by instance 1 is refused"]


def test_what_a_consumer_that_starts_now_would_read_is_used_too(monkeypatch: pytest.MonkeyPatch) -> None:
    source = taking(DATABASE, lambda dsn: dsn == "old", monkeypatch)
    looking = prober(source, People(dsn("new"), dsn("old")))
    looking.look()
    assert looking.dark == ["killed here: an instance that starts now is refused"]


def test_what_falls_between_two_writes_is_counted_and_not_dark(monkeypatch: pytest.MonkeyPatch) -> None:
    source = taking(DATABASE, lambda dsn: dsn == "old", monkeypatch)
    looking = prober(source, People(dsn("half"), dsn("old")), whole=lambda _held: False)
    looking.look()
    assert (looking.dark, looking.torn, looking.looks) == ([], 1, 1)


def test_how_long_a_source_with_one_credential_refuses_somebody_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = iter([False, False, True, False])
    moments = iter([9.0, 10.0, 12.5, 13.0, 14.0])
    monkeypatch.setattr("tests.crash.prober.time", SimpleNamespace(monotonic=lambda: next(moments)))
    looking = prober(taking(MASTER, lambda _dsn: next(answers), monkeypatch), People(dsn("it"), dsn("it")))
    for _look in range(4):
        looking.look()
    assert (looking.dark, looking.gap) == ([], 2.5)


def test_what_nobody_lives_by_any_more_is_not_dark(monkeypatch: pytest.MonkeyPatch) -> None:
    people = People(dsn("new"), dsn("old"))

    def takes(value: str) -> bool:
        people.instances = (Instance("staging", dsn("new"), 0.0),)
        return value == "new"

    looking = prober(taking(DATABASE, takes, monkeypatch), people)
    looking.look()
    assert looking.dark == []


def test_a_look_that_falls_into_a_change_of_instances_is_no_look() -> None:
    people = People(holding("old", "old"), holding("new", "new"))

    def read() -> Reading:
        people.instances = ()
        return people.stored

    looking = Prober(TOKEN, people.living, read)
    looking.look()
    assert (looking.dark, looking.looks) == ([], 0)


def test_no_answer_is_neither_yes_nor_no(monkeypatch: pytest.MonkeyPatch) -> None:
    def takes(_dsn: str) -> bool:
        raise psycopg.OperationalError

    looking = prober(taking(DATABASE, takes, monkeypatch), People(dsn("old"), dsn("old")))
    looking.look()
    assert (looking.dark, looking.looks, looking.unanswered) == ([], 0, 1)


def test_it_looks_all_the_time_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = threading.Semaphore(0)

    def takes(_dsn: str) -> bool:
        twice.release()
        return True

    looking = prober(taking(DATABASE, takes, monkeypatch), People(dsn("old"), dsn("old")))
    looking.start()
    assert twice.acquire(timeout=60) and twice.acquire(timeout=60)
    looking.stop()
    assert looking.looks >= 1


def test_whoever_stops_it_hears_that_it_ended_before(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()

    def takes(_dsn: str) -> bool:
        asked.set()
        raise LookupError("a bug of the prober")

    looking = prober(taking(DATABASE, takes, monkeypatch), People(dsn("old"), dsn("old")))
    looking.start()
    assert asked.wait(60)
    with pytest.raises(LookupError):
        looking.stop()
