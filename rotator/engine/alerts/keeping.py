"""Keeping alerts: opens what became so, worsens what got worse, closes what is over. What is quiet stays as it is.

Quiet is how one cause is told once: whoever is told that the store is away needs no message for each of its secrets,
and whoever was told before it went away is not told that all is well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from rotator.contracts.parts import Parts
from rotator.engine.alerts.about_ages import about_age, paging
from rotator.engine.alerts.about_installation import (
    Deaf,
    Installation,
    about_census,
    about_channels,
    about_clicks,
    about_environment,
    about_pages,
    about_policy,
    stuck_rotations,
    stuck_together,
)
from rotator.engine.alerts.about_learning import about_learning
from rotator.engine.alerts.about_reads import about_sightings, end_acknowledged
from rotator.engine.alerts.about_rotations import about_rotation
from rotator.engine.alerts.about_stores import about_contents
from rotator.engine.alerts.about_trail import about_trail
from rotator.engine.alerts.about_work import about_work
from rotator.engine.alerts.closing import closed
from rotator.engine.alerts.finding import Finding, about_recipe, identity, kin
from rotator.engine.alerts.impact import in_gap
from rotator.engine.alerts.posting import post
from rotator.engine.decisions import Decided, decisions
from rotator.engine.outages import store_explains, stuck, unreachable
from rotator.engine.settings import Bounds
from rotator.engine.standing import Standing
from rotator.engine.watch import source_of
from rotator.model.alerts import Alert, AlertKind, AlertRow, Severity
from rotator.model.observations import History, Surveyed
from rotator.model.rotation import Rotation

_USUAL = Bounds()
#: Not seen in the state at every turn: whoever posts them ends them.
_KEPT_ELSEWHERE = frozenset({AlertKind.DIGEST, AlertKind.AUDIT_BROKEN})
#: Alerts that say why a secret is not rotated: as long as one is told, overdue is no news of its own.
_EXPLAINS_OVERDUE = frozenset(
    {
        AlertKind.ROTATION_FAILED,
        AlertKind.STUCK,
        AlertKind.ROLLOUT_FAILED,
        AlertKind.UNDONE,
        AlertKind.PARKED,
        AlertKind.STILL_ALIVE,
        AlertKind.STILL_USED,
        AlertKind.BY_HAND,
    }
)


def keep_alerts(
    parts: Parts,
    policy_rejected: str = "",
    bounds: Bounds = _USUAL,
    *,
    yes_wanted: str = "",
    deaf: Deaf | None = None,
) -> None:
    """Brings the outbox in line with the state.

    `yes_wanted`: what a yes would be about that ends the rejection. `deaf`: why this process hears no clicks.
    """
    now = parts.journal.now()
    decided = decisions(parts.journal, parts.policies())
    rows = {row.alert.identity: row for row in parts.journal.alerts(unclosed=True)}
    here = Installation(parts.policies(), now)
    of_process = (*about_policy(here, policy_rejected, yes_wanted), *about_clicks(here, deaf))
    found = {one.alert.identity: one for one in (*of_process, *_findings(parts, now, decided, rows, bounds))}
    waits = _waits(rows.values(), now)
    group_wait = parts.policies().alerts.group_wait
    for key, finding in found.items():
        row = rows.get(key)
        if not finding.quiet:
            soon = min(group_wait, waits.get(kin(finding.alert), group_wait))
            before = row.alert if row is not None else None
            post(parts, finding.alert, before, max(soon, _left(finding, now, bounds)))
        elif row is not None and not row.alert.closed:
            _hush(parts, row, decided, now)
    for key, row in rows.items():
        if key not in found and not row.alert.closed and row.alert.kind not in _KEPT_ELSEWHERE:
            _close(parts, row.alert, decided, now)


def _waits(rows: Iterable[AlertRow], now: datetime) -> Mapping[tuple[str, str, str], timedelta]:
    """How long those that nobody was told yet still wait, by what they have in common: others of their kind join."""
    waiting = [(kin(row.alert), row.run_at - now) for row in rows if not row.told and row.owner is None]
    return {key: left for key, left in sorted(waiting, reverse=True) if left > timedelta()}


def _left(finding: Finding, now: datetime, bounds: Bounds) -> timedelta:
    """How long what mostly passes has still to stand before it is told."""
    return (finding.since or now) + bounds.patience - now if finding.passing else timedelta()


def _hush(parts: Parts, row: AlertRow, decided: Mapping[str, Decided], now: datetime) -> None:
    """What nobody was told is taken back; what somebody was told stays open, and is not repeated."""
    if not row.receipts:
        _close(parts, row.alert, decided, now)
    elif row.alert.severity > Severity.INFO:
        parts.journal.post_alert(row.alert.model_copy(update={"severity": Severity.INFO}), timedelta())


def _close(parts: Parts, alert: Alert, decided: Mapping[str, Decided], now: datetime) -> None:
    entry = decided.get(alert.secret)
    rotation = parts.journal.rotation(alert.rotation) if alert.rotation else None
    parts.journal.post_alert(closed(alert, now, entry.gathered if entry else None, rotation), timedelta())


def _findings(
    parts: Parts,
    now: datetime,
    decided: Mapping[str, Decided],
    rows: Mapping[str, AlertRow],
    bounds: Bounds,
) -> Iterator[Finding]:
    """Everything that is so of secrets, environments and channels."""
    here = Installation(parts.policies(), now)
    surveys = {
        name: one for name, one in parts.journal.surveyed().items() if name in here.policies.environments
    }
    pages = {secret for secret, entry in decided.items() if paging(entry.gathered)}
    unfinished = parts.journal.rotations(unfinished=True)
    told_together = identity(AlertKind.UNREACHABLE, "", "rotations") in rows
    together = list(stuck_together(here, stuck_rotations(unfinished, surveys), pages, told=told_together))
    for survey in surveys.values():
        yield from about_environment(here, survey, pages)
    yield from together
    yield from about_work(here, unfinished, decided.values())
    yield from about_census(here, decided.values())
    yield from about_channels(here, rows.values(), bounds.attempts_in_silence)
    if (source := here.policies.access.source) is not None:
        end_acknowledged(parts, rows, now)
        yield from about_sightings(here, parts.journal.sightings(), rows)
        yield from about_learning(here, parts.journal.learned_sightings())
        yield from about_trail(here, parts.journal.watch(source_of(source)))
    yield from about_pages(here, rows.values())
    for entry in decided.values():
        yield from _about_secret(here, entry, together=bool(together))
    for rotation in unfinished:
        if rotation.secret not in decided:  # it has left policies.yaml
            yield from about_rotation(
                about_recipe(here.policies, rotation.recipe, now), History(active=rotation)
            )


def _about_secret(here: Installation, entry: Decided, *, together: bool) -> Iterator[Finding]:
    """What is so about one secret; quiet where an alert of the installation says it for all."""
    at, decision, rotation = entry.gathered, entry.decision, entry.gathered.history.active
    if decision.standing is Standing.FOREIGN:
        return
    about = about_recipe(here.policies, at.policy.recipe, here.now)
    store_away = at.surveyed is not None and unreachable(at.surveyed)
    for_all = rotation is not None and _told_for_all(rotation, at.surveyed, together=together)
    explained = decision.standing in {Standing.AWAITING_YES, Standing.AWAITING_VALUE}
    for finding in about_rotation(about, at.history):
        explained = explained or (finding.alert.kind in _EXPLAINS_OVERDUE and not finding.quiet)
        hushed = for_all and finding.alert.kind is AlertKind.ROTATION_FAILED
        yield replace(finding, quiet=finding.quiet or hushed)
    yield from about_contents(about, at, decision)
    yield from about_age(about, at, decision, explained=explained, told_for_all=store_away or for_all)


def _told_for_all(rotation: Rotation, survey: Surveyed | None, *, together: bool) -> bool:
    """Whether people know from another alert why it does not get on; not where consumers may be locked out."""
    return stuck(rotation) and not in_gap(rotation) and (together or store_explains(rotation, survey))
