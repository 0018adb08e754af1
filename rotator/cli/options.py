"""Options that several verbs share, each written once, so that a word means the same wherever it stands."""

from __future__ import annotations

from typing import Annotated

import typer

from rotator.cli.show import Color, Format, use_color

NAMED = "NAME, or environment/NAME where several have it"


def written(output: Format | None, color: Color | None, *, json: bool) -> Format:
    """How to write, from --output and its shorthand --json; --color is heeded from here on."""
    if json and output not in {None, Format.JSON}:
        raise typer.BadParameter(f"--json and --output {output}: say one of them")
    if color is not None:
        use_color(color)
    return Format.JSON if json else output or Format.TABLE


Json = Annotated[bool, typer.Option("--json", help="JSON with schema_version. The same as --output json.")]
JsonAnswer = Annotated[bool, typer.Option("--json", help="JSON with schema_version instead of sentences.")]
Output = Annotated[
    Format | None, typer.Option("--output", help="How to write it.", show_default="table", show_choices=True)
]
ColorWhen = Annotated[
    Color | None,
    typer.Option("--color", help="Bold and colour.", show_default="auto", show_choices=True),
]
Env = Annotated[str | None, typer.Option("--env", help="Only this environment.")]
Type = Annotated[str | None, typer.Option("--type", help="Only secrets of this type.")]
Owner = Annotated[str | None, typer.Option("--owner", help="Only secrets of this owner.")]
ExitCode = Annotated[
    bool, typer.Option("--exit-code", help="Exit 10: due, 11: overdue, 12: failed, 13: drift or unknown.")
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the record.")]
Because = Annotated[str, typer.Option("--reason", help="Why; kept for auditors.")]
Secret = Annotated[str, typer.Argument(help=f"{NAMED}.")]
Secrets = Annotated[list[str] | None, typer.Argument(help=f"{NAMED}.")]
SecretOrRotation = Annotated[str, typer.Argument(help=f"{NAMED}, or a rotation's id.")]
Alerts = Annotated[
    list[str], typer.Argument(help="Ids of alerts (al_…), or how they begin; `rotator alerts` lists them.")
]
Wait = Annotated[
    bool | None,
    typer.Option(
        "--wait/--no-wait", help="Follow it until consumers use the new one. [default: on a terminal]"
    ),
]
Timeout = Annotated[str, typer.Option(help="Stop following after this long (exit 124), e.g. 10m.")]
