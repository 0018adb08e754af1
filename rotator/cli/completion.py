"""Shell completion: what may stand where the cursor is. The scripts ask `rotator complete`, one line an answer.

A line is a word, a tab and what it means; `:files` asks the shell for its own files. Nothing heavy is loaded, because
a person waits for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any

from rotator.cli.known_names import known_names
from rotator.cli.show import Color, Format
from rotator.journal.names import Names

FILES = ":files"
#: How a script asks: then follow the words of the line up to the cursor.
ASKS = ["complete", "--"]


class Shell(StrEnum):
    """Shells that are spoken."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


#: Words that a parameter of this name takes.
_CHOICES = {
    "output": tuple(Format),
    "color": tuple(Color),
    "shell": tuple(Shell),
    "log_level": ("debug", "info", "warning", "error"),
}


def script_for(shell: Shell) -> str:
    """What the shell has to read."""
    return _SCRIPTS[shell]


def completions(command: Any, words: Sequence[str]) -> Iterator[str]:
    """Lines for the last of the words, which may be empty. `command`: the verbs, as typer puts them together."""
    *before, current = [word for word in words if word != "="] or [""]
    if words and words[-1] == "=":  # bash takes --env=x apart
        before, current = [*before, current], ""
    line = _Line(command, known_names())
    for word in before:
        line.read(word)
    for found, meaning in line.candidates(current):
        if found == FILES:
            yield FILES
        elif found.startswith(current):
            yield f"{found}\t{meaning}"


class _Line:
    """A command line as far as it is written."""

    def __init__(self, command: Any, names: Names) -> None:
        self._command, self._names = command, names
        self._awaits: Any = None  # the option that the next word is the value of
        self._positions = 0
        self._said: dict[str, str] = {}  # what options were given, by their own name

    def read(self, word: str) -> None:
        """One more whole word."""
        if self._awaits is not None:
            self._said[self._awaits.name] = word
            self._awaits = None
        elif word.startswith("-"):
            name, equals, value = word.partition("=")
            option = self._option(name)
            if option is not None:
                self._said[option.name] = value
                self._awaits = None if option.is_flag or equals else option
        elif word in self._commands():
            self._command, self._positions = self._commands()[word], 0
        else:
            self._positions += 1

    def candidates(self, current: str) -> Iterator[tuple[str, str]]:
        """Words that may come next, each with what it means."""
        if self._awaits is not None:
            yield from self._values(self._awaits)
        elif current.startswith("-"):
            name, equals, _ = current.partition("=")
            option = self._option(name)
            if equals and option is not None:
                yield from ((f"{name}={value}", meaning) for value, meaning in self._values(option))
            else:
                yield from self._options()
        elif self._commands():
            for name, command in self._commands().items():
                if not command.hidden:
                    yield name, _first_sentence(command.help)
        else:
            yield from self._arguments()

    def _commands(self) -> dict[str, Any]:
        return getattr(self._command, "commands", {})

    def _option(self, name: str) -> Any:
        return next((one for one in self._command.params if name in {*one.opts, *one.secondary_opts}), None)

    def _options(self) -> Iterator[tuple[str, str]]:
        for option in self._command.params:
            if option.param_type_name == "option" and option.name not in self._said and not option.hidden:
                for name in (*option.opts, *option.secondary_opts):
                    if name.startswith("--"):
                        yield name, _first_sentence(option.help)
        yield "--help", "Show this message and exit."

    def _arguments(self) -> Iterator[tuple[str, str]]:
        arguments = [one for one in self._command.params if one.param_type_name == "argument"]
        if not arguments:
            return
        here = arguments[min(self._positions, len(arguments) - 1)]
        if self._positions < len(arguments) or here.nargs == -1:
            yield from self._values(here)

    def _values(self, parameter: Any) -> Iterator[tuple[str, str]]:
        """What a parameter takes, by its name: a name means the same in every verb."""
        known, name = self._names.secrets, parameter.name
        if name in _CHOICES:
            yield from ((choice, "") for choice in _CHOICES[name])
        elif name in {"secret", "secrets", "what"}:
            yield from self._secrets()
            rotations = self._names.rotations if name == "what" else ()
            yield from ((rotation, f"rotation of {secret}") for rotation, secret in rotations)
        elif name == "alerts":
            yield from self._names.alerts
        elif name in {"env", "environment"}:
            yield from _each((secret.split("/", 1)[0] for secret, _, _ in known), "environment")
        elif name == "kind":
            yield from _each((kind for _, kind, _ in known), "type")
        elif name == "owner":
            yield from _each((owner for _, _, owner in known), "owner")
        elif name in {"file", "save", "events", "starts", "policies"}:
            yield FILES, ""

    def _secrets(self) -> Iterator[tuple[str, str]]:
        """environment/NAME; and NAME alone where --env or its being the only one makes it clear."""
        wanted = self._said.get("env")
        times = Counter(secret.partition("/")[2] for secret, _, _ in self._names.secrets)
        for secret, kind, owner in self._names.secrets:
            environment, _, name = secret.partition("/")
            meaning = ", ".join(filter(None, (kind, owner)))
            if wanted is None:
                yield secret, meaning
            if environment == wanted or (wanted is None and times[name] == 1):
                yield name, f"{meaning} ({environment})"


def _each(words: Iterable[str], meaning: str) -> Iterator[tuple[str, str]]:
    """Each word once, in order."""
    yield from ((word, meaning) for word in dict.fromkeys(words) if word)


def _first_sentence(text: str | None) -> str:
    return " ".join((text or "").split()).split(". ", 1)[0].rstrip(".")


_SCRIPTS = {
    Shell.BASH: """\
# source <(rotator completion bash)
_rotator() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ $line == ":files" ]]; then
            compopt -o default 2>/dev/null
            return
        fi
        COMPREPLY+=("${line%%$'\\t'*}")
    done < <("${COMP_WORDS[0]}" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _rotator rotator
""",
    Shell.ZSH: """\
#compdef rotator
# source <(rotator completion zsh), after compinit; or as a file _rotator in a folder of $fpath
_rotator() {
    local line
    local -a found
    for line in "${(@f)$("${words[1]}" complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        if [[ $line == ":files" ]]; then
            _files
            return
        fi
        [[ -n $line ]] && found+=("${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}")
    done
    _describe -V rotator found
}
if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then
    _rotator "$@"
else
    compdef _rotator rotator
fi
""",
    Shell.FISH: """\
# rotator completion fish | source; or as ~/.config/fish/completions/rotator.fish
function __rotator_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] complete -- $words[2..-1] "$current" 2>/dev/null)
        if test "$line" = ":files"
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end
complete -c rotator -f -a '(__rotator_complete)'
""",
}
