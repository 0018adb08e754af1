"""pause, resume, retry, rollback, prepare: a person's word about one secret.

Each leaves a request; where a daemon is at work, its answer is waited for, because it may be a no.
"""

from __future__ import annotations

from datetime import datetime

import typer

from rotator.cli.answers import answer_to
from rotator.cli.moments import moment_from
from rotator.cli.names import secret_named
from rotator.cli.opening import Desk, NotNow, Unusable, asking
from rotator.cli.requests import ask
from rotator.cli.show import say
from rotator.config.adapters import installed
from rotator.contracts.provider import Overlap
from rotator.engine.phases.undo import no_way_back
from rotator.engine.requests import LONGEST_PAUSE
from rotator.engine.standing import Standing
from rotator.model.durations import spell_duration
from rotator.model.requests import RequestKind
from rotator.model.rotation import Reason, Rotation, State


def pause(what: str, env: str | None, until: str, reason: str, *, json: bool) -> None:
    """Holds a secret until a date. Raises Unusable when the date is none, has passed, or is far away."""
    desk = asking()
    secret = secret_named(what, desk.policies, env)
    now = desk.journal.now()
    ends = moment_from(until, now, f"--until {until}")
    if not now < ends <= now + LONGEST_PAUSE:
        raise Unusable(f"--until {until}: a pause ends within {LONGEST_PAUSE.days} days from now")
    _ask(desk, RequestKind.PAUSE, secret, reason, json=json, until=ends)


def resume(what: str, env: str | None, reason: str, *, json: bool) -> None:
    """Lifts a pause. Raises NotNow when there is none."""
    desk = asking()
    secret = secret_named(what, desk.policies, env)
    held = desk.journal.pauses().get(secret)
    if held is None or held.until <= desk.journal.now():
        raise NotNow(f"{secret} is not paused")
    _ask(desk, RequestKind.RESUME, secret, reason, json=json)


def retry(what: str, env: str | None, reason: str, *, json: bool) -> None:
    """Lets what backs off or cools down try now. Raises NotNow when it does neither."""
    desk = asking()
    rotation, secret = _meant(desk, what, env)
    if rotation is None:
        decision = desk.decided[secret].decision
        if decision.standing is not Standing.COOLING_DOWN:
            raise NotNow(f"{secret} neither backs off nor cools down: {decision.sentence}")
        _ask(desk, RequestKind.ROTATE, secret, reason, json=json)
        return
    if rotation.state is State.PARKED:
        look = f"look at `rotator history {rotation.id}`, then: rotator approve {rotation.id} --reason …"
        raise NotNow(f"{rotation.secret} is parked, and trying again would end there: {look}")
    if rotation.state is not State.ACTIVE or rotation.reason is not Reason.RETRYING:
        raise NotNow(
            f"{rotation.id} does not wait for its next try: it is {rotation.state} at {rotation.phase}"
        )
    _ask(desk, RequestKind.RETRY, rotation.id, reason, json=json)


def roll_back(what: str, env: str | None, reason: str, *, json: bool) -> None:
    """Takes a rotation back to the old credential while that lives. Raises NotNow where there is no way back."""
    desk = asking()
    rotation, secret = _meant(desk, what, env)
    if rotation is None:
        raise NotNow(f"{secret} is not being rotated: there is nothing to take back")
    provider = installed().provider(rotation.provider)
    gapped = provider is not None and provider.traits.overlap is Overlap.NONE
    sentence = no_way_back(rotation, gapped=gapped)
    if sentence:
        raise NotNow(f"{rotation.id} cannot go back: {sentence}")
    _ask(desk, RequestKind.ROLL_BACK, rotation.id, reason, json=json)
    cooldown = spell_duration(rotation.recipe.cooldown)
    say(f"once it is undone it is tried again after {cooldown} if it is still due; `rotator pause` holds it")


def prepare(what: str, env: str | None, reason: str, *, json: bool) -> None:
    """Makes a secret's accepted set before its first rotation. Raises NotNow when its policy names none."""
    desk = asking()
    secret = secret_named(what, desk.policies, env)
    if desk.policies.secrets[secret].recipe.accepted_as is None:
        raise NotNow(f"{secret} has no accepted set: its policy does not say accepted_as")
    _ask(desk, RequestKind.PREPARE, secret, reason, json=json)


def _ask(
    desk: Desk, kind: RequestKind, about: str, reason: str, *, json: bool, until: datetime | None = None
) -> None:
    request = ask(desk.journal, kind, about, reason, until=until)
    code = answer_to(desk, request, json=json)
    if code:
        raise typer.Exit(code)


def _meant(desk: Desk, what: str, env: str | None) -> tuple[Rotation | None, str]:
    """The rotation with that id, or the one that is unfinished of that secret; and the secret."""
    rotation = desk.journal.rotation(what)
    if rotation is not None:
        return rotation, rotation.secret
    secret = secret_named(what, desk.policies, env)
    return next(iter(desk.journal.rotations(secret=secret, unfinished=True)), None), secret
