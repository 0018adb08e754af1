"""Judging what was recorded: all of it at once, in the order of its time, however late or often it was written down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from rotator.contracts.redeployer import Start
from rotator.engine.access.judge import Judge
from rotator.engine.access.starts import Starts
from rotator.engine.access.versions import Versions
from rotator.model.access import Access, AccessFinding, Outcome
from rotator.model.policy import Policies


@dataclass(slots=True)
class Verdict:
    """What came of it."""

    judged: int = 0  # calls that touch parameters, each once
    duplicates: int = 0
    elsewhere: Counter[str] = field(default_factory=Counter)  # account -> its calls, which were not judged
    quiet: Counter[tuple[str, str]] = field(
        default_factory=Counter
    )  # (rule, principal) -> reads told quietly
    findings: list[AccessFinding] = field(default_factory=list)


def judge_all(
    policies: Policies, accesses: Iterable[Access], starts: Iterable[Start], installation: str = ""
) -> Verdict:
    """Judges every call once. Of calls that touch nothing that is managed only the ids are kept in memory."""
    known, versions, verdict = Starts(), Versions(), Verdict()
    for start in starts:
        known.add(start)
    judge = Judge(policies, known, versions, installation=installation)
    for access in sorted(_once(accesses, judge, verdict), key=lambda one: (one.at, one.event_id)):
        verdict.findings.extend(judge.findings(access))
        if rule := judge.told_quietly(access):
            verdict.quiet[rule.name, access.principal.name] += 1
    return verdict


def _once(accesses: Iterable[Access], judge: Judge, verdict: Verdict) -> Iterable[Access]:
    """What has to be judged, each call once; what it tells of versions is known before anything is judged."""
    seen: set[str] = set()
    for access in accesses:
        ids = {access.event_id, access.shared_id} - {""}
        if ids & seen:
            verdict.duplicates += 1
            continue
        seen |= ids
        if account := judge.managed.elsewhere(access):
            verdict.elsewhere[account] += 1
            continue
        verdict.judged += 1
        if access.outcome is Outcome.DENIED or judge.managed.touched(access):
            judge.learn(access)
            yield access
