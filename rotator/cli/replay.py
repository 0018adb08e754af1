"""access replay: recorded events, judged off-line by a policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from rotator.cli.codes import Code
from rotator.cli.opening import Unusable, read_file, settings
from rotator.cli.recorded import Recorded
from rotator.cli.show import Format, Tint, as_json, as_rows, as_table, say
from rotator.config.load import load
from rotator.contracts.redeployer import Start
from rotator.engine.access.replay import Verdict, judge_all
from rotator.model.access import AccessFinding
from rotator.model.alerts import Severity
from rotator.model.numbers import counted
from rotator.model.policy import Policies

_COLUMNS = ("time", "severity", "kind", "principal", "secrets", "rule")
_CSV_COLUMNS = ("event_id", "kind", "severity", "principal", "secrets", "rule", "why")
_TINTS = {"CRITICAL": Tint.BAD, "WARNING": Tint.WAITS}
#: So many secrets are named in a row.
_NAMED = 3


def replay_events(
    events: list[Path],
    starts: list[Path],
    policies: Path | None,
    *,
    form: Format,
    exit_code: bool,
    installation: str,
) -> None:
    """Prints the findings; exit code 13 when there are any and that was asked for."""
    judged = judged_files(events, starts, read_offline(policies), installation)[0]
    if form is Format.JSON:
        as_json(judged=judged.judged, findings=[facts_of(one) for one in judged.findings])
    elif form is Format.TABLE:
        if judged.findings:
            as_table([_row_of(one) for one in judged.findings], _COLUMNS, "why", _TINTS, tinted_in="severity")
    else:
        as_rows(form, map(facts_of, judged.findings), _CSV_COLUMNS)
    if exit_code and judged.findings:
        raise typer.Exit(Code.FINDING)


def judged_files(
    events: list[Path], starts: list[Path], policies: Policies, installation: str = ""
) -> tuple[Verdict, list[Start]]:
    """The verdict about these files, with what there is to say about them said."""
    began = Recorded(starts)
    known = list(began.starts())
    began.summary()
    for name in sorted({start.environment for start in known} - policies.environments.keys()):
        say(f"starts speak of {name}, which is no environment of the policy")
    recorded = Recorded(events)
    verdict = judge_all(policies, recorded.accesses(), known, installation)
    recorded.summary()
    _say_what_was_judged(recorded, verdict, policies)
    return verdict, known


def read_offline(path: Path | None) -> Policies:
    """The policies of a file. What settings allow it to name is no matter here: nothing is sent. Raises Unusable."""
    file = path or settings().policies
    loaded = load(read_file(file), str(file), allowed_hosts=["*"], reference_prefixes=[""], own_recipes=True)
    if loaded.policies is None:
        raise Unusable("\n".join(str(complaint) for complaint in loaded.errors))
    return loaded.policies


def facts_of(finding: AccessFinding) -> dict[str, Any]:
    """For machines: stable keys."""
    return {
        "event_id": finding.event_id,
        "kind": finding.kind.value,
        "severity": severity_of(finding),
        "principal": finding.principal.name,
        "secrets": list(finding.secrets),
        "rule": finding.rule,
        "why": finding.why,
    }


def severity_of(finding: AccessFinding) -> str:
    """low, warning or critical; what is low is told in the digest only."""
    return "low" if finding.severity is Severity.INFO else finding.severity.name.lower()


def _row_of(finding: AccessFinding) -> dict[str, str]:
    more = f" +{len(finding.secrets) - _NAMED}" if len(finding.secrets) > _NAMED else ""
    return {
        "time": f"{finding.at:%Y-%m-%d %H:%M:%S}",
        "severity": severity_of(finding).upper(),
        "kind": finding.kind.value,
        "principal": finding.principal.role or finding.principal.name,
        "secrets": ", ".join(finding.secrets[:_NAMED]) + more,
        "rule": finding.rule,
        "why": f"{finding.why} (event {finding.event_id})",
    }


def _say_what_was_judged(recorded: Recorded, verdict: Verdict, policies: Policies) -> None:
    calls = f"{counted(verdict.judged, 'call')} to parameters judged, of {counted(recorded.read, 'record')}"
    told = counted(len(verdict.findings), "finding")
    again = f", {verdict.duplicates} of them written down more than once" if verdict.duplicates else ""
    say(f"{calls}{again}: {told}.")
    if not policies.access.readers:
        say("The policy allows nobody to read (access.allow): every read is by somebody unknown.")
    for account, number in sorted(verdict.elsewhere.items()):
        say(
            f"{counted(number, 'call')} to parameters of account {account}, which is none of the policy's: not judged."
        )
    for (rule, principal), number in sorted(verdict.quiet.items()):
        say(f"Expected, and told quietly by rule '{rule}': {counted(number, 'read')} by {principal}.")
