"""Verbs about who read what. What they need is imported when they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rotator.cli.codes import Code
from rotator.cli.options import ColorWhen, Env, Json, JsonAnswer, Output, written

Events = Annotated[
    list[Path],
    typer.Argument(help="CloudTrail records: JSON lines, or a document with Records; gzipped or not."),
]
Starts = Annotated[
    list[Path] | None,
    typer.Option("--starts", help="When workloads started: JSON lines of time, environment, workload, role."),
]
Policy = Annotated[
    Path | None,
    typer.Option("--policies", help="Judge by this file.", show_default="ROTATOR_POLICIES or policies.yaml"),
]

access = typer.Typer(rich_markup_mode=None, invoke_without_command=True, help="Who read what.")


@access.callback()
def _access(context: typer.Context) -> None:
    """Who read what."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(Code.USAGE)


@access.command()
def replay(
    events: Events,
    starts: Starts = None,
    policies: Policy = None,
    output: Output = None,
    json: Json = False,
    color: ColorWhen = None,
    installation: Annotated[
        str,
        typer.Option(
            "--installation", help="Rotator's id: whoever has its role and does not say it is told."
        ),
    ] = "",
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 13 when there are findings.")] = False,
) -> None:
    """Judge recorded events: who read what, and was that expected.

    Needs no journal, no network and no login.
    """
    from rotator.cli.replay import replay_events

    replay_events(
        events,
        starts or [],
        policies,
        form=written(output, color, json=json),
        exit_code=exit_code,
        installation=installation,
    )


@access.command()
def learn(
    events: Events,
    starts: Starts = None,
    policies: Policy = None,
    json: JsonAnswer = False,
) -> None:
    """Say what recorded events would have told, and print the rules that make them expected.

    To be read before they are pasted above the rules of access.allow: they are no wider than what was read.
    """
    from rotator.cli.learn import learn_from

    learn_from(events, starts or [], policies, json=json)


@access.command()
def learned(json: JsonAnswer = False) -> None:
    """Show what the watch has kept quiet while it learns, and the rules that make it expected, to paste."""
    from rotator.cli.learn import show_learned

    show_learned(json=json)


@access.command()
def seen(
    env: Env = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what has ended, and what the watch keeps quiet.")
    ] = False,
    output: Output = None,
    json: Json = False,
    color: ColorWhen = None,
) -> None:
    """List what nobody expected: who read which secrets, all of them, and what became of it."""
    from rotator.cli.seen import list_seen

    list_seen(env, everything=everything, form=written(output, color, json=json))
