"""Reading a value that nobody else may see: from a prompt that shows nothing, standard input or a file descriptor.

Never from an argument or the environment: a shell's history keeps the one, and whoever may look at processes sees both.
Each value is sealed as soon as it is known to be one; no message repeats any of it.
"""

from __future__ import annotations

import getpass
import os
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace

from rotator.cli.opening import Unusable
from rotator.cli.show import say
from rotator.config.complaints import listed
from rotator.model.json_text import parsed
from rotator.model.policy import Recipe
from rotator.model.secrets import Sealed

#: Far more than any store takes.
_LARGEST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """Where it comes from. `fields`: only these; none named: all. `descriptor`: None for standard input."""

    fields: tuple[str, ...] = ()
    descriptor: int | None = None
    on_command_line: bool = False

    def refuse_the_command_line(self) -> None:
        """Raises Unusable for a value among the arguments, without repeating it."""
        if self.on_command_line:
            raise Unusable(
                "a value is never taken from the command line: by now it is in the shell's history, and others have "
                "seen it among the processes. End that one at its source, make another, and type it when you are asked "
                "for it, or give it to standard input"
            )

    def held(self) -> Source:
        """With a descriptor of its own, before rotator opens anything that could get that number. Raises Unusable."""
        if self.descriptor is None:
            return self
        try:
            return replace(self, descriptor=os.dup(self.descriptor))
        except OSError as error:
            raise Unusable(f"file descriptor {self.descriptor} cannot be read: {error.strerror}") from None


def read_fields(source: Source, recipe: Recipe) -> dict[str, Sealed]:
    """What a person hands over, by field. Raises Unusable for what cannot be a value; nothing of it is repeated."""
    unknown = [field for field in source.fields if field not in recipe.fields]
    if unknown:
        raise Unusable(f"{recipe.secret} has no field of that name: it has {listed(sorted(recipe.fields))}")
    wanted = tuple(dict.fromkeys(source.fields)) or tuple(recipe.fields)
    if source.descriptor is None and sys.stdin.isatty():
        return {field: Sealed(_checked(_typed(recipe, field), field, recipe)) for field in wanted}
    text = _read(source.descriptor)
    if len(wanted) == 1:
        return {wanted[0]: Sealed(_checked(text, wanted[0], recipe))}
    return {
        field: Sealed(_checked(value, field, recipe)) for field, value in _taken_apart(text, wanted).items()
    }


def _typed(recipe: Recipe, field: str) -> str:
    """What is typed or pasted at a prompt that shows nothing. Once: what was mistyped the source refuses."""
    which = f", {field}" if len(recipe.fields) > 1 else ""
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(f"The new {recipe.secret}{which} (nothing is shown): ")
        except getpass.GetPassWarning:
            raise Unusable(
                "this terminal would show what is typed: give it to standard input, e.g. from a file"
            ) from None
        except EOFError:
            raise Unusable("nothing was typed, and nothing was kept") from None


def _read(descriptor: int | None) -> str:
    """All of a file descriptor, or of standard input, as text."""
    try:
        if descriptor is None:
            content = sys.stdin.buffer.read(_LARGEST_BYTES + 1)
        else:
            with os.fdopen(descriptor, "rb") as file:
                content = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        where = "standard input" if descriptor is None else "the file descriptor"
        raise Unusable(f"{where} cannot be read: {error.strerror}") from None
    if len(content) > _LARGEST_BYTES:
        raise Unusable(f"more than {_LARGEST_BYTES} bytes came: that is no credential")
    try:
        return content.decode()
    except UnicodeDecodeError:
        pass
    raise Unusable("what came is no text in UTF-8")


def _taken_apart(text: str, wanted: tuple[str, ...]) -> Mapping[str, str]:
    """Several fields as one JSON object."""
    try:
        read = parsed(text)
    except ValueError:
        read = None
    if not isinstance(read, dict) or set(read) != set(wanted):
        shape = ", ".join(f'"{field}": "…"' for field in wanted)
        raise Unusable(f"several fields are given as one JSON object: {{{shape}}}")
    if not all(isinstance(value, str) for value in read.values()):
        raise Unusable("each field of the JSON object is a text")
    return {field: read[field] for field in wanted}


def _checked(text: str, field: str, recipe: Recipe) -> str:
    """The value without the one line break that editors and `echo` leave at its end, which is said."""
    which = f"{recipe.secret}, {field}" if len(recipe.fields) > 1 else recipe.secret
    value = text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
    if value != text:
        say(f"{which}: the line break at the end was left out")
    if not value:
        raise Unusable(f"{which}: it is empty, and nothing was kept")
    if value != value.strip():
        raise Unusable(f"{which}: it begins or ends with blanks, which no service gives; nothing was kept")
    if "\0" in value:
        raise Unusable(f"{which}: it holds a NUL, which no store keeps as text; nothing was kept")
    return value
