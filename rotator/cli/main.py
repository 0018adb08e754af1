"""The command line as a whole: every verb with its options. What a verb does, and needs, is imported when it is called.

`rotator --version` therefore waits for no SDK and no database. Whatever happens, a person reads a sentence and a shell
gets an exit code.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from rotator import __version__
from rotator.cli.codes import Code
from rotator.model.errors import JournalBusy, RotatorError

Json = Annotated[bool, typer.Option("--json", help="JSON with schema_version instead of a table.")]
Env = Annotated[str | None, typer.Option("--env", help="Only this environment.")]
ExitCode = Annotated[
    bool, typer.Option("--exit-code", help="Exit 10: due, 11: overdue, 12: failed, 13: drift or unknown.")
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the record.")]
NAMED = "NAME, or environment/NAME where several have it"
Because = Annotated[str, typer.Option("--reason", help="Why; kept for auditors.")]
Secret = Annotated[str, typer.Argument(help=f"{NAMED}.")]
SecretOrRotation = Annotated[str, typer.Argument(help=f"{NAMED}, or a rotation's id.")]
Wait = Annotated[
    bool | None,
    typer.Option(
        "--wait/--no-wait", help="Follow it until consumers use the new one. [default: on a terminal]"
    ),
]
Timeout = Annotated[str, typer.Option(help="Stop following after this long (exit 124), e.g. 10m.")]

app = typer.Typer(
    help="Keeps every credential young, and nobody notices.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    invoke_without_command=True,
)
policy = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Look at policies.yaml.")
app.add_typer(policy, name="policy")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rotator {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Keeps every credential young, and nobody notices."""
    del version  # printed before anything else
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(Code.USAGE)


@app.command()
def run(
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run the daemon until SIGTERM."""
    from rotator.cli.run import run_daemon

    run_daemon(log_level)


@app.command()
def status(
    secret: Annotated[str | None, typer.Argument(help=f"{NAMED}: everything about this one.")] = None,
    env: Env = None,
    everything: Annotated[bool, typer.Option("--all", help="List the healthy ones, too.")] = False,
    json: Json = False,
    exit_code: ExitCode = False,
) -> None:
    """Show how every secret stands, the deepest problem first, and what happens next."""
    from rotator.cli import one, status

    if secret is not None:
        one.show_secret(secret, env, json=json)
    else:
        status.show_status(env, everything=everything, json=json, exit_code=exit_code)


@app.command()
def plan(env: Env = None, json: Json = False, exit_code: ExitCode = False) -> None:
    """Say what would be rotated now, why, and what it would cost. Changes nothing."""
    from rotator.cli.plan import show_plan

    show_plan(env, json=json, exit_code=exit_code)


@app.command()
def rotate(
    secrets: Annotated[list[str] | None, typer.Argument(help=f"{NAMED}.")] = None,
    due: Annotated[bool, typer.Option("--due", help="Whatever is due; what is held back stays so.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Everything that rotator can rotate.")] = False,
    env: Env = None,
    kind: Annotated[str | None, typer.Option("--type", help="Only secrets of this type.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Only secrets of this owner.")] = None,
    emergency: Annotated[
        bool, typer.Option("--emergency", help="They are compromised: no grace, no window; needs --reason.")
    ] = False,
    reason: Reason = "",
    wait: Wait = None,
    timeout: Timeout = "1h",
    json: Json = False,
) -> None:
    """Ask for rotations now. The daemon takes them up within seconds; a busy secret's request is kept."""
    from rotator.cli.rotate import Asked, ask_for_rotations

    asked = Asked(
        tuple(secrets or ()),
        due=due,
        everything=everything,
        environment=env,
        type=kind,
        owner=owner,
        reason=reason,
        emergency=emergency,
    )
    ask_for_rotations(asked, wait=wait, timeout=timeout, json=json)


@app.command()
def compromised(
    secrets: Annotated[list[str], typer.Argument(help=f"{NAMED}.")],
    reason: Annotated[str, typer.Option("--reason", help="How it got out; kept for auditors.")],
    env: Env = None,
    wait: Wait = None,
    timeout: Timeout = "1h",
    json: Json = False,
) -> None:
    """Declare an emergency: rotate now, without grace and window. The same as rotate --emergency."""
    from rotator.cli.rotate import Asked, ask_for_rotations

    asked = Asked(
        tuple(secrets), due=False, everything=False, environment=env, type=None, owner=None, reason=reason,
        emergency=True,
    )  # fmt: skip
    ask_for_rotations(asked, wait=wait, timeout=timeout, json=json)


@app.command()
def pause(
    secret: Secret,
    until: Annotated[
        str, typer.Option("--until", help="3d, 2027-01-31 (the whole day) or 2027-01-31T18:00 (UTC).")
    ],
    reason: Because,
    env: Env = None,
    json: Json = False,
) -> None:
    """Hold a secret: no effect begins until the date. Its age is watched and told all the same."""
    from rotator.cli import steer

    steer.pause(secret, env, until, reason, json=json)


@app.command()
def resume(secret: Secret, env: Env = None, reason: Reason = "", json: Json = False) -> None:
    """Let a paused secret go on."""
    from rotator.cli import steer

    steer.resume(secret, env, reason, json=json)


@app.command()
def retry(what: SecretOrRotation, env: Env = None, reason: Reason = "", json: Json = False) -> None:
    """Try now what backs off or cools down."""
    from rotator.cli import steer

    steer.retry(what, env, reason, json=json)


@app.command()
def rollback(what: SecretOrRotation, reason: Because, env: Env = None, json: Json = False) -> None:
    """Go back to the old credential, while it lives."""
    from rotator.cli import steer

    steer.roll_back(what, env, reason, json=json)


@app.command()
def prepare(secret: Secret, env: Env = None, reason: Reason = "", json: Json = False) -> None:
    """Make a secret's accepted set before its first rotation; one that is there is never overwritten."""
    from rotator.cli import steer

    steer.prepare(secret, env, reason, json=json)


@app.command()
def approve(
    what: Annotated[str, typer.Argument(help=f"A rotation's id, {NAMED}, or policy:VERSION.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it may go on; kept for auditors.")],
    env: Env = None,
    json: Json = False,
) -> None:
    """Give the yes that something waits for: a rotation, its last step, a parked one, or a policy that drops many."""
    from rotator.cli.approve import give_yes

    give_yes(what, env, reason, json=json)


@app.command("take-over")
def take_over(
    environment: Annotated[str, typer.Argument(help="An environment that another installation owns.")],
    reason: Reason = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether the other one is gone.")] = False,
    json: Json = False,
) -> None:
    """Take an environment over from an installation that is gone. The daemon does it within seconds."""
    from rotator.cli.take_over import claim_environment

    claim_environment(environment, reason, yes=yes, json=json)


@app.command()
def history(
    what: Annotated[str, typer.Argument(help=f"{NAMED}, or a rotation's id.")],
    env: Env = None,
    limit: Annotated[int, typer.Option(min=1, help="So many rotations, the newest first.")] = 5,
    json: Json = False,
) -> None:
    """Tell the story of a secret's rotations, with every step and its time."""
    from rotator.cli.history import tell_history

    tell_history(what, env, limit=limit, json=json)


@policy.callback()
def _policy() -> None:
    """Look at policies.yaml."""


@policy.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(help="The policy file. [default: ROTATOR_POLICIES or policies.yaml]")
    ] = None,
    json: Json = False,
) -> None:
    """Say everything that is wrong in one go: where, what is allowed, and what was probably meant."""
    from rotator.cli.check import check_policy

    check_policy(file, json=json)


def main() -> None:
    """The console script: no traceback ever reaches a person."""
    try:
        sys.exit(_outcome())
    except BrokenPipeError:  # `rotator status | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Code.OK)


def _outcome() -> int:
    """Runs the verb. The exit code; a sentence on standard error where it is not 0."""
    try:
        code = app(prog_name="rotator", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except JournalBusy as busy:
        return _failed(str(busy), Code.BUSY)
    except RotatorError as trouble:
        return _failed(str(trouble), getattr(trouble, "exit_code", Code.ERROR))
    except KeyboardInterrupt:
        code = Code.INTERRUPTED
    except Exception as other:  # noqa: BLE001 - whatever it is, a person gets a sentence and no traceback
        return _failed(*_explained(other))
    if code == Code.INTERRUPTED:
        return _failed("interrupted; what the daemon has begun goes on", Code.INTERRUPTED)
    return int(code or Code.OK)


def _explained(other: Exception) -> tuple[str, int]:
    """Bad usage in typer's words (whose exception typer does not publish); everything else is a bug of ours."""
    words = getattr(other, "format_message", None)
    if words is not None:
        sentence = " ".join(str(words()).split()).rstrip(".")
        return f"{sentence[:1].lower()}{sentence[1:]}; see `rotator --help`", Code.USAGE
    from rotator.daemon.troubles import place_of

    sentence = (
        f"an unexpected {type(other).__name__} at {place_of(other)}: this is a bug of rotator. "
        "No credential was touched by this command; please report it with this line"
    )
    return sentence, Code.ERROR


def _failed(sentence: str, code: int) -> int:
    print(f"rotator: {sentence}", file=sys.stderr)
    return int(code)
