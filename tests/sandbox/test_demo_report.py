"""The demo's figures are counted, and each one that is not as it was promised makes the demo fail."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rotator.contracts.journal import Journal
from rotator.model.policy import Mode
from rotator.model.rotation import State
from rotator.sandbox.demo.audit import Reckoning
from rotator.sandbox.demo.looks import Onlooker
from rotator.sandbox.demo.report import AT_LEAST, MUST_BE_ZERO, report, summary, too_little, verdict
from rotator.sandbox.demo.story import Story, rotated
from rotator.sandbox.demo.traffic import Traffic
from rotator.sandbox.diet import COUNTS, TROUBLE
from tests.engine.things import NOW, policies, policy, rotation

POLICIES = policies(
    policy("staging/KEY"),
    policy("production/KEY"),
    policy("production/WATCHED", mode=Mode.OBSERVE),
    policy("production/SALT", exempt_until=NOW),
)
ROTATIONS = [
    rotation("staging/KEY", id="a", state=State.DONE),
    rotation("staging/KEY", id="b", state=State.DONE),
    rotation("production/KEY", id="c", state=State.DONE),
    rotation("production/KEY", id="d", state=State.UNDONE),
]


def figures(tmp_path: Path, **counted: int) -> dict[str, Any]:
    """The report of a story in which this was counted."""
    log = [
        f"{TROUBLE} login: OperationalError too many clients",
        "something else",
        f"{TROUBLE} login: OperationalError x",
    ]
    (tmp_path / "platform.log").write_text("\n".join([*log, log[0]]))
    people = SimpleNamespace(statistics=lambda: {"alerts": {"x": 1}, "faults": {"throttled": 2}})
    aws = SimpleNamespace(statistics=lambda: {"faults": {"lost_answer": 3}, "findings": []})
    world = SimpleNamespace(
        folder=tmp_path,
        statistics=lambda: {name: counted.get(name, 0) for name in (*COUNTS, "rollouts", "rollouts_failed")},
        people=SimpleNamespace(control=people),
        aws=SimpleNamespace(control=aws),
        known=SimpleNamespace(values={"a": "b"}, never_opened=lambda _rotations: ["one"]),
        vendors=SimpleNamespace(faults=lambda: 7),
        witnesses=SimpleNamespace(taken={"staging": {"evt_1", "evt_2"}, "production": {"evt_1"}}.get),
    )
    traffic = SimpleNamespace(events=["evt_1", "evt_2"], counts=Counter(ci_jobs=8, ci_jobs_refused=1))
    story = SimpleNamespace(world=world, kills=1, exit_code=0, lasted=140.04)
    journal = SimpleNamespace(rotations=lambda: ROTATIONS)
    onlooker = Onlooker(
        {}, tmp_path / "rotator.log", seen={"/metrics": [b"x"]}, failed=["rotator plan: exit code 1"]
    )
    reckoning = Reckoning(Counter(KEY=4), ["an old one"], ["a role"], ["a copy", "another"])
    return report(
        cast(Story, story), cast(Journal, journal), POLICIES, reckoning, onlooker, cast(Traffic, traffic), 2
    )


def test_secrets_are_counted_from_the_policy_in_force(tmp_path: Path) -> None:
    assert [secret.secret for secret in rotated(POLICIES)] == ["staging/KEY", "production/KEY"]
    found = figures(tmp_path)
    assert (found["secrets"], found["secrets_rotated"]) == (4, 2)
    assert found["fewest_rotations_of_a_secret"] == 1


def test_every_figure_is_what_was_counted(tmp_path: Path) -> None:
    counted = {"events_checked": 9, "sms_sent": 11, "stripe_duplicates": 5, "stripe_refused": 6}
    found = figures(tmp_path, logins=6000, login_troubles=3, **counted)
    expected = {
        "rotations_done": 3, "rotations_undone": 1, "rotations_parked": 0, "logins": 6000, "login_troubles": 3,
        "events_checked": 9, "old_credentials_tried": 4, "old_credentials_alive": 1, "credentials_unaccounted": 1,
        "copies_stale": 2, "old_credentials_tried_by_name": {"KEY": 4}, "sms_sent": 11, "ci_jobs": 8,
        "ci_jobs_refused": 1, "events_duplicate": 5, "deliveries_refused": 6,
        "successors_never_seen": 1, "faults_injected": 12, "alerts_delivered": 1, "looks_failed": 1,
        "fewest_looks_at_a_page": 0, "daemon_kills": 1, "daemon_exit_code": 0, "seconds": 140.0,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected


def test_an_event_is_lost_when_one_environment_has_not_written_it_down(tmp_path: Path) -> None:
    found = figures(tmp_path, stripe_taken=4)
    assert (found["events_sent_by_stripe"], found["events_delivered"], found["events_lost"]) == (4, 3, 1)


def test_refusals_and_troubles_are_explained_by_what_was_said(tmp_path: Path) -> None:
    assert figures(tmp_path)["details"]["troubles"] == {
        "login: OperationalError too many clients": 2,
        "login: OperationalError x": 1,
    }


GOOD: dict[str, Any] = {**dict.fromkeys(MUST_BE_ZERO, 0), **AT_LEAST}


def test_as_promised() -> None:
    assert verdict(GOOD) == []


@pytest.mark.parametrize("name", MUST_BE_ZERO)
def test_what_must_be_zero(name: str) -> None:
    assert verdict({**GOOD, name: 1}) == [f"{name} is 1, must be 0"]


@pytest.mark.parametrize("name", AT_LEAST)
def test_what_must_have_happened(name: str) -> None:
    least = AT_LEAST[name]
    assert verdict({**GOOD, name: least - 1}) == [f"{name} is {least - 1}, must be at least {least}"]


def test_a_daemon_that_never_ended_is_not_as_promised() -> None:
    assert verdict({**GOOD, "daemon_exit_code": None}) == ["daemon_exit_code is None, must be 0"]


def test_the_summary_names_what_was_found(tmp_path: Path) -> None:
    found = {**figures(tmp_path, login_troubles=3), "places_searched": 12, "values_leaked": 5}
    text = summary(found)
    for said in ("2 of 4 secrets were rotated", "3 troubles", "12 places", ": 5 found"):
        assert said in text


def test_what_the_demo_is_there_for_is_looked_at() -> None:
    """The README's promises, and what happens to consumers meanwhile: a figure that nobody looks at proves nothing."""
    zeros = {
        "logins_refused", "tokens_refused", "events_refused", "events_lost", "sms_refused", "mails_refused",
        "payments_refused", "callbacks_refused", "ci_jobs_refused", "old_credentials_alive",
        "credentials_unaccounted", "copies_stale", "values_leaked", "rotations_parked", "daemon_exit_code",
    }  # fmt: skip
    happens = {
        "fewest_rotations_of_a_secret", "events_delivered", "events_duplicate", "sms_sent", "mails_sent",
        "credentials_submitted", "rotations_undone", "daemon_kills", "faults_injected",
    }  # fmt: skip
    assert zeros <= {*MUST_BE_ZERO}
    assert all(AT_LEAST[name] > 0 for name in happens)


def test_nothing_is_both_promised_to_be_zero_and_to_have_happened() -> None:
    assert max(Counter([*MUST_BE_ZERO, *AT_LEAST]).values()) == 1


def test_a_machine_that_is_too_slow_is_no_broken_promise() -> None:
    assert too_little({**GOOD, "rotations_undone": 0})
    assert not too_little({**GOOD, "rotations_undone": 0, "values_leaked": 1}), "something is wrong"
    assert not too_little(GOOD)
