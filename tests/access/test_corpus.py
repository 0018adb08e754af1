"""The labelled corpus: everything that is a finding is found, and nothing else."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.access.compared import POLICIES, kinds_by_event, scores, table
from tests.access.corpus import labelled

CORPUS = labelled()
KINDS = {
    "unknown_actor", "access_outside_deployment", "history_read", "old_version_read", "bulk_read", "denied_read",
    "drift",
}  # fmt: skip


def test_the_corpus_is_large_and_has_all_of_it() -> None:
    assert len({one.record["eventID"] for one in CORPUS}) >= 200
    counts = Counter(kind for one in CORPUS for kind in one.kinds)
    assert set(counts) == KINDS
    assert min(counts.values()) >= 6
    apis = {one.record["eventName"] for one in CORPUS if one.kinds}
    assert {"GetParameter", "GetParameters", "GetParametersByPath", "GetParameterHistory"} <= apis
    identities = {one.record["userIdentity"].get("type") for one in CORPUS}
    assert {
        "AssumedRole",
        "IAMUser",
        "Root",
        "AWSService",
        "AWSAccount",
        "FederatedUser",
        "SAMLUser",
    } <= identities
    assert {"WebIdentityUser", "IdentityCenterUser", "Directory", "Unknown", None} <= identities


@pytest.mark.parametrize("seed", range(3))
def test_every_finding_is_found_and_nothing_else_in_any_order(seed: int) -> None:
    records = [one.record for one in CORPUS]
    random.Random(seed).shuffle(records)
    found = kinds_by_event(records)
    wrong = {
        one.record["eventID"]: (
            one.record,
            sorted(one.kinds),
            sorted(found.get(one.record["eventID"], set())),
        )
        for one in CORPUS
        if found.get(one.record["eventID"], set()) != one.kinds
    }
    assert not wrong


def test_the_peers_miss_some_and_alarm_for_nothing() -> None:
    judge, elastic, panther = scores()
    assert (judge.found, judge.false) == (judge.findings, 0)
    assert elastic.found < judge.found
    assert panther.found < judge.found


def test_the_page_shows_these_figures() -> None:
    page = (POLICIES.parent / "docs/how-to/who-read-what.md").read_text(encoding="utf-8")
    assert table() in page
