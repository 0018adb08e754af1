"""A process that is killed right before or right after any effect of a rotation whose fields are in one parameter."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from rotator.contracts.provider import Provider
from rotator.contracts.store import SecretStore
from rotator.engine.requests import carry_out_requests
from rotator.engine.worker import Worker
from rotator.model.policy import Recipe
from rotator.model.requests import RequestKind
from rotator.model.rotation import Phase, Rotation, State
from rotator.model.secrets import Sealed
from rotator.testing.virtual_clock import VirtualClock
from tests.engine.test_one_parameter import FORMER, NAME, ONE, Keys
from tests.engine.things import DAY, HOUR, NOW, recipe, request
from tests.providers.rotations import Company

pytestmark = pytest.mark.slow

EFFECTS = frozenset({"create", "write", "disable", "remove"})
#: What a rotation does, and one that a person takes back while the old one lives.
FORWARD = ["create", "write", "disable", "remove"]
BACK = ["create", "write", "write", "disable", "remove"]


class Killed(BaseException):
    """SIGKILL."""


class Wire:
    """Kills at one effect, once."""

    def __init__(self, at: int, *, after: bool) -> None:
        self.at, self.after, self.seen = at, after, list[str]()

    def around(self, part: Any) -> Any:
        return Watched(part, self)

    def does(self, name: str, call: Callable[..., Any], *more: Any) -> Any:
        self.seen.append(name)
        strikes = len(self.seen) == self.at + 1
        if strikes and not self.after:
            raise Killed
        answer = call(*more)
        if strikes:
            raise Killed
        return answer


class Watched:
    """A store or a source, behind the wire."""

    def __init__(self, part: Any, wire: Wire) -> None:
        self._part, self._wire = part, wire

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        return (lambda *more: self._wire.does(name, found, *more)) if name in EFFECTS else found


class Mortal(Company):
    """A company whose rotator is killed, and comes back as another process."""

    def __init__(self, wire: Wire, source: Keys, folder: Path, how: Recipe) -> None:
        super().__init__(VirtualClock(NOW), cast(Provider, wire.around(source)), how, folder)
        self.wire = wire
        self.parameters.put(NAME, Sealed(FORMER), "people")

    def store(self, environment: str) -> SecretStore:
        return cast(SecretStore, self.wire.around(super().store(environment)))

    def ends(
        self, rotation_id: str, within: timedelta, meanwhile: Callable[[], None] = lambda: None
    ) -> Rotation:
        worker, lives, ends = Worker(self, "worker-0"), 0, self.clock.now() + within
        while self.clock.now() < ends and self.stands_now(rotation_id).state is State.ACTIVE:
            try:
                worker.work()
            except Killed:
                lives += 1
                worker = Worker(self, f"worker-{lives}")
            meanwhile()
            self.clock.pass_by(timedelta(seconds=30))
        return self.stands_now(rotation_id)


def consistent(company: Mortal, source: Keys) -> None:
    """Consumers read the one credential that lives, and what others keep beside it as they wrote it."""
    text = company.parameters.parameters[NAME].value.reveal()
    read = json.loads(text)
    assert list(source.live) == [read["sid"]]
    assert read["secret"].partition("-")[2] == read["sid"].partition("-")[2]
    assert text.replace(read["sid"], "sid-0").replace(read["secret"], "secret-0") == FORMER.replace(
        "s\\u0069d", "sid"
    )


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(len(FORWARD)), ids=FORWARD)
def test_forward_there_is_one_write_and_one_credential(tmp_path: Path, at: int, after: bool) -> None:
    source = Keys()
    company = Mortal(Wire(at, after=after), source, tmp_path, recipe(**ONE, quarantine=HOUR))
    row = company.rotates({}, within=3 * DAY)
    assert row.state is State.DONE, row.sentence
    consistent(company, source)
    assert company.parameters.parameters[NAME].version == 2
    assert list(dict.fromkeys(company.wire.seen)) == FORWARD or at == 0, company.wire.seen
    company.journal.close()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(len(BACK)), ids=[f"{at}-{name}" for at, name in enumerate(BACK)])
def test_on_the_way_back_the_former_text_is_there_again(tmp_path: Path, at: int, after: bool) -> None:
    source = Keys()
    company = Mortal(Wire(at, after=after), source, tmp_path, recipe(**ONE, grace=8 * HOUR))

    def regret() -> None:
        (row,) = company.journal.rotations(secret="production/KEY")
        if row.phase is Phase.GRACE and row.rolled_back_by is None:
            company.journal.add_request(request(RequestKind.ROLL_BACK, about=row.id))
            carry_out_requests(company)

    row = company.rotates({}, within=3 * DAY, meanwhile=regret)
    assert row.state is State.UNDONE, row.sentence
    assert company.parameters.parameters[NAME].value == Sealed(FORMER)
    assert company.parameters.parameters[NAME].version == 3
    assert list(source.live) == ["sid-0"]
    company.journal.close()
