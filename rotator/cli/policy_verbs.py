"""Verbs about policies.yaml. What they need is imported when they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rotator.cli.codes import Code
from rotator.cli.options import ColorWhen, Env, Json, JsonAnswer, Output, Secret, written

File = Annotated[
    Path | None, typer.Argument(help="The policy file. [default: ROTATOR_POLICIES or policies.yaml]")
]
InsteadOfInForce = Annotated[
    Path | None, typer.Option("--file", help="Explain this file instead of the policy in force.")
]

policy = typer.Typer(rich_markup_mode=None, invoke_without_command=True, help="Look at policies.yaml.")


@policy.callback()
def _policy(context: typer.Context) -> None:
    """Look at policies.yaml."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(Code.USAGE)


@policy.command()
def check(
    file: File = None,
    json: JsonAnswer = False,
) -> None:
    """Say everything that is wrong with a file, in one go.

    Where it is, what is allowed, and what was probably meant.
    """
    from rotator.cli.check import check_policy

    check_policy(file, json=json)


@policy.command()
def schema() -> None:
    """Print the JSON Schema of policies.yaml, for editors."""
    from rotator.cli.schema import print_schema

    print_schema()


@policy.command()
def explain(
    secret: Secret,
    env: Env = None,
    file: InsteadOfInForce = None,
    output: Output = None,
    json: Json = False,
    color: ColorWhen = None,
) -> None:
    """Say which line every value of a secret comes from.

    And which level, and what lower levels say.
    """
    from rotator.cli.explain import explain_secret

    explain_secret(secret, env, file, form=written(output, color, json=json))


@policy.command()
def diff(
    file: File = None,
    output: Output = None,
    json: Json = False,
    color: ColorWhen = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 10 when something would become due at once.")
    ] = False,
) -> None:
    """Say what a file would change in the policy in force.

    Exit code 4 if the daemon would wait for a person's yes.
    """
    from rotator.cli.diff import show_difference

    show_difference(file, form=written(output, color, json=json), exit_code=exit_code)
