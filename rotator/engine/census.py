"""The census: what lives at the sources that nobody here knows. It shows, and never removes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from rotator.contracts.parts import Parts
from rotator.contracts.provider import Liveness, Provider
from rotator.engine.decisions import decisions
from rotator.engine.memory import remembered
from rotator.engine.parameters import fields_in, texts_in
from rotator.engine.standing import Standing
from rotator.model.errors import JournalAway, LostClaim, NotYet, Refused, Transient
from rotator.model.policy import SecretPolicy
from rotator.model.rotation import Rotation, State

log = structlog.get_logger()

#: Nothing can be counted there: it is another's, or there is no credential, or no adapter.
_SKIPPED = frozenset({Standing.FOREIGN, Standing.EXEMPT, Standing.MISSING, Standing.OBSERVED})

#: Secret -> what the census adds to its observation.
Findings = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Counted:
    """One managed secret of a principal."""

    policy: SecretPolicy
    provider: Provider


def take_census(parts: Parts) -> None:
    """Compares every source with journal and store, and keeps what was found beside the secret."""
    for secrets in _by_principal(parts).values():
        try:
            found = _count(parts, secrets)
        except (Transient, NotYet, Refused) as trouble:
            found = _uncounted(secrets, str(trouble))
        except (LostClaim, JournalAway):
            raise
        except Exception as bug:  # noqa: BLE001 - one adapter's bug must not blind the census to all the others
            found = _surprised(secrets, bug)
        _note(parts, found)


def _uncounted(secrets: Sequence[Counted], trouble: str) -> Findings:
    return {one.policy.secret: {"trouble": trouble} for one in secrets}


def _surprised(secrets: Sequence[Counted], bug: Exception) -> Findings:
    kind = type(bug).__name__
    log.error("undeclared exception", kind=kind, principal=secrets[0].provider.principal)
    return _uncounted(secrets, f"an unexpected {kind} in the census: this is a bug of rotator")


def _by_principal(parts: Parts) -> Mapping[tuple[str, str], list[Counted]]:
    """The secrets to count: those of one principal together, since each knows the other's credential."""
    principals: dict[tuple[str, str], list[Counted]] = {}
    for secret, entry in decisions(parts.journal, parts.policies()).items():
        recipe = entry.gathered.policy.recipe
        if entry.decision.standing in _SKIPPED or entry.gathered.observed is None:
            continue
        try:
            provider = parts.provider(recipe)
            principal = provider.principal
        except (Transient, NotYet, Refused) as trouble:
            _note(parts, {secret: {"trouble": str(trouble)}})
            continue
        counted = Counted(entry.gathered.policy, provider)
        principals.setdefault((recipe.provider, principal), []).append(counted)
    return principals


def _count(parts: Parts, secrets: Sequence[Counted]) -> Findings:
    """One principal's credentials against everything we know by name or label."""
    provider = secrets[0].provider
    begun = _under_way(parts, provider.principal)
    listed = provider.observe().credentials
    current = {one.policy.secret: _in_store(parts, one) if listed else None for one in secrets}
    under_way = [*begun, *_under_way(parts, provider.principal)]  # one may end, another begin meanwhile
    if not provider.traits.labels and any(_may_be_minting(rotation) for rotation in under_way):
        log.info("census put off: a mint without a label is under way", principal=provider.principal)
        return {}
    known = {*current.values(), *(credential for one in under_way for credential in _written_down(one))}
    # a parked one removes nothing until somebody has looked: what bears its label and it does not name is shown
    labels = {rotation.id for rotation in under_way if rotation.state is State.ACTIVE}
    unknown = tuple(
        one.id
        for one in listed
        if one.liveness is Liveness.LIVE and one.id not in known and one.label not in labels
    )
    created = {one.id: one.created_at for one in listed}
    return {
        secret: {
            "census_at": parts.journal.now(),
            "unknown": unknown,
            "created_at": created.get(credential or ""),
            "trouble": "",
        }
        for secret, credential in current.items()
    }


def _in_store(parts: Parts, one: Counted) -> str | None:
    """The id of the credential that consumers read: by the source's word, or by the journal's memory."""
    store, recipe = parts.store(one.policy.environment), one.policy.recipe
    there = {name: store.read(name) for name in recipe.parameters}
    texts = texts_in(recipe, there)
    versions = {name: there[name].version for name in texts}
    named = one.provider.identify(fields_in(recipe, texts))
    return named or remembered(parts.journal, recipe.secret, versions)


def _under_way(parts: Parts, principal: str) -> list[Rotation]:
    return [one for one in parts.journal.rotations(unfinished=True) if one.principal == principal]


def _written_down(rotation: Rotation) -> tuple[str | None, ...]:
    """What an unfinished rotation answers for; a finished one has left only what is in the store."""
    ledger = rotation.ledger
    return (ledger.predecessor_id, ledger.successor_id, *ledger.strays, *ledger.doubtful)


def _may_be_minting(rotation: Rotation) -> bool:
    ledger = rotation.ledger
    return rotation.state is State.ACTIVE and ledger.minting_at is not None and ledger.successor_id is None


def _note(parts: Parts, found: Findings) -> None:
    """Writes beside what the scan sees by now: counting takes time."""
    seen = parts.journal.observed()
    parts.journal.note_observed(
        seen[secret].model_copy(update=dict(update)) for secret, update in found.items() if secret in seen
    )
