"""Whoever asked is not who says yes, whichever verb asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml

from rotator.engine.decisions import decisions
from tests.cli.beside import Beside, Said
from tests.cli.test_asking import requests


@pytest.fixture
def who(story: Beside, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """Types as somebody; what is too old may only be rotated with a yes."""
    policy = yaml.safe_load(story.policy_file.read_text())
    policy["secrets"]["TOO_OLD"]["mode"] = "approve"
    story.policy_file.write_text(yaml.safe_dump(policy))
    with story.journal() as journal:
        journal.note_policy(story.policies, story.policy_file.read_text())

    def types(name: str, *words: str) -> Said:
        monkeypatch.setattr("rotator.cli.requests._person", lambda: name)
        return story(*words)

    return types


def consent(story: Beside) -> str:
    """Whose yes counts when a scan looks; empty where it begins nothing without another's."""
    with story.journal() as journal:
        entry = decisions(journal, story.policies)["production/TOO_OLD"]
    given = entry.gathered.consent
    assert entry.decision.due is (given is not None)
    return given.by if given else ""


def test_what_waits_for_a_yes_is_not_due_for_rotate_and_in_no_plan(
    story: Beside, who: Callable[..., Said]
) -> None:
    assert "asked for" not in who("ana", "rotate", "--due").err
    assert who("ana", "plan", "--json").json()["due"] == []
    assert requests(story) == []


@pytest.mark.parametrize("verb", ["rotate NAME", "rotate --due", "apply"])
@pytest.mark.parametrize("approver, counts", [("ana", False), ("Ana", False), ("bea", True)])
def test_whoever_asked_cannot_be_the_one_who_says_yes(
    story: Beside, who: Callable[..., Said], verb: str, approver: str, *, counts: bool
) -> None:
    assert who(approver, "approve", "production/TOO_OLD", "--reason", "looked").code == 0
    assert consent(story) == approver, "due by its age, and asked for by nobody: one is enough"
    plan = story.folder / "plan.json"
    assert who("ana", "plan", "-o", str(plan)).code == 0
    words = {
        "rotate NAME": ("rotate", "production/TOO_OLD"),
        "rotate --due": ("rotate", "--due"),
        "apply": ("apply", str(plan)),
    }[verb]
    assert "asked for 1 rotation" in who("ana", *words).err
    assert consent(story) == (approver if counts else "")
    assert who("carl", "approve", "production/TOO_OLD", "--reason", "looked").code == (4 if counts else 0)
    assert consent(story) == (approver if counts else "carl")
