"""pause, resume, retry, rollback, prepare, take-over, compromised: what is asked for, and what is refused at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rotator.model.observations import Pause
from rotator.model.requests import RequestKind, RequestState
from tests.cli.beside import DAY, Beside
from tests.cli.test_asking import requests

HEALTHY = "production/HEALTHY"


def paused(beside: Beside, secret: str = HEALTHY) -> datetime:
    with beside.journal() as journal:
        until = journal.now().replace(microsecond=0) + 2 * DAY
        journal.note_pause(secret, Pause(secret=secret, until=until, by="ana", because="audit"))
    return until


@pytest.mark.parametrize("until, least, most", [("3d", 3 * DAY, 3 * DAY), ("1d12h", 1.5 * DAY, 1.5 * DAY)])
def test_a_pause_for_a_while(story: Beside, until: str, least: timedelta, most: timedelta) -> None:
    said = story("pause", HEALTHY, "--until", until, "--reason", "release")
    assert said.code == 0
    assert "the journal keeps the request" in said.err
    assert "no daemon seems to run" in said.err
    with story.journal() as journal:
        (asked,) = journal.requests()
        now = journal.now()
    assert (asked.kind, asked.about, asked.because) == (RequestKind.PAUSE, HEALTHY, "release")
    assert asked.until is not None
    assert least - timedelta(minutes=5) < asked.until - now <= most


def test_a_pause_until_a_date_has_the_whole_day(story: Beside) -> None:
    with story.journal() as journal:
        day = (journal.now() + 5 * DAY).date()
    told = story("pause", HEALTHY, "--until", f"{day}", "--reason", "x", "--json").json()
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) + DAY
    assert datetime.fromisoformat(told["request"]["until"]) == midnight
    told = story("pause", HEALTHY, "--until", f"{day}T18:00", "--reason", "x", "--json").json()
    assert datetime.fromisoformat(told["request"]["until"]) == midnight - timedelta(hours=6)


@pytest.mark.parametrize(
    "until", ["tomorrow", "2020-01-01", "91d", "0s", "2099-01-01", "2026-02-31", "999999w"]
)
def test_a_pause_ends_soon(story: Beside, until: str) -> None:
    said = story("pause", HEALTHY, "--until", until, "--reason", "x")
    assert said.code == 2
    assert f"--until {until}" in said.err
    assert requests(story) == []


def test_a_pause_is_seen_with_its_end(story: Beside) -> None:
    until = paused(story)
    sentence = f"paused by ana until {until:%Y-%m-%d %H:%M} UTC: audit"
    row = next(line for line in story("status").out.splitlines() if line.startswith(HEALTHY))
    assert row.split()[1] == "PAUSED"
    assert row.endswith(sentence)
    assert f"paused: by ana until {until:%Y-%m-%d %H:%M} UTC: audit" in story("status", HEALTHY).out
    told = story("status", HEALTHY, "--json").json()["secret"]
    assert datetime.fromisoformat(told["paused_until"]) == until


def test_resume(story: Beside) -> None:
    assert story("resume", HEALTHY).err == f"rotator: {HEALTHY} is not paused\n"
    paused(story)
    assert story("resume", HEALTHY, "--reason", "over").code == 0
    assert requests(story) == [(RequestKind.RESUME, HEALTHY, "over")]


def test_a_failed_one_is_tried_again(story: Beside) -> None:
    for typed in ("production/FAILED", "rfailed"):
        assert story("retry", typed).code == 0
    assert requests(story) == [(RequestKind.RETRY, "rfailed", "")] * 2


@pytest.mark.parametrize(
    "typed, why",
    [
        ("production/PARKED", "rotator approve rparked --reason"),
        ("production/GRACE", "does not wait for its next try: it is active at grace"),
        (HEALTHY, "neither backs off nor cools down"),
    ],
)
def test_what_does_not_back_off_is_not_tried_again(story: Beside, typed: str, why: str) -> None:
    said = story("retry", typed)
    assert said.code == 4
    assert why in said.err
    assert requests(story) == []


def test_a_rollback_while_the_old_one_lives(story: Beside) -> None:
    assert "rollback: possible until " in story("status", "production/GRACE").out
    assert story("status", "production/GRACE", "--json").json()["secret"]["rollback_until"]
    for typed in ("production/GRACE", "rgrace"):
        said = story("rollback", typed, "--reason", "logins fail")
        assert said.code == 0
        assert "tried again after 6h" in said.err
    assert requests(story) == [(RequestKind.ROLL_BACK, "rgrace", "logins fail")] * 2


@pytest.mark.parametrize(
    "typed, why",
    [
        ("rwaitsforyes", "too late, the old one is being invalidated; rotate again instead: rotator rotate"),
        ("production/PARKED", "too late, the old one is being invalidated"),
        (HEALTHY, "is not being rotated: there is nothing to take back"),
    ],
)
def test_a_rollback_that_comes_too_late_says_what_to_do(story: Beside, typed: str, why: str) -> None:
    said = story("rollback", typed, "--reason", "x")
    assert said.code == 4
    assert why in said.err
    assert requests(story) == []
    assert "rollback:" not in story("status", "production/WAITS_FOR_YES").out


def test_an_accepted_set_is_asked_for(story: Beside) -> None:
    assert story("prepare", HEALTHY).code == 0
    assert requests(story) == [(RequestKind.PREPARE, HEALTHY, "")]


def test_no_accepted_set_without_a_name(rotator: Beside) -> None:
    text = rotator.policy_file.read_text().replace(
        "    accepted_as: HEALTHY_ACCEPTED\n", "    accept_gap: true\n"
    )
    rotator.policy_file.write_text(text)
    rotator.tell_the_story()
    said = rotator("prepare", HEALTHY)
    assert said.code == 4
    assert "its policy does not say accepted_as" in said.err


def test_compromised_is_an_emergency(story: Beside) -> None:
    assert story("compromised", HEALTHY, "production/GRACE", "--reason", "on a laptop").code == 0
    assert story("rotate", "--emergency", HEALTHY, "--reason", "again").code == 0
    *of_one_moment, last = requests(story)
    assert set(of_one_moment) == {
        (RequestKind.EMERGENCY, HEALTHY, "on a laptop"),
        (RequestKind.EMERGENCY, "production/GRACE", "on a laptop"),
    }
    assert last == (RequestKind.EMERGENCY, HEALTHY, "again")
    assert story("compromised", HEALTHY).code == 2
    assert "say how it was compromised" in story("rotate", "--emergency", HEALTHY).err


def test_selectors_narrow_each_other(story: Beside) -> None:
    assert "nothing due" in story("rotate", "--due", "--type", "shared", "--env", "staging").err
    assert story("rotate", "--env", "staging").code == 0
    assert [about for _, about, _ in requests(story)] == ["staging/HEALTHY"]
    story("rotate", "--type", "shared", "--owner", "platform", "--env", "production")
    assert {about for _, about, _ in requests(story)[1:]} == {HEALTHY, "production/TOO_OLD"}


@pytest.mark.parametrize(
    "words, guess",
    [
        (["--type", "shred"], "no secret has the type shred (did you mean 'shared'?)"),
        (["--owner", "platfrm"], "no secret has the owner platfrm (did you mean 'platform'?)"),
        ([HEALTHY, "--type", "shared"], "say which: SECRET…, --due, --all, or"),
    ],
)
def test_selectors_that_select_nothing(story: Beside, words: list[str], guess: str) -> None:
    said = story("rotate", *words)
    assert said.code == 2
    assert guess in said.err


@pytest.mark.parametrize("state, code", [(RequestState.TAKEN, 0), (RequestState.REFUSED, 4)])
def test_the_daemons_answer_is_waited_for(story: Beside, state: RequestState, code: int) -> None:
    with story.daemon_answers(state, "so it is"):
        said = story("pause", HEALTHY, "--until", "3d", "--reason", "release", "--json")
    assert said.code == code
    assert said.err.endswith("so it is\n")
    assert said.json()["request"]["state"] == state
