"""policy explain and diff, as they are typed."""

from __future__ import annotations

import csv
import io

from tests.cli.beside import Beside


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
