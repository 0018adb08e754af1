"""The message that closes an alert: how it ended and how long it took."""

from __future__ import annotations

from datetime import datetime

from rotator.engine.ages import spell
from rotator.engine.standing import Gathered
from rotator.model.alerts import Alert, AlertKind
from rotator.model.rotation import Rotation, State

_ENDINGS = {
    AlertKind.POLICY_REJECTED: "policies.yaml is valid again, and in force",
    AlertKind.FOREIGN_OWNER: "the environment is this rotator's now",
    AlertKind.STUCK: "what was due has been taken up",
    AlertKind.UNREACHABLE: "it answers again, and what waited goes on",
    AlertKind.UNMANAGED: "none is left",
    AlertKind.DELIVERY_FAILED: "what was kept has been delivered there",
    AlertKind.JOURNAL_AWAY: "it can be written again, and what waited goes on",
    AlertKind.AUDIT_BROKEN: "all of it is as it was written, by a later look",
    AlertKind.MISSING: "it is in the store",
    AlertKind.UNKNOWN_CREDENTIAL: "it is no longer alive at the source, or known by now",
    AlertKind.MIRROR_OUT_OF_SYNC: "as far as the mirror tells it has it, or policies.yaml wants no copy there any more",
    AlertKind.DRIFT: "the store holds what rotator wrote",
    AlertKind.WRITTEN_NOT_ROTATED: "its age is known by a better source now",
    AlertKind.TRAIL_SILENT: "records come again",
    AlertKind.READS_LEARNED: "policies.yaml allows it, a person has looked, or there was nothing to tell",
    AlertKind.DENIED_READS: "no other one for a week, or a person has looked",
}
_LOOKED_AT = "a person has looked, or policies.yaml allows it by now"
_OF_READS = frozenset(
    {
        AlertKind.UNKNOWN_ACTOR,
        AlertKind.ACCESS_OUTSIDE_DEPLOYMENT,
        AlertKind.HISTORY_READ,
        AlertKind.OLD_VERSION_READ,
        AlertKind.BULK_READ,
    }
)
_OF_AGES = frozenset({AlertKind.DUE_SOON, AlertKind.OVERDUE, AlertKind.WRITTEN_NOT_ROTATED, AlertKind.DRIFT})


def closed(
    alert: Alert, now: datetime, at: Gathered | None, rotation: Rotation | None, ending: str = ""
) -> Alert:
    """The alert with its ending; `rotation` is the one that it is about, `at` its secret if the policy still has it.

    `ending`: how it ended, where whoever closes it knows better than its kind.
    """
    ending = ending or _ending(alert, at, rotation)
    return alert.model_copy(
        update={"closed_at": now, "closing": f"{ending} (after {spell(now - alert.opened_at)})"}
    )


def _ending(alert: Alert, at: Gathered | None, rotation: Rotation | None) -> str:
    if alert.secret and rotation is None:
        since = _since_for_the_secret(alert, at)
        if since:
            return since
    if alert.kind is AlertKind.UNDONE:
        done = at.history.last_done if at else None
        return f"a later attempt succeeded: {done.sentence}" if done else "nothing is tried again"
    if rotation is not None and rotation.state is State.PARKED:
        return f"parked at {rotation.phase}: see its own alert"
    if rotation is not None and rotation.state is State.ACTIVE:
        return f"it goes on: {rotation.phase}: {rotation.sentence}"
    if rotation is not None:
        return rotation.sentence
    if alert.kind in _OF_READS or (alert.kind is AlertKind.DRIFT and not alert.secret):
        return _LOOKED_AT
    return _ENDINGS.get(alert.kind, "no longer so")


def _since_for_the_secret(alert: Alert, at: Gathered | None) -> str:
    """What happened to the secret that ends an alert about its age or its store; empty when that says nothing."""
    if at is None:
        return "it is not in policies.yaml any more"
    if at.surveyed is not None and at.surveyed.foreign_owner:
        return "another installation answers for it"
    if at.policy.exempt_until is not None and at.policy.exempt_until > at.now:
        return f"exempt until {at.policy.exempt_until:%Y-%m-%d}: {at.policy.exempt_reason}"
    if alert.kind not in _OF_AGES | {AlertKind.APPROVAL_WANTED, AlertKind.BY_HAND}:
        return ""
    done, active = at.history.last_done, at.history.active
    if done is not None and done.ended_at is not None and done.ended_at >= alert.opened_at:
        return f"rotated: {done.sentence}"
    if active is not None:
        return f"being rotated: {active.phase}: {active.sentence}"
    return "the store holds a newer one" if alert.kind in {AlertKind.DUE_SOON, AlertKind.OVERDUE} else ""
