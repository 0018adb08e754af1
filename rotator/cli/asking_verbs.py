"""Verbs that ask the daemon for something. What they need is imported when they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rotator.cli.options import (
    NAMED,
    Alerts,
    Because,
    Env,
    JsonAnswer,
    Owner,
    Reason,
    Secret,
    SecretOrRotation,
    Secrets,
    Timeout,
    Type,
    Wait,
)

asking = typer.Typer(rich_markup_mode=None)
drills = typer.Typer(rich_markup_mode=None, help="Let something fail on purpose, and see who notices.")
asking.add_typer(drills, name="drill")


@asking.command()
def rotate(
    secrets: Secrets = None,
    due: Annotated[bool, typer.Option("--due", help="Whatever is due; what is held back stays so.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Everything, held back or not; what cannot be is said.")
    ] = False,
    env: Env = None,
    kind: Type = None,
    owner: Owner = None,
    emergency: Annotated[
        bool, typer.Option("--emergency", help="They are compromised: no grace, no window; needs --reason.")
    ] = False,
    reason: Reason = "",
    wait: Wait = None,
    timeout: Timeout = "1h",
    json: JsonAnswer = False,
) -> None:
    """Ask for rotations now.

    The daemon takes them up within seconds. A named secret's request is kept where it is busy; of all of a kind, what
    cannot be asked for is left out and said.
    """
    from rotator.cli.rotate import ask_for_rotations
    from rotator.cli.selection import Choice

    choice = Choice(tuple(secrets or ()), due, everything, env, kind, owner)
    ask_for_rotations(choice, reason, emergency=emergency, wait=wait, timeout=timeout, json=json)


@asking.command()
def apply(
    file: Annotated[Path, typer.Argument(help="A plan that `rotator plan -o FILE` wrote.")],
    reason: Reason = "",
    wait: Wait = None,
    timeout: Timeout = "1h",
    json: JsonAnswer = False,
) -> None:
    """Ask for exactly the rotations of a plan.

    For none of them, with exit code 4, if by the policy in force and the last scan anything has changed since it was
    made, or if that scan is too long ago. What changes later is not refused.
    """
    from rotator.cli.apply import apply_plan

    apply_plan(file, reason, wait=wait, timeout=timeout, json=json)


@asking.command()
def compromised(
    secrets: Annotated[list[str], typer.Argument(help=f"{NAMED}.")],
    reason: Annotated[str, typer.Option("--reason", help="How it got out; kept for auditors.")],
    env: Env = None,
    wait: Wait = None,
    timeout: Timeout = "1h",
    json: JsonAnswer = False,
) -> None:
    """Declare an emergency: rotate now, no grace, no window.

    The same as rotate --emergency.
    """
    from rotator.cli.rotate import ask_for_rotations
    from rotator.cli.selection import Choice

    choice = Choice(tuple(secrets), environment=env)
    ask_for_rotations(choice, reason, emergency=True, wait=wait, timeout=timeout, json=json)


@asking.command()
def pause(
    secret: Secret,
    until: Annotated[
        str, typer.Option("--until", help="3d, 2027-01-31 (the whole day) or 2027-01-31T18:00 (UTC).")
    ],
    reason: Because,
    env: Env = None,
    json: JsonAnswer = False,
) -> None:
    """Hold a secret: no effect begins until the date.

    Its age is watched and told all the same.
    """
    from rotator.cli import steer

    steer.pause(secret, env, until, reason, json=json)


@asking.command()
def resume(secret: Secret, env: Env = None, reason: Reason = "", json: JsonAnswer = False) -> None:
    """Let a paused secret go on."""
    from rotator.cli import steer

    steer.resume(secret, env, reason, json=json)


@asking.command()
def retry(what: SecretOrRotation, env: Env = None, reason: Reason = "", json: JsonAnswer = False) -> None:
    """Try now what backs off or cools down."""
    from rotator.cli import steer

    steer.retry(what, env, reason, json=json)


@asking.command()
def rollback(what: SecretOrRotation, reason: Because, env: Env = None, json: JsonAnswer = False) -> None:
    """Go back to the old credential, while it lives."""
    from rotator.cli import steer

    steer.roll_back(what, env, reason, json=json)


@asking.command()
def prepare(secret: Secret, env: Env = None, reason: Reason = "", json: JsonAnswer = False) -> None:
    """Make a secret's accepted set before its first rotation.

    One that is there is never overwritten.
    """
    from rotator.cli import steer

    steer.prepare(secret, env, reason, json=json)


@asking.command()
def approve(
    what: Annotated[str, typer.Argument(help=f"A rotation's id, {NAMED}, or policy:VERSION.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it may go on; kept for auditors.")],
    env: Env = None,
    json: JsonAnswer = False,
) -> None:
    """Give the yes that something waits for.

    A rotation, its last step, a parked one, or a policy that is held.
    """
    from rotator.cli.approve import give_yes

    give_yes(what, env, reason, json=json)


@asking.command()
def reject(
    what: SecretOrRotation,
    reason: Annotated[str, typer.Option("--reason", help="Why not; kept for auditors.")],
    env: Env = None,
    json: JsonAnswer = False,
) -> None:
    """Say no to a rotation that waits for a yes.

    Nobody is asked again about that credential; its age is watched and told all the same.
    """
    from rotator.cli.approve import say_no

    say_no(what, env, reason, json=json)


@asking.command()
def ack(alerts: Alerts, reason: Reason = "", json: JsonAnswer = False) -> None:
    """Say that somebody is on it.

    An alert is not repeated then until it gets worse; one that is critical comes back after a day.
    """
    from rotator.cli.alerts import answer
    from rotator.model.requests import RequestKind

    answer(alerts, RequestKind.ACKNOWLEDGE, reason, json=json)


@asking.command()
def snooze(
    alerts: Alerts,
    within: Annotated[str, typer.Option("--for", help="How long: 4h, 1d; 7d at most.")] = "",
    until: Annotated[
        str, typer.Option("--until", help="2027-01-31 (the whole day) or 2027-01-31T18:00 (UTC).")
    ] = "",
    reason: Reason = "",
    json: JsonAnswer = False,
) -> None:
    """Hear of alerts later.

    Each comes back at the end, or when it gets worse; never after the secret's max_age.
    """
    from rotator.cli.alerts import answer
    from rotator.model.requests import RequestKind

    answer(alerts, RequestKind.SNOOZE, reason, within=within, until=until, json=json)


@asking.command(context_settings={"allow_extra_args": True})  # a value among them is refused and not repeated
def submit(
    context: typer.Context,
    secret: Secret,
    field: Annotated[
        list[str] | None,
        typer.Option("--field", help="Only this field; what is not submitted stays. May be repeated."),
    ] = None,
    fd: Annotated[
        int | None, typer.Option("--fd", help="Read from this file descriptor.", metavar="N", min=0)
    ] = None,
    env: Env = None,
    reason: Reason = "",
    wait: Wait = None,
    timeout: Timeout = "1h",
    json: JsonAnswer = False,
) -> None:
    """Hand over a credential that a person has made.

    It is asked for without showing it, or read from standard input: never from an argument.
    """
    from rotator.cli.submit import Source, submit_credential

    source = Source(tuple(field or ()), fd, on_command_line=bool(context.args))
    submit_credential(secret, source, env, reason, wait=wait, timeout=timeout, json=json)


@asking.command("take-over")
def take_over(
    environment: Annotated[str, typer.Argument(help="An environment that another installation owns.")],
    reason: Reason = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether the other one is gone.")] = False,
    json: JsonAnswer = False,
) -> None:
    """Take an environment over from who is gone.

    That is, from another installation; the daemon does it within seconds.
    """
    from rotator.cli.take_over import claim_environment

    claim_environment(environment, reason, yes=yes, json=json)


@drills.command()
def heartbeat(
    reason: Reason = "",
    how_long: Annotated[
        str | None,
        typer.Option("--for", help="45m, 2h: it ends by then. Half an hour after the page is due."),
    ] = None,
    paged: Annotated[bool, typer.Option("--paged", help="The page has come: how long it took.")] = False,
    end: Annotated[bool, typer.Option("--end", help="End it without a page.")] = False,
    json: JsonAnswer = False,
) -> None:
    """Keep the heartbeat silent and see who is paged.

    It ends by itself; --paged says how long silence took to page.
    """
    from rotator.cli import drill as verb

    if paged and end:
        raise typer.BadParameter("--paged and --end are two ways to end it")
    if paged:
        verb.paged(reason, json=json)
    elif end:
        verb.end(reason, json=json)
    else:
        verb.begin(reason, how_long, json=json)
