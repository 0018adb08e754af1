"""Verbs that only look: status, plan, history, alerts. What they need is imported when they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rotator.cli.options import (
    NAMED,
    ColorWhen,
    Env,
    ExitCode,
    Json,
    Output,
    Owner,
    Secrets,
    Type,
    written,
)

looking = typer.Typer(rich_markup_mode=None)


@looking.command()
def status(
    secret: Annotated[str | None, typer.Argument(help=f"{NAMED}: everything about this one.")] = None,
    env: Env = None,
    everything: Annotated[bool, typer.Option("--all", help="List the healthy ones, too.")] = False,
    output: Output = None,
    json: Json = False,
    color: ColorWhen = None,
    exit_code: ExitCode = False,
) -> None:
    """Show how every secret stands, the deepest problem first.

    And what happens next. With a name: everything about this one, what is wrong with it first.
    """
    form = written(output, color, json=json)
    if secret is not None:
        from rotator.cli.one import show_secret

        show_secret(secret, env, form=form, exit_code=exit_code)
    else:
        from rotator.cli.status import show_status

        show_status(env, everything=everything, form=form, exit_code=exit_code)


@looking.command()
def plan(
    secrets: Secrets = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="What asking for everything would begin, also what is not due or held back."
        ),
    ] = False,
    env: Env = None,
    kind: Type = None,
    owner: Owner = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save", "-o", metavar="FILE", help="Write the plan into FILE, for `rotator apply FILE`."
        ),
    ] = None,
    output: Output = None,
    json: Json = False,
    color: ColorWhen = None,
    exit_code: ExitCode = False,
) -> None:
    """Say what would be rotated now, why, and at what cost.

    What is due, or what is named. Changes nothing.
    """
    from rotator.cli.plan import show_plan
    from rotator.cli.selection import Choice

    choice = Choice(tuple(secrets or ()), everything=everything, environment=env, type=kind, owner=owner)
    show_plan(choice, form=written(output, color, json=json), exit_code=exit_code, save=save)


@looking.command()
def history(
    what: Annotated[str, typer.Argument(help=f"{NAMED}, or a rotation's id.")],
    env: Env = None,
    limit: Annotated[int, typer.Option(min=1, help="So many rotations, the newest first.")] = 5,
    output: Output = None,
    json: Json = False,
    color: ColorWhen = None,
) -> None:
    """Tell the story of a secret's rotations, step by step."""
    from rotator.cli.history import tell_history

    tell_history(what, env, limit=limit, form=written(output, color, json=json))


@looking.command()
def alerts(
    env: Env = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what is over.")] = False,
    stats: Annotated[
        bool, typer.Option("--stats", help="How often people were paged, and what they answered.")
    ] = False,
    output: Output = None,
    json: Json = False,
    color: ColorWhen = None,
) -> None:
    """List what people are told: what, since when, and who is on it."""
    from rotator.cli.alerts import count_alerts, list_alerts

    form = written(output, color, json=json)
    if stats:
        count_alerts(form=form)
    else:
        list_alerts(env, everything=everything, form=form)


@looking.command()
def adapters(output: Output = None, json: Json = False, color: ColorWhen = None) -> None:
    """List what rotator can talk to: sources, stores, mirrors, redeployers, channels, sealers.

    What each is like, what it needs and what it has been tried on. Adapters of third parties are listed, too.
    """
    from rotator.cli.adapters import show_adapters

    show_adapters(written(output, color, json=json))
