"""The demo's person makes what is really asked for, ends what nobody reads any more, and says yes when it is time."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rotator.engine.standing import Standing
from rotator.model.rotation import Reason
from rotator.sandbox.customers import CUSTOMERS
from rotator.sandbox.demo import person as people
from rotator.sandbox.demo.person import Person
from tests.engine.things import policies, policy, rotation

SECRET, SIGNING = "production/KEY", "production/SIGNING"


class Played:
    """World, journal and onlooker: what the person did to them."""

    def __init__(self) -> None:
        self.did: list[tuple[Any, ...]] = []
        self.codes: list[int] = []
        self.failed: list[str] = []
        self.consoles = self.known = self

    def make(self, secret: Any, first: str) -> str:
        self.did.append(("made", secret.secret, first))
        return "the new one"

    def end(self, secret: Any, keep: str) -> None:
        self.did.append(("ended all but", secret.secret, keep))

    def current(self, parameter: str) -> str:
        return f"what {parameter} holds"

    def note(self, *_: str) -> None:
        pass

    def hand_over(self, _environment: str, customer: int, key: str) -> None:
        self.did.append(("handed over", customer, key))

    def run(self, words: Sequence[str], typed: str = "") -> int:
        self.did.append((*words[:2], typed))
        return self.codes.pop(0) if self.codes else 0


@pytest.fixture
def played() -> Played:
    return Played()


@pytest.fixture
def person(played: Played) -> Person:
    known = policies(policy(SECRET, submitted=True), policy(SIGNING))
    return Person(cast(Any, played), cast(Any, played), known, cast(Any, played), lambda _: None)


def asked(monkeypatch: pytest.MonkeyPatch, *standings: Standing) -> None:
    found = iter(standings)
    entry = SimpleNamespace(decision=SimpleNamespace(standing=None))

    def decisions(*_: object) -> dict[str, Any]:
        entry.decision.standing = next(found)
        return {SECRET: entry}

    monkeypatch.setattr(people, "decisions", decisions)


def test_what_is_asked_for_a_moment_only_is_not_made(
    person: Person, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "_NOTICED_AFTER", 0.0)
    waits, fresh = Standing.AWAITING_VALUE, Standing.FRESH
    asked(monkeypatch, waits, fresh, waits, waits)
    for _ in range(3):
        person.look_around()
    assert played.did == []
    played.codes = [1, 1]
    person.look_around()
    held = f"what /taly/{SECRET} holds"
    assert played.did[:2] == [("ended all but", SECRET, held), ("made", SECRET, held)]
    assert played.did[2:] == [("submit", SECRET, "the new one")] * 3, "KMS was in trouble twice"
    assert (person.submitted, played.failed) == (1, [])


def test_the_older_one_is_ended_before_its_end_is_said(person: Person, played: Played) -> None:
    person.see(rotation(SECRET, reason=Reason.AWAITING_YES))
    person.see(rotation(SECRET, reason=Reason.AWAITING_YES))
    ended = ("ended all but", SECRET, f"what /taly/{SECRET} holds")
    assert played.did == [ended, ("approve", "rot1", "")], "once"
    person.see(rotation(SECRET, reason=Reason.AWAITING_END))
    assert played.did[2:] == [ended]


def test_customers_have_the_key_before_anybody_says_yes(person: Person, played: Played) -> None:
    for _ in range(CUSTOMERS + 1):
        person.see(rotation(SIGNING, reason=Reason.AWAITING_YES))
    handed = [("handed over", customer, f"what /taly/{SIGNING} holds") for customer in range(CUSTOMERS)]
    assert played.did == [*handed, ("approve", "rot1", "")]
