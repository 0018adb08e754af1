"""history: what happened, as a story under the operator's headings, and what people did about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import typer

from rotator.cli.codes import Code
from rotator.cli.deeds import deeds_about, facts_of, lines_of
from rotator.cli.names import secret_named
from rotator.cli.opening import Place, Unusable, asking, looking
from rotator.cli.show import Format, as_json, as_lines, as_rows, heading, say
from rotator.engine.ages import spell
from rotator.engine.report.facts import rotation_facts
from rotator.engine.report.times import moment
from rotator.model.record import Broken
from rotator.model.rotation import Event, Rotation, State

_WORDS = {
    State.ACTIVE: "under way",
    State.PARKED: "PARKED",
    State.DONE: "done",
    State.UNDONE: "undone",
}
#: So many of people's deeds are told for each rotation that is.
_DEEDS = 4
_CSV_COLUMNS = ("secret", "rotation", "sequence", "at", "heading", "phase", "kind", "sentence")


def tell_history(what: str, env: str | None, *, limit: int, form: Format) -> None:
    """Prints the newest rotations of a secret, or one by its id; exit code 1 when a story is not as it was written."""
    place = looking()
    one, secret = place.journal.rotation(what), ""
    if one is not None:
        rotations: Sequence[Rotation] = [one]
    else:
        secret = _secret(place, what, env)
        rotations = place.journal.rotations(secret=secret, limit=limit)
        if not rotations:
            say(f"{secret} has never been rotated by this installation")
    stories = [(rotation, place.journal.events(rotation.id)) for rotation in rotations]
    faults = _faults(rotations)
    deeds = deeds_about(place, secret, rotations, _DEEDS * limit)
    if form is Format.JSON:
        as_json(
            rotations=[
                {
                    **rotation_facts(rotation),
                    "ledger": rotation.ledger.model_dump(mode="json"),
                    "events": [event.model_dump(mode="json") for event in events],
                    "faults": [fault.sentence for fault in faults[rotation.id]],
                }
                for rotation, events in stories
            ],
            people=facts_of(deeds),
        )
    elif form is Format.TABLE:
        _print(stories)
        if deeds:
            as_lines(*([""] if stories else []))
            heading("What people did")
            as_lines(*lines_of(place, deeds))
    else:
        as_rows(form, chain.from_iterable(_events_told(*story) for story in stories), _CSV_COLUMNS)
    for fault in chain.from_iterable(faults.values()):
        say(f"{fault.rotation}: the record is not as it was written: {fault.sentence}")
    if any(faults.values()):
        raise typer.Exit(Code.ERROR)


def _events_told(rotation: Rotation, events: Sequence[Event]) -> Iterator[dict[str, object]]:
    for event in events:
        yield {
            "secret": rotation.secret,
            **event.model_dump(mode="json", exclude={"hash", "previous_hash"}),
            "heading": event.phase.heading,
        }


def _faults(rotations: Sequence[Rotation]) -> dict[str, Sequence[Broken]]:
    """What is not as it was written, by rotation; the light view of the journal cannot tell."""
    if not rotations:
        return {}
    journal = asking().journal
    return {rotation.id: journal.verify_chain(rotation.id) for rotation in rotations}


def _print(stories: Sequence[tuple[Rotation, Sequence[Event]]]) -> None:
    for number, (rotation, events) in enumerate(stories):
        if number:
            as_lines("")
        heading(_title(rotation))
        as_lines(*story_of(rotation, events))


def story_of(rotation: Rotation, events: Sequence[Event]) -> Iterator[str]:
    """The steps of a rotation under the headings of the runbook, each with its time; then how it stands."""
    under = ""
    for event in events:
        if event.phase.heading != under:
            under = event.phase.heading
            yield f"  {under}"
        yield f"    {event.at:%Y-%m-%d %H:%M:%S}  {event.phase:<10}  {event.kind:<9}  {event.sentence}".rstrip()
    if rotation.state is State.ACTIVE:
        yield f"  now at {rotation.phase}: {rotation.sentence or 'at work'}; looked at again {moment(rotation.run_at)}"


def _secret(place: Place, what: str, env: str | None) -> str:
    try:
        return secret_named(what, place.policies, env)
    except Unusable:
        if place.journal.rotations(secret=what, limit=1):
            return what  # it left the policy; its story did not
        raise


def _title(rotation: Rotation) -> str:
    ended = f" after {spell(rotation.ended_at - rotation.opened_at)}" if rotation.ended_at else ""
    return f"{rotation.secret}  {rotation.id}  {_WORDS[rotation.state]}{ended}: {rotation.sentence}"
