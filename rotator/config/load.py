"""Reading policies.yaml: the one way from its text to `Policies`, with everything that is wrong said in one go.

No clock and no network: the same text always gives the same answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from rotator.config import strict_yaml
from rotator.config.adapters import Adapters, installed
from rotator.config.checks import check_file, check_secrets
from rotator.config.complaints import Complaint, Complaints, Severity, bounded_guesses
from rotator.config.draft import Draft, Limits
from rotator.config.notes import note_not_yet, note_untold
from rotator.config.precedence import Levels
from rotator.config.resolve import Resolution
from rotator.config.schema import PolicyFile
from rotator.config.shape import shape
from rotator.config.watched import note_watched_only
from rotator.model.numbers import counted
from rotator.model.policy import Policies


@dataclass(frozen=True, slots=True)
class Loaded:
    """The policies, or None when there is an error; and everything there is to say, in the order of the file."""

    policies: Policies | None
    complaints: tuple[Complaint, ...]
    draft: Draft | None = field(default=None, repr=False)  # what they were resolved from: explain.py asks it

    @property
    def errors(self) -> tuple[Complaint, ...]:
        """What keeps the file from being used."""
        return tuple(one for one in self.complaints if one.severity is Severity.ERROR)

    @property
    def notes(self) -> tuple[Complaint, ...]:
        """What is worth knowing."""
        return tuple(one for one in self.complaints if one.severity is Severity.NOTE)


@bounded_guesses()
def load(
    text: str,
    source: str,
    *,
    adapters: Adapters | None = None,
    scale: float = 1.0,
    redeployer: str | None = None,
    reference_prefixes: Collection[str] = (),
    allowed_hosts: Collection[str] = (),
    own_recipes: bool = False,
) -> Loaded:
    """Reads, checks and resolves `text`; never raises for anything that it holds.

    `source` names the file in complaints. `adapters`: those installed, unless given. `scale` multiplies the durations
    of the calendar. `redeployer` does the work of every other. The last three are settings: what references may
    use besides ssm:<path>/rotator/, which hosts policies may name (globs; empty: any that is sent no value), and
    whether they may write requests of their own.
    """
    complaints = Complaints(source)
    values = strict_yaml.read(text, complaints)
    if values is None:
        return Loaded(None, complaints.all())
    names = _names(values)
    file = shape(values, complaints)
    if file is None:
        return Loaded(None, complaints.all())
    draft = Draft(
        file=file,
        names=names,
        levels=Levels(file),
        adapters=adapters or installed(),
        complaints=complaints,
        limits=Limits(tuple(reference_prefixes), tuple(allowed_hosts), own_recipes),
        scale=scale,
        redeployer=redeployer,
    )
    return _resolve(draft, hashlib.sha256(text.encode()).hexdigest())


def explain_complaints(loaded: Loaded) -> str:
    """Every complaint on a line of its own, errors first, and a last line that counts."""
    lines = [str(complaint) for complaint in (*loaded.errors, *loaded.notes)]
    counts = f"{counted(len(loaded.errors), 'error')}, {counted(len(loaded.notes), 'note')}"
    if loaded.policies is None:
        return "\n".join([*lines, f"{counts}: the file is not usable"])
    secrets = counted(len(loaded.policies.secrets), "secret")
    places = counted(len(loaded.policies.environments), "environment")
    return "\n".join([*lines, f"{counts}: {secrets} in {places}"])


def _resolve(draft: Draft, version: str) -> Loaded:
    check_file(draft)
    resolution = Resolution(draft)
    recipes = [
        (effective, resolution.recipe(effective))
        for name in draft.file.secrets
        for environment in draft.file.environments
        if (effective := draft.levels.effective(name, environment))
    ]
    check_secrets(draft, recipes, resolution.environments(), resolution.mirrors())
    note_watched_only(draft, [effective for effective, _recipe in recipes])
    note_not_yet(draft)
    note_untold(draft, [effective for effective, _recipe in recipes])
    loaded = Loaded(None, draft.complaints.all(), draft)
    return loaded if loaded.errors else replace(loaded, policies=resolution.policies(version, recipes))


def _names(values: Any) -> dict[str, frozenset[str]]:
    """What each section defines, before anything malformed is left out of it."""
    sections = [field.alias or name for name, field in PolicyFile.model_fields.items()]
    written = values if isinstance(values, dict) else {}
    return {
        section: frozenset(defined if isinstance(defined := written.get(section), dict) else ())
        for section in sections
    }
