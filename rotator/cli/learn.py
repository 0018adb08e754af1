"""access learn: what would have been told, and the rules under which it would have been expected, as YAML to paste."""

from __future__ import annotations

import json as json_text
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rotator.cli.recorded import Recorded
from rotator.cli.replay import judged_files, read_offline, severity_of
from rotator.cli.show import as_json
from rotator.engine.access.learn import Proposal, allowing, proposals
from rotator.engine.access.replay import judge_all
from rotator.engine.report.times import moment
from rotator.model.access import AccessFinding
from rotator.model.numbers import counted

#: So many findings are told one by one.
_TOLD = 20


def learn_from(events: list[Path], starts: list[Path], policies: Path | None, *, json: bool) -> None:
    """Prints the rules; everything else on standard output is a comment of YAML."""
    known = read_offline(policies)
    verdict, began = judged_files(events, starts, known)
    proposed = proposals(known, verdict.findings, began)
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
