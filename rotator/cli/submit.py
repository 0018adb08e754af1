"""submit: hands over what a person has made. It is sealed here, and left as a request: no store and no source is asked.

Whatever goes wrong before it is kept is said at once, and nothing is kept then.
"""

from __future__ import annotations

from typing import cast

from rotator.cli.codes import Code
from rotator.cli.hidden import Source, read_fields
from rotator.cli.memory import keep_private
from rotator.cli.names import secret_named
from rotator.cli.opening import Desk, NotNow, Unusable, asking
from rotator.cli.requests import drafted
from rotator.cli.rotate import follow_up, limit_of
from rotator.cli.selection import impossible, waits_its_turn
from rotator.cli.show import say
from rotator.clock import SystemClock
from rotator.config.complaints import hint
from rotator.contracts.provider import SubmittedProvider
from rotator.daemon.installation import Installation
from rotator.engine.submissions import sealed_in
from rotator.model.errors import Refused, RotatorError, Transient
from rotator.model.policy import SecretPolicy
from rotator.model.requests import RequestKind

__all__ = ["Source", "submit_credential"]


class NotKept(RotatorError):
    """It could not be sealed: nothing was kept."""

    exit_code = Code.ERROR


def submit_credential(
    typed: str, source: Source, env: str | None, reason: str, *, wait: bool | None, timeout: str, json: bool
) -> None:
    """Reads, looks at, seals and keeps a credential; then follows its rotation if wanted."""
    keep_private()
    limit = limit_of(timeout)
    source.refuse_the_command_line()
    source = source.held()
    desk = asking()
    secret = _named(typed, desk, env)
    policy = desk.policies.secrets[secret]
    _must_be_possible(desk, policy)
    parts = Installation(desk.settings, desk.journal, desk, SystemClock())
    draft = drafted(desk.journal, RequestKind.SUBMIT, secret, reason)
    fields = read_fields(source, policy.recipe)
    try:
        cast("SubmittedProvider", parts.provider(policy.recipe)).take(draft.id, fields)
    except Refused as refusal:
        raise NotNow(f"{refusal}; nothing was kept") from None
    try:
        request = sealed_in(draft, fields, parts.sealer)
    except (Refused, Transient) as trouble:
        sentence = (
            f"it could not be sealed: {trouble}. Nothing was kept: submit it again, as the user of the daemon"
        )
        raise NotKept(sentence) from None
    earlier = desk.decided[secret].gathered.submission
    if earlier is not None:
        say(f"{secret}: this replaces what {earlier.by} submitted, which no rotation has taken up yet")
    desk.journal.add_request(request)
    say(_following(policy))
    follow_up(desk, [request], {}, "", limit, wait=wait, json=json)


def _named(typed: str, desk: Desk, env: str | None) -> str:
    """The secret that is meant. What is none is not repeated: it may be a value that slipped into its place."""
    name = typed.rpartition("/")[2]
    known = {policy.name for policy in desk.policies.secrets.values()}
    parameters = {name for policy in desk.policies.secrets.values() for name in policy.recipe.fields.values()}
    if name not in known and typed not in {*known, *desk.policies.secrets, *parameters}:
        raise Unusable(f"policies.yaml has no secret of that name{hint(name, known)}")
    return secret_named(typed, desk.policies, env)


def _must_be_possible(desk: Desk, policy: SecretPolicy) -> None:
    """Raises NotNow before anybody is asked for a value that would not be taken."""
    entry = desk.decided[policy.secret]
    why = impossible(entry, kind=RequestKind.SUBMIT)
    if why:
        raise NotNow(f"{policy.secret}: {why}")
    if not policy.submitted:
        sentence = f"nobody has to submit {policy.secret}: {policy.recipe.provider} makes its own"
        raise NotNow(f"{sentence}; rotator rotate {policy.secret}")
    waits = waits_its_turn(entry)
    if waits:
        say(f"{policy.secret} {waits}; what is submitted waits its turn")


def _following(policy: SecretPolicy) -> str:
    """What becomes of it, and the one thing that a person must not do."""
    workloads = ", ".join(deployment.id.split("/", 1)[-1] for deployment in policy.recipe.deployments)
    restart = f", restarts {workloads}" if workloads else ""
    return (
        f"{policy.secret}: sealed and kept. The daemon tries it where it can, stores it{restart} and sees them on it. "
        "Leave the old one alive until rotator asks for its end"
    )
