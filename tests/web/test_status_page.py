"""The status page and its JSON: what they say, to whom, and what they say when little is known."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from rotator.engine.decisions import decisions
from rotator.engine.heartbeat import Process
from rotator.engine.report.facts import status_facts
from rotator.engine.report.secret import account_facts, account_of
from rotator.journal import open_memory_journal
from rotator.model.alerts import AlertKind
from rotator.model.errors import JournalAway
from rotator.model.policy import AlertPolicy, HeartbeatPolicy
from rotator.testing.virtual_clock import VirtualClock
from rotator.web.looks import LOOKS, OLD, Looks
from rotator.web.pages import status_pages
from rotator.web.status_page import AT_ONCE
from tests.engine.things import DAY, MINUTE, NOW, environment, policies
from tests.engine.world import World
from tests.web.scenery import HOSTILE, SAID, an_alert, company, thousands

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "status-json.md"


class Visitor:
    """Somebody who looks at the pages of a world; from the same machine, unless told otherwise."""

    def __init__(self, world: World) -> None:
        self.world, self.process = world, Process()
        self.looks = Looks(world.journal, world.policies, lambda: self.process, world.clock)
        self.pages = status_pages(self.looks)

    def ask(
        self,
        path: str = "/",
        query: str = "",
        caller: str = "127.0.0.1",
        host: str = "localhost:8080",
        **headers: str,
    ) -> Response:
        sent = {"host": host, "accept-encoding": "br, gzip"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        scope = {
            "type": "http", "method": "GET", "path": path, "query_string": query.encode(), "client": (caller, 40000),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        }  # fmt: skip
        return self.pages[path](Request(scope))

    def text(self, query: str = "") -> str:
        return read(self.ask("/", query)).decode()

    def document(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(read(self.ask("/api/v1/status")))
        return told

    def later(self, span: timedelta = LOOKS) -> None:
        """Time goes by until the journal is looked at again."""
        self.world.clock.pass_by(max(span, LOOKS))


def read(answer: Response) -> bytes:
    """As a browser does."""
    assert answer.headers["vary"] == "accept-encoding"
    assert answer.headers["content-encoding"] == "gzip"
    return gzip.decompress(answer.body)


Told = Callable[..., Visitor]


@pytest.fixture(scope="module")
def visiting() -> Iterator[Told]:
    """Visitors of worlds that end with these tests."""
    with ExitStack() as worlds:

        def visit(tell: Callable[[World], Any]) -> Visitor:
            clock = VirtualClock(NOW)
            journal = worlds.enter_context(closing(open_memory_journal(now=clock.now)))
            world = World(clock, journal, policies(environments=(environment("production"),)))
            tell(world)
            return Visitor(world)

        yield visit


@pytest.fixture(scope="module")
def taly(visiting: Told) -> Visitor:
    """For tests that only look, and in which no time goes by."""
    return visiting(company)


@pytest.fixture
def passing(visiting: Told) -> Visitor:
    """The same, for one test."""
    return visiting(company)


class Outline(HTMLParser):
    """Tags with their attributes and what is read, as a browser sees them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.read = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.read += data

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.tags if name == tag]


def test_everybody_stands_in_a_section_and_in_no_other(taly: Visitor) -> None:
    told = taly.document()
    assert {
        name: sorted(one.rpartition("/")[2] for one in found) for name, found in told["sections"].items()
    } == {
        "failed": ["SES_SMTP_PASSWORD"],
        "overdue": ["DATABASE_URL", "DATABASE_URL", "STRIPE_WEBHOOK_SECRET"],
        "waiting": ["GOOGLE_OAUTH_CLIENT_SECRET", "OKTA_CLIENT_SECRET", "TWILIO_AUTH_TOKEN"],
        "due_soon": ["DEPLOY_KEY", "WEBHOOK_SIGNING_KEY"],
        "in_grace": ["JWT_SECRET"],
        "healthy": ["INTERNAL_API_TOKEN", "JWT_SECRET", "VAULT_ROLE_PASSWORD"],
        "assisted": ["LEGACY_FTP_PASSWORD", "SENTRY_TOKEN"],
        "exempt": ["TEST_CARD_NUMBER"],
        "unmanaged": ["OLD_API_KEY", "debug"],
    }
    assert told["sections"]["overdue"][0] == "production/STRIPE_WEBHOOK_SECRET", "the oldest first"


def test_the_first_sentence_says_who_is_needed_and_for_what(taly: Visitor) -> None:
    text = taly.text()
    sentence = (
        "6 need you: production/SES_SMTP_PASSWORD (parked), production/STRIPE_WEBHOOK_SECRET (overdue), "
        "production/DATABASE_URL (overdue) and 3 more."
    )
    assert sentence in text
    assert "<title>6 need you · rotator</title>" in text
    assert "Policy 1, 16 secrets." in text


def test_a_row_opens_what_failed_the_deepest_first(taly: Visitor) -> None:
    read = Outline(taly.text("find=ses_smtp")).read
    wrong, steps = read.index("What is wrong"), read.index("Rotation r5, begun")
    assert (
        wrong < read.index("parked at create since 2026-06-10") < steps < read.index("planned: one free slot")
    )
    assert "failed 2 times from 2026-06-10 12:01:00 to 2026-06-10 12:02:00: the source answered" in read
    assert "update at source, from 2026-06-10 12:00:00 UTC" in read, "each step has its time"
    assert "To come: verify, store" in read


def test_whoever_reads_it_aloud_is_told_its_language(taly: Visitor) -> None:
    assert [one["lang"] for one in Outline(taly.text()).named("html")] == ["en"]


def test_the_page_has_no_form_that_changes_and_no_cookie(taly: Visitor) -> None:
    answer = taly.ask()
    (form,) = Outline(read(answer).decode()).named("form")
    assert form["method"] == "get"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/api/v1/status", "/page.css", "/page.js", "/icon.svg"])
def test_every_answer_is_shut_in(taly: Visitor, path: str) -> None:
    headers = taly.ask(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert not [name for name in headers if name.startswith("access-control")]


def test_everything_that_the_page_loads_is_served_here(taly: Visitor) -> None:
    outline = Outline(taly.text())
    asked = [one["href"] for one in outline.named("link")] + [one["src"] for one in outline.named("script")]
    assert {one.partition("?")[0] for one in asked} == {"icon.svg", "page.css", "page.js"}
    assert {one["href"] for one in outline.named("a") if "//" in one["href"]} == {
        "https://wiki.taly.example/ses"
    }
    assert "style=" not in taly.text(), "the policy of contents forbids it"


def test_who_has_it_already_is_told_so(passing: Visitor) -> None:
    for path in ("/", "/api/v1/status", "/page.css"):
        first = passing.ask(path)
        again = passing.ask(path, if_none_match=f'"other", {first.headers["etag"]}')
        assert (again.status_code, bytes(again.body)) == (304, b"")
        assert again.headers["cache-control"] == "no-store"
    etag = passing.ask().headers["etag"]
    passing.later()
    assert passing.ask(if_none_match=etag).status_code == 304, "nothing new within a minute"
    passing.later(MINUTE)
    assert passing.ask(if_none_match=etag).status_code == 200


@pytest.mark.parametrize(
    "how",
    [
        {"caller": "10.2.3.4"},
        {"caller": "10.2.3.4", "x_forwarded_for": "127.0.0.1", "forwarded": "for=127.0.0.1"},
        {"host": "rotator.attacker.example"},
        {"host": "127.0.0.1.attacker.example"},
        {"host": "localhost@attacker.example"},
        {"host": ""},
        {"caller": "nobody"},
        {"caller": "127.0.0.6"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/v1/status"])
def test_nobody_else_sees_it(taly: Visitor, path: str, how: dict[str, str]) -> None:
    answer = taly.ask(path, **how)
    assert answer.status_code == 403
    assert b"DATABASE_URL" not in bytes(answer.body)
    assert b"port-forward" in bytes(answer.body)


@pytest.mark.parametrize(
    "how",
    [
        {"host": "127.0.0.1:9000"},
        {"host": "[::1]:8080", "caller": "::1"},
        {"caller": "::ffff:127.0.0.1"},
        {"host": "LOCALHOST"},
    ],
)
def test_this_machine_sees_it_by_whatever_it_is_called(taly: Visitor, how: dict[str, str]) -> None:
    assert taly.ask(**how).status_code == 200


@pytest.mark.parametrize(
    "query",
    ["section=secret", "section=healthy&after=-100", "section=healthy&after=7", "after=100", "find=" + "x" * 101,
     "section=healthy&after=99999999900", "section=healthy&after=%D9%A1%D9%A0%D9%A0"],
)  # fmt: skip
def test_other_pages_are_not_there(taly: Visitor, query: str) -> None:
    assert taly.ask("/", query).status_code == 404


def test_names_and_errors_from_outside_are_only_ever_read(visiting: Told) -> None:
    plain, hostile = visiting(company), visiting(lambda world: company(world, HOSTILE))
    outline, expected = Outline(hostile.text()), Outline(plain.text())
    assert {tag for tag, _ in outline.tags} == {tag for tag, _ in expected.tags}
    assert len(outline.named("script")) == len(outline.named("h1")) == len(outline.named("main")) == 1
    allowed = {(tag, name) for tag, attrs in expected.tags for name in attrs}
    assert {(tag, name) for tag, attrs in outline.tags for name in attrs} == allowed
    assert {one["href"].partition(":")[0] for one in outline.named("a") if ":" in one["href"]} == {"https"}
    assert all(name in outline.read for name in HOSTILE)
    assert SAID in outline.read
    found = Outline(hostile.text("find=%22%3E%3Cscript%3Ealert(1)%3C/script%3E"))
    assert len(found.named("script")) == 1
    assert [one["value"] for one in found.named("input")] == ['"><script>alert(1)</script>']


def test_the_json_is_that_of_the_command_line(taly: Visitor) -> None:
    told, world = taly.document(), taly.world
    entries = decisions(world.journal, world.today)
    same = status_facts(world.journal, world.today, [], running=True, process=Process())
    assert {key: told[key] for key in same if key != "secrets"} == {
        key: value for key, value in same.items() if key != "secrets"
    }
    by_name = {one["secret"]: one for one in told["secrets"]}
    assert by_name.keys() == entries.keys()
    for name, entry in entries.items():
        assert by_name[name] == json.loads(json.dumps(account_facts(account_of(world.journal, entry))))


def keys_of(told: Any, below: str = "") -> Iterator[str]:
    """Every key of a document; lists are of one kind, and what names name is `*`."""
    if isinstance(told, list):
        for one in told:
            yield from keys_of(one, f"{below}[]" if below else below)
    elif isinstance(told, dict):
        for name, value in told.items():
            word = "*" if below == "unmanaged" else name
            place = f"{below}.{word}" if below else word
            yield place
            yield from keys_of(value, place)


KEYS = """
schema_version warnings policy_version daemon_running troubles environments secrets as_of summary scan_late needing
sections unmanaged unmanaged.* clock_ahead_seconds heartbeat heartbeat.heard_at heartbeat.silent heartbeat.sentence
environments[].environment environments[].scanned_at environments[].trouble environments[].foreign_owner
environments[].unmanaged
sections.failed sections.overdue sections.waiting sections.due_soon sections.in_grace sections.healthy
sections.assisted sections.exempt sections.unmanaged
secrets[].secret secrets[].environment secrets[].name secrets[].type secrets[].state secrets[].standing
secrets[].sentence secrets[].until secrets[].age_seconds secrets[].age_by secrets[].due_at secrets[].overdue_at
secrets[].overdue secrets[].owner secrets[].rotation secrets[].last secrets[].paused_until secrets[].rollback_until
secrets[].unknown_credentials secrets[].problems secrets[].impact secrets[].steps secrets[].alerts
secrets[].rotation.id secrets[].rotation.secret secrets[].rotation.phase secrets[].rotation.state
secrets[].rotation.run_at secrets[].rotation.opened_at secrets[].rotation.ended_at secrets[].rotation.attempt
secrets[].rotation.reason secrets[].rotation.sentence
secrets[].last.id secrets[].last.secret secrets[].last.phase secrets[].last.state secrets[].last.run_at
secrets[].last.opened_at secrets[].last.ended_at secrets[].last.attempt secrets[].last.reason secrets[].last.sentence
secrets[].steps[].step secrets[].steps[].heading secrets[].steps[].state secrets[].steps[].began_at
secrets[].steps[].ended_at secrets[].steps[].sentence secrets[].steps[].failures
secrets[].steps[].failures[].sentence secrets[].steps[].failures[].first_at secrets[].steps[].failures[].last_at
secrets[].steps[].failures[].times
secrets[].alerts[].identity secrets[].alerts[].kind secrets[].alerts[].severity secrets[].alerts[].title
secrets[].alerts[].opened_at secrets[].alerts[].id secrets[].alerts[].state secrets[].alerts[].answered_by
alerts alerts[].identity alerts[].kind alerts[].severity alerts[].title alerts[].opened_at alerts[].id alerts[].state
alerts[].answered_by
"""


def has_everything(world: World) -> None:
    company(world, HOSTILE[:1])
    has_a_heartbeat(world)


def test_the_json_has_stable_keys_and_a_page_that_explains_them(visiting: Told) -> None:
    hostile = visiting(has_everything).document()
    assert set(keys_of(hostile)) == set(KEYS.split()), (
        "keys are added, never renamed, without a new schema_version"
    )
    assert hostile["schema_version"] == 1
    page = REFERENCE.read_text(encoding="utf-8")
    assert not [
        key for key in KEYS.split() if f"`{key}`" not in page and f"`{key.rpartition('.')[2]}`" not in page
    ]


def test_a_journal_that_is_away_takes_away_nothing_but_the_news(
    passing: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = passing.text()

    def away(*_asked: object, **_more: object) -> None:
        raise JournalAway("postgresql://rotator:hunter2@db is gone")

    for name in ("now", "histories", "surveyed", "alerts"):
        monkeypatch.setattr(passing.world.journal, name, away)
    passing.later(10 * MINUTE)
    text = passing.text()
    assert "The journal gives no answer" in text
    assert "What follows is as of 2026-06-10 12:07 UTC." in text
    assert "production/SES_SMTP_PASSWORD" in text
    assert "hunter2" not in text
    assert text != before
    answer = passing.ask("/api/v1/status")
    told = json.loads(read(answer))
    assert (answer.status_code, len(told["warnings"]), len(told["secrets"])) == (503, 1, 16)
    monkeypatch.undo()
    passing.later()
    assert "The journal gives no answer" not in passing.text()
    assert passing.ask("/api/v1/status").status_code == 200


def test_away_from_the_start_it_says_that_nothing_is_known(
    passing: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise JournalAway("gone")

    monkeypatch.setattr(passing.world.journal, "histories", away)
    text = passing.text()
    assert "Nothing is known yet." in text
    assert "The journal gives no answer" in text
    assert passing.ask("/api/v1/status").status_code == 503


def test_a_bug_is_said_and_not_shown(passing: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    def surprise() -> None:
        raise ValueError("hunter2")

    monkeypatch.setattr(passing.world.journal, "histories", surprise)
    text = passing.text()
    assert "failed by a bug of rotator" in text
    assert "hunter2" not in text


def test_a_look_that_does_not_end_makes_the_page_say_how_old_it_is(
    passing: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing.text()
    monkeypatch.setattr(passing.looks._aside, "get", lambda: passing.looks._last)
    passing.world.clock.pass_by(OLD)
    assert "not finished" not in passing.text()
    passing.world.clock.pass_by(MINUTE)
    assert "The last look at the journal is not finished. What follows is as of" in passing.text()


def _a_day_later(world: World) -> None:
    thousands(world, 3)
    world.clock.pass_by(DAY)


def _never_scanned(world: World) -> None:
    thousands(world, 3)
    survey = world.journal.surveyed()["production"]
    world.journal.note_surveyed(survey.model_copy(update={"digest": ""}))


def _store_away(world: World) -> None:
    thousands(world, 3)
    survey = world.journal.surveyed()["production"]
    world.journal.note_surveyed(survey.model_copy(update={"trouble": "SSM does not answer"}))


@pytest.mark.parametrize(
    "tell, sentence",
    [
        (lambda world: None, "There are no secrets in the policy."),
        (lambda world: thousands(world, 3), "Nothing needs you."),
        (_a_day_later, "Nothing needs you, by a scan that is too old."),
        (_never_scanned, "Nothing is known yet: not every environment has been scanned."),
        (_store_away, "No secret needs you by itself, but something is in the way."),
    ],
)  # fmt: skip
def test_what_it_says_when_nobody_is_needed(
    visiting: Told, tell: Callable[[World], None], sentence: str
) -> None:
    assert f'role="status">{sentence}' in visiting(tell).text().replace(' class="loud"', "")


def _read_by_a_stranger(world: World) -> None:
    thousands(world, 3)
    alert = an_alert("", f"somebody read 12 secrets {SAID}", world.clock.now(), AlertKind.BULK_READ)
    world.journal.post_alert(alert, timedelta())


def test_what_no_secret_shows_stands_above_all_of_them(visiting: Told) -> None:
    seen = visiting(_read_by_a_stranger)
    read = Outline(seen.text()).read
    assert "No secret needs you by itself, but something was seen." in read
    assert f"somebody read 12 secrets {SAID} (bulk_read, critical), since 2026-06-10 12:00 UTC; al_" in read
    assert read.index("somebody read 12") < read.index("Nothing to do.")
    (alert,) = seen.document()["alerts"]
    assert (alert["kind"], alert["state"], alert["answered_by"]) == ("bulk_read", "firing", None)


def test_a_store_that_is_away_stands_above_all_rows(visiting: Told) -> None:
    read = Outline(visiting(_store_away).text()).read
    assert read.index("production: SSM does not answer") < read.index("Nothing to do.")


def has_a_heartbeat(world: World) -> None:
    rule = HeartbeatPolicy(url="env:URL", every=5 * MINUTE, grace=15 * MINUTE)
    world.today = world.today.model_copy(update={"alerts": AlertPolicy(heartbeat=rule)})


def _silent(world: World) -> None:
    thousands(world, 3)
    has_a_heartbeat(world)


def test_why_the_outside_hears_nothing_stands_above_all_rows(visiting: Told) -> None:
    seen = visiting(_silent)
    seen.process = Process(stuck=["a worker"])
    read, why = Outline(seen.text()).read, "a worker of this process does not move"
    assert "No secret needs you by itself, but something is in the way." in read
    assert read.index(f"heartbeat: nobody outside is told that all is well: {why}") < read.index(
        "Nothing to do."
    )
    told = seen.document()["heartbeat"]
    assert (told["silent"], told["heard_at"]) == ("stuck", None)
    assert why in told["sentence"]


def test_a_clock_that_differs_stands_above_all_rows(visiting: Told) -> None:
    seen = visiting(lambda world: thousands(world, 3))
    seen.process = Process(ahead=-2 * MINUTE)
    read = Outline(seen.text()).read
    assert read.index("the machine's clock is 2 min behind the journal's") < read.index("Nothing to do.")
    assert seen.document()["clock_ahead_seconds"] == -120


def test_thousands_are_on_many_pages(visiting: Told) -> None:
    many = visiting(lambda world: thousands(world, 350))
    whole = Outline(many.text())
    assert len(whole.named("details")) == AT_ONCE + 4
    last = Outline(many.text("section=healthy&after=300"))
    assert len(last.named("details")) == 46
    assert "301 to 346 of 346." in last.read
    assert not {one["id"] for one in whole.named("details")} & {one["id"] for one in last.named("details")}
    found = Outline(many.text("find=secret_00107"))
    assert [one["id"] for one in found.named("details")] == ["production/SECRET_00107"]


def test_making_the_json_of_many_takes_no_more_room_than_of_few(visiting: Told) -> None:
    """Eleven megabytes for five thousand secrets would be four times as much on the way, in a pod with a limit."""

    def room(number: int) -> tuple[int, int]:
        """Bytes at the highest point, and how long the text is."""
        made = visiting(lambda world: thousands(world, number))
        made.document()  # the look is another matter
        made.looks._last._made.clear()
        tracemalloc.start()
        try:
            told, _ = made.looks.document()
            _, highest = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        return highest, sum(map(len, told.pieces()))

    (few, short), (many, long) = room(30), room(300)
    assert long > 9 * short
    assert many - few < (long - short) / 5


def test_a_document_about_no_secrets_is_one(visiting: Told) -> None:
    assert visiting(lambda world: None).document()["secrets"] == []


def test_a_thousand_viewers_are_one_look_at_the_journal(
    visiting: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = visiting(lambda world: thousands(world, 200))
    looks, histories = list[int](), many.world.journal.histories

    def counted() -> Any:
        looks.append(1)
        return histories()

    monkeypatch.setattr(many.world.journal, "histories", counted)
    first = many.ask()
    for _ in range(300):
        assert many.ask(if_none_match=first.headers["etag"]).status_code == 304
    many.document()
    assert len(looks) == 1
    many.later(timedelta(minutes=5))
    many.text()
    assert len(looks) == 2
