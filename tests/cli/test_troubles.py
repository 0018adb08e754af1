"""What no row can show: a store that is away, a policy that was rejected."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from rotator.contracts.journal import Journal
from rotator.model.alerts import Alert, AlertKind, Severity
from tests.cli.beside import Beside

HEALTHY = ("--env", "staging")


def store_away(journal: Journal) -> None:
    survey = journal.surveyed()["staging"]
    journal.note_surveyed(survey.model_copy(update={"trouble": "SSM in eu-central-1 does not answer"}))


def policy_rejected(journal: Journal) -> None:
    journal.post_alert(
        Alert(
            identity="policy_rejected",
            kind=AlertKind.POLICY_REJECTED,
            severity=Severity.WARNING,
            title="policies.yaml was rejected",
            facts={"What": "policies.yaml:3: secrets: is missing"},
            opened_at=journal.now(),
        ),
        timedelta(),
    )


@pytest.mark.parametrize(
    "happens, sentence",
    [
        (store_away, "SSM in eu-central-1 does not answer"),
        (policy_rejected, "policies.yaml was rejected: policies.yaml:3: secrets: is missing"),
    ],
)
@pytest.mark.parametrize("verb", ["status", "plan"])
def test_what_holds_rotator_up_is_said_by_every_looking_verb_and_is_a_failure(
    story: Beside, verb: str, happens: Callable[[Journal], None], sentence: str
) -> None:
    story.daemon_seems_to_run()
    before = story(verb, *HEALTHY, "--exit-code")
    assert before.code != 12
    assert sentence not in before.err
    with story.journal() as journal:
        happens(journal)
    after = story(verb, *HEALTHY, "--exit-code")
    assert after.code == 12
    assert sentence in after.err


def test_machines_are_told_too(story: Beside) -> None:
    with story.journal() as journal:
        store_away(journal)
    assert story("status", "--json").json()["troubles"] == ["staging: SSM in eu-central-1 does not answer"]
