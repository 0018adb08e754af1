"""The prober calls dark what is refused while somebody lives by it, and nothing else."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import psycopg
import pytest

from tests.company.consumers import Instance, Reading
from tests.company.secret import UsedSecret
from tests.crash.prober import Prober

TOKEN = UsedSecret("staging", "INTERNAL_API_TOKEN", "token")
DATABASE = UsedSecret("staging", "DATABASE_URL", "postgres")


def holding(value: str, *accepted: str) -> Reading:
    held = {TOKEN.parameter: value, TOKEN.accepted or "": json.dumps(accepted)}
    return Reading(held, {})


def dsn(value: str) -> Reading:
    return Reading({DATABASE.parameter: value}, {})


class People:
    """Consumers and a store that the test moves by hand."""

    def __init__(self, stored: Reading, *held: Reading) -> None:
        self.stored = stored
        self.instances = tuple(Instance("staging", reading, 0.0) for reading in held)

    def living(self, environment: str) -> tuple[Instance, ...]:
        return self.instances

    def read(self) -> Reading:
        return self.stored


def prober(secret: UsedSecret, people: People, logs_in: Callable[[str], bool] = lambda _dsn: True) -> Prober:
    made = Prober(secret, people, people.read, logs_in)
    made.at = "killed here"
    return made


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


def test_what_a_consumer_that_starts_now_would_read_is_used_too() -> None:
    looking = prober(DATABASE, People(dsn("new"), dsn("old")), lambda dsn: dsn == "old")
    looking.look()
    assert looking.dark == ["killed here: an instance that starts now is refused"]


def test_what_nobody_lives_by_any_more_is_not_dark() -> None:
    people = People(dsn("new"), dsn("old"))

    def logs_in(value: str) -> bool:
        people.instances = (Instance("staging", dsn("new"), 0.0),)
        return value == "new"

    looking = prober(DATABASE, people, logs_in)
    looking.look()
    assert looking.dark == []


def test_a_look_that_falls_into_a_change_of_instances_is_no_look() -> None:
    people = People(holding("old", "old"), holding("new", "new"))

    def read() -> Reading:
        people.instances = ()
        return people.stored

    looking = Prober(TOKEN, people, read, lambda _dsn: True)
    looking.look()
    assert (looking.dark, looking.looks) == ([], 0)


def test_no_answer_is_neither_yes_nor_no() -> None:
    def logs_in(_dsn: str) -> bool:
        raise psycopg.OperationalError

    looking = prober(DATABASE, People(dsn("old"), dsn("old")), logs_in)
    looking.look()
    assert (looking.dark, looking.looks, looking.unanswered) == ([], 0, 1)


def test_it_looks_all_the_time_until_it_is_stopped() -> None:
    twice = threading.Semaphore(0)

    def logs_in(_dsn: str) -> bool:
        twice.release()
        return True

    looking = prober(DATABASE, People(dsn("old"), dsn("old")), logs_in)
    looking.start()
    assert twice.acquire(timeout=10) and twice.acquire(timeout=10)
    looking.stop()
    assert looking.looks >= 1


def test_whoever_stops_it_hears_that_it_ended_before() -> None:
    asked = threading.Event()

    def logs_in(_dsn: str) -> bool:
        asked.set()
        raise LookupError("a bug of the prober")

    looking = prober(DATABASE, People(dsn("old"), dsn("old")), logs_in)
    looking.start()
    assert asked.wait(10)
    with pytest.raises(LookupError):
        looking.stop()
