"""A value that was planted anywhere in the demo's world is found there: in files, messages, mails, pages and verbs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from email.charset import BASE64, Charset
from email.header import Header
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, ClassVar, cast

import pytest

from rotator.journal import open_journal
from rotator.model.requests import Request, RequestKind
from rotator.sandbox.demo.leaks import files_below, leaks, messages_of
from rotator.sandbox.demo.looks import PAGES, Onlooker, listening_on
from rotator.sandbox.people import PeopleControl

NAME = "production/JWT_SECRET version 3"
VALUE = f"v{token_urlsafe(40)}"  # a verb would take it for options if it began with a "-"


def found(places: Mapping[str, bytes]) -> list[str]:
    return leaks({VALUE: NAME}, places)


# files


@pytest.mark.parametrize("name", ["rotator.log", "policies.yaml", "postgres-staging/postgres.log", "state/x"])
def test_a_value_in_a_file_is_found(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f'{{"event": "stored", "value": "{VALUE}"}}\n')
    (tmp_path / "platform.log").write_text("nothing")
    assert found(files_below(tmp_path)) == [f"{NAME}: in {name}"]


def test_a_value_in_the_journal_is_found(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    journal = open_journal(f"sqlite:///{tmp_path}/journal/journal.sqlite", daemon=False)
    assert found(files_below(tmp_path)) == []
    journal.add_request(
        Request(
            id="1", kind=RequestKind.PAUSE, about="x", by="me", because=f"it is {VALUE}", at=journal.now()
        )
    )
    assert found(files_below(tmp_path))


def test_data_of_postgres_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "postgres-staging" / "data").mkdir(parents=True)
    (tmp_path / "postgres-staging" / "data" / "PG_VERSION").write_text("18")
    assert files_below(tmp_path) == {}


# messages


class FakePeople:
    """Who has these messages."""

    def __init__(self, *, slack: list[dict[str, Any]] | None = None, mails: list[str] | None = None) -> None:
        self._slack, self._mails = slack or [], mails or []

    def raw(self) -> list[str]:
        return ["nothing", *self._mails]

    def messages(self) -> dict[str, list[dict[str, Any]]]:
        return {"slack": self._slack, "mail": [{"raw": mail} for mail in self._mails]}


def reached(people: FakePeople) -> list[str]:
    return found(messages_of(cast(PeopleControl, people)))


@pytest.mark.parametrize(
    "message",
    [
        {"text": f"it is {VALUE}", "blocks": []},
        {"text": "", "blocks": [{"type": "section", "fields": [{"text": f"`{VALUE}`"}]}]},
        {"text": "", "blocks": [], "metadata": {"event_payload": {VALUE: 1}}},
    ],
)
def test_a_value_in_a_slack_message_is_found(message: dict[str, Any]) -> None:
    assert reached(FakePeople(slack=[{"text": "fine", "blocks": []}])) == []
    assert reached(FakePeople(slack=[message])) == [f"{NAME}: in Slack message 1"]


def mail(text: str, subject: str = "Rotation failed") -> EmailMessage:
    written = EmailMessage()
    written["Subject"], written["To"] = subject, "platform@taly.example"
    written.set_content(text, cte="quoted-printable")
    written.add_alternative(f"<p>{text}</p>", subtype="html", cte="base64")
    return written


def test_a_value_that_soft_breaks_of_a_mail_tear_apart_is_found() -> None:
    pieces = "=\r\n".join(VALUE[at : at + 9] for at in range(0, len(VALUE), 9))
    raw = f"Subject: x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nit is {pieces}\r\n"
    assert found({"raw": raw.encode()}) == [], "as it came it is in pieces"
    assert reached(FakePeople(mails=[raw])) == [f"{NAME}: in mail 1"]


def test_a_value_in_another_part_of_a_mail_is_found() -> None:
    written = mail("nothing")
    written.add_attachment(VALUE.encode(), maintype="application", subtype="octet-stream", filename="x")
    assert f"{NAME}: in mail 1" in reached(FakePeople(mails=[written.as_string()]))


def test_a_value_in_a_header_that_is_encoded_and_folded_is_found() -> None:
    in_base64 = Charset("utf-8")
    in_base64.header_encoding = BASE64  # else the shorter of two is taken, and that depends on the value
    subject = Header(f"überfällig: {VALUE}", in_base64, maxlinelen=40).encode()
    raw = f"Subject: {subject}\nTo: platform@taly.example\n\nnothing\n"
    assert found({"raw": raw.encode()}) == [], "as it came it is unreadable"
    assert reached(FakePeople(mails=[raw])) == [f"{NAME}: in mail 1"]


def test_nothing_is_found_in_a_mail_without_a_value() -> None:
    assert reached(FakePeople(mails=[mail("nothing").as_string()])) == []


# pages and verbs


class Pages(BaseHTTPRequestHandler):
    """A daemon's pages."""

    told: ClassVar[dict[str, str]] = {}

    def do_GET(self) -> None:
        body = self.told.get(self.path, "fine").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def onlooker(tmp_path: Path) -> Iterator[Onlooker]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    log = tmp_path / "rotator.log"
    lines = [
        {"event": "listening", "port": 1},
        {"event": "listening", "port": server.server_port},
        {"event": "x"},
    ]
    log.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    yield Onlooker({}, log)
    Pages.told.clear()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("page", PAGES)
def test_a_value_on_a_page_is_found(onlooker: Onlooker, page: str) -> None:
    onlooker.open_pages()
    assert found(onlooker.places()) == []
    Pages.told[page] = f'rotator_secret_state{{secret="{VALUE}"}} 1'
    onlooker.open_pages()
    Pages.told.clear()
    onlooker.open_pages()
    assert found(onlooker.places()) == [f"{NAME}: in {page}"]
    assert onlooker.looks() == dict.fromkeys(PAGES, 3)


def test_a_daemon_that_serves_nobody_is_not_looked_at(tmp_path: Path) -> None:
    log = tmp_path / "rotator.log"
    assert listening_on(log) is None
    log.write_text('{"event": "listening", "port": 1}\n')
    onlooker = Onlooker({}, log)
    onlooker.open_pages()
    assert onlooker.looks() == {}


@pytest.mark.slow
def test_a_value_in_what_a_verb_prints_is_found_and_a_verb_that_fails_is_noted(onlooker: Onlooker) -> None:
    onlooker.run_all([["--version"], [VALUE]])
    assert onlooker.failed == [f"rotator {VALUE}: exit code 2"]
    (place,) = found(onlooker.places())
    assert place.startswith(f"{NAME}: in rotator ")
    assert len(onlooker.places()) == 2
