"""policy diff: what a file would change against the policy in force, and whether the daemon would take it up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from rotator.cli.codes import Code
from rotator.cli.opening import Place, looking, read_file, read_policies
from rotator.cli.show import Format, Tint, as_json, as_lines, as_rows, heading, say
from rotator.config.complaints import listed
from rotator.config.diff import Changed, Difference, difference
from rotator.config.guard import due_at_once, objections
from rotator.daemon.policy import approved, yes_to
from rotator.model.numbers import counted
from rotator.model.policy import Policies

_CSV_COLUMNS = ("change", "secret", "key", "before", "after")
_MOST = 8  # secrets named in one line
#: Before the first policy is in force.
_NOTHING = Policies(version="", environments={}, secrets={})


def show_difference(file: Path | None, *, form: Format, exit_code: bool) -> None:
    """Prints what would change; exit code 4 where the daemon would wait for a person's yes."""
    place = looking()
    known = place.journal.policies_in_force()
    before = known or _NOTHING
    after = _candidate(place, file or place.settings.policies)
    found, newly = difference(before, after), due_at_once(before, after, place.journal)
    held = objections(known, after, place.journal)
    yes = bool(held) and approved(place.journal, after)
    if form is Format.JSON:
        as_json(**_facts(before, after, found, newly, held), approved=yes)
    elif form is Format.TABLE:
        _print(before, found, newly)
        _say(before, after, found, held, yes=yes)
    else:
        as_rows(form, _rows(found), _CSV_COLUMNS)
    if held and not yes:
        raise typer.Exit(Code.REFUSED)
    if exit_code and newly:
        raise typer.Exit(Code.DUE)


def _candidate(place: Place, file: Path) -> Policies:
    """The file as the daemon would read it. Raises Unusable with every complaint."""
    return read_policies(place.settings.model_copy(update={"policies": file}), read_file(file))


def _facts(
    before: Policies, after: Policies, found: Difference, newly: list[str], held: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "before_version": before.version or None,
        "after_version": after.version,
        "added": found.added,
        "removed": found.removed,
        "changed": {secret: [asdict(one) for one in changes] for secret, changes in found.changed.items()},
        "shared": [asdict(one) for one in found.shared],
        "due_at_once": newly,
        "held": held,
    }


def _print(before: Policies, found: Difference, newly: list[str]) -> None:
    if found.added:
        heading(f"+ {counted(len(found.added), 'secret')}: {_named(found.added)}")
    if found.removed:
        heading(f"- {counted(len(found.removed), 'secret')}: {_named(found.removed)}", Tint.BAD)
    for change, secrets in _grouped(found).items():
        heading(f"~ {change.key}: {_change(change)}")
        as_lines(f"    {counted(len(secrets), 'secret')}: {_named(secrets)}")
    for change in found.shared if before.version else ():
        heading(f"~ {change.key}: {_change(change)}")
    if newly:
        heading(f"! {counted(len(newly), 'secret')} would become due at once: {_named(newly)}", Tint.WAITS)


def _say(before: Policies, after: Policies, found: Difference, held: tuple[str, ...], *, yes: bool) -> None:
    if not before.version and not held:
        say("No policy is in force yet: everything would be new.")
    elif before.version == after.version:
        say("It is the policy in force.")
    elif found.nothing:
        say("The text is another one, and means the same.")
    for sentence in held:
        say(f"Held: {sentence}.")
    if held:
        word = f"rotator approve {yes_to(after)} --reason …"
        say("Somebody has said yes to it." if yes else f"The daemon would wait for a person's yes: {word}")
    elif not found.nothing:
        say("The daemon would take it up within seconds.")


def _grouped(found: Difference) -> dict[Changed, list[str]]:
    """The secrets that would change in the same way, by the change."""
    groups: dict[Changed, list[str]] = {}
    for secret, changes in found.changed.items():
        for change in changes:
            groups.setdefault(change, []).append(secret)
    return groups


def _rows(found: Difference) -> Iterator[dict[str, Any]]:
    yield from ({"change": "added", "secret": secret} for secret in found.added)
    yield from ({"change": "removed", "secret": secret} for secret in found.removed)
    for secret, changes in found.changed.items():
        yield from ({"change": "changed", "secret": secret, **asdict(one)} for one in changes)
    yield from ({"change": "changed", "secret": "", **asdict(one)} for one in found.shared)


def _named(secrets: tuple[str, ...] | list[str]) -> str:
    return listed(secrets, most=_MOST)


def _change(change: Changed) -> str:
    return f"{change.before or 'nothing'} -> {change.after or 'nothing'}"
