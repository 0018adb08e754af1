"""The command line as a whole: every verb with its options. What a verb does, and needs, is imported when it is called.

`rotator --version` therefore waits for no SDK and no database. Whatever happens, a person reads a sentence and a shell
gets an exit code.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from io import TextIOWrapper
from typing import Annotated, Any

import typer

from rotator import __version__
from rotator.cli.access_verbs import access
from rotator.cli.asking_verbs import asking
from rotator.cli.codes import Code
from rotator.cli.completion import ASKS, Shell, completions, script_for
from rotator.cli.looking_verbs import looking
from rotator.cli.policy_verbs import policy
from rotator.cli.show import Color, say, use_color
from rotator.model.errors import JournalBusy, RotatorError

app = typer.Typer(
    help="Keeps every credential young, and nobody notices.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    invoke_without_command=True,
)
app.add_typer(looking)
app.add_typer(asking)
app.add_typer(policy, name="policy")
app.add_typer(access, name="access")
shells = typer.Typer(rich_markup_mode=None)
app.add_typer(shells)  # last in the list of verbs


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
    color: Annotated[Color, typer.Option("--color", help="Bold and colour, for every verb.")] = Color.AUTO,
) -> None:
    """Keeps every credential young, and nobody notices."""
    del version  # printed before anything else
    use_color(color)
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


@shells.command()
def completion(
    shell: Annotated[Shell, typer.Argument(help="The shell that is to complete words.")],
) -> None:
    """Print what a shell reads to complete words.

    Verbs, options and names; in bash and zsh: source <(rotator completion bash).
    """
    print(script_for(shell), end="")


@cache
def command() -> Any:
    """The verbs with their options, put together once."""
    return typer.main.get_command(app)


def main() -> None:
    """The console script: no traceback reaches a person, and a character that their locale lacks is spelt."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as Python does for standard error
    try:
        sys.exit(_outcome())
    except BrokenPipeError:  # `rotator status | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Code.OK)


def _outcome() -> int:
    """Runs the verb. The exit code; a sentence on standard error where it is not 0."""
    try:
        code = _complete(sys.argv[3:]) if sys.argv[1:3] == ASKS else _run()
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


def _run() -> int | None:
    """The verb's exit code."""
    code: int | None = command()(prog_name="rotator", standalone_mode=False)
    return code


def _complete(words: list[str]) -> int:
    """Answers a shell: what may stand where the cursor is. No verb, because typer would load pydantic for one."""
    for line in completions(command(), words):
        print(line)
    return Code.OK


def _explained(other: Exception) -> tuple[str, int]:
    """Bad usage in typer's words (whose exception typer does not publish); everything else is a bug of ours."""
    words = getattr(other, "format_message", None)
    if words is not None:
        sentence = " ".join(str(words()).split()).rstrip(".")
        path = getattr(getattr(other, "ctx", None), "command_path", "rotator")
        return f"{sentence[:1].lower()}{sentence[1:]}; see `{path} --help`", Code.USAGE
    from rotator.daemon.troubles import place_of

    sentence = (
        f"an unexpected {type(other).__name__} at {place_of(other)}: this is a bug of rotator. "
        "No credential was touched by this command; please report it with this line"
    )
    return sentence, Code.ERROR


def _failed(sentence: str, code: int) -> int:
    say(f"rotator: {sentence}")
    return int(code)
