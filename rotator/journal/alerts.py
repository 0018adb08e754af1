"""Alerts: an outbox whose rows live from the first message to the one that closes it.

What is to be told (the alert), how far it has been told and what people answered belong to three writers, who never
overwrite each other: the engine posts the alert, whoever delivers it writes `told` under a claim, people write `hush`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Connection,
    Insert,
    Row,
    Update,
    and_,
    bindparam,
    case,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from rotator.journal.claims import claim, guarded, holder, put_off, released, woken
from rotator.journal.database import Section, seconds
from rotator.journal.newer import apart, readable
from rotator.journal.tables import UNSETTLED, alert
from rotator.model.alerts import (
    REOPENS_WITHIN,
    TOLD_CLOSED,
    TOLD_CLOSED_BEFORE,
    Alert,
    AlertKind,
    AlertRow,
    AlertState,
    Hush,
)
from rotator.model.errors import LostClaim

_COLUMNS: Final = tuple(alert.c[name] for name in AlertRow.model_fields)
_BY_AGE: Final = select(*_COLUMNS).order_by(alert.c.severity.desc(), alert.c.identity)
_LISTINGS: Final = {True: _BY_AGE.where(UNSETTLED), False: _BY_AGE}
_POSTED: Final = (
    select(
        *(
            alert.c[name]
            for name in ("alert", "severity", "closed", "told", "receipts", "hush", "owner", "attempt")
        )
    )
    .where(alert.c.identity == bindparam("key"))
    .with_for_update()
)
_UPDATED: Final = update(alert).where(alert.c.identity == bindparam("key"))
_NOTE: Final = guarded(alert).returning(alert.c.closed)
_CHECKPOINT: Final = (
    guarded(alert)
    .values(
        {
            **released(alert),
            alert.c.settled: and_(alert.c.closed, bindparam("told_everywhere", type_=Boolean)),
        }
    )
    .returning(alert.c.closed)
)


class Alerts(Section):
    """The outbox."""

    def alerts(self, *, unclosed: bool = True) -> Sequence[AlertRow]:
        """Alerts, the loudest first; `unclosed` leaves out those whose closing message has been told everywhere."""
        with self._db.reading() as connection:
            rows = connection.execute(_LISTINGS[unclosed]).all()
        return readable(rows, _read)

    def post_alert(self, alert: Alert, due: timedelta) -> None:
        """Puts an alert into the outbox or updates the one with its identity; delivery is due after `due`.

        An update is delivered only if the severity rose, or the alert closed or opened again. Whoever had been told
        that it closed is told about it anew, and so is everybody when nobody knows whom a delivery that failed, or
        whose worker vanished, had told so; everybody else's messages go on. One that opens again within REOPENS_WITHIN
        goes on: since when it is open, its conversations and how often it was repeated stay, and so does a snooze. A
        digest that begins later is another one.
        """
        said: dict[str, Any] = {
            "alert": alert,
            "severity": alert.severity,
            "closed": alert.closed,
            "delay": seconds(due),
        }
        with self._db.writing() as connection:
            if connection.execute(self._new_alert, {"identity": alert.identity, **said}).rowcount == 1:
                return
            before = connection.execute(_POSTED, {"key": alert.identity}).one()
            reopened = before.closed and not alert.closed
            if reopened:
                said |= _anew(before, alert)
            another = alert.kind is AlertKind.DIGEST and alert.opened_at > before.alert.opened_at
            if another:
                said |= {"repeats": 0, "attempt": 0, "told": {}, "receipts": {}}
            if another or reopened:
                connection.execute(self._begin_anew, {"key": alert.identity, **said})
            elif alert.severity > before.severity or (alert.closed and not before.closed):
                connection.execute(self._update_and_deliver, {"key": alert.identity, **said})
            else:
                del said["delay"]
                connection.execute(_UPDATED, {"key": alert.identity, **said})

    def claim_alerts(self, owner: str, limit: int, lease: timedelta) -> Sequence[AlertRow]:
        """Claims alerts whose delivery is due."""
        return self._claimed(self._claim_alert, {"claimer": owner, "limit": limit}, lease)

    def claim_company(
        self, owner: str, identities: Collection[str], lease: timedelta, soon: timedelta
    ) -> Sequence[AlertRow]:
        """Claims those of these alerts whose delivery is due, or will be within `soon`, and that nobody holds."""
        if not identities:
            return []
        wanted = {"claimer": owner, "limit": len(identities), "named": list(identities)}
        return self._claimed(self._claim_company, {**wanted, "soon": seconds(soon)}, lease)

    def _claimed(
        self, statement: ReturningUpdate[Any], asked: dict[str, Any], lease: timedelta
    ) -> Sequence[AlertRow]:
        with self._db.writing() as connection:
            rows = connection.execute(statement, {**asked, "lease": seconds(lease)}).all()
        known, newer = apart(rows, _read)
        put_off(self._db, alert, {row.identity: row for row in newer}, lease)
        return known

    def checkpoint_alerts(self, told: Sequence[tuple[AlertRow, AlertRow]], *, release: bool = True) -> None:
        """Writes how far alerts that were told in one message have been told, all of it or nothing, and releases them.

        Without `release` it is only written who was told. Those whose claim is no longer ours are left as they are.
        Raises LostClaim when there are any.
        """
        write = self._wrote if release else self._noted
        with self._db.writing() as connection:
            lost = [row.alert.identity for row, changed in told if not write(connection, row, changed)]
        if lost:
            names = ", ".join(lost)
            raise LostClaim(f"alert {names} is not ours any more: its claim ran out or was taken over")

    def _noted(self, connection: Connection, row: AlertRow, changed: AlertRow) -> bool:
        identity, written = row.alert.identity, _told(changed)
        closed = connection.execute(_NOTE, {**holder(identity, row), **written}).scalar_one_or_none()
        if closed is False and TOLD_CLOSED in changed.told.values():
            connection.execute(_UPDATED, {"key": identity, "told": _unsaid(changed.told)})
        return closed is not None

    def _wrote(self, connection: Connection, row: AlertRow, changed: AlertRow) -> bool:
        identity = row.alert.identity
        written = {
            **_told(changed),
            "attempt": changed.attempt,
            "due_at": changed.run_at,
            "told_everywhere": all(told == TOLD_CLOSED for told in changed.told.values()),
        }
        closed = connection.execute(_CHECKPOINT, {**holder(identity, row), **written}).scalar_one_or_none()
        if (
            closed is False and TOLD_CLOSED in changed.told.values()
        ):  # it opened again while its closing was told
            again = {"key": identity, "delay": 0.0, "told": _unsaid(changed.told)}
            connection.execute(self._update_and_deliver, again)
        return closed is not None

    def hush_alert(self, identity: str, hush: Hush) -> bool:
        """Writes down what somebody answered to an alert, and wakes it. False when there is none, or it is closed."""
        with self._db.writing() as connection:
            said = {"key": identity, "hush": hush, "delay": 0.0}
            return connection.execute(self._update_open_and_deliver, said).rowcount == 1

    @cached_property
    def _new_alert(self) -> Insert:
        return (
            self._db.insert(alert)
            .values(
                settled=False,
                told={},
                receipts={},
                shown={},
                failures={},
                repeats=0,
                attempt=0,
                fence=0,
                run_at=self._db.after("delay"),
            )
            .on_conflict_do_nothing(index_elements=[alert.c.identity])
        )

    @cached_property
    def _update_and_deliver(self) -> Update:
        return _UPDATED.values(woken(alert, self._db.after("delay")))

    @cached_property
    def _begin_anew(self) -> Update:
        """What was over has nothing left to do at its old time, which mostly is long past: the new one counts."""
        at = self._db.after("delay")
        begun = case((alert.c.owner.is_(None), at), else_=alert.c.run_at)
        return _UPDATED.values({**woken(alert, at), alert.c.run_at: begun})

    @cached_property
    def _update_open_and_deliver(self) -> Update:
        return self._update_and_deliver.where(not_(alert.c.closed))

    @cached_property
    def _claim_alert(self) -> ReturningUpdate[Any]:
        return claim(self._db, alert, due=(UNSETTLED,), order=(alert.c.run_at,)).returning(
            *_COLUMNS, alert.c.identity
        )

    @cached_property
    def _claim_company(self) -> ReturningUpdate[Any]:
        named = alert.c.identity.in_(bindparam("named", expanding=True))
        free = or_(alert.c.owner.is_(None), alert.c.run_at <= self._db.now)
        until = self._db.after("soon")
        return claim(
            self._db, alert, due=(UNSETTLED, named, free), order=(alert.c.identity,), until=until
        ).returning(*_COLUMNS, alert.c.identity)


def _anew(before: Row[Any], alert: Alert) -> dict[str, Any]:
    """What changes beside the alert itself when it opens again."""
    ended = before.alert.closed_at if isinstance(before.alert, Alert) else None
    goes_on = ended is not None and alert.opened_at - ended <= REOPENS_WITHIN
    told: Mapping[str, int] = _unsaid(before.told)
    changes: dict[str, Any] = {"settled": False, "attempt": 0, "told": told}
    if goes_on:
        changes["alert"] = alert.model_copy(update={"opened_at": before.alert.opened_at})
    else:
        changes["repeats"] = 0
        changes["told"] = {where: level for where, level in told.items() if level != TOLD_CLOSED_BEFORE}
        changes["receipts"] = {
            where: receipt
            for where, receipt in before.receipts.items()
            if told.get(where) != TOLD_CLOSED_BEFORE
        }
    if before.owner is not None or before.attempt > 0:
        changes["told"] = {}
    if not (goes_on and isinstance(before.hush, Hush) and before.hush.state is AlertState.SNOOZED):
        changes["hush"] = None
    return changes


def _told(changed: AlertRow) -> dict[str, Any]:
    names = ("told", "receipts", "shown", "failures", "repeats", "last_told_at")
    return {name: getattr(changed, name) for name in names}


def _unsaid(told: Mapping[str, int]) -> dict[str, int]:
    """How far an alert has been told once it opened again."""
    return {where: TOLD_CLOSED_BEFORE if level == TOLD_CLOSED else level for where, level in told.items()}


def _read(row: Row[Any]) -> AlertRow:
    return AlertRow.model_validate(dict(zip(AlertRow.model_fields, row, strict=False)))
