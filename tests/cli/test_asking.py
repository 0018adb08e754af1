from __future__ import annotations

import io
import os
import socket
import sys
from datetime import timedelta

import pytest

from rotator.cli.requests import _person
from rotator.model.observations import Surveyed
from rotator.model.requests import RequestKind, RequestState
from tests.cli.beside import NAMES, Beside


def requests(beside: Beside) -> list[tuple[RequestKind, str, str]]:
    with beside.journal() as journal:
        return [(one.kind, one.about, one.because) for one in journal.requests()]


def test_a_request_is_kept_although_no_daemon_runs_and_that_is_said(story: Beside) -> None:
    said = story("rotate", "production/HEALTHY", "--reason", "leaked")
    assert said.code == 0
    assert "the journal keeps the request" in said.err
    assert "no daemon seems to run" in said.err
    assert said.out == ""
    assert requests(story) == [(RequestKind.ROTATE, "production/HEALTHY", "leaked")]


def test_with_a_daemon_nothing_is_said_about_it(story: Beside) -> None:
    lock = story.folder / "state" / "journal.sqlite.lock"
    lock.write_text(f"process {os.getpid()} on {socket.gethostname()}\n")
    assert "no daemon" not in story("rotate", "production/HEALTHY").err
    assert story("status", "--json").json()["daemon_running"] is True


def test_a_daemon_that_does_not_scan_is_told(rotator: Beside) -> None:
    rotator.tell_the_story(scanned=timedelta(hours=3))
    lock = rotator.folder / "state" / "journal.sqlite.lock"
    lock.write_text(f"process {os.getpid()} on {socket.gethostname()}\n")
    assert "Last scan 3 h ago, although every 5 min is wanted" in rotator("status").err


def test_a_name_without_environment_is_enough_where_only_one_has_it(story: Beside) -> None:
    assert story("rotate", "HEALTHY", "--env", "staging").code == 0
    assert requests(story) == [(RequestKind.ROTATE, "staging/HEALTHY", "")]
    said = story("rotate", "HEALTHY")
    assert said.code == 2
    assert said.err == (
        "rotator: several environments have HEALTHY: say which, staging/HEALTHY, production/HEALTHY\n"
    )


@pytest.mark.parametrize(
    "typed, guess",
    [
        (["rotate", "HELTHY"], "no secret HELTHY (did you mean 'HEALTHY'?)"),
        (["rotate", "prodction/HEALTHY"], "no environment prodction (did you mean 'production'?)"),
        (["rotate", "production/HEALTY"], "no secret HEALTY in production (did you mean 'HEALTHY'?)"),
        (["status", "--env", "stagin"], "no environment stagin (did you mean 'staging'?)"),
        (["history", "GRAC"], "no secret GRAC (did you mean 'GRACE'?)"),
        (["approve", "GRAC", "--reason", "x"], "no secret GRAC (did you mean 'GRACE'?)"),
        (["rotate", "staging"], "staging is an environment: --env staging"),
        (
            ["history", "r0123456789ab"],
            "there is no rotation r0123456789ab in this journal, and no secret of that name",
        ),
        (
            ["history", "0123456789abcdef0123"],
            "there is no rotation 0123456789abcdef0123 in this journal, and no secret of that name",
        ),
        (["take-over", "stagin", "--yes"], "no environment stagin (did you mean 'staging'?)"),
    ],
)
def test_typos_are_guessed(story: Beside, typed: list[str], guess: str) -> None:
    said = story(*typed)
    assert said.code == 2
    assert guess in said.err
    assert said.err.count("\n") == 1


def test_what_cannot_be_rotated_is_refused_and_the_rest_is_asked_for(story: Beside) -> None:
    assert story("rotate", "production/GONE").code == 4
    said = story("rotate", "production/GONE", "production/HEALTHY")
    assert said.code == 3
    assert "production/GONE: not in the store" in said.err
    told = story("rotate", "production/GONE", "--json")
    assert told.json()["refused"] == {"production/GONE": "not in the store"}


def test_a_busy_secret_keeps_its_request(story: Beside) -> None:
    said = story("rotate", "production/GRACE")
    assert said.code == 0
    assert "is being rotated already; the request waits its turn" in said.err
    assert requests(story)


def test_an_emergency_hurries_what_is_being_rotated(story: Beside) -> None:
    said = story("compromised", "production/GRACE", "--reason", "leaked")
    assert said.code == 0
    assert (
        "production/GRACE is being rotated already: no window and no grace holds that any more, and once it has ended "
        "it is rotated once more" in said.err
    )


def test_whoever_asks_where_somebody_says_yes_is_told_so(story: Beside) -> None:
    text = story.policy_file.read_text()
    story.policy_file.write_text(
        text.replace("    path: /taly/production\n", "    path: /taly/production\n    mode: approve\n")
    )
    with story.journal() as journal:
        journal.note_policy(story.policies, story.policy_file.read_text())
    said = story("rotate", "production/HEALTHY")
    assert said.code == 0
    yes = "production/HEALTHY waits for somebody else's yes: rotator approve production/HEALTHY --reason …"
    assert yes in said.err
    assert "yes" not in story("compromised", "production/HEALTHY", "--reason", "leaked").err


def test_due_and_all(story: Beside) -> None:
    assert "nothing due; next: staging/HEALTHY in" in story("rotate", "--due", "--env", "staging").err
    story("rotate", "--due")
    assert [about for _, about, _ in requests(story)] == ["production/TOO_OLD"]
    story("rotate", "--all", "--env", "staging")
    assert [about for _, about, _ in requests(story)][1:] == ["staging/HEALTHY"]


def test_waiting_ends_with_its_time_and_the_request_stays(story: Beside) -> None:
    said = story("rotate", "production/HEALTHY", "--wait", "--timeout", "0.2s")
    assert said.code == 124
    assert "the work goes on" in said.err
    assert requests(story)


@pytest.mark.parametrize("words", [["rotate"], ["rotate", "--due", "--all"], ["rotate", "X", "--due"]])
def test_rotate_wants_one_choice(story: Beside, words: list[str]) -> None:
    said = story(*words)
    assert said.code == 2
    assert said.err == "rotator: say which: SECRET…, --due, --all, or all of a --type, --owner or --env\n"


def test_a_yes_for_what_waits(story: Beside) -> None:
    for typed in ("rwaitsforyes", "production/WAITS_FOR_YES"):
        assert story("approve", typed, "--reason", "customers know").code == 0
    assert requests(story) == [(RequestKind.APPROVE, "rwaitsforyes", "customers know")] * 2


def test_a_yes_lets_a_parked_rotation_go_on(story: Beside) -> None:
    assert story("approve", "PARKED", "--env", "production", "--reason", "looked").code == 0
    assert requests(story) == [(RequestKind.APPROVE, "rparked", "looked")]


def test_a_yes_to_a_policy_that_nobody_waits_for_is_the_daemons_to_refuse(story: Beside) -> None:
    with story.daemon_answers(RequestState.REFUSED, "no policy waits for a yes as policy:anything"):
        said = story("approve", "policy:anything", "--reason", "x")
    assert said.code == 4
    assert said.err == "refused: no policy waits for a yes as policy:anything\n"


def test_without_a_daemon_a_yes_promises_nothing(story: Beside) -> None:
    said = story("approve", "policy:anything", "--reason", "x")
    assert said.code == 0
    assert said.err.startswith("policy:anything: the journal keeps the request; ")
    assert said.err.endswith(
        "no daemon seems to run; start it with `rotator run`: until then nothing happens\n"
    )


def test_a_name_that_nobody_knows_is_said_once(story: Beside) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 65532")

    story.monkeypatch.setattr("getpass.getuser", nobody)
    _person.cache_clear()
    said = story("rotate", "production/HEALTHY", "staging/HEALTHY")
    _person.cache_clear()
    assert said.err.count("your name is not known here and the record says somebody; set LOGNAME\n") == 1
    with story.journal() as journal:
        assert {one.by for one in journal.requests()} == {"somebody"}


def test_a_yes_for_what_does_not_wait_is_refused(story: Beside) -> None:
    said = story("approve", "production/HEALTHY", "--reason", "x")
    assert said.code == 4
    assert said.err.startswith("rotator: production/HEALTHY does not wait for a yes: ")
    assert "it is active at grace" in story("approve", "rgrace", "--reason", "x").err


class Terminal(io.StringIO):
    """A person who has typed this already."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def foreign(story: Beside) -> Beside:
    """Another installation owns production."""
    with story.journal() as journal:
        now = journal.now()
        journal.note_surveyed(
            Surveyed(
                environment="production", scanned_at=now, foreign_owner="installation b owns /taly/production"
            )
        )
    return story


def test_an_environment_is_taken_over_with_a_yes(foreign: Beside) -> None:
    foreign.monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    said = foreign("take-over", "production", "--reason", "the old cluster is gone")
    assert said.code == 0
    assert said.out == ""
    assert "installation b owns /taly/production" in said.err, "it says what is taken from whom"
    assert "no daemon seems to run" in said.err
    assert requests(foreign) == [(RequestKind.TAKE_OVER, "production", "the old cluster is gone")]


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_without_the_yes_nothing_is_taken_over(foreign: Beside, answer: str) -> None:
    foreign.monkeypatch.setattr(sys, "stdin", Terminal(answer))
    said = foreign("take-over", "production")
    assert said.code == 4
    assert said.err.endswith("rotator: production was not taken over\n")
    assert requests(foreign) == []


def test_where_nobody_can_be_asked_the_yes_is_an_option(foreign: Beside) -> None:
    said = foreign("take-over", "production")
    assert said.code == 2
    assert "--yes" in said.err
    assert requests(foreign) == []
    told = foreign("take-over", "production", "--yes", "--json").json()
    assert (told["request"]["kind"], told["request"]["about"]) == ("take_over", "production")
    assert told["daemon_running"] is False
    assert requests(foreign) == [(RequestKind.TAKE_OVER, "production", "")]


def test_what_nobody_else_owns_is_not_taken_over(foreign: Beside) -> None:
    said = foreign("take-over", "staging", "--yes")
    assert said.code == 4
    assert (
        said.err == "rotator: no other installation is known to own staging; the daemon looks every minute\n"
    )
    assert requests(foreign) == []


TOO_OLD, HEALTHY = "production/TOO_OLD", "production/HEALTHY"


def waits_for_a_window(beside: Beside, mode: str = "auto") -> None:
    """The window of every secret opens in three days."""
    with beside.journal() as journal:
        day = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][(journal.now().weekday() + 3) % 7]
        window = f"{{days: [{day}], from: '09:00', to: '16:00', timezone: UTC}}"
        text = beside.policy_file.read_text().replace(
            "warn_before: []", "warn_before: []\n  windows: [later]"
        )
        text = text.replace("namespace: production", f"namespace: production\n    mode: {mode}", 1)
        beside.policy_file.write_text(f"{text}windows:\n  later: {window}\n")
        journal.note_policy(beside.policies, beside.policy_file.read_text())


@pytest.mark.parametrize("words", [["--type", "shared", "--env", "production"], ["--all"], [TOO_OLD]])
def test_what_a_window_holds_back_is_asked_for_by_kind_as_by_name(story: Beside, words: list[str]) -> None:
    waits_for_a_window(story)
    planned = story("plan", "--all", *words) if "--type" in words else story("plan", *words)
    assert f"~ {TOO_OLD}" in planned.out
    assert "waiting for the window later" in planned.out
    assert "; asked for, it begins all the same" in planned.out
    story("rotate", *words)
    assert TOO_OLD in [about for _, about, _ in requests(story)]


def test_a_plan_says_that_somebody_else_has_to_say_yes_to_what_is_asked_for(story: Beside) -> None:
    waits_for_a_window(story, mode="approve")
    told = {one["secret"]: one["why"] for one in story("plan", "--all", "--json").json()["due"]}
    assert told[HEALTHY].endswith(
        f"; asked for, it waits for somebody else's yes: rotator approve {HEALTHY} --reason …"
    )
    assert told[TOO_OLD] == f"due, waiting for: rotator approve {TOO_OLD} --reason …"


def test_what_is_due_and_held_back_stays_so_and_is_counted(story: Beside) -> None:
    waits_for_a_window(story)
    said = story("rotate", "--due")
    assert said.code == 0
    assert said.err.startswith("nothing due but 1 secret held back; next: ")
    assert requests(story) == []
    assert "Nothing due but 1 secret held back; next: " in story("plan").err


def test_of_a_kind_what_cannot_be_asked_for_is_said_one_line_each(story: Beside) -> None:
    said = story("rotate", "--type", "shared", "--env", "production")
    assert said.code == 3
    for line in (
        "production/GONE: not in the store\n",
        "production/GRACE: is being rotated already; asked for by name, it would wait its turn\n",
        "production/PARKED: is parked and waits for a person (see `rotator history production/PARKED`); asked",
        "production/NOT_SEEN: has not been looked at often enough yet; asked for by name, it would wait its turn\n",
        "asked for 2 rotations",
    ):
        assert line in said.err
    assert {about for _, about, _ in requests(story)} == {TOO_OLD, HEALTHY}, "in one moment"
    planned = story("plan", "--all", "--type", "shared", "--env", "production", "--json").json()
    told = story("rotate", "--type", "shared", "--env", "production", "--json").json()
    assert {one["secret"]: one["why"] for one in planned["held"]} | planned["refused"] == {
        **told["refused"],
        **told["left_out"],
    }, "one story"


def test_what_the_policy_leaves_out_is_no_failure_beside_what_is_asked_for(story: Beside) -> None:
    said = story("rotate", "--env", "staging", "--json")
    assert said.code == 0
    assert said.json()["refused"] == {}
    assert set(said.json()["left_out"]) == {f"staging/{name}" for name in NAMES if name != "HEALTHY"}
    assert "staging/GONE: exempt until its date in policies.yaml\n" in said.err


def of_another_type(beside: Beside, name: str, mode: str) -> None:
    """One secret alone has the type `lone`."""
    text = beside.policy_file.read_text()
    text = text.replace(f"  {name}:\n    type: shared", f"  {name}:\n    type: lone", 1)
    lone = f"  lone:\n    provider: token\n    rotate_every: 90d\n    grace: 3d\n    mode: {mode}\n"
    beside.policy_file.write_text(text.replace("types:\n", f"types:\n{lone}", 1))
    with beside.journal() as journal:
        journal.note_policy(beside.policies, beside.policy_file.read_text())


@pytest.mark.parametrize("name, mode, code", [("TOO_OLD", "observe", 4), ("GRACE", "auto", 0)])
def test_where_nothing_is_asked_for_the_code_says_whether_it_is_under_way(
    story: Beside, name: str, mode: str, code: int
) -> None:
    of_another_type(story, name, mode)
    said = story("rotate", "--type", "lone", "--env", "production")
    assert said.code == code
    assert f"production/{name}: " in said.err
    assert "next: " not in said.err, "it is about what was chosen"
    assert requests(story) == []


def test_a_plan_of_a_kind_says_what_rotate_would_mean_by_it(story: Beside) -> None:
    assert (
        "`rotator rotate --env production --type shared` would ask for all of them, due or not: "
        "rotator plan --all --env production --type shared\n"
    ) in story("plan", "--type", "shared", "--env", "production").err
    assert "would ask for all" not in story("plan", "--all", "--type", "shared").err


def test_an_emergency_of_what_is_due_is_no_emergency_of_everything(story: Beside) -> None:
    assert story("rotate", "--due", "--emergency", "--reason", "leaked").code == 0
    assert requests(story) == [(RequestKind.EMERGENCY, TOO_OLD, "leaked")]
