"""policy schema, explain and diff, as they are typed."""

from __future__ import annotations

import csv
import hashlib
import io
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.cli.beside import Beside

ROOT = Path(__file__).parents[2]


def test_explain_says_value_line_and_level(story: Beside) -> None:
    said = story("policy", "explain", "production/GRACE")
    assert said.code == 0
    row = next(line for line in said.out.splitlines() if line.startswith("rotate_every"))
    line = story.policy_file.read_text().split("    rotate_every: 90d")[0].count("\n") + 1
    assert row.split() == ["rotate_every", "90d", f"{story.policy_file}:{line}", "types.shared"]
    assert said.err == f"Policy {story.policies.version[:12]}, in force.\n"


def test_explain_names_every_environment_or_one(story: Beside) -> None:
    out = story("policy", "explain", "HEALTHY").out
    assert "staging/HEALTHY\n" in out
    assert "production/HEALTHY\n" in out
    assert "staging/HEALTHY\n" not in story("policy", "explain", "HEALTHY", "--env", "production").out
    said = story("policy", "explain", "HELTHY")
    assert said.code == 2
    assert "did you mean 'HEALTHY'?" in said.err


def test_explain_for_machines(story: Beside) -> None:
    told = story("policy", "explain", "production/GRACE", "--json").json()
    assert (told["schema_version"], told["in_force"]) == (1, True)
    values = {one["key"]: one for one in told["secrets"][0]["values"]}
    assert (values["grace"]["value"], values["grace"]["level"]) == ("3d", "types.shared")
    assert values["cooldown"]["line"] is None
    rows = list(
        csv.DictReader(
            io.StringIO(story("policy", "explain", "GRACE", "--env", "production", "--output", "csv").out)
        )
    )
    assert {row["key"]: row["value"] for row in rows}["grace"] == "3d"


def test_explain_is_about_the_policy_in_force_unless_a_file_is_named(story: Beside) -> None:
    text = story.policy_file.read_text().replace("90d", "60d")
    story.policy_file.write_text(text)
    assert "90d" in story("policy", "explain", "production/GRACE").out
    said = story("policy", "explain", "production/GRACE", "--file", str(story.policy_file))
    assert "60d" in said.out
    assert "which is not in force" in said.err
    assert story("policy", "explain", "GRACE", "--file", "nowhere.yaml").code == 2


def test_explain_needs_no_journal(rotator: Beside) -> None:
    said = rotator("policy", "explain", "production/GRACE")
    assert said.code == 0
    assert "which is not in force" in said.err
    assert not rotator.folder.joinpath("state").exists()


def test_a_file_with_errors_explains_nothing_and_says_them(rotator: Beside) -> None:
    rotator.policy_file.write_text(rotator.policy_file.read_text().replace("90d", "90"))
    said = rotator("policy", "explain", "production/GRACE")
    assert said.code == 2
    assert "rotate_every: 90 is a bare number" in said.err


def changed(beside: Beside, *changes: tuple[str, str]) -> str:
    """The policy file with something else in it; its name."""
    text = beside.policy_file.read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    path = beside.folder / "other.yaml"
    path.write_text(text)
    return str(path)


def version_of(file: str) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


def test_diff_of_the_same_and_of_what_means_the_same(story: Beside) -> None:
    said = story("policy", "diff")
    assert (said.code, said.out, said.err) == (0, "", "It is the policy in force.\n")
    remark = changed(story, ("kind:", "# a remark\nkind:"))
    said = story("policy", "diff", remark)
    assert (said.code, said.out, said.err) == (0, "", "The text is another one, and means the same.\n")


def test_diff_says_what_comes_goes_and_changes_for_which_secrets(story: Beside) -> None:
    other = changed(
        story,
        ("  PARKED:\n", "  NEW:\n"),
        ("    grace: 3d\n", "    grace: 7d\n"),
        ("email: platform@taly.example", "email: ops@taly.example"),
    )
    said = story("policy", "diff", other)
    assert said.code == 4, "what is new would be made up by rotator"
    assert said.out.splitlines() == [
        "+ 2 secrets: staging/NEW, production/NEW",
        "- 2 secrets: staging/PARKED, production/PARKED",
        "~ grace: 3d -> 7d",
        (
            "    14 secrets: staging/FAILED, production/FAILED, staging/WAITS_FOR_YES, production/WAITS_FOR_YES, "
            "staging/GRACE, production/GRACE, staging/TOO_OLD, production/TOO_OLD and 6 more"
        ),
        "~ owners.platform: email platform@taly.example -> email ops@taly.example",
    ]
    assert "(/taly/staging/PARKED_ACCEPTED, which was staging/PARKED's)" in said.err.splitlines()[0]
    assert said.err.partition("\n")[2] == (
        "Held: staging/NEW (/taly/staging/NEW), production/NEW (/taly/production/NEW): would be made up by "
        "rotator: whatever stands there is overwritten with random bytes when it is due.\n"
        f"The daemon would wait for a person's yes: rotator approve policy:{version_of(other)} --reason …\n"
    )


def test_diff_for_machines(story: Beside) -> None:
    other = changed(story, ("    grace: 3d\n", "    grace: 7d\n"), ("  HEALTHY:\n", "  HEALTHIER:\n"))
    told = story("policy", "diff", other, "--json").json()
    assert (told["schema_version"], told["before_version"]) == (1, story.policies.version)
    assert told["added"] == ["staging/HEALTHIER", "production/HEALTHIER"]
    assert told["changed"]["production/GRACE"] == [{"key": "grace", "before": "3d", "after": "7d"}]
    assert told["due_at_once"] == []
    assert [sentence.partition("): ")[2] for sentence in told["held"]] == [
        "would write what another secret did",
        "would be made up by rotator: whatever stands there is overwritten with random bytes when it is due",
    ]
    rows = list(csv.DictReader(io.StringIO(story("policy", "diff", other, "--output", "csv").out)))
    assert [row["secret"] for row in rows if row["change"] == "removed"] == [
        "staging/HEALTHY",
        "production/HEALTHY",
    ]
    assert {
        "change": "changed",
        "secret": "production/GRACE",
        "key": "grace",
        "before": "3d",
        "after": "7d",
    } in rows


def test_diff_says_what_becomes_due_at_once(story: Beside) -> None:
    other = changed(story, ("rotate_every: 90d", "rotate_every: 35d"))
    said = story("policy", "diff", other)
    assert said.code == 0
    assert "! 2 secrets would become due at once: staging/HEALTHY, production/HEALTHY" in said.out
    assert story("policy", "diff", other, "--exit-code").code == 10
    assert story("policy", "diff", "--exit-code").code == 0


def test_diff_says_that_the_daemon_would_wait_for_a_person(story: Beside) -> None:
    left = story.policy_file.read_text()
    for name in ("PARKED", "FAILED", "WAITS_FOR_YES"):
        left = left.replace(f"  {name}:\n", f"  OTHER_{name}:\n")
    story.policy_file.write_text(left)
    said = story("policy", "diff")
    assert said.code == 4
    assert (
        "Held: 6 of 16 secrets (38 %) would be left to themselves, more than 20 %: 6 no longer managed ("
        in said.err
    )
    word = f"rotator approve policy:{story.policies.version} --reason"
    assert f"The daemon would wait for a person's yes: {word}" in said.err
    assert story("approve", f"policy:{story.policies.version}", "--reason", "moved").code == 0
    said = story("policy", "diff")
    assert said.code == 0
    assert "Somebody has said yes to it." in said.err


def test_a_yes_where_nothing_of_the_policy_in_force_can_be_read(story: Beside) -> None:
    """As beside a rotator that was set back to an earlier version, and does not start without it."""
    with closing(sqlite3.connect(story.folder / "state" / "journal.sqlite")) as file, file:
        file.execute("UPDATE policy_version SET text = 'a: [', resolved = '{}', version = 'later'")
    said = story("policy", "diff")
    assert said.code == 4
    assert said.err.startswith("Held: nobody can tell what it would change: the policy in force since ")
    said = story("approve", f"policy:{story.policies.version}", "--reason", "set back")
    assert said.code == 0
    assert "the journal keeps the request; no policy can be read here; start the daemon with" in said.err
    assert story("policy", "diff").code == 0


def test_diff_before_anything_is_in_force(rotator: Beside) -> None:
    said = rotator("policy", "diff")
    assert said.code == 0
    assert said.out.startswith("+ 16 secrets: staging/PARKED, production/PARKED")
    assert (
        said.err
        == "No policy is in force yet: everything would be new.\nThe daemon would take it up within seconds.\n"
    )
    assert not rotator.folder.joinpath("state").exists()


def test_diff_of_a_file_that_cannot_be_used(story: Beside) -> None:
    said = story("policy", "diff", changed(story, ("rotate_every: 90d", "rotate_every: 90")))
    assert said.code == 2
    assert "other.yaml:" in said.err
    assert "is a bare number" in said.err
    assert story("policy", "diff", "nowhere.yaml").code == 2


def test_the_schema_is_printed_as_it_is_kept(rotator: Beside) -> None:
    said = rotator("policy", "schema")
    assert said.code == 0
    assert said.out == (ROOT / "docs" / "reference" / "policies.schema.json").read_text(encoding="utf-8")
