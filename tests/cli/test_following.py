"""rotate --wait: each step once, with its time. Its end, the limit or Ctrl-C end the following, never the work."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import TextColumn

from rotator.cli.liveness import Liveness, liveness
from rotator.cli.opening import Place
from rotator.cli.progress import Lines, Moving, Seen, clock
from rotator.contracts.journal import Journal, Told
from rotator.journal.journal import SqlJournal
from rotator.model.errors import JournalAway
from rotator.model.requests import RequestState
from rotator.model.rotation import Ledger, Phase, Reason, Rotation, State
from rotator.testing.journal_contract.rows import opens
from tests.cli.beside import DAY, Beside

HEALTHY = "production/HEALTHY"
Moment = Callable[[Journal], None]


class Acting:
    """A clock that lets the world go on by one moment whenever somebody sleeps."""

    def __init__(self, beside: Beside, moments: list[Moment]) -> None:
        self.beside, self.moments, self.now = beside, iter(moments), 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        moment = next(self.moments, None)
        if moment is not None:
            with self.beside.journal() as journal:
                moment(journal)


def opened(journal: Journal, rotation_id: str) -> None:
    now, policies = journal.now(), journal.policies_in_force()
    assert policies is not None
    rotation = Rotation(
        id=rotation_id, secret=HEALTHY, principal=HEALTHY, provider="token", phase=Phase.PLAN, run_at=now,
        opened_at=now - timedelta(seconds=42), phase_since=now, recipe=policies.secrets[HEALTHY].recipe,
    )  # fmt: skip
    assert opens(journal, rotation, Told("opened", "asked for"))


def taken_up(journal: Journal) -> None:
    """The daemon opens a rotation for the request."""
    (request,) = journal.requests()
    opened(journal, "r9")
    journal.settle_request(request.id, RequestState.TAKEN, "became r9", "r9")


def at(phase: Phase, rotation_id: str = "r9", **changes: Any) -> Moment:
    def moment(journal: Journal) -> None:
        journal.wake(rotation_id)
        row = next(one for one in journal.claim_rotations("t", 10, Phase, DAY) if one.id == rotation_id)
        changed = row.model_copy(update={"phase": phase, "run_at": journal.now(), **changes})
        journal.checkpoint(row, changed, Told("advanced", "on"), release=True)

    return moment


def confirmed(journal: Journal) -> None:
    now = journal.now()
    ledger = Ledger(before={"/p": 3}, wrote={"/p": 4}, confirmed_at=now, grace_until=now + 3 * DAY)
    at(Phase.GRACE, ledger=ledger, reason=Reason.GRACE, sentence="the old one lives")(journal)


def interrupted(_journal: Journal) -> None:
    raise KeyboardInterrupt


def acting(beside: Beside, *moments: Moment) -> None:
    beside.monkeypatch.setattr("rotator.cli.following.SystemClock", lambda: Acting(beside, list(moments)))


def test_each_step_is_said_once_with_its_time_and_the_end_says_what_changed(story: Beside) -> None:
    rolling = {"reason": Reason.ROLLING_OUT, "sentence": "waiting for the rollout of api"}
    acting(
        story, taken_up, at(Phase.CREATE), at(Phase.CREATE), at(Phase.CONFIRM, **rolling), confirmed
    )  # fmt: skip
    said = story("rotate", HEALTHY, "--wait")
    assert said.code == 0
    steps = [line for line in said.err.splitlines() if HEALTHY in line]
    assert [line.split(": ", 1)[1] for line in steps[:-1]] == [
        "waits to be taken up",
        "update at source, plan",
        "update at source, create",
        "redeploy, confirm: waiting for the rollout of api",
        "invalidate the old, grace: the old one lives",
    ]
    minutes, seconds = map(int, steps[1].split()[0].split(":"))
    assert 42 <= 60 * minutes + seconds < 600, "since it was opened"
    assert (
        "consumers use the new one (/p 3 -> 4; restarted: production/api); the old one lives until 2"
        in steps[-1]
    )
    assert "rotator rollback r9 --reason" in steps[-1]
    assert said.out == ""


def test_the_last_rotation_tells_how_long_it_will_take(story: Beside) -> None:
    with story.journal() as journal:
        opened(journal, "r8")
        ledger = Ledger(confirmed_at=journal.now() + timedelta(minutes=10, seconds=20))
        ended = journal.now() - timedelta(minutes=1)  # before the next one is opened
        at(Phase.PROVE, "r8", state=State.DONE, ended_at=ended, ledger=ledger)(journal)
    acting(story, taken_up, confirmed)
    assert "update at source, plan (about 10 min left)" in story("rotate", HEALTHY, "--wait").err


def test_an_undo_is_an_error(story: Beside) -> None:
    undone = at(
        Phase.DISPROVE,
        state=State.UNDONE,
        sentence="api was not ready",
        ledger=Ledger(undo_reason=Reason.NOT_SEEN),
    )
    acting(story, taken_up, at(Phase.RESTORE, ledger=Ledger(undo_reason=Reason.NOT_SEEN)), undone)
    said = story("rotate", HEALTHY, "--wait", "--json")
    assert said.code == 1
    assert "going back" in said.err
    assert f"FAILED  {HEALTHY}: undone, api was not ready; see `rotator status {HEALTHY}`" in said.err
    told = said.json()
    assert told["requests"][0]["rotation"] == "r9"
    assert (told["rotations"][0]["id"], told["rotations"][0]["state"]) == ("r9", "undone")


def refused(journal: Journal) -> None:
    (request,) = journal.requests()
    journal.settle_request(request.id, RequestState.REFUSED, "watched only")


def test_a_refusal_is_an_error(story: Beside) -> None:
    acting(story, refused)
    said = story("rotate", HEALTHY, "--wait")
    assert said.code == 1
    assert f"FAILED  {HEALTHY}: refused, watched only" in said.err


def test_ctrl_c_detaches(story: Beside) -> None:
    acting(story, taken_up, at(Phase.CREATE), interrupted)
    said = story("rotate", HEALTHY, "--wait")
    assert said.code == 130
    assert f"the work goes on, and this shows how it stands: rotator status {HEALTHY}" in said.err
    with story.journal() as journal:
        row = journal.rotation("r9")
    assert row is not None
    assert row.state is State.ACTIVE


def test_the_limit_detaches(story: Beside) -> None:
    acting(story, taken_up)
    said = story("rotate", HEALTHY, "--wait", "--timeout", "3s", "--json")
    assert said.code == 124
    assert "the work goes on" in said.err
    assert said.json()["rotations"][0]["phase"] == "plan"


class Outage:
    """A journal that answers no look at rotations while it is away."""

    def __init__(self, beside: Beside) -> None:
        self.away = False
        for method in ("histories", "rotation"):
            answer = getattr(SqlJournal, method)
            beside.monkeypatch.setattr(SqlJournal, method, self.unless_away(answer))

    def unless_away(self, answer: Callable[..., Any]) -> Callable[..., Any]:
        def look(*words: Any, **named: Any) -> Any:
            if self.away:
                raise JournalAway("the journal's database gave no answer")
            return answer(*words, **named)

        return look

    def begins(self, _journal: Journal) -> None:
        self.away = True

    def goes_on(self, _journal: Journal) -> None:
        """Nothing changes."""

    def ends(self, _journal: Journal) -> None:
        self.away = False


UNSEEN = (
    "following: the journal's database gave no answer; the work goes on unseen, and it is looked at again\n"
)


def test_a_journal_that_is_away_for_some_looks_is_said_once_and_looked_at_again(story: Beside) -> None:
    outage = Outage(story)
    away = (outage.begins, outage.goes_on, outage.ends)
    acting(story, taken_up, *away, at(Phase.CREATE), *away, confirmed)
    said = story("rotate", HEALTHY, "--wait")
    assert said.code == 0
    assert said.err.count(UNSEEN) == 2, "once for each time that it was away"
    assert said.err.count("following: the journal answers again\n") == 2
    assert "consumers use the new one" in said.err


def test_a_journal_that_stays_away_ends_the_following_at_its_limit(story: Beside) -> None:
    outage = Outage(story)
    acting(story, taken_up, outage.begins)
    said = story("rotate", HEALTHY, "--wait", "--timeout", "3s", "--json")
    assert said.code == 124
    assert said.err.count(UNSEEN) == 1
    assert "not followed any more; the work goes on" in said.err
    assert said.json()["rotations"][0]["id"] == "r9", "as it was last seen"


def test_a_journal_that_is_away_at_the_first_look_ends_nothing(story: Beside) -> None:
    outage = Outage(story)
    acting(story, outage.ends, taken_up, confirmed)
    story.monkeypatch.setattr("rotator.cli.rotate.liveness", partial(gone_after, outage))
    assert story("rotate", HEALTHY, "--wait").code == 0


def gone_after(outage: Outage, place: Place) -> Liveness:
    """The journal goes away once the request is kept."""
    found = liveness(place)
    outage.away = True
    return found


def test_a_request_for_a_busy_secret_says_whom_it_waits_for(story: Beside) -> None:
    acting(story)
    said = story("rotate", "production/GRACE", "--wait", "--timeout", "1s")
    assert "waits for rgrace, which is at grace" in said.err


def test_a_plan_is_followed_like_anything_that_was_asked_for(story: Beside) -> None:
    path = str(story.folder / "plan.json")
    story("plan", HEALTHY, "-o", path)
    acting(story, taken_up, confirmed)
    said = story("apply", path, "--wait")
    assert said.code == 0
    assert "consumers use the new one" in said.err


@pytest.fixture
def terminal() -> Iterator[tuple[io.StringIO, Bars]]:
    screen = io.StringIO()
    told = "{task.description} {task.completed} {task.fields[clock]} {task.fields[remaining]}"
    columns = [TextColumn(told, markup=False, style="none")]
    console = Console(file=screen, force_terminal=True, width=80, highlight=False)
    with Bars(*columns, console=console, auto_refresh=False, transient=True) as bars:
        yield screen, bars


def test_on_a_terminal_a_bar_moves_below_the_lines(terminal: tuple[io.StringIO, Bars]) -> None:
    screen, bars = terminal
    shown = Moving(bars)
    shown.step(Seen("a/[b]", "store", timedelta(seconds=5), "about 2 min left", 3, 7))
    bars.refresh()
    assert "   0:05  a/[b]: store (about 2 min left)" in screen.getvalue()
    assert bars.tasks[0].completed == 3
    assert "0:05 about 2 min left" in screen.getvalue()
    shown.step(Seen("a/[b]", "store", timedelta(seconds=9), "", 3, 7))
    assert screen.getvalue().count("a/[b]: store") == 1
    shown.end("a/[b]", "done", well=True)
    assert "a/[b]: done" in screen.getvalue()
    assert bars.tasks == []


def test_bars_are_for_terminals_that_move_their_cursor(story: Beside) -> None:
    import sys

    from rotator.cli import progress

    story.monkeypatch.setenv("TERM", "dumb")
    story.monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress.progress() as dumb:
        assert type(dumb) is Lines
    story.monkeypatch.setenv("TERM", "xterm")
    with progress.progress() as able:
        assert type(able) is Moving


@pytest.mark.parametrize("seconds, spelled", [(0, "0:00"), (42, "0:42"), (725, "12:05"), (10800, "3:00:00")])
def test_running_times(seconds: int, spelled: str) -> None:
    assert clock(timedelta(seconds=seconds)) == spelled
