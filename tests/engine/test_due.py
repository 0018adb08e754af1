"""The due chain: every check, the sentence that an operator reads, and which check goes before which."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from rotator.engine.due import CHAIN, decide
from rotator.engine.standing import DUE, HELD, Gathered, Standing
from rotator.model.observations import History, Pause, Rejection
from rotator.model.policy import Mode
from rotator.model.requests import RequestKind
from rotator.model.rotation import Phase, Reason, State
from rotator.model.windows import Freeze, Window
from tests.engine.things import (
    DAY,
    HOUR,
    NOW,
    ago,
    done,
    environment,
    gathered,
    policy,
    request,
    rotation,
    seen,
    surveyed,
    undone,
)

OLD = 101 * DAY
PAUSE = Pause(secret="production/KEY", until=NOW + DAY, by="ana", because="release")
FREEZE = Freeze(name="year-end", begins=NOW - DAY, ends=NOW + DAY, reason="release freeze")
NIGHT = Window(name="night", opens=time(2), closes=time(4))
AFTER_STAGING = environment(after="staging", soak=DAY)


def staging(**history: Any) -> History:
    return History(**history)


def proved(at: datetime) -> History:
    return staging(last_done=done(at, secret="staging/KEY"))


CASES: dict[str, tuple[Gathered, Standing, str]] = {
    "another installation owns the environment": (
        gathered(OLD, surveyed=surveyed(foreign_owner="installation b owns /taly/production")),
        Standing.FOREIGN,
        "installation b owns /taly/production",
    ),
    "a rotation is under way": (
        gathered(OLD, history=History(active=rotation(phase=Phase.GRACE, sentence="the old one lives"))),
        Standing.ACTIVE,
        "grace: the old one lives",
    ),
    "a rotation is parked": (
        gathered(OLD, history=History(active=rotation(state=State.PARKED, sentence="every slot is taken"))),
        Standing.PARKED,
        "parked at plan: every slot is taken",
    ),
    "exempt": (
        gathered(OLD, policy=policy(exempt_until=NOW + DAY, exempt_reason="contract ends")),
        Standing.EXEMPT,
        "exempt until 2026-06-11: contract ends",
    ),
    "an exemption that ended does not excuse": (
        gathered(OLD, policy=policy(exempt_until=NOW, exempt_reason="contract ends")),
        Standing.NEVER_ROTATED,
        "never rotated; 101 d old by the store (any put resets that), 1 d overdue",
    ),
    "one of two parameters is missing": (
        gathered(
            policy=policy(how={"fields": {"sid": "/taly/production/SID", "secret": "/taly/production/KEY"}}),
            observed=seen(present=False),
        ),
        Standing.MISSING,
        "not in the store: /taly/production/SID",
    ),
    "watched only": (
        gathered(99 * DAY, policy=policy(mode=Mode.OBSERVE)),
        Standing.OBSERVED,
        "watched only; 99 d old by the store (any put resets that), its period ends in 1 d",
    ),
    "no two scans agree": (
        gathered(OLD, surveyed=surveyed(agreed=False)),
        Standing.UNSURVEYED,
        "the journal is new here: nothing is touched until two scans agree",
    ),
    "no scan ever": (
        gathered(OLD, surveyed=None),
        Standing.UNSURVEYED,
        "the journal is new here: nothing is touched until two scans agree",
    ),
    "new in the policy": (gathered(None), Standing.UNSURVEYED, "not looked at yet: the next scan does"),
    "paused": (
        gathered(OLD, pause=PAUSE),
        Standing.PAUSED,
        "paused by ana until 2026-06-11 12:00 UTC: release",
    ),
    "a pause that ended holds nothing": (
        gathered(OLD, pause=PAUSE.model_copy(update={"until": NOW})),
        Standing.NEVER_ROTATED,
        "never rotated; 101 d old by the store (any put resets that), 1 d overdue",
    ),
    "asked for, with a reason": (
        gathered(requests=(request(because="ana leaves"),)),
        Standing.REQUESTED,
        "asked for by ana: ana leaves",
    ),
    "asked for, without": (gathered(requests=(request(),)), Standing.REQUESTED, "asked for by ana"),
    "an emergency": (
        gathered(requests=(request(RequestKind.EMERGENCY, because="on a laptop"),)),
        Standing.REQUESTED,
        "emergency, declared by ana: on a laptop",
    ),
    "fresh": (
        gathered(10 * DAY),
        Standing.FRESH,
        "10 d old by the store (any put resets that), its period ends in 90 d",
    ),
    "undone a while ago": (
        gathered(OLD, history=History(last_undone=undone(ago(HOUR)))),
        Standing.COOLING_DOWN,
        "undone (rollout_failed); next attempt 2026-06-10 17:00 UTC",
    ),
    "undone long ago": (
        gathered(OLD, history=History(last_undone=undone(ago(6 * HOUR)))),
        Standing.NEVER_ROTATED,
        "never rotated; 101 d old by the store (any put resets that), 1 d overdue",
    ),
    "a person has to make it": (
        gathered(OLD, policy=policy(submitted=True)),
        Standing.AWAITING_VALUE,
        "due, waiting for a person: make a new one, then: rotator submit production/KEY",
    ),
    "mode: approve": (
        gathered(OLD, policy=policy(mode=Mode.APPROVE)),
        Standing.AWAITING_YES,
        "due, waiting for: rotator approve production/KEY --reason …",
    ),
    "mode: approve, and somebody said no": (
        gathered(
            OLD,
            policy=policy(mode=Mode.APPROVE),
            rejection=Rejection(
                secret="production/KEY", by="bea", because="not before the fair", at=ago(DAY)
            ),
        ),
        Standing.REJECTED,
        f"due, and bea said no at {ago(DAY):%Y-%m-%d %H:%M} UTC: not before the fair",
    ),
    "mode: approve, a yes after a no": (
        gathered(
            OLD,
            policy=policy(mode=Mode.APPROVE),
            rejection=Rejection(secret="production/KEY", by="bea", because="", at=ago(DAY)),
            requests=(request(RequestKind.APPROVE),),
        ),
        Standing.NEVER_ROTATED,
        "never rotated; 101 d old by the store (any put resets that), 1 d overdue",
    ),
    "mode: approve, asked for by a person": (
        gathered(DAY, policy=policy(mode=Mode.APPROVE), requests=(request(because="he left"),)),
        Standing.AWAITING_YES,
        "asked for by ana: he left; waiting for somebody else: rotator approve production/KEY --reason …",
    ),
    "mode: approve, asked for and approved by the same person": (
        gathered(
            DAY,
            policy=policy(mode=Mode.APPROVE),
            requests=(request(because="he left"), request(RequestKind.APPROVE, by="Ana")),
        ),
        Standing.AWAITING_YES,
        "asked for by ana: he left; waiting for somebody else: rotator approve production/KEY --reason …",
    ),
    "mode: approve, asked for by one and approved by another": (
        gathered(
            DAY,
            policy=policy(mode=Mode.APPROVE),
            requests=(request(because="he left"), request(RequestKind.APPROVE, by="bea")),
        ),
        Standing.REQUESTED,
        "asked for by ana: he left",
    ),
    "mode: approve, with the yes of somebody who is no approver": (
        gathered(
            OLD,
            policy=policy(mode=Mode.APPROVE, approvers=("bea",)),
            requests=(request(RequestKind.APPROVE),),
        ),
        Standing.AWAITING_YES,
        "due, waiting for: rotator approve production/KEY --reason …",
    ),
    "mode: approve, with a yes": (
        gathered(OLD, policy=policy(mode=Mode.APPROVE), requests=(request(RequestKind.APPROVE),)),
        Standing.NEVER_ROTATED,
        "never rotated; 101 d old by the store (any put resets that), 1 d overdue",
    ),
    "a freeze": (
        gathered(OLD, environment=environment(freezes=(FREEZE,))),
        Standing.FREEZE,
        "due, held by the freeze year-end: release freeze",
    ),
    "a window": (
        gathered(OLD, policy=policy(windows=(NIGHT,))),
        Standing.WINDOW,
        "due, waiting for the window night, which opens 2026-06-11 02:00 UTC",
    ),
    "a window that a freeze covers for years": (
        gathered(
            OLD,
            policy=policy(windows=(NIGHT,)),
            environment=environment(freezes=(Freeze(name="f", begins=NOW + HOUR, ends=NOW + 900 * DAY),)),
        ),
        Standing.WINDOW,
        "due, waiting for the window night: no window is open outside the freezes in the next two years",
    ),
    "staging has not proved it": (
        gathered(OLD, environment=AFTER_STAGING, proof=staging()),
        Standing.SOAK,
        "due, waiting for staging/KEY to prove it",
    ),
    "staging proved the rotation before": (
        gathered(
            OLD,
            environment=AFTER_STAGING,
            proof=proved(ago(200 * DAY)),
            history=History(last_done=done(ago(150 * DAY), version=7)),
        ),
        Standing.SOAK,
        "due, waiting for staging/KEY to prove it",
    ),
    "staging soaks": (
        gathered(OLD, environment=AFTER_STAGING, proof=proved(ago(HOUR))),
        Standing.SOAK,
        "due, staging/KEY proved it; soaking until 2026-06-11 11:00 UTC",
    ),
    "staging was undone since": (
        gathered(
            OLD,
            environment=AFTER_STAGING,
            proof=staging(last_done=done(ago(9 * DAY)), last_undone=undone(ago(2 * DAY))),
        ),
        Standing.SOAK,
        "due, waiting: the last rotation of staging/KEY was undone",
    ),
    "staging proved it": (
        gathered(OLD, environment=AFTER_STAGING, proof=proved(ago(DAY))),
        Standing.NEVER_ROTATED,
        "never rotated; 101 d old by the store (any put resets that), 1 d overdue",
    ),
    "staging proved it since our last": (
        gathered(
            environment=AFTER_STAGING,
            proof=proved(ago(2 * DAY)),
            history=History(last_done=done(ago(OLD), version=5)),
            observed=seen(age=OLD, version=5),
        ),
        Standing.TOO_OLD,
        "101 d old by the journal, 1 d overdue",
    ),
    "staging does not know the secret": (
        gathered(OLD, environment=AFTER_STAGING, proof=None),
        Standing.NEVER_ROTATED,
        "never rotated; 101 d old by the store (any put resets that), 1 d overdue",
    ),
    "too old": (
        gathered(
            history=History(last_done=done(ago(OLD), version=5)),
            observed=seen(age=OLD, version=5),
        ),
        Standing.TOO_OLD,
        "101 d old by the journal, 1 d overdue",
    ),
    "wanted by production": (
        gathered(wanted_by="production/KEY"),
        Standing.WANTED,
        "production/KEY is due and waits for it",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_secret_stands_as(case: str) -> None:
    at, standing, sentence = CASES[case]
    decision = decide(at)
    assert (decision.standing, decision.sentence) == (standing, sentence)
    assert decision.due is (standing in DUE)


def test_every_standing_and_every_check_has_a_case() -> None:
    assert {standing for _, standing, _ in CASES.values()} == set(Standing)
    answering = {next(check for check in CHAIN if check(at) is not None) for at, _, _ in CASES.values()}
    assert answering == set(CHAIN)


#: What makes each check answer, in the order in which the chain asks them.
MAKES: tuple[tuple[Standing, Callable[[], dict[str, Any]]], ...] = (
    (Standing.FOREIGN, lambda: {"surveyed": surveyed(foreign_owner="b", agreed=False)}),
    (Standing.ACTIVE, lambda: {"history": History(active=rotation(), last_undone=undone(ago(HOUR)))}),
    (Standing.EXEMPT, lambda: {"policy": {"exempt_until": NOW + DAY}}),
    (Standing.OBSERVED, lambda: {"policy": {"mode": Mode.OBSERVE}}),
    (Standing.UNSURVEYED, lambda: {"surveyed": surveyed(agreed=False)}),
    (Standing.PAUSED, lambda: {"pause": PAUSE}),
    (Standing.REQUESTED, lambda: {"requests": (request(RequestKind.EMERGENCY),)}),
    (Standing.COOLING_DOWN, lambda: {"history": History(last_undone=undone(ago(HOUR)))}),
    (Standing.AWAITING_YES, lambda: {"policy": {"mode": Mode.APPROVE}}),
    (Standing.FREEZE, lambda: {"environment": {"freezes": (FREEZE,)}}),
    (Standing.WINDOW, lambda: {"policy": {"windows": (NIGHT,)}}),
    (Standing.SOAK, lambda: {"environment": {"after": "staging"}, "proof": History()}),
    (Standing.NEVER_ROTATED, dict),
)


@pytest.mark.parametrize("number", range(len(MAKES)), ids=lambda number: str(MAKES[number][0]))
def test_the_chain_asks_in_this_order(number: int) -> None:
    """With this cause and all that come after it, this one answers."""
    together: dict[str, Any] = {}
    for _, make in reversed(MAKES[number:]):
        for name, value in make().items():
            mixed = isinstance(value, dict)
            together[name] = {**together.get(name, {}), **value} if mixed else value
    together["policy"] = policy(**together.get("policy", {}))
    together["environment"] = environment(**together.get("environment", {}))
    assert decide(gathered(OLD, **together)).standing is MAKES[number][0]


def test_what_waits_says_until_when() -> None:
    waits = {
        standing: decide(at).until
        for at, standing, _ in (
            CASES[name]
            for name in ("paused", "undone a while ago", "a freeze", "a window", "staging soaks", "exempt")
        )
    }
    assert waits == {
        Standing.PAUSED: NOW + DAY,
        Standing.COOLING_DOWN: NOW + 5 * HOUR,
        Standing.FREEZE: NOW + DAY,
        Standing.WINDOW: datetime(2026, 6, 11, 2, tzinfo=UTC),
        Standing.SOAK: NOW + 23 * HOUR,
        Standing.EXEMPT: NOW + DAY,
    }
    assert not DUE & HELD


def test_an_emergency_outweighs_an_earlier_yes() -> None:
    earlier = request(RequestKind.APPROVE, at=ago(DAY))
    at = gathered(requests=(earlier, request(), request(RequestKind.EMERGENCY)))
    assert at.request is not None
    assert at.request.kind is RequestKind.EMERGENCY


def test_a_success_after_an_undo_ends_the_cooldown() -> None:
    history = History(last_undone=undone(ago(2 * HOUR)), last_done=done(ago(HOUR)))
    at = gathered(DAY, history=history, wanted_by="production/KEY")
    assert decide(at).standing is Standing.WANTED
    assert undone().ledger.undo_reason is Reason.ROLLOUT_FAILED


WARSAW = Window(
    name="office-hours",
    days=("mon", "tue", "wed", "thu"),
    opens=time(9, 30),
    closes=time(16),
    timezone="Europe/Warsaw",
)
LATE = Window(name="late", days=("sat",), opens=time(22), closes=time(3), timezone="Europe/Warsaw")


@pytest.mark.parametrize(
    "window, now, opens",
    [
        pytest.param(WARSAW, "2026-06-10 07:29", "2026-06-10 07:30", id="summer: 09:30 is 07:30 UTC"),
        pytest.param(WARSAW, "2026-01-14 08:29", "2026-01-14 08:30", id="winter: 09:30 is 08:30 UTC"),
        pytest.param(WARSAW, "2026-06-10 13:59", None, id="one minute before it closes"),
        pytest.param(WARSAW, "2026-06-10 14:00", "2026-06-11 07:30", id="the end is outside"),
        pytest.param(WARSAW, "2026-03-26 15:00", "2026-03-30 07:30", id="over the change to summer time"),
        pytest.param(WARSAW, "2026-10-22 15:00", "2026-10-26 08:30", id="over the change to winter time"),
        pytest.param(LATE, "2026-06-13 22:30", None, id="after midnight of its day, local"),
        pytest.param(LATE, "2026-06-14 00:59", None, id="still open on Sunday before 03:00"),
        pytest.param(LATE, "2026-06-14 01:00", "2026-06-20 20:00", id="closed on Sunday at 03:00"),
        pytest.param(LATE, "2026-03-29 00:30", None, id="the night of the change: 01:30 of CET"),
        pytest.param(LATE, "2026-03-29 01:00", "2026-04-04 20:00", id="02:00 does not exist: 03:00 closes"),
    ],
)
def test_windows_are_local_hours(window: Window, now: str, opens: str | None) -> None:
    at = datetime.fromisoformat(f"{now}+00:00")
    old = seen(modified_at=at - OLD, observed_at=at)
    decision = decide(gathered(None, now=at, observed=old, policy=policy(windows=(window,))))
    if opens is None:
        assert decision.due
    else:
        assert decision.until == datetime.fromisoformat(f"{opens}+00:00")
        assert decision.sentence == f"due, waiting for the window {window.name}, which opens {opens} UTC"


def test_a_freeze_inside_a_window_moves_it_on() -> None:
    begins, ends = NOW.replace(hour=7), NOW.replace(hour=7) + 2 * DAY
    at = NOW.replace(hour=5)
    frozen = environment(freezes=(Freeze(name="f", begins=begins, ends=ends),))
    old = seen(modified_at=at - OLD, observed_at=at)
    decision = decide(
        gathered(None, now=at, observed=old, environment=frozen, policy=policy(windows=(WARSAW,)))
    )
    assert decision.until == datetime(2026, 6, 15, 7, 30, tzinfo=UTC), "Wed and Thu are frozen, Fri is no day"


def test_of_two_windows_the_first_to_open_counts() -> None:
    at = gathered(OLD, policy=policy(windows=(LATE, NIGHT)))
    assert decide(at).until == datetime(2026, 6, 11, 2, tzinfo=UTC)
    assert timedelta() < decide(at).until - NOW  # type: ignore[operator]  # a window says when
