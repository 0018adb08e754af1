"""The tripwire names what it meets, and kills and freezes where it is ordered to and nowhere else."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.contextvars import bound_contextvars

from rotator.contracts.journal import Told
from rotator.model.rotation import Phase, Purpose, RolloutState
from rotator.model.secrets import Credential, Sealed
from tests.crash.made import Made, Minted
from tests.crash.orders import Mailbox, Order, Point
from tests.crash.tripwire import Tripwire, Watched, is_poll


class Far:
    """Every far side at once; `calls` are those that came through."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.tripwire: Tripwire | None = None
        self.froze: list[bool] = []

    def write(self, name: str) -> int:
        self.calls.append(name)
        if self.tripwire is not None:
            self.froze.append(self.tripwire.guarded())
        return 1

    def ages(self, name: str) -> None:
        self.calls.append(name)

    def checkpoint(self, *given: object, release: bool) -> None:
        self.calls.append("checkpoint")

    checkpoint_rollout = start_rollout = checkpoint

    def redeploy(self, label: str) -> None:
        self.calls.append(label)

    def create(self, label: str, predecessor: str | None) -> Credential:
        return Credential(f"key@{label}", {"value": Sealed("a value that was made")})


class Bench:
    """A mailbox, and contracts behind a tripwire that reads it."""

    def __init__(self, folder: Path) -> None:
        self.mailbox, self.far, self.made = Mailbox(folder), Far(), Made(folder / "made")
        self.mailbox.give(Order())
        self.tripwire = Tripwire(Mailbox(folder), {"rollout-1": "undo"}.__getitem__)

    def watched(self, contract: str) -> Any:
        return Watched(contract, self.far, self.tripwire, self.made)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def deaths(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *signalled: sent.append(signalled))
    return sent


def test_calls_are_named_by_phase_and_number(bench: Bench) -> None:
    with bound_contextvars(phase="store"):
        bench.watched("store").write("one")
        bench.watched("store").write("two")
    assert bench.mailbox.trace() == ["store/store.write#1", "store/store.write#2"]
    assert bench.far.calls == ["one", "two"]


def test_what_belongs_to_no_rotation_is_no_point(bench: Bench) -> None:
    bench.watched("store").write("the owner's heartbeat")
    with bound_contextvars(phase="store"):
        bench.watched("store").ages("not watched")
    assert bench.mailbox.trace() == []


def test_commits_are_named_by_the_phase_that_acted_and_by_what_they_tell(bench: Bench) -> None:
    row = SimpleNamespace(phase=Phase.GRACE)
    journal = bench.watched("journal")
    journal.checkpoint(row, row, Told("advanced", "on", Phase.CONFIRM), release=False)
    journal.checkpoint(row, row, release=True)
    assert bench.mailbox.trace() == [
        "confirm/journal.checkpoint.advanced#1",
        "grace/journal.checkpoint.polls#1",
    ]


def test_calls_for_rollouts_are_named_by_their_purpose(bench: Bench) -> None:
    row = SimpleNamespace(purpose=Purpose.FORGET, state=RolloutState.CLOSED)
    done = SimpleNamespace(purpose=Purpose.FORGET, state=RolloutState.DONE)
    bench.watched("redeployer").redeploy("rollout-1")
    bench.watched("journal").checkpoint_rollout(row, row, release=True)
    bench.watched("journal").checkpoint_rollout(row, done, release=True)
    assert bench.mailbox.trace() == [
        "rollout.undo/redeployer.redeploy#1",
        "rollout.forget/journal.checkpoint_rollout.polls#1",
        "rollout.forget/journal.checkpoint_rollout.done#1",
    ]


@pytest.mark.parametrize("when, came_through", [("before", []), ("after", ["one"])])
def test_it_kills_before_or_after_the_call(
    bench: Bench,
    deaths: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
    when: str,
    came_through: list[str],
) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(os, "kill", lambda *_signalled: seen.append(list(bench.far.calls)))
    bench.mailbox.give(Order(kill=Point("store/store.write#1", when)))
    with bound_contextvars(phase="store"):
        bench.watched("store").write("one")
        bench.watched("store").write("two")
    assert seen == [came_through]


def test_it_kills_by_sigkill_and_only_where_it_is_ordered_to(
    bench: Bench, deaths: list[tuple[int, int]]
) -> None:
    bench.mailbox.give(Order(kill=Point("store/store.write#2", "before")))
    with bound_contextvars(phase="store"):
        bench.watched("store").write("one")
        assert deaths == []
        bench.watched("store").write("two")
    assert deaths == [(os.getpid(), signal.SIGKILL)]


def test_a_new_order_counts_anew(bench: Bench) -> None:
    with bound_contextvars(phase="store"):
        bench.watched("store").write("one")
        bench.mailbox.give(Order())
        bench.watched("store").write("two")
    assert bench.mailbox.trace() == ["store/store.write#1"]


def test_effects_are_numbered_inside_their_call_and_freeze_on_order(bench: Bench) -> None:
    bench.far.tripwire = bench.tripwire
    bench.mailbox.give(Order(freeze="store/store.write#2/effect#1"))
    with bound_contextvars(phase="store"):
        bench.watched("store").write("one")
        bench.watched("store").write("two")
    assert bench.far.froze == [False, True]
    assert bench.mailbox.trace()[-1] == "store/store.write#2/effect#1"


def test_a_guard_outside_of_every_call_is_no_effect(bench: Bench) -> None:
    assert not bench.tripwire.guarded()
    assert bench.mailbox.trace() == []


def test_what_create_returns_is_written_down(bench: Bench) -> None:
    with bound_contextvars(phase="create"):
        made = bench.watched("provider").create("r1", None)
    assert [*bench.made.all()] == [Minted("r1", made.id, "a value that was made")]


@pytest.mark.parametrize(
    "name, poll",
    [
        ("grace/journal.checkpoint.waits#1", True),
        ("grace/journal.checkpoint.polls#3", True),
        ("verify/journal.checkpoint.retries#1", True),
        ("rollout.undo/journal.checkpoint_rollout.polls#1", True),
        ("rollout.undo/redeployer.progress#1", False),
        ("rollout.undo/redeployer.progress#2", True),
        ("prove/provider.verify#2", False),
        ("store/store.write#4", False),
        ("store/journal.checkpoint.advanced#2", False),
        ("prove/sealer.open_key#2", True),
        ("quarantine/provider.verify#2", True),
        ("verify/sealer.open_key#2", False),
        ("verify/sealer.open_key#3", True),
        ("announce/sealer.open_key#2", False),
    ],
)
def test_only_looks_at_what_is_on_its_way_are_left_to_chance(name: str, poll: bool) -> None:
    assert is_poll(name) is poll
