"""policies.yaml while the daemon runs and when it starts: a bad file never replaces a good one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from rotator.sandbox.aws import AwsWorld
from rotator.sandbox.people import PeopleWorld
from tests.daemon.world import Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
SIX = tuple(f"TOKEN_{letter}" for letter in "ABCDEF")


@pytest.fixture
def town(tmp_path: Path, aws: AwsWorld, people: PeopleWorld) -> Iterator[Town]:
    town = Town(tmp_path, aws, people, names=SIX)
    yield town
    town.platform.stop()


def without(town: Town, *names: str) -> None:
    kept = {name: secret for name, secret in town.policy()["secrets"].items() if name not in names}
    town.write_policy(secrets=kept)


def in_force(town: Town) -> int:
    with town.journal() as journal:
        return len(yaml.safe_load(journal.last_policy() or "")["secrets"])


def test_a_bad_file_is_told_once_and_again_when_it_is_good(town: Town) -> None:
    with town.daemon():
        town.write_policy(types={"shared": {"provider": "tokn", "rotate_every": "90"}})
        town.until("an alert", lambda: town.alerts("policy_rejected") == ["open"])
        town.until("told", lambda: len(town.mails()) == 1)
        post = town.posts()[0]
        assert "policies.yaml:" in post
        assert "did you mean 'token'?" in post
        assert "policy check" in post
        assert in_force(town) == len(SIX)
        town.write_policy()
        town.until("closed", lambda: town.alerts("policy_rejected") == ["closed"])
        town.until("told", lambda: len(town.mails()) == 2)
    assert len(town.said("policy rejected")) == 1


def test_a_file_that_goes_away_and_comes_back(town: Town) -> None:
    with town.daemon():
        away = town.policy_file.rename(town.folder / "away")
        town.until("an alert", lambda: town.alerts("policy_rejected") == ["open"])
        assert town.said("policy rejected", why="cannot be read")
        away.rename(town.policy_file)
        town.until("closed", lambda: town.alerts("policy_rejected") == ["closed"])


def test_dropping_many_secrets_waits_for_a_yes_to_this_very_file(town: Town) -> None:
    with town.daemon():
        without(town, *SIX[:3])
        town.until("an alert", lambda: town.alerts("policy_rejected") == ["open"])
        rejected = town.said("policy rejected")[0]
        assert "3 of 6 secrets" in rejected["why"]
        word = rejected["yes"].split()[2]
        assert in_force(town) == len(SIX)
    with town.daemon():  # a restart is no yes
        town.until("rejected again", lambda: len(town.said("policy rejected")) == 2)
        assert in_force(town) == len(SIX)
        without(town, *SIX[:4])  # nor is a yes to another file
        town.until("rejected again", lambda: len(town.said("policy rejected")) == 3)
        town.cli("approve", word, "--reason", "these are gone")
        town.until("refused", lambda: not waiting(town))
        assert in_force(town) == len(SIX)
        without(town, *SIX[:3])
        town.until("in force", lambda: in_force(town) == 3)
        town.until("closed", lambda: town.alerts("policy_rejected") == ["closed"])


def waiting(town: Town) -> bool:
    with town.journal() as journal:
        return bool(journal.requests(waiting=True))


def test_a_broken_file_at_the_start_with_a_journal_that_remembers(town: Town) -> None:
    with town.daemon():
        town.until("in force", lambda: town.said("policy applied"))
    town.policy_file.write_text("secrets: [\n")
    with town.daemon():
        assert town.said("starting with the last good policy")
        town.until("an alert", lambda: town.alerts("policy_rejected") == ["open"])
        assert in_force(town) == len(SIX)


def test_a_broken_file_at_the_first_start_says_all_mistakes_and_ends(town: Town) -> None:
    town.write_policy(
        types={"shared": {"provider": "tokn", "rotate_every": "90", "grace": "1d"}},
        owners={"platform": {"slak": "C0ROTATOR"}},
    )
    done = town.cli("run")
    assert done.returncode == 2
    said = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("{"))
    for mistake in ("'tokn'", "rotate_every", "slak"):
        assert mistake in said
    assert said.count("policies.yaml:") >= 3
    assert "remembers no earlier policy" in said


def test_a_restart_under_other_settings_is_no_yes(town: Town) -> None:
    """They refuse the last good text, so that only what the journal keeps of it tells what the new file drops."""
    today, others = ({"ROTATOR_ALLOWED_HOSTS": f"*.{name}.example"} for name in ("taly", "other"))
    ours = town.policy()["secrets"]
    probed = {**ours[SIX[0]], "probe": "https://api.taly.example/accepts"}
    town.write_policy(secrets={**ours, SIX[0]: probed})
    with town.daemon(**today):
        town.until("in force", lambda: town.said("policy applied"))
    town.write_policy(secrets={SIX[1]: ours[SIX[1]]})
    refused = town.cli("run", **others)
    assert refused.returncode == 2
    assert "5 of 6 secrets (83 %) would be left to themselves" in refused.stderr
    assert "the last good policy:" in refused.stderr
    assert in_force(town) == len(SIX)
    word = next(word for word in refused.stderr.split() if word.startswith("policy:"))
    assert town.cli("approve", word, "--reason", "these are gone", **others).returncode == 0
    with town.daemon(**others):
        town.until("taken", lambda: not waiting(town))
        assert in_force(town) == 1
    with town.journal() as journal:
        assert [one.sentence for one in journal.requests(waiting=False)] == [
            "the policy was taken up at the start"
        ]
