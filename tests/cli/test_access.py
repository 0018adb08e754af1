"""The verbs of access: recorded events, judged without a journal or a login, and what the daemon's watch has seen."""

from __future__ import annotations

import gzip
import json
import os
import sys
import threading
from contextlib import closing
from datetime import timedelta
from io import BufferedReader, BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
import yaml

from rotator.cli import recorded
from rotator.cli.replay import read_offline
from rotator.config.load import load
from rotator.contracts.access_log import Seen
from rotator.engine.access.replay import judge_all
from rotator.journal import open_journal
from rotator.model.access import AccessFinding, AccessKind
from rotator.model.alerts import Severity
from rotator.model.watch import Disposition, Sighting
from rotator.trails.cloudtrail import access_of
from tests.access.corpus import APP, JWT, ROTATOR, STARTS, labelled
from tests.access.records import Record, at, history, one, pod, put, spelled, user
from tests.cli.beside import Beside

TALY = Path(__file__).parents[2] / "policies.yaml"
RECORDS = [one(user("ana"), at(3), JWT), one(pod(APP), at(0, 3), JWT), one(pod(APP), at(3), JWT)]


@pytest.fixture
def replay(rotator: Beside) -> Any:
    """Taly's policy where the command runs, and nothing that settings would have to say."""
    rotator.policy_file.write_text(TALY.read_text(encoding="utf-8"))
    return rotator


def written(folder: Path, *records: object, name: str = "events.jsonl") -> str:
    path = folder / name
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
    return str(path)


def starts(folder: Path) -> str:
    lines = [
        {
            "time": spelled(start.at),
            "environment": start.environment,
            "workload": start.workload.partition("/")[2],
            "role": start.role,
        }
        for start in STARTS
    ]
    return written(folder, *lines, name="starts.jsonl")


def test_findings_as_json(replay: Beside, tmp_path: Path) -> None:
    events, began = written(tmp_path, *RECORDS), starts(tmp_path)
    said = replay("access", "replay", events, "--starts", began, "--policies", str(TALY), "--json")
    assert said.code == 0
    document = said.json()
    assert document.keys() == {"schema_version", "judged", "findings"}
    assert (document["schema_version"], document["judged"]) == (1, 3)
    assert document["findings"][0] == {
        "event_id": RECORDS[0]["eventID"],
        "kind": "unknown_actor",
        "severity": "critical",
        "principal": "arn:aws:iam::111122223333:user/ana",
        "secrets": ["production/JWT_SECRET"],
        "rule": "",
        "why": "GetParameter: no rule of access.allow speaks of this user",
    }
    assert [one["kind"] for one in document["findings"]] == ["unknown_actor", "access_outside_deployment"]
    assert said.err == "3 calls to parameters judged, of 3 records: 2 findings.\n"


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("zipped", [False, True])
def test_every_form_of_a_file_is_the_same_to_it(
    replay: Beside, tmp_path: Path, indent: int | None, *, zipped: bool
) -> None:
    document = json.dumps({"Records": RECORDS}, indent=indent).encode()
    lines = "\n".join(map(json.dumps, RECORDS)).encode()
    told = []
    for content in (document, lines, b"\xef\xbb\xbf" + document, lines.replace(b"\n", b"\r\n\r\n")):
        path = tmp_path / "events"
        path.write_bytes(gzip.compress(content) if zipped else content)
        told.append(replay("access", "replay", str(path), "--json").json())
    assert told[0]["judged"] == 3
    assert all(one == told[0] for one in told)


def test_exit_code_13_where_there_are_findings_and_it_was_asked_for(replay: Beside, tmp_path: Path) -> None:
    events, began = written(tmp_path, *RECORDS), starts(tmp_path)
    assert replay("access", "replay", events, "--starts", began, "--exit-code").code == 13
    quiet = written(tmp_path, RECORDS[1], name="quiet")
    said = replay("access", "replay", quiet, "--starts", began, "--exit-code")
    assert (said.code, said.out) == (0, "")
    assert replay("access", "replay", quiet, "--exit-code").code == 13  # nothing started, as far as is known


def test_rotator_s_role_is_believed_unless_its_id_is_given(replay: Beside, tmp_path: Path) -> None:
    events = written(tmp_path, one(pod(ROTATOR), at(3), JWT))
    assert replay("access", "replay", events, "--json").json()["findings"] == []
    (found,) = replay("access", "replay", events, "--installation", "a1b2", "--json").json()["findings"]
    assert (found["kind"], found["rule"]) == ("unknown_actor", "rotator")


def test_a_table_for_people(replay: Beside, tmp_path: Path) -> None:
    said = replay("access", "replay", written(tmp_path, *RECORDS), "--starts", starts(tmp_path))
    head, first, second = said.out.splitlines()
    assert head.split() == ["TIME", "SEVERITY", "KIND", "PRINCIPAL", "SECRETS", "RULE", "WHY"]
    assert first.startswith("2026-11-27 11:00:00  CRITICAL  unknown_actor ")
    assert first.endswith(f"speaks of this user (event {RECORDS[0]['eventID']})")
    assert "WARNING   access_outside_deployment  taly-production-app" in second
    tinted = replay("access", "replay", written(tmp_path, *RECORDS), "--color", "always").out
    assert "\x1b[31mCRITICAL\x1b[0m" in tinted


def test_a_table_where_the_locale_lacks_a_character(replay: Beside, tmp_path: Path) -> None:
    """What a record names may be in any script; a terminal in Latin-2 is no reason to show nothing."""
    terminal = TextIOWrapper(BytesIO(), encoding="iso-8859-2")
    with replay.monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", terminal)
        replay("access", "replay", written(tmp_path, one(user("Łucja-Зоя"), at(3), JWT)))
    terminal.seek(0)
    assert "Łucja-\\u0417" in terminal.read()


def test_rows_for_machines(replay: Beside, tmp_path: Path) -> None:
    said = replay("access", "replay", written(tmp_path, *RECORDS), "--output", "csv")
    assert said.out.splitlines()[0] == "event_id,kind,severity,principal,secrets,rule,why"
    lines = replay("access", "replay", written(tmp_path, *RECORDS), "--output", "jsonl").out.splitlines()
    assert [json.loads(line)["schema_version"] for line in lines] == [1, 1, 1]


def test_what_cannot_be_understood_is_skipped_said_and_counted(replay: Beside, tmp_path: Path) -> None:
    events = written(
        tmp_path, RECORDS[0], {"eventSource": "ssm.amazonaws.com", "eventName": "GetParameter"}, 7
    )
    with Path(events).open("ab") as file:
        file.write(b"{broken\n\n\xff\xfe\n" + b"[" * 100_000 + b"\n")
    said = replay("access", "replay", events, "--json")
    assert said.code == 0
    assert len(said.json()["findings"]) == 1
    assert said.err.splitlines() == [
        f"{events}:2: skipped: GetParameter names no parameter",
        f"{events}:3: skipped: it is no JSON object",
        f"{events}:4: skipped: it is no JSON",
        f"{events}:6: skipped: it is no JSON",
        f"{events}:7: skipped: it is no JSON",
        "5 records of 6 could not be understood and were skipped",
        "1 call to parameters judged, of 6 records: 1 finding.",
    ]


def test_many_bad_lines_are_counted_and_not_listed(replay: Beside, tmp_path: Path) -> None:
    said = replay("access", "replay", written(tmp_path, *range(30)), "--json")
    assert len(said.err.splitlines()) == 23
    assert "… and 10 more" in said.err
    assert "30 records of 30 could not be understood and were skipped" in said.err


def test_a_file_that_ends_in_the_middle_is_judged_as_far_as_it_goes(replay: Beside, tmp_path: Path) -> None:
    lines = b"".join(
        json.dumps(one(user(f"u{number}"), at(3), JWT)).encode() + b"\n" for number in range(400)
    )
    path = tmp_path / "events.json.gz"
    path.write_bytes(gzip.compress(lines)[:-2000])
    said = replay("access", "replay", str(path), "--json")
    assert 0 < said.json()["judged"] < 400
    assert f"{path}: it ends in the middle or is damaged" in said.err
    assert "could not be understood" not in said.err


def test_a_document_that_ends_in_the_middle_is_judged_as_far_as_it_goes(
    replay: Beside, tmp_path: Path
) -> None:
    records = [one(user(f"u{number}"), at(3), JWT) for number in range(20)]
    path = tmp_path / "events.json"
    path.write_text(json.dumps({"Records": records})[:-40])
    said = replay("access", "replay", str(path), "--json")
    assert said.json()["judged"] == 19
    assert f"{path}: it ends in the middle or is damaged" in said.err


@pytest.mark.parametrize(
    "between, behind, judged",
    [
        ("", "", 40),  # cat a.json b.json
        ("\n", "\n", 40),
        ("\n\n", json.dumps(one(user("more"), at(3), JWT)) + "\n", 41),
        ("", "no more", 40),
    ],
)
def test_documents_behind_each_other_are_all_judged(
    replay: Beside, tmp_path: Path, between: str, behind: str, judged: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded, "_PIECE", 700)  # less than a record, so that every seam is met
    halves = [[one(user(f"u{half}-{number}"), at(3), JWT) for number in range(20)] for half in range(2)]
    documents = [{"Records": halves[0], "note": [1]}, {"Records": halves[1]}]
    path = tmp_path / "events.json"
    path.write_text("\ufeff" + between.join(json.dumps(one, indent=1) for one in documents) + behind)
    said = replay("access", "replay", str(path), "--json")
    assert said.json()["judged"] == judged
    assert ("skipped: it is no JSON" in said.err) is (behind == "no more")


def test_a_long_document_is_not_read_before_its_first_record_is_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recorded, "_PIECE", 2048)
    document = json.dumps({"Records": [RECORDS[0]] * 100}).encode()
    file = BufferedReader(BytesIO(document), buffer_size=2048)
    records = recorded._records_in(file)
    assert next(records) == (" (record 1)", RECORDS[0])
    assert file.tell() < len(document) / 4
    assert sum(1 for _record in records) == 99


def test_wherever_a_piece_of_a_document_ends_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = [{"Records": [{"é": number}, {}], "more": {"x": []}} for number in range(3)]
    text = "\n".join(json.dumps(each, indent=1, ensure_ascii=False) for each in documents)
    for size in range(1, 60):
        monkeypatch.setattr(recorded, "_PIECE", size)
        found = [record for _place, record in recorded._records_in(BufferedReader(BytesIO(text.encode())))]
        assert found == [{"é": 0}, {}, {"é": 1}, {}, {"é": 2}, {}]


def test_a_pipe_is_read_like_a_file(replay: Beside, tmp_path: Path) -> None:
    """`rotator access replay <(zcat …)`: it cannot be read twice."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    for content in (
        json.dumps({"Records": RECORDS}).encode(),
        gzip.compress(json.dumps(RECORDS[0]).encode()),
    ):
        writer = threading.Thread(target=path.write_bytes, args=(content,), daemon=True)
        writer.start()
        assert replay("access", "replay", str(path), "--json").json()["judged"] in {1, 3}
        writer.join()


def test_starts_that_are_none_are_named(replay: Beside, tmp_path: Path) -> None:
    good = {"time": spelled(at(3)), "environment": "production", "workload": "api", "role": APP}
    bad = [{**good, "time": "x"}, {**good, "role": None}, 7, {**good, "environment": "elsewhere"}]
    began = written(tmp_path, good, *bad, name="starts.jsonl")
    said = replay("access", "replay", written(tmp_path, RECORDS[2]), "--starts", began, "--json")
    assert said.json()["findings"] == []
    assert said.err.splitlines()[:5] == [
        f"{began}:2: skipped: its time is no time",
        f"{began}:3: skipped: it has no role",
        f"{began}:4: skipped: it is no JSON object",
        "3 records of 5 could not be understood and were skipped",
        "starts speak of elsewhere, which is no environment of the policy",
    ]


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["nowhere.jsonl"], "nowhere.jsonl cannot be read: No such file or directory"),
        (["{events}", "--policies", "nowhere.yaml"], "nowhere.yaml cannot be read"),
        (["{events}", "--starts", "."], ". cannot be read: Is a directory"),
        (["{events}", "--policies", "{events}"], "events.jsonl:1: "),
        ([], "missing argument"),
    ],
)
def test_what_cannot_be_used(replay: Beside, tmp_path: Path, words: list[str], sentence: str) -> None:
    events = written(tmp_path, *RECORDS)
    said = replay("access", "replay", *(word.replace("{events}", events) for word in words))
    assert said.code == 2
    assert sentence in said.err


@pytest.mark.parametrize("verb", ["replay", "learn"])
@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)
def test_a_time_that_nothing_can_have_hides_no_other_line(
    replay: Beside, tmp_path: Path, verb: str, time: str
) -> None:
    events = written(tmp_path, {**RECORDS[0], "eventTime": time, "eventID": "strange"}, RECORDS[2])
    start = {"time": time, "environment": "production", "workload": "api", "role": "taly-production-app"}
    began = written(tmp_path, start, name="starts.jsonl")
    said = replay("access", verb, events, "--starts", began)
    assert said.code == 0
    assert f"{events}:1: skipped: its eventTime is " in said.err
    assert f"{began}:1: skipped: its time is " in said.err
    assert "1 call to parameters judged, of 2 records: 1 finding." in said.err


def test_a_policy_that_allows_nobody_is_said(replay: Beside, tmp_path: Path) -> None:
    policy = yaml.safe_load(TALY.read_text(encoding="utf-8"))
    del policy["access"]
    file = tmp_path / "nobody.yaml"
    file.write_text(yaml.safe_dump(policy, sort_keys=False, allow_unicode=True))
    said = replay("access", "replay", written(tmp_path, *RECORDS), "--policies", str(file))
    assert "The policy allows nobody to read (access.allow): every read is by somebody unknown." in said.err


def test_nothing_is_needed_but_the_files(
    replay: Beside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROTATOR_JOURNAL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.delenv("ROTATOR_ALLOWED_HOSTS", raising=False)
    said = replay("access", "replay", written(tmp_path, *RECORDS), "--policies", str(TALY), "--json")
    assert said.code == 0
    assert not (tmp_path / "state").exists()


def learnt(replay: Beside, *records: Record) -> str:
    return replay("access", "learn", written(replay.folder, *records), "--starts", starts(replay.folder)).out


def pasted(text: str, rules: str) -> str:
    """The policy with what learning printed above its own rules, as a person would paste it."""
    lines = [line for line in rules.splitlines() if line.startswith("    ")]
    return text.replace("  allow:\n", "\n".join(["  allow:", *lines, ""]), 1)


def test_the_rules_that_learning_prints_can_be_pasted_and_leave_no_finding(replay: Beside) -> None:
    kinds = {"unknown_actor", "access_outside_deployment"}
    records = [each.record for each in labelled() if each.kinds and each.kinds <= kinds]
    rules = learnt(replay, *records)
    assert rules.startswith("# access_outside_deployment: 12\n# unknown_actor: ")
    policy = pasted(TALY.read_text(encoding="utf-8"), rules)
    assert not load(policy, "policies.yaml", allowed_hosts=["*"]).errors
    replay.policy_file.write_text(policy)
    events, began = written(replay.folder, *records), starts(replay.folder)
    assert replay("access", "replay", events, "--starts", began, "--json").json()["findings"] == []
    assert learnt(replay, *records) == "# Nothing has to be allowed.\n"


def test_learning_says_what_no_rule_allows(replay: Beside) -> None:
    who = 'name: "ana", principal: "arn:aws:iam::111122223333:user/ana", during: "always"'
    what = 'only_in: ["production"], secrets: ["JWT_SECRET"]'
    said = learnt(replay, RECORDS[0], history(user("ana"), at(4), JWT), put(user("ana"), at(5), JWT, 2))
    assert said.splitlines() == [
        "# unknown_actor: 2",
        "# history_read: 1",
        "# drift: 1",
        "# No rule allows a history, an old version, what was denied or what somebody wrote. These stay:",
        "#   2026-11-27 12:00 history_read by arn:aws:iam::111122223333:user/ana (critical)",
        "#   2026-11-27 13:00 drift by arn:aws:iam::111122223333:user/ana (critical)",
        "# Read each, and paste those that are right above the others: the first that fits holds.",
        "access:",
        "  allow:",
        "    # 2 reads, 2026-11-27 11:00 UTC to 2026-11-27 12:00 UTC",
        f"    - {{{who}, {what}}}",
    ]


def test_what_the_watch_has_learned_is_printed_with_rules_that_make_it_expected(
    replay: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROTATOR_ALLOWED_HOSTS", "*")
    assert replay("access", "learned").out == "# Nothing has to be allowed.\n"
    accesses = [access for record in RECORDS if (access := access_of(record))]
    policies = read_offline(TALY)
    findings = judge_all(policies, accesses, STARTS).findings
    by_id = {access.event_id: access for access in accesses}
    said = {"disposition": Disposition.LEARNED, "near_starts": False}
    seen = [Seen(found.event_id, Sighting.of(found, by_id[found.event_id], **said)) for found in findings]
    with closing(open_journal(replay.url, daemon=True)) as journal:
        journal.note_accesses(accesses, timedelta())
        journal.note_judged(by_id, seen)
    told = replay("access", "learned").out
    assert "# unknown_actor: 1\n" in told
    assert (
        "#   2026-11-27 11:00 unknown_actor by arn:aws:iam::111122223333:user/ana: GetParameter: no" in told
    )
    pasted_policy = pasted(TALY.read_text(encoding="utf-8"), told)
    replay.policy_file.write_text(pasted_policy)
    events = written(replay.folder, *RECORDS)
    began = starts(replay.folder)
    assert replay("access", "replay", events, "--starts", began, "--json").json()["findings"] == []
    document = replay("access", "learned", "--json").json()
    assert document.keys() == {"schema_version", "learn_until", "kept_quiet", "allow"}
    assert {one["kind"] for one in document["kept_quiet"]} == {"unknown_actor", "access_outside_deployment"}


def test_what_was_seen_is_listed_with_every_secret_until_it_has_ended(
    replay: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROTATOR_ALLOWED_HOSTS", "*")
    assert (replay("access", "seen").out, replay("access", "seen").err) == ("", "nothing is open\n")
    names = tuple(f"production/KEY_{number:03}" for number in range(120))
    access = access_of(RECORDS[0])
    assert access is not None
    finding = AccessFinding(
        access.event_id,
        access.at,
        AccessKind.BULK_READ,
        Severity.CRITICAL,
        access.principal,
        names,
        "",
        "120 of them",
    )
    with closing(open_journal(replay.url, daemon=True)) as journal:
        journal.note_accesses([access], timedelta())
        journal.note_judged([access.event_id], [Seen(access.event_id, Sighting.of(finding, access))])
        heading, row = replay("access", "seen").out.splitlines()
        assert heading.split() == ["SEVERITY", "STATE", "KIND", "LAST", "TIMES", "PRINCIPAL", "SECRETS"]
        assert row.endswith(" ".join(names)), "as they are pasted behind rotator compromised"
        assert replay("access", "seen", "--env", "staging").err == "nothing is open\n"
        (facts,) = replay("access", "seen", "--env", "production", "--json").json()["seen"]
        assert (facts["kind"], facts["disposition"], facts["secrets"]) == ("bulk_read", "open", [*names])
        (open_one,) = journal.sightings()
        journal.end_sightings([open_one.identity], Disposition.ACKNOWLEDGED, "ana")
    assert replay("access", "seen").out == ""
    (line,) = replay("access", "seen", "--all", "--output", "csv").out.splitlines()[1:]
    assert (line.startswith("bulk_read,critical,acknowledged,"), ",ana," in line) == (True, True)


def test_an_environment_that_is_none_is_said_so(replay: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROTATOR_ALLOWED_HOSTS", "*")
    said = replay("access", "seen", "--env", "prodution")
    assert (said.code, "production" in said.err) == (2, True)


def test_learning_for_machines(replay: Beside) -> None:
    said = replay(
        "access", "learn", written(replay.folder, *RECORDS), "--starts", starts(replay.folder), "--json"
    )
    document = said.json()
    assert document["would_tell"] == {"unknown_actor": 1, "access_outside_deployment": 1}
    assert document["stays"] == {}
    assert [rule["name"] for rule in document["allow"]] == ["ana", "taly-production-app"]
