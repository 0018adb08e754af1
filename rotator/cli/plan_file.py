"""A plan in a file: what `rotator plan -o` writes and `rotator apply` asks for, if no change since is known.

It is the document that `rotator plan --json` prints: ids, versions and times, never a value.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from rotator.cli.opening import Place, Unusable
from rotator.cli.show import Format
from rotator.engine.ages import spell
from rotator.engine.plans import other_policy, other_versions
from rotator.engine.report import SCHEMA_VERSION
from rotator.engine.report.scans import missed_after
from rotator.engine.standing import Standing
from rotator.model.requests import Basis

_LARGEST = 64 << 20  # bytes


class Planned(BaseModel):
    """One rotation of a plan, and what it was planned from."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    secret: str
    standing: Standing
    versions: dict[str, int]


class PlanFile(BaseModel):
    """What `rotator apply` reads of a plan."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: Literal[1]
    kind: Literal["plan"]
    made_at: datetime
    policy_version: str
    due: tuple[Planned, ...]


def basis_of(plan: PlanFile, planned: Planned) -> Basis:
    """What the daemon is held to when it takes up the request for one rotation of the plan."""
    return Basis(planned_at=plan.made_at, policy_version=plan.policy_version, versions=dict(planned.versions))


def save_plan(path: Path, told: Mapping[str, Any]) -> None:
    """Writes a plan. Raises Unusable when the file cannot be written, or when its name is that of a format."""
    if str(path) in set(Format):
        raise Unusable(f"-o {path} would write a file of that name; for the format say --output {path}")
    text = json.dumps({"schema_version": SCHEMA_VERSION, **told}, indent=2)
    try:
        path.write_text(f"{text}\n", encoding="utf-8")
    except OSError as trouble:
        raise Unusable(f"{path} cannot be written: {trouble.strerror}") from None


def read_plan(path: Path) -> PlanFile:
    """Reads a plan. Raises Unusable when it is none."""
    again = "make it with `rotator plan -o FILE`"
    try:
        with path.open("rb") as file:
            return PlanFile.model_validate_json(file.read(_LARGEST))
    except OSError as trouble:
        raise Unusable(f"{path} cannot be read: {trouble.strerror}; {again}") from None
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Unusable(
            f"{path} is no plan of this version: {place or 'it'}: {first['msg']}; {again}"
        ) from None


def not_scanned_lately(place: Place, plan: PlanFile) -> Iterator[str]:
    """The plan's environments that nobody has looked at for too long to tell what has changed, a sentence each."""
    now, surveyed = place.journal.now(), place.journal.surveyed()
    for name in sorted(
        {planned.secret.partition("/")[0] for planned in plan.due} & {*place.policies.environments}
    ):
        survey = surveyed.get(name)
        if survey is None or not survey.digest:
            yield f"{name} was never scanned"
        elif now - survey.scanned_at > missed_after(place.settings.scan_every):
            yield f"the last scan of {name} is {spell(now - survey.scanned_at)} ago"


def changes_since(place: Place, plan: PlanFile) -> Iterator[str]:
    """Everything that by policy and last scan is not as it was when the plan was made, a sentence each."""
    yield from other_policy(plan.policy_version, place.policies.version)
    for planned in plan.due:
        entry = place.decided.get(planned.secret)
        if entry is None:
            yield f"{planned.secret}: not in the policy any more"
            continue
        for sentence in other_versions(planned.versions, entry.gathered.versions):
            yield f"{planned.secret}: {sentence}"
        standing = entry.decision.standing
        if standing is not planned.standing:
            yield f"{planned.secret}: {_word(planned.standing)} then, {_word(standing)} now: {entry.decision.sentence}"


def _word(standing: Standing) -> str:
    return standing.value.replace("_", " ")
