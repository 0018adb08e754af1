"""`python -m rotator.sandbox.demo`: brings the world up, lives the story, reckons, and says whether all is well."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rotator.model.policy import SecretPolicy
from rotator.sandbox.demo.audit import reckon
from rotator.sandbox.demo.leaks import files_below, leaks, messages_of
from rotator.sandbox.demo.looks import VERBS, Onlooker
from rotator.sandbox.demo.person import Person
from rotator.sandbox.demo.report import REPORT, report, summary, too_little, verdict
from rotator.sandbox.demo.story import Story, rotated
from rotator.sandbox.demo.traffic import Traffic
from rotator.sandbox.demo.world import World
from rotator.sandbox.faults import Fault, Rule
from rotator.sandbox.processes import NotReady

_FAULTS = (
    Rule(Fault.LOST_ANSWER, "PutParameter", 0.08),
    Rule(Fault.LOST_ANSWER, "GetParameters", 0.01),
    Rule(Fault.THROTTLED, "PutParameter", 0.08),
    Rule(Fault.EMPTY_PAGE, "DescribeParameters", 0.15),
    Rule(Fault.INTERNAL_ERROR, "GenerateDataKey", 0.05),
    Rule(Fault.INTERNAL_ERROR, "GetParameter", 0.01),
)
_PEOPLE_FAULTS = (
    Rule(Fault.THROTTLED, "chat.postMessage", 0.05),
    Rule(Fault.INTERNAL_ERROR, "mail.data", 0.05),
)


def main() -> int:
    """Runs the story; 0 when everything that must be zero is zero and everything that must have happened has."""
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    folder = Path(tempfile.mkdtemp(prefix="rotator-demo-"))
    print(
        "starting AWS, two PostgreSQL servers, Stripe, Twilio, GitHub, Vault, eight consumers, Slack and mail …",
        flush=True,
    )
    exit_code = 1
    try:
        with World(folder) as world:
            exit_code = _run(world, folder)
    except NotReady as trouble:
        print(f"the sandbox did not come up: {trouble}", file=sys.stderr)
    finally:
        if exit_code:
            print(f"logs and journal are kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return exit_code


def _run(world: World, folder: Path) -> int:
    world.aws.control.set_faults(_FAULTS, seed=20)
    world.people.control.set_faults(_PEOPLE_FAULTS, seed=20)
    world.vendors.make_weather()
    story = Story(world, folder / "rotator.log")
    story.start_daemon()
    journal, policies = story.open_journal()
    with Traffic(world.vendors) as traffic:
        with (
            Onlooker(world.daemon_environment, story.log) as onlooker,
            Person(world, journal, policies, onlooker, story.tell) as person,
        ):
            story.live(journal, policies)
        world.aws.control.set_faults((), seed=0)
        onlooker.open_pages()
        story.end()
    turning = rotated(policies)
    onlooker.run_all([*VERBS, *(("history", secret, "--json") for secret in _of_each_kind(turning))])
    world.known.watch(journal.rotations())
    world.known.read_history(policies)
    for name, value in world.vendors.values_made():
        world.known.note(name, value)
    reckoning = reckon(world.witnesses, world.known, turning, journal)
    figures = report(story, journal, policies, reckoning, onlooker, traffic, person.submitted)
    journal.close()  # its file is read as bytes now, and must not be while SQLite has it open
    _search(story, onlooker, figures)
    REPORT.write_text(json.dumps(figures, indent=2) + "\n")
    print(summary(figures))
    wrong = verdict(figures)
    for complaint in wrong:
        print(f"NOT AS PROMISED: {complaint}")
    if too_little(figures):
        print(
            "Nothing went wrong, but too little happened in the time the demo takes: this machine had much else to do "
            f"(load {os.getloadavg()[0]:.0f} on {os.cpu_count()} processors). Run it again when it is quieter."
        )
    return 1 if wrong else 0


def _of_each_kind(turning: Iterable[SecretPolicy]) -> list[str]:
    """One secret for each adapter: a verb takes a second, and all that verbs tell stands in the journal anyway."""
    return list({secret.recipe.provider: secret.secret for secret in turning}.values())


def _search(story: Story, onlooker: Onlooker, figures: dict[str, Any]) -> None:
    """Looks for every known value wherever something was written, shown or sent: the figures so far included."""
    world = story.world
    for token in world.tokens_shown():
        world.known.note("a token that a verifier was shown", token)
    places = {
        **files_below(world.folder),
        **messages_of(world.people.control),
        **onlooker.places(),
        "what the demo told": "\n".join(story.told).encode(),
        "the report": json.dumps(figures).encode(),
    }
    found = leaks(world.known.values, places)
    figures["values_known"], figures["places_searched"] = len(world.known.values), len(places)
    figures["values_leaked"] = len(found)
    figures["details"]["leaked"] = found


if __name__ == "__main__":
    sys.exit(main())
