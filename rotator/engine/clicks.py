"""Clicks: who may, whether it still makes sense, and then a request in the journal like any other.

The request bears the click's id: a click that is told twice, here or to another replica, is one request, and so is
done once. What became of it is waited for, for a moment, so that people are told what happened and not what was meant.
"""

from __future__ import annotations

from collections.abc import Sequence

from rotator.contracts.parts import Parts
from rotator.engine.answers import answered
from rotator.engine.decisions import decisions
from rotator.engine.offers import offers, way_back_closed
from rotator.engine.requests import carry_out
from rotator.model.alerts import Alert, AlertRow
from rotator.model.clicks import Click, Offer, Reply, Verb
from rotator.model.policy import PersonPolicy, Role
from rotator.model.requests import Request, RequestKind, RequestState, Via

_ROLE = {
    Verb.ACKNOWLEDGE: Role.OPERATOR,
    Verb.SNOOZE: Role.OPERATOR,
    Verb.RETRY: Role.OPERATOR,
    Verb.ROLL_BACK: Role.OPERATOR,
    Verb.ROTATE: Role.OPERATOR,
    Verb.APPROVE: Role.APPROVER,
}
_KIND = {
    Verb.ACKNOWLEDGE: RequestKind.ACKNOWLEDGE,
    Verb.SNOOZE: RequestKind.SNOOZE,
    Verb.RETRY: RequestKind.RETRY,
    Verb.ROLL_BACK: RequestKind.ROLL_BACK,
    Verb.ROTATE: RequestKind.ROTATE,
    Verb.APPROVE: RequestKind.APPROVE,
}
#: Answers to the alert itself: its messages show them, in every channel that it was told in.
_ANSWERS = frozenset({Verb.ACKNOWLEDGE, Verb.SNOOZE})
_TAKEN_BEFORE = Reply(sentence="taken before", done=True, again=True)
#: What is not settled by then waits for a window, or for a restart.
_OUTCOME_WITHIN, _NAP = 4.0, 0.5


class TakenClicks:
    """Clicks, as contracts/clicks.py has them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def offers(self, alert: Alert) -> Sequence[Offer]:
        """What can be done about it now, in the order of the buttons."""
        return tuple(offers(self._parts, alert, alert.hush))

    def groups(self) -> Sequence[str]:
        """The user groups among the people of the policy."""
        return [person.slack for person in self._parts.policies().people.values() if person.group]

    def alert(self, short_id: str) -> Alert | None:
        """The alert as it is now, with the answer that holds."""
        row = self._row(short_id)
        if row is None:
            return None
        return row.alert.model_copy(update={"hush": row.hushed(self._parts.journal.now())})

    def take(self, click: Click) -> Reply:
        """Does what somebody asked if they may and it still makes sense; else the reply says why not."""
        people = self._parts.policies().people.values()
        named = {click.by.id, *click.by.groups} if not click.by.outside else set[str]()
        clickers = [one for one in people if one.slack in named]
        wanted = _ROLE[click.verb]
        if not any(wanted in person.roles for person in clickers):
            return Reply(sentence=_refusal(click, wanted, list(people)), done=False)
        if self._kept(click.id) is not None:
            return _TAKEN_BEFORE
        about = [alert for one in click.about.split(",") if (alert := self.alert(one))]
        if click.verb in _ANSWERS:
            return self._answer(click, about, clickers)
        alert = self.alert(click.alert)
        offered = self.offers(alert) if alert else ()
        if not any((one.verb, one.about) == (click.verb, click.about) for one in offered):
            return self._of_no_use(click, alert)
        return self._asked(click, click.about, click.id, clickers)

    def _answer(self, click: Click, about: Sequence[Alert], clickers: Sequence[PersonPolicy]) -> Reply:
        """The same answer to every alert that the message tells of."""
        open_ones = [one for one in about if click.verb in {offer.verb for offer in self.offers(one)}]
        if not open_ones:
            return self._of_no_use(click, about[0] if about else None)
        replies = [
            self._asked(click, one.identity, f"{click.id}.{number}" if number else click.id, clickers)
            for number, one in enumerate(open_ones)
        ]
        taken = sum(reply.done for reply in replies)
        if taken <= 1:
            return next((reply for reply in replies if reply.done), replies[0])
        return Reply(sentence=f"{taken} alerts, until they get worse", done=True, aloud=True)

    def _asked(self, click: Click, about: str, request_id: str, clickers: Sequence[PersonPolicy]) -> Reply:
        """Carries it out, if that can be done now, and waits a moment for what becomes of it."""
        now = self._parts.journal.now()
        request = Request(
            id=request_id,
            kind=_KIND[click.verb],
            about=about,
            by=_named(click, clickers),
            via=Via.SLACK,
            because=f"a click of {click.by.id} (@{click.by.name}) in Slack",
            until=now + click.snooze if click.snooze else None,
            at=now,
        )
        kept, clock = carry_out(self._parts, request), self._parts.clock
        until = clock.monotonic() + _OUTCOME_WITHIN
        while kept.state is RequestState.WAITING and clock.monotonic() < until:
            clock.sleep(_NAP)
            kept = self._kept(kept.id) or kept
        if kept.state is RequestState.WAITING:
            return Reply(sentence=self._waits(kept), done=True, aloud=True)
        taken = kept.state is RequestState.TAKEN
        aloud = taken and click.verb not in _ANSWERS
        return Reply(sentence=kept.sentence, done=taken, stale=not taken, aloud=aloud)

    def _kept(self, request_id: str) -> Request | None:
        """The request as it is by now; None where there is none."""
        kept = self._parts.journal.requests(waiting=False)
        return next((one for one in kept if one.id == request_id), None)

    def _waits(self, request: Request) -> str:
        """Asked for, and not begun yet."""
        entry = decisions(self._parts.journal, self._parts.policies()).get(request.about)
        held = f": {entry.decision.sentence}" if entry is not None and not entry.decision.due else ""
        return f"asked for, and not begun yet{held}"

    def _of_no_use(self, click: Click, alert: Alert | None) -> Reply:
        """How it stands by now; or that another replica has taken this very click meanwhile, and so it stands."""
        if self._kept(click.id) is not None:
            return _TAKEN_BEFORE
        return Reply(sentence=self._as_it_is(click, alert), done=False, stale=True)

    def _as_it_is(self, click: Click, alert: Alert | None) -> str:
        """Why a button is of no use any more: what is so now."""
        if alert is None:
            return "rotator does not know this alert any more"
        if alert.closed:
            return f"it is over: {alert.closing or 'no longer so'}"
        if alert.hush is not None and click.verb in _ANSWERS:
            return f"it is {answered(alert.hush)} already"
        rotation = self._parts.journal.rotation(click.about)
        if rotation is not None:
            closed = way_back_closed(self._parts, rotation) if click.verb is Verb.ROLL_BACK else ""
            stands = f"{rotation.id} is {rotation.state} at {rotation.phase}: {rotation.sentence}"
            return f"{stands} ({closed})" if closed else stands
        entry = decisions(self._parts.journal, self._parts.policies()).get(alert.secret)
        return entry.decision.sentence if entry is not None else "that cannot be done any more"

    def _row(self, short_id: str) -> AlertRow | None:
        rows = self._parts.journal.alerts(unclosed=False)
        return next((row for row in rows if row.alert.id == short_id), None)


def _named(click: Click, clickers: Sequence[PersonPolicy]) -> str:
    """Who it was: by the name that the policy has for them, which is theirs at a terminal, too.

    Members of a group go by the id that Slack vouches for, first: the name that they have given themselves there may
    be somebody else's at a terminal, and must not count as theirs.
    """
    own = (person.name for person in clickers if person.slack == click.by.id)
    return next(own, f"{click.by.id} (@{click.by.name})")


def _refusal(click: Click, wanted: Role, people: Sequence[PersonPolicy]) -> str:
    """Who may, in a sentence."""
    may = [
        f"{person.name} (a group)" if person.group else person.name
        for person in people
        if wanted in person.roles
    ]
    what = click.verb.replace("_", " ")
    if not may:
        return f"Nobody may {what} by a click: policies.yaml gives nobody the role {wanted} (people)."
    return f"Only an {wanted} may {what}, and you are none. Ask one of: {', '.join(may)}."
