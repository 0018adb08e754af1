"""People are who they are in Slack, each once, and what waits for a second person's yes can get it."""

from __future__ import annotations

import re

from rotator.config.draft import Draft
from rotator.model.policy import Role

_ID = re.compile(r"[UWS][A-Z0-9]{6,20}")


def check(draft: Draft) -> None:
    """Complains about ids that are none and about an id with two names; notes who cannot be answered by anybody."""
    named: dict[str, str] = {}
    for name, person in draft.file.people.items():
        path = ("people", name, "slack")
        if not _ID.fullmatch(person.slack):
            sentence = "is no id of Slack's; a member's begins with U (profile, Copy member ID), a user group's with S"
            draft.complaints.error(path, sentence)
        elif person.slack in named:
            draft.complaints.error(path, f"is {named[person.slack]}'s id already")
        else:
            named[person.slack] = name
    _note_alone(draft)


def _note_alone(draft: Draft) -> None:
    """What somebody asked for is approved by somebody else: one person alone cannot do both."""
    people = draft.file.people
    approvers = [name for name, person in people.items() if Role.APPROVER in person.roles]
    operators = [name for name, person in people.items() if Role.OPERATOR in person.roles]
    if len(approvers) == 1 and approvers == operators and not people[approvers[0]].slack.startswith("S"):
        name = approvers[0]
        sentence = (
            f"{name} alone is operator and approver: what {name} asks for in Slack nobody can approve there"
        )
        draft.complaints.note(("people", name, "roles"), sentence)
