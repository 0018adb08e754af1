"""The judge and its peers on the same corpus: what each finds, and how often each alarms for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rotator.cli.replay import read_offline
from rotator.engine.access.replay import judge_all
from rotator.model.policy import Policies
from rotator.trails.cloudtrail import access_of
from tests.access.corpus import APP, ESO, ROTATOR, STAGING_APP, STARTS, Labelled, labelled
from tests.access.peers import elastic, panther
from tests.access.records import OURS, Record

POLICIES = Path(__file__).parents[2] / "policies.yaml"
_ALLOWED = (
    APP,
    STAGING_APP,
    ESO,
    "taly-staging-external-secrets",
    ROTATOR,
    "AWSReservedSSO_BreakGlass_0123456789abcdef",
)


@dataclass(frozen=True, slots=True)
class Score:
    """How one of them did. Of records, and of principals: a rule that tells each once has told enough."""

    name: str
    found: int
    findings: int
    actors_found: int
    actors: int
    false: int
    clean: int


@cache
def taly() -> Policies:
    """The policy of this folder."""
    return read_offline(POLICIES)


def kinds_by_event(records: Iterable[Record]) -> dict[str, set[str]]:
    """What the judge says of each."""
    accesses = [access for record in records if (access := access_of(record))]
    found: dict[str, set[str]] = {}
    for finding in judge_all(taly(), accesses, STARTS).findings:
        found.setdefault(finding.event_id, set()).add(finding.kind.value)
    return found


def scores() -> list[Score]:
    """Of the judge, of Elastic's rule and of Panther's."""
    known = elastic((OURS, name) for name in _ALLOWED)
    return [
        _score("rotator", lambda records: set(kinds_by_event(records))),
        _score("Elastic, first read in 5 days", known),
        _score("Panther, more than 25 an hour", panther),
    ]


def _score(name: str, rule: Callable[[list[Record]], set[str]]) -> Score:
    corpus = {one.record["eventID"]: one for one in labelled()}
    told = rule([one.record for one in corpus.values()])
    bad = [one for one in corpus.values() if one.kinds]
    found = [one for one in bad if one.record["eventID"] in told]
    return Score(
        name=name,
        found=len(found),
        findings=len(bad),
        actors_found=len({_actor(one) for one in found}),
        actors=len({_actor(one) for one in bad}),
        false=len([id_ for id_ in told if not corpus[id_].kinds]),
        clean=len(corpus) - len(bad),
    )


def _actor(one: Labelled) -> str:
    identity = one.record["userIdentity"]
    return str(identity.get("arn") or identity.get("invokedBy") or identity.get("principalId"))


def table() -> str:
    """For people, in Markdown."""
    head = "| | records found | principals found | alarms for nothing |\n|---|---|---|---|"
    rows = (
        f"| {one.name} | {one.found} of {one.findings} | {one.actors_found} of {one.actors} "
        f"| {one.false} of {one.clean} |"
        for one in scores()
    )
    return "\n".join([head, *rows])
