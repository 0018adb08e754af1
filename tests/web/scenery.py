"""A company whose secrets stand in every way there is, and one with thousands: what the page is looked at with."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from rotator.contracts.journal import Told
from rotator.model.alerts import Alert, AlertKind, Severity
from rotator.model.observations import Pause, Surveyed
from rotator.model.policy import Mode
from rotator.model.rotation import Ledger, Phase, Reason, Rotation, State
from rotator.testing.journal_contract.rows import opens
from tests.engine.things import DAY, HOUR, MINUTE, NOW, environment, policies, policy, rotation, seen
from tests.engine.world import World

LONG_ERROR = (
    "the source answered 400 account_limit_reached: only two keys may live at the same time, and "
    "`taly-production-ses` has had two since 2026-06-01; see https://docs.example/limits?account=111122223333"
)
#: Names that make markup of a page that does not escape them; and what errors and people may say.
HOSTILE = (
    "<svg onload=window.broken=1>",
    '"><img src=x onerror=window.broken=1>',
    "{{7*7}}<h1>owned",
    "javascript:window.broken=1",
    "' onfocus='window.broken=1' autofocus tabindex='1",
)
SAID = "</li></ul></details></main><script>window.broken=1</script><!-- "


def lived(
    world: World, secret: str, days_ago: float, *, undone: bool = False, lasting: timedelta = DAY
) -> None:
    """A rotation of that secret began so long ago, and has ended."""
    began = NOW - days_ago * DAY
    row = rotation(secret, id=f"r{len(world.journal.rotations())}", opened_at=began, run_at=began)
    assert opens(world.journal, row, Told("opened", "it was due"))
    state, ended = (State.UNDONE if undone else State.DONE), began + lasting
    ledger = Ledger(
        wrote={f"/taly/{secret}": 1}, wrote_at=began + 5 * MINUTE, undo_reason=Reason.ROLLOUT_FAILED
    )
    told = Told(state.value, "undone; the old one is current and works" if undone else "done")
    _brought(world, row, told, state=state, ended_at=ended, phase=Phase.REMOVE, ledger=ledger)


def under_way(world: World, secret: str, phase: Phase, *told: Told, **changes: Any) -> Rotation:
    """A rotation of that secret stands there after all that."""
    row = rotation(secret, id=f"r{len(world.journal.rotations())}", sentence="it was due")
    assert opens(world.journal, row, Told("opened", "98 d old, period 100 d"))
    for line in told:
        _brought(world, row, line)
        world.passes(MINUTE)
    return _brought(
        world, row, Told("waits", str(changes.get("sentence", "")), phase), phase=phase, **changes
    )


def _brought(world: World, row: Rotation, told: Told, **changes: Any) -> Rotation:
    """As a worker brings it further."""
    world.journal.wake(row.id)
    for claimed in world.journal.claim_rotations("worker", 9999, Phase, HOUR):
        if claimed.id == row.id:
            told = told if told.phase else told._replace(phase=claimed.phase)
            row = world.journal.checkpoint(claimed, claimed.model_copy(update=changes), told, release=True)
        else:
            later = claimed.model_copy(update={"run_at": world.clock.now() + DAY})
            world.journal.checkpoint(claimed, later, release=True)
    return row


def company(world: World, hostile: tuple[str, ...] = ()) -> None:
    """Two environments, and a secret for every section of the page; `hostile` names stand among the failed."""
    warned: dict[str, Any] = {"warn_before": (14 * DAY,)}
    names: dict[str, dict[str, Any]] = {
        "DATABASE_URL": {}, "STRIPE_WEBHOOK_SECRET": {}, "JWT_SECRET": {}, "INTERNAL_API_TOKEN": {}, "DEPLOY_KEY": {},
        "OKTA_CLIENT_SECRET": {}, "VAULT_ROLE_PASSWORD": {}, "WEBHOOK_SIGNING_KEY": warned,
        "SES_SMTP_PASSWORD": {"runbook": "https://wiki.taly.example/ses"},
        "GOOGLE_OAUTH_CLIENT_SECRET": {"submitted": True, **warned}, "SENTRY_TOKEN": {"submitted": True},
        "TWILIO_AUTH_TOKEN": {"mode": Mode.APPROVE}, "LEGACY_FTP_PASSWORD": {"mode": Mode.OBSERVE},
        "TEST_CARD_NUMBER": {"exempt_until": NOW + 30 * DAY, "exempt_reason": "not a credential"},
    }  # fmt: skip
    many: list[dict[str, Any]] = [
        {"secret": f"production/{name}", **changes} for name, changes in names.items()
    ]
    many += [{"secret": "staging/DATABASE_URL"}, {"secret": "staging/JWT_SECRET"}]
    many += [
        {"secret": f"production/{name}", "owner": SAID, "runbook": name, "note": SAID} for name in hostile
    ]
    made = [policy(how={"fields": {"value": f"/taly/{one['secret']}"}}, **one) for one in many]
    world.today = policies(*made, environments=(environment("staging"), environment("production")))
    ages = {
        "DATABASE_URL": 103, "STRIPE_WEBHOOK_SECRET": 112, "TWILIO_AUTH_TOKEN": 97, "WEBHOOK_SIGNING_KEY": 88,
        "GOOGLE_OAUTH_CLIENT_SECRET": 96, "SES_SMTP_PASSWORD": 99, "OKTA_CLIENT_SECRET": 140, "DEPLOY_KEY": 99.9,
        "JWT_SECRET": 2,
    }  # fmt: skip
    for days in (130, 31.5):
        lived(world, "production/JWT_SECRET", days)
    lived(world, "production/INTERNAL_API_TOKEN", 41, lasting=3 * DAY)
    lived(world, "production/DATABASE_URL", 104.5)
    lived(world, "production/DATABASE_URL", 0.6, undone=True, lasting=HOUR)
    for one in made:
        days = ages.get(one.name, 40)
        world.journal.note_observed([seen(one.secret, age=days * DAY, version=2)])
    for name in world.today.environments:
        unmanaged = (
            ("/taly/production/OLD_API_KEY", "/taly/production/tmp/debug") if name == "production" else ()
        )
        survey = Surveyed(
            environment=name,
            scanned_at=world.clock.now(),
            agreed=True,
            digest="d",
            unmanaged=unmanaged if name == "production" else (),
        )
        world.journal.note_surveyed(survey)
    under_way(
        world, "production/SES_SMTP_PASSWORD", Phase.CREATE, Told("advanced", "planned: one free slot"),
        Told("retries", LONG_ERROR, Phase.CREATE), Told("retries", LONG_ERROR, Phase.CREATE),
        Told("retries", "no answer within 15 s", Phase.CREATE), state=State.PARKED, attempt=5,
        reason=Reason.NO_FREE_SLOT, sentence=LONG_ERROR,
    )  # fmt: skip
    until = world.clock.now() + 5 * DAY
    two = Ledger(wrote_at=NOW - 2 * DAY, confirmed_at=NOW - 2 * DAY, grace_until=until)
    under_way(
        world, "production/JWT_SECRET", Phase.GRACE, Told("advanced", "both keys are accepted", Phase.ANNOUNCE),
        Told("advanced", "version 3 written", Phase.STORE), Told("advanced", "3 of 3 pods are on it", Phase.CONFIRM),
        reason=Reason.GRACE, sentence="consumers use the new one", ledger=two, run_at=until,
    )  # fmt: skip
    until_monday = world.clock.now() + 4 * DAY
    pause = Pause(
        secret="production/OKTA_CLIENT_SECRET", until=until_monday, by="ana", because="their migration"
    )
    world.journal.note_pause(pause.secret, pause)
    for name in hostile:
        under_way(
            world, f"production/{name}", Phase.CREATE, Told("retries", SAID, Phase.CREATE), state=State.PARKED,
            reason=Reason.BUG, sentence=f"{SAID}{name}",
        )  # fmt: skip
        for about in (f"production/{name}", ""):
            alert = an_alert(about, SAID, world.clock.now())
            world.journal.post_alert(alert, timedelta())


def an_alert(secret: str, title: str, at: datetime, kind: AlertKind = AlertKind.PARKED) -> Alert:
    return Alert(
        identity=f"{kind}:{secret}",
        kind=kind,
        severity=Severity.CRITICAL,
        secret=secret,
        title=title,
        opened_at=at,
    )


def thousands(world: World, number: int) -> None:
    """So many secrets, every hundredth overdue."""
    many = [policy(f"production/SECRET_{place:05}") for place in range(number)]
    world.today = policies(*many)
    world.journal.note_observed(
        [
            seen(one.secret, age=(101 if place % 100 == 7 else 40 + place % 40) * DAY)
            for place, one in enumerate(many)
        ]
    )
    survey = Surveyed(environment="production", scanned_at=world.clock.now(), agreed=True, digest="d")
    world.journal.note_surveyed(survey)
