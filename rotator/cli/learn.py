"""access learn and learned: what would have been told, and the rules that make it expected, as YAML to paste.

The first judges recorded events, the second shows what the daemon has kept quiet while policies.yaml let it learn.
"""

from __future__ import annotations

import json as json_text
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rotator.cli.opening import asking
from rotator.cli.recorded import Recorded
from rotator.cli.replay import judged_files, read_offline, severity_of
from rotator.cli.show import as_json
from rotator.engine.access.learn import Proposal, allowing, proposals, reads_of, reads_seen
from rotator.engine.access.replay import judge_all
from rotator.engine.report.times import moment
from rotator.model.access import AccessFinding
from rotator.model.numbers import counted
from rotator.model.watch import Sighting

#: So many findings are told one by one.
_TOLD = 20


def learn_from(events: list[Path], starts: list[Path], policies: Path | None, *, json: bool) -> None:
    """Prints the rules; everything else on standard output is a comment of YAML."""
    known = read_offline(policies)
    verdict, began = judged_files(events, starts, known)
    proposed = proposals(known, reads_of(known, verdict.findings, began))
    records = Recorded(events, again=True)
    stays = (
        judge_all(allowing(known, proposed), records.accesses(), began).findings
        if proposed
        else verdict.findings
    )
    if json:
        as_json(
            judged=verdict.judged,
            would_tell=_counts(verdict.findings),
            allow=[_facts_of(one) for one in proposed],
            stays=_counts(stays),
        )
        return
    for line in _page(verdict.findings, proposed, stays):
        print(line)


def show_learned(*, json: bool) -> None:
    """Prints what the watch has kept quiet, and the rules for it; everything else is a comment of YAML."""
    desk = asking()
    learned, until = desk.journal.learned_sightings(), desk.policies.access.learn_until
    proposed = proposals(desk.policies, reads_seen(desk.policies, learned))
    if json:
        as_json(
            learn_until=until,
            kept_quiet=[_kept_quiet(one) for one in learned],
            allow=[_facts_of(one) for one in proposed],
        )
        return
    if until is not None:
        print(f"# The watch keeps quiet what a rule could allow until {moment(until)}.")
    for kind, times in _times(learned).items():
        print(f"# {kind}: {times}")
    for one in learned[:_TOLD]:
        print(f"#   {one.first_at:%Y-%m-%d %H:%M} {one.kind} by {one.principal}: {one.why}")
    if len(learned) > _TOLD:
        print(f"#   … and {len(learned) - _TOLD} more: --json tells them")
    for line in _rules(proposed):
        print(line)


def _kept_quiet(one: Sighting) -> dict[str, Any]:
    """For machines: stable keys."""
    facts: dict[str, Any] = {"kind": one.kind.value, "principal": one.principal, "secrets": list(one.secrets)}
    facts |= {"times": one.times, "first": one.first_at, "last": one.last_at}
    return {**facts, "rule": one.rule, "why": one.why}


def _times(learned: Iterable[Sighting]) -> Counter[str]:
    times = Counter[str]()
    for one in learned:
        times[one.kind.value] += one.times
    return times


def _page(
    findings: list[AccessFinding], proposed: tuple[Proposal, ...], stays: list[AccessFinding]
) -> Iterator[str]:
    yield from (f"# {kind}: {number}" for kind, number in _counts(findings).items())
    if stays:
        yield "# No rule allows a history, an old version, what was denied or what somebody wrote. These stay:"
        yield from (
            f"#   {one.at:%Y-%m-%d %H:%M} {one.kind} by {one.principal.name} ({severity_of(one)})"
            for one in stays[:_TOLD]
        )
    if len(stays) > _TOLD:
        yield f"#   … and {len(stays) - _TOLD} more: `rotator access replay` tells them"
    yield from _rules(proposed)


def _rules(proposed: tuple[Proposal, ...]) -> Iterator[str]:
    if not proposed:
        yield "# Nothing has to be allowed."
        return
    yield "# Read each, and paste those that are right above the others: the first that fits holds."
    yield "access:"
    yield "  allow:"
    for one in proposed:
        yield f"    # {counted(one.reads, 'read')}, {moment(one.first)} to {moment(one.last)}"
        rule = ", ".join(f"{key}: {json_text.dumps(value)}" for key, value in _facts_of(one).items())
        yield f"    - {{{rule}}}"


def _facts_of(one: Proposal) -> dict[str, Any]:
    """A rule as the file says it; what it would say of everything is left out."""
    rule: dict[str, Any] = {"name": one.name, "role": one.role, "principal": one.principal}
    rule |= {"during": one.during.value, "only_in": list(one.environments), "secrets": list(one.secrets)}
    return {key: value for key, value in rule.items() if value}


def _counts(findings: list[AccessFinding]) -> Counter[str]:
    return Counter(finding.kind.value for finding in findings)
