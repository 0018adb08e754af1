"""The scan: ages from the store, decisions from the chain, rotations into the journal.

It never decrypts: ceil(N/50) metadata calls a path. Running it twice, or in every replica at once, is harmless,
because the journal holds one active rotation per principal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from fnmatch import fnmatchcase

import structlog

from rotator.contracts.journal import Opening, Told
from rotator.contracts.parts import Parts
from rotator.engine.ages import origin
from rotator.engine.decisions import Decided, decisions
from rotator.engine.outages import note_survey
from rotator.engine.standing import Decision, Gathered, setback
from rotator.engine.submissions import without_earlier
from rotator.model.errors import NotYet, Refused, Transient
from rotator.model.observations import Observed, Surveyed
from rotator.model.policy import EnvironmentPolicy, Mode, Policies, SecretPolicy
from rotator.model.requests import RequestKind
from rotator.model.rotation import Ledger, Phase, Priority, Reason, Rotation
from rotator.model.secrets import ParameterAge

log = structlog.get_logger()

#: So many of a parameter's last versions are remembered with their time: records of who read one come hours late.
_VERSIONS_KEPT = 5


def survey(parts: Parts) -> None:
    """Looks at every environment's parameters and keeps what it saw."""
    policies = parts.policies()
    for environment in policies.environments.values():
        looked_at = parts.journal.now()
        try:
            ages = {age.name: age for age in parts.store(environment.name).ages(environment.path)}
        except (Transient, NotYet, Refused) as trouble:
            _note_trouble(parts, environment, str(trouble))
            continue
        _note_ages(parts, policies, environment, ages, looked_at)


def open_due(parts: Parts) -> int:
    """Opens a rotation for every secret that is due. How many were opened."""
    due = {
        secret: _without_earlier(parts, entry)
        for secret, entry in decisions(parts.journal, parts.policies()).items()
        if entry.decision.due
    }
    openings, held_up = _openings(parts, due)
    opened = parts.journal.open_rotations(list(openings.values())) if openings else set()
    busy = {secret: each for secret, each in openings.items() if each.rotation.id not in opened}
    held_up |= _holders(parts, busy)
    _note_held_up(parts, due, held_up)
    for secret, opening in openings.items():
        if secret not in busy:
            log.info(
                "rotation opened", rotation=opening.rotation.id, secret=secret, why=opening.told.sentence
            )
    return len(opened)


def _without_earlier(parts: Parts, entry: Decided) -> Decided:
    """What is to be answered, without submissions that a later one replaces."""
    left = without_earlier(parts.journal, entry.gathered.requests)
    return replace(entry, gathered=replace(entry.gathered, requests=tuple(left)))


def _openings(parts: Parts, due: Mapping[str, Decided]) -> tuple[dict[str, Opening], dict[str, str]]:
    """What to open, by secret, and why others cannot be begun now."""
    openings, held_up = {}, {}
    for secret, entry in due.items():
        try:
            principal = parts.provider(entry.gathered.policy.recipe).principal
        except (Refused, Transient) as trouble:
            held_up[secret] = str(trouble)
        else:
            openings[secret] = _opening(parts, entry.gathered, entry.decision, principal)
    return openings, held_up


def _opening(parts: Parts, at: Gathered, decision: Decision, principal: str) -> Opening:
    """A rotation as it begins, and the requests that it answers; what was submitted goes from its request into it."""
    policy, request, submission = at.policy, at.request, at.submission
    emergency = request is not None and request.kind is RequestKind.EMERGENCY
    undone = setback(at.history)
    in_company = undone is not None and undone.ledger.undo_reason in {Reason.ROLLOUT_FAILED, Reason.NOT_SEEN}
    found = Ledger(
        singly=in_company,
        predecessor_born_at=at.age.born if at.age else None,
        origin=dict(origin(at.history, at.versions)),
        origin_of=dict(at.versions),
        submitted_by=submission.by if submission else None,
    )
    rotation = Rotation(
        id=submission.id if submission else parts.new_id(),
        secret=policy.secret,
        principal=principal,
        provider=policy.recipe.provider,
        phase=Phase.PLAN,
        priority=Priority.EMERGENCY if emergency else Priority.NORMAL,
        run_at=at.now,
        opened_at=at.now,
        phase_since=at.now,
        sentence=decision.sentence,
        recipe=policy.recipe,
        ledger=found,
        sealed_successor=submission.sealed if submission else None,
        data_key=submission.data_key if submission else None,
    )
    consent = at.consent if policy.mode is Mode.APPROVE else None
    because = f": {consent.because}" if consent and consent.because else ""
    told = Told(
        "opened", f"{decision.sentence}; yes by {consent.by}{because}" if consent else decision.sentence
    )
    return Opening(rotation, told, tuple(answered.id for answered in at.requests))


def _holders(parts: Parts, busy: Mapping[str, Opening]) -> dict[str, str]:
    """Who holds the principal that each secret's rotation needs, a sentence; empty when it is its own.

    Nobody does where a request was settled meanwhile: the next turn decides by those that still wait.
    """
    if not busy:
        return {}
    held_by = {one.principal: one for one in parts.journal.rotations(unfinished=True)}
    answering = any(each.answers for each in busy.values())
    asked = {one.id for one in parts.journal.requests(waiting=True)} if answering else set[str]()
    principals = {
        secret: each.rotation.principal for secret, each in busy.items() if asked.issuperset(each.answers)
    }
    return {
        secret: _held(secret, principal, held_by.get(principal)) for secret, principal in principals.items()
    }


def _held(secret: str, principal: str, other: Rotation | None) -> str:
    if other is None:  # the journal shows no rotation that this version cannot read
        return (
            f"a rotation that a newer version of rotator began holds {principal}; only that version ends it"
        )
    if other.secret == secret:
        return ""
    return f"waits for rotation {other.id} of {other.secret}, which is {other.state} and holds {principal}"


def _note_held_up(parts: Parts, due: Mapping[str, Decided], held_up: Mapping[str, str]) -> None:
    """Keeps why it cannot be begun beside each secret, for those who ask why it is still old."""
    changed = []
    for secret, entry in due.items():
        seen, trouble = entry.gathered.observed, held_up.get(secret, "")
        if seen is not None and seen.trouble != trouble:
            log.warning("cannot be rotated now", secret=secret, trouble=trouble or "no longer so")
            changed.append(seen.model_copy(update={"trouble": trouble}))
    parts.journal.note_observed(changed)


def _note_ages(
    parts: Parts,
    policies: Policies,
    environment: EnvironmentPolicy,
    ages: Mapping[str, ParameterAge],
    looked_at: datetime,
) -> None:
    seen = parts.journal.observed()
    ours = [policy for policy in policies.secrets.values() if policy.environment == environment.name]
    parts.journal.note_observed(
        _observed(policy, seen.get(policy.secret), ages, looked_at) for policy in ours
    )
    managed = {name for policy in ours for name in policy.recipe.parameters}
    managed |= {policy.recipe.accepted_as for policy in ours if policy.recipe.accepted_as}
    digest = hashlib.sha256(
        "\n".join(f"{name} {ages[name].version}" for name in sorted(managed & set(ages))).encode()
    ).hexdigest()
    earlier = parts.journal.surveyed().get(
        environment.name
    )  # read last: ownership may just have sent us back
    agreed = earlier is not None and (earlier.agreed or earlier.digest == digest)
    note_survey(
        parts,
        earlier or Surveyed(environment=environment.name, scanned_at=looked_at),
        scanned_at=looked_at,
        agreed=agreed,
        unmanaged=_unmanaged(policies, environment, set(ages) - managed),
        trouble="",
        digest=digest,
    )


def _unmanaged(policies: Policies, environment: EnvironmentPolicy, names: set[str]) -> tuple[str, ...]:
    """Names that are in no policy, are not rotator's own, and are not declared nobody's business."""
    own = f"{environment.path}/rotator/"
    return tuple(
        sorted(
            name
            for name in names
            if not name.startswith(own) and not any(fnmatchcase(name, glob) for glob in policies.ignore)
        )
    )


def _observed(
    policy: SecretPolicy,
    earlier: Observed | None,
    ages: Mapping[str, ParameterAge],
    looked_at: datetime,
) -> Observed:
    """One secret's parameters as the scan saw them; what the census saw is carried along."""
    names = policy.recipe.parameters
    there = [ages[name] for name in names if name in ages]
    oldest = min(there, key=lambda age: age.modified_at, default=None)
    seen = {
        "secret": policy.secret,
        "observed_at": looked_at,
        "present": len(there) == len(names),
        "versions": {age.name: age.version for age in there},
        "written": {age.name: _written(earlier, age) for age in there},
        "modified_at": oldest.modified_at if oldest else None,
        "modified_by": oldest.modified_by if oldest else "",
    }
    return (earlier or Observed(secret=policy.secret, observed_at=looked_at)).model_copy(update=seen)


def _written(earlier: Observed | None, age: ParameterAge) -> dict[int, datetime]:
    """When its last versions were made; those above today's were of a parameter that was deleted meanwhile."""
    known = earlier.written.get(age.name, {}) if earlier else {}
    before = {version: at for version, at in known.items() if version < age.version}
    return dict(sorted({**before, age.version: age.modified_at}.items())[-_VERSIONS_KEPT:])


def _note_trouble(parts: Parts, environment: EnvironmentPolicy, sentence: str) -> None:
    """The store could not be asked: what was seen before stays, and the trouble is written beside it."""
    earlier = parts.journal.surveyed().get(environment.name)
    known = earlier or Surveyed(environment=environment.name, scanned_at=parts.journal.now())
    note_survey(parts, known, trouble=sentence)
