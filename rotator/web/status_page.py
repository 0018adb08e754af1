"""The status page as HTML: what engine/report tells, laid out. Everything from outside is escaped by the template."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from rotator.engine.ages import spell
from rotator.engine.report.facts import due_sentence, next_step
from rotator.engine.report.overview import Overview, summary
from rotator.engine.report.secret import Account, details, rotation_title
from rotator.engine.report.sections import Section
from rotator.engine.report.steps import Step, StepState, failures_worth_telling
from rotator.engine.report.times import moment
from rotator.engine.words import ASKS, QUIET, WRONG, Word, word_of
from rotator.model.rotation import State
from rotator.web.lives import Drawing, drawing_of

PARTS: Final = Path(__file__).parent / "parts"
#: So many rows of a section are on one page; nobody reads more, and no browser has to lay out more.
AT_ONCE: Final = 100
_LONGEST_QUERY: Final = 100
#: A template yields every few words; so many of them are packed at once.
_TOGETHER: Final = 200
_WAITS: Final = {Word.WAITING, Word.PAUSED, Word.DUE, Word.UNKNOWN, Word.ROTATING, Word.GRACE}


class Asked(NamedTuple):
    """What is shown: everything, the secrets that have `find` in their names, or one section from a row on."""

    section: Section | None = None
    after: int = 0
    find: str = ""

    @classmethod
    def by(cls, query: Mapping[str, str]) -> Asked | None:
        """What an address asks for; None when there is no such page."""
        section, after = query.get("section", ""), query.get("after", "0")
        find = query.get("find", "").strip().lower()
        known = not section or section in set(Section)
        whole = after.isascii() and after.isdigit() and len(after) < 8 and int(after) % AT_ONCE == 0
        if not known or not whole or len(find) > _LONGEST_QUERY or (int(after) and not section):
            return None
        return cls(Section(section) if section else None, int(after), find)

    def address(self, section: Section, after: int) -> str:
        """Where more of a section is."""
        wanted = {"section": section.value, "after": str(after) if after else "", "find": self.find}
        return "?" + urlencode({name: value for name, value in wanted.items() if value})


@dataclass(frozen=True, slots=True)
class Row:
    """One secret as it is laid out."""

    secret: str
    word: str
    tone: str  # wrong, asks, waits, quiet: how the word looks, beside what it says
    next: str
    age: str
    due: str
    life: Drawing
    runbook: str | None  # an address that may be followed
    account: Account
    past: Sequence[str]

    @property
    def pieces(self) -> list[str]:
        """Its name, where a line may be broken."""
        return re.findall(r"[^_/-]*[_/-]?", self.secret)[:-1]

    @property
    def details(self) -> list[tuple[str, str]]:
        """What is known of it, without what the row says itself."""
        return [(name, what) for name, what in details(self.account) if name != "next"]

    @property
    def title(self) -> str:
        """What its steps stand under."""
        return rotation_title(self.account.rotation) if self.account.rotation else ""

    @property
    def steps(self) -> list[dict[str, Any]]:
        """Its steps that were taken, each with what failed in it."""
        return [_step(step) for step in self.account.chain if step.state is not StepState.TO_COME]

    @property
    def to_come(self) -> str:
        """Its steps that are ahead."""
        return ", ".join(step.phase for step in self.account.chain if step.state is StepState.TO_COME)


@dataclass(frozen=True, slots=True)
class Shelf:
    """One section as it is laid out."""

    section: Section
    total: int
    rows: Sequence[Row]
    names: Sequence[tuple[str, str]]  # of unmanaged parameters: environment and name
    first: int
    before: str  # the address of what comes before these rows, and of what comes after
    following: str

    @property
    def last(self) -> int:
        """The place of the last row that is shown."""
        return self.first + len(self.rows) + len(self.names)


def page(seen: Overview | None, asked: Asked, warnings: Sequence[str]) -> Iterator[bytes]:
    """The whole page, in pieces. It stays the same, to the letter, as long as it says the same."""
    needing = len(seen.needing) if seen else 0
    pieces = _template().stream(
        seen=seen,
        asked=asked,
        warnings=warnings,
        summary=summary(seen) if seen else "Nothing is known yet.",
        loud=bool(needing or warnings or (seen and seen.in_the_way)),
        title=f"{needing} need{'s' if needing == 1 else ''} you" if needing else "Status",
        as_of=moment(seen.now) if seen else "",
        shelves=list(_shelves(seen, asked)) if seen else [],
        counts=[(section, _total(seen, section)) for section in Section] if seen else [],
        version=version(),
    )
    pieces.enable_buffering(_TOGETHER)
    for piece in pieces:
        yield piece.encode()


@cache
def version() -> str:
    """Changes with the parts of the page, so that no browser mixes those of two versions."""
    parts = sorted(PARTS.iterdir())
    return hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()[:12]


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(PARTS), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip
    return environment.get_template("page.html")


def _total(seen: Overview, section: Section) -> int:
    if section is Section.UNMANAGED:
        return sum(map(len, seen.unmanaged.values()))
    return len(seen.sections[section])


def _shelves(seen: Overview, asked: Asked) -> Iterator[Shelf]:
    for section in Section if asked.section is None else (asked.section,):
        accounts = [
            one for one in seen.sections[section] if asked.find in one.entry.gathered.policy.secret.lower()
        ]
        names = _unmanaged(seen, asked.find) if section is Section.UNMANAGED else []
        total, after = len(accounts) + len(names), asked.after
        ends = after + AT_ONCE
        yield Shelf(
            section=section,
            total=total,
            rows=[_row(seen, account) for account in accounts[after:ends]],
            names=names[after:ends],
            first=after,
            before=asked.address(section, after - AT_ONCE) if after else "",
            following=asked.address(section, ends) if total > ends else "",
        )


def _unmanaged(seen: Overview, find: str) -> list[tuple[str, str]]:
    return [
        (environment, name)
        for environment, names in seen.unmanaged.items()
        for name in names
        if find in name.lower()
    ]


def _row(seen: Overview, account: Account) -> Row:
    entry, at = account.entry, account.entry.gathered
    word, past = word_of(entry), seen.past.get(at.policy.secret, ())
    age = f"{spell(at.now - at.age.born)} of {spell(at.policy.rotate_every)}" if at.age else "age not known"
    return Row(
        secret=at.policy.secret,
        word=word.value.capitalize(),
        tone=_tone(word),
        next=next_step(entry),
        age=age,
        due=_due(account),
        life=drawing_of(at, past),
        runbook=_followed(at.policy.runbook),
        account=account,
        past=[
            f"{'done' if one.state is State.DONE else 'undone'} {moment(one.ended_at)}, "
            f"after {spell(one.ended_at - one.opened_at)}"
            for one in reversed(past)
        ],
    )


def _due(account: Account) -> str:
    due = due_sentence(account.entry)
    return f"due {due}" if due.startswith(("in ", "now")) else due


def _tone(word: Word) -> str:
    if word in WRONG:
        return "wrong"
    if word in ASKS:
        return "asks"
    return "waits" if word in _WAITS and word not in QUIET else "quiet"


def _followed(address: str | None) -> str | None:
    """A runbook that a click may open: policies.yaml may say anything."""
    return address if address and urlsplit(address).scheme in {"http", "https"} else None


def _step(step: Step) -> dict[str, Any]:
    return {
        "phase": step.phase.value,
        "heading": step.phase.heading,
        "state": step.state.value.lower(),
        "wrong": step.state in {StepState.FAILING, StepState.FAILED},
        "began": _to_the_second(step.began),
        "took": spell(step.ended - step.began) if step.began and step.ended else "",
        "sentence": step.sentence,
        "failures": [str(failure) for failure in failures_worth_telling(step)],
    }


def _to_the_second(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else ""
