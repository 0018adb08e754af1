"""What the corpus does not tell: how loudly, why, and what the judge remembers."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from rotator.contracts.redeployer import Start
from rotator.engine.access.bulk import Bulk
from rotator.engine.access.judge import Judge
from rotator.engine.access.learn import allowing, proposals, reads_of
from rotator.engine.access.replay import Verdict, judge_all
from rotator.engine.access.starts import Starts
from rotator.engine.access.versions import Versions
from rotator.model.access import AccessFinding, AccessKind, Principal
from rotator.model.alerts import Severity
from rotator.model.caller import caller
from rotator.model.policy import During, Policies, Reader
from rotator.trails.cloudtrail import access_of
from tests.access.compared import taly
from tests.access.corpus import APP, DATABASE, ESO, JWT, ROTATOR, STARTS, TWELVE, labelled
from tests.access.records import (
    BOTO,
    BROWSER,
    CLI,
    OURS,
    THEIRS,
    Record,
    arn,
    at,
    delete,
    denied,
    foreign,
    history,
    irsa,
    one,
    pod,
    put,
    role,
    several,
    sso,
    user,
    without_issuer,
)
from tests.engine.things import policies, policy

INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL


def judged(*records: Record, policies: Policies | None = None, starts: tuple[Start, ...] = STARTS) -> Verdict:
    accesses = [access for record in records if (access := access_of(record))]
    return judge_all(policies or taly(), accesses, starts)


def found(*records: Record, **how: Any) -> list[AccessFinding]:
    return judged(*records, **how).findings


def with_readers(*readers: Reader) -> Policies:
    return taly().model_copy(update={"access": taly().access.model_copy(update={"readers": readers})})


def of_account(account: str) -> Policies:
    places = {name: one.model_copy(update={"account": account}) for name, one in taly().environments.items()}
    return taly().model_copy(update={"environments": places})


@pytest.mark.parametrize(
    "record, severity",
    [
        (one(user("ana"), at(3), JWT), CRITICAL),
        (one(pod(APP), at(3), JWT), WARNING),
        (one(pod(APP), at(3), JWT, userAgent=CLI), CRITICAL),  # a person with an application's role
        (one(pod(APP), at(3), JWT, userAgent=BROWSER), CRITICAL),
        (history(irsa(ESO), at(3), JWT), CRITICAL),
        (denied(one(user("ana"), at(3), JWT, userAgent=CLI)), INFO),
        (denied(one(pod(APP), at(3), JWT, userAgent=CLI)), INFO),
        (put(user("ana"), at(3), JWT, 2), CRITICAL),
        (put(user("ana"), at(3), JWT.replace("production", "staging"), 2), WARNING),
    ],
)
def test_how_loudly(record: Record, severity: Severity) -> None:
    (finding,) = found(record)
    assert finding.severity is severity


@pytest.mark.parametrize(
    "environment, severity",
    [
        ("prod", CRITICAL),
        ("live-eu", CRITICAL),
        ("main", CRITICAL),
        ("pre-production", CRITICAL),
        ("dev", WARNING),
    ],
)
def test_a_write_is_critical_in_production_whatever_that_is_called(
    environment: str, severity: Severity
) -> None:
    record = put(user("ana"), at(3), f"/taly/{environment}/KEY", 2)
    (finding,) = found(record, policies=policies(policy(f"{environment}/KEY")))
    assert (finding.kind, finding.severity) == (AccessKind.DRIFT, severity)


def test_every_finding_says_which_rule_and_why() -> None:
    (outside,) = found(one(pod(APP), at(3), JWT))
    assert outside.rule == "app pods"
    assert outside.why == (
        "GetParameter: rule 'app pods' allows it near a start, and nothing with role taly-production-app started in "
        "production from 2026-11-27 10:45 to 11:02 UTC; the last one known was production/worker at 2026-11-27 08:01"
    )
    (unknown,) = found(one(role("taly-ci", "GitHubActions"), at(3), JWT))
    assert unknown.rule == ""
    assert unknown.why == "GetParameter: no rule of access.allow speaks of this role (session GitHubActions)"
    (by_hand,) = found(one(pod(APP), at(3), JWT, userAgent=CLI), starts=())
    assert by_hand.why.endswith(
        "none is known before; one level higher: it came from a command line or a console, and the role is an "
        "application's"
    )
    assert all(len(one.why) > 30 for one in found(*(each.record for each in labelled())))


def test_a_rule_may_speak_of_some_secrets_and_places() -> None:
    rule = Reader(
        name="reports", environment="production", role="taly-reports", during=During.ALWAYS,
        secrets=("DATABASE_*",), source=("10.20.0.0/16", "vpce-0abc1234"),
    )  # fmt: skip
    policies, who = with_readers(rule), role("taly-reports")
    assert found(one(who, at(), DATABASE), policies=policies) == []
    from_outside = one(who, at(), DATABASE, sourceIPAddress="203.0.113.7")
    assert found({**from_outside, "vpcEndpointId": "vpce-0abc1234"}, policies=policies) == []
    (elsewhere,) = found(from_outside, policies=policies)
    assert elsewhere.kind is AccessKind.UNKNOWN_ACTOR
    assert (
        "rule 'reports' allows it from 10.20.0.0/16, vpce-0abc1234, and it came from 203.0.113.7"
        in elsewhere.why
    )
    by_service = one(who, at(), DATABASE, sourceIPAddress="cloudformation.amazonaws.com")
    assert [one.kind for one in found(by_service, policies=policies)] == [AccessKind.UNKNOWN_ACTOR]
    assert [one.kind for one in found(one(who, at(), JWT), policies=policies)] == [AccessKind.UNKNOWN_ACTOR]


@pytest.mark.parametrize(
    "glob, who, fits",
    [
        ({"role": "taly-*"}, role("taly-x", path="/a/"), True),
        ({"role": "a/taly-*"}, role("taly-x", path="/a/"), True),
        ({"role": "b/taly-*"}, role("taly-x", path="/a/"), False),
        ({"role": f"arn:aws:iam::{THEIRS}:role/taly-x"}, role("taly-x", account=THEIRS), True),
        ({"role": "taly-x"}, role("taly-x", account=THEIRS), False),
        ({"role": "*taly-x"}, user("taly-x"), False),
        ({"principal": f"arn:aws:iam::{OURS}:user/taly-*"}, user("taly-x"), True),
        ({"principal": f"{THEIRS}/*"}, foreign(), True),
        ({"principal": f"arn:aws:iam::{OURS}:user/taly-*"}, role("taly-x"), False),
    ],
)
def test_whom_a_rule_speaks_of(glob: dict[str, str], who: Any, fits: bool) -> None:
    rule = Reader(name="x", environment="production", during=During.ALWAYS, **glob)  # type: ignore[arg-type]  # a role or a principal, by name
    assert (found(one(who, at(), arn(JWT)), policies=with_readers(rule)) == []) is fits


def test_the_first_rule_that_fits_holds() -> None:
    always = Reader(name="a", environment="production", role=APP, during=During.ALWAYS, secrets=("JWT_*",))
    near = Reader(name="b", environment="production", role=APP, during=During.DEPLOYMENT)
    records = (one(pod(APP), at(3), JWT), one(pod(APP), at(3), DATABASE))
    assert [one.rule for one in found(*records, policies=with_readers(always, near))] == ["b"]
    assert [one.rule for one in found(*records, policies=with_readers(near, always))] == ["b", "b"]


def test_records_of_other_accounts_are_told_apart() -> None:
    theirs = one(role(APP, account=THEIRS), at(3), JWT, recipientAccountId=THEIRS)
    verdict = judged(theirs, one(user("ana"), at(3), JWT), policies=of_account(OURS))
    assert (verdict.judged, dict(verdict.elsewhere)) == (1, {THEIRS: 1})
    assert [one.principal.account for one in verdict.findings] == [OURS]
    ours_by_arn = one(role(APP, account=THEIRS), at(0, 3), arn(JWT), recipientAccountId=THEIRS)
    assert [one.kind for one in found(ours_by_arn, policies=of_account(OURS))] == [AccessKind.UNKNOWN_ACTOR]


def test_the_trails_of_two_accounts_tell_one_call_once() -> None:
    ours = one(foreign(), at(3), arn(JWT), sharedEventID="s")
    theirs = one(
        role("deploy", account=THEIRS), at(3), arn(JWT), sharedEventID="s", recipientAccountId=THEIRS
    )
    verdict = judged(ours, theirs)
    assert (verdict.judged, verdict.duplicates, len(verdict.findings)) == (1, 1, 1)


def test_a_name_of_another_account_beside_ours_makes_nobody_at_home() -> None:
    record = one(role(ESO, account=THEIRS), at(3), JWT)
    record["eventName"], record["requestParameters"] = (
        "GetParameters",
        {"names": [arn(JWT, THEIRS), arn(JWT)]},
    )
    assert [one.kind for one in found(record)] == [AccessKind.UNKNOWN_ACTOR]


def test_what_emergency_roles_read_is_told_quietly() -> None:
    verdict = judged(
        one(sso("BreakGlass", "ana"), at(3), JWT), one(sso("BreakGlass", "ana"), at(3), DATABASE)
    )
    assert verdict.findings == []
    ((rule, _principal), reads) = next(iter(verdict.quiet.items()))
    assert (rule, reads) == ("break glass", 2)


def test_rotator_at_work_is_known_where_somebody_knows_it() -> None:
    judge = Judge(
        taly(), Starts(), Versions(), rotating=lambda secret, _at: secret == "production/JWT_SECRET"
    )
    access, other = (access_of(one(pod(ROTATOR), at(3), name)) for name in (JWT, DATABASE))
    assert access is not None
    assert other is not None
    assert list(judge.findings(access)) == []
    (finding,) = judge.findings(other)
    assert (finding.kind, finding.rule) == (AccessKind.ACCESS_OUTSIDE_DEPLOYMENT, "rotator")
    assert "during a rotation, and none was at work" in finding.why


@pytest.mark.parametrize(
    "said,kind",
    [
        (f"{BOTO} {caller('a1b2')}", None),
        (f"[{BOTO} {caller('a1b2')}]", None),
        (BOTO, AccessKind.UNKNOWN_ACTOR),
        (CLI, AccessKind.UNKNOWN_ACTOR),
        (f"{BOTO} {caller('a1b2')}9", AccessKind.UNKNOWN_ACTOR),
        (f"{BOTO} x{caller('a1b2')}", AccessKind.UNKNOWN_ACTOR),
        (None, AccessKind.UNKNOWN_ACTOR),
    ],
)
def test_whoever_has_rotator_s_role_and_does_not_say_its_id_is_somebody_else(
    said: str | None, kind: AccessKind | None
) -> None:
    read = access_of(one(pod(ROTATOR), at(3), JWT, userAgent=said))
    write = access_of(put(pod(ROTATOR), at(4), JWT, 9, userAgent=said))
    assert read and write
    verdict = judge_all(taly(), (read, write), (), installation="a1b2")
    drift = AccessKind.DRIFT if kind else None
    assert [one.kind for one in verdict.findings] == [one for one in (kind, drift) if one]
    for finding in verdict.findings:
        assert (finding.severity, finding.rule) == (CRITICAL, "rotator")
        assert "role" in finding.why


@pytest.mark.parametrize(
    "said,decrypts,known,told",
    [
        (caller("a1b2"), False, "a1b2", False),  # who wrote when, after a race: rotator does that itself
        (caller("a1b2"), True, "a1b2", True),
        (caller("a1b2"), False, "", True),
        (CLI, False, "a1b2", True),
    ],
)
def test_a_history_is_told_whoever_read_it_but_for_rotator_when_it_wants_no_values(
    said: str, known: str, *, decrypts: bool, told: bool
) -> None:
    record = history(pod(ROTATOR), at(3), JWT, userAgent=said)
    record["requestParameters"]["withDecryption"] = decrypts
    access = access_of(record)
    assert access
    kinds = {one.kind for one in judge_all(taly(), [access], (), installation=known).findings}
    assert (AccessKind.HISTORY_READ in kinds) is told


def test_what_others_say_in_their_user_agent_makes_them_no_rotator() -> None:
    stranger = one(role("taly-mallory"), at(3), JWT, userAgent=caller("a1b2"))
    accesses = [access for record in (stranger,) if (access := access_of(record))]
    (finding,) = judge_all(taly(), accesses, (), installation="a1b2").findings
    assert (finding.kind, finding.rule) == (AccessKind.UNKNOWN_ACTOR, "")


def test_starts_are_remembered_once() -> None:
    starts = Starts()
    for _again in range(2):
        starts.add(Start("production/api", APP, at(1)))
        starts.add(Start("production/worker", APP, at(2)))
        starts.add(Start("production/silent", "", at(2)))
    slack = timedelta(minutes=15)
    assert starts.near("production", APP, at(1, 10), slack)
    assert not starts.near("staging", APP, at(1, 10), slack)
    assert starts.last("production", APP, at(1, 30)) == (at(1), "production/api")
    assert starts.near("production", APP, at(2), slack)
    assert [len(moments) for moments in starts._moments.values()] == [2]


def test_many_reads_are_said_once_within_the_span() -> None:
    bulk, who = Bulk(2, timedelta(hours=1)), Principal("x", "IAMUser")
    said = [bulk.read(who, [name], at(0, minute)) for minute, name in enumerate("abcd")]
    assert said == [(), (), ("a", "b", "c"), ()]
    assert bulk.read(who, "e", at(1, 30)) == ()  # the others are out of the span
    assert bulk.read(who, "fg", at(1, 40)) == ("e", "f", "g")


def test_a_flood_of_principals_is_bounded() -> None:
    bulk = Bulk(2, timedelta(hours=1))
    for number in range(10_000):
        bulk.read(Principal(str(number), "IAMUser"), "a", at())
    assert len(bulk._reading) <= 4096


def test_versions_rise_and_begin_anew() -> None:
    versions = Versions()
    assert versions.least("p", at(1)) is None
    versions.saw("p", at(2), 4)
    assert versions.least("p", at(1)) is None
    versions.wrote("p", at(3), 6)
    assert [versions.least("p", at(hour)) for hour in (1, 2, 3, 4)] == [5, 5, 6, 6]
    versions.wrote("p", at(5), 0)
    assert versions.least("p", at(6)) is None
    versions.wrote("p", at(8), 1)
    versions.saw("p", at(9), 2)
    versions.saw("p", at(10), 1)  # a pinned one that is read again
    assert [versions.least("p", at(hour)) for hour in (7, 8, 9, 11)] == [None, 1, 2, 2]


def test_what_is_told_in_any_order_gives_the_same() -> None:
    told = [(at(1), 3, True), (at(2), 3, False), (at(3), 4, True), (at(4), 0, True), (at(5), 1, True)]
    answers = set()
    for order in itertools.permutations(told):
        versions = Versions()
        for moment, version, written in order:
            (versions.wrote if written else versions.saw)("p", moment, version)
            versions.least("p", at(3))  # asked in between: what comes after it counts all the same
        answers.add(tuple(versions.least("p", at(hour, 30)) for hour in range(6)))
    assert answers == {(2, 3, 3, 4, None, 1)}


def test_many_reads_of_the_current_version_hide_no_earlier_read_of_an_old_one() -> None:
    pinned = [one(irsa(ESO), at(2, minutes=n), f"{JWT}:9") for n in range(150)]
    old = one(irsa(ESO), at(1, 30), f"{JWT}:8")
    for records in ([*pinned, old], [old, *pinned[::-1]]):
        (finding,) = found(put(pod(ROTATOR), at(1), JWT, 9), *records)
        assert (finding.event_id, finding.kind) == (old["eventID"], AccessKind.OLD_VERSION_READ)


def test_a_version_that_getparameters_asked_for_may_not_be_there() -> None:
    """It succeeds without what it did not find, and no record says so; GetParameter fails."""
    guess, now = several(irsa(ESO), at(1), f"{JWT}:99"), one(irsa(ESO), at(2), f"{JWT}:3")
    assert found(guess, now) == []
    assert len(found(one(irsa(ESO), at(1), f"{JWT}:99"), now)) == 1


def test_the_rules_that_are_learnt_expect_the_same_reads_and_no_others() -> None:
    allowable = {"unknown_actor", "access_outside_deployment"}
    records = [each.record for each in labelled() if each.kinds <= allowable]
    records = [
        each for each in records if "BreakGlass" not in str(each["userIdentity"])
    ]  # people, who count together
    before = found(*records)
    assert allowable <= {one.kind.value for one in before}
    learnt = allowing(taly(), proposals(taly(), reads_of(taly(), before, STARTS)))
    assert found(*records, policies=learnt) == []
    stranger, more = one(user("stranger"), at(7), JWT), one(user("by-arn"), at(7), DATABASE)
    assert [one.principal.name for one in found(stranger, more, policies=learnt)] == [
        f"arn:aws:iam::{OURS}:user/stranger", f"arn:aws:iam::{OURS}:user/by-arn",
    ]  # fmt: skip


def test_a_rule_is_learnt_for_starts_where_every_read_was_near_one() -> None:
    start = Start("production/reports", "taly-reports", at(7))
    near, far = one(role("taly-reports"), at(7, 2), JWT), one(role("taly-reports"), at(9), JWT)
    (proposal,) = proposals(taly(), reads_of(taly(), found(near), (start,)))
    assert (proposal.during, proposal.secrets) == ("deployment", ("JWT_SECRET",))
    assert proposal.environments == ("production",)
    (proposal,) = proposals(taly(), reads_of(taly(), found(near, far), (start,)))
    assert (proposal.during, proposal.reads) == ("always", 2)


def test_many_reads_by_a_rule_that_is_learnt_are_none_any_more() -> None:
    records = [one(role("copier"), at(7, n), f"/taly/production/{name}") for n, name in enumerate(TWELVE)]
    before = found(*records)
    assert AccessKind.BULK_READ in {one.kind for one in before}
    learnt = allowing(taly(), proposals(taly(), reads_of(taly(), before, ())))
    assert found(*records, policies=learnt) == []


def test_what_bears_a_secret_s_own_name_is_that_secret() -> None:
    (finding,) = found(one(user("ana"), at(3), "/taly/production/TWILIO_API_KEY"))
    assert finding.secrets == ("production/TWILIO_API_KEY",)


def test_the_same_name_in_another_region_has_versions_of_its_own() -> None:
    far = {"awsRegion": "us-east-1"}
    by_rotator = put(pod(ROTATOR), at(1), JWT, 9, **far)
    assert found(by_rotator, one(irsa(ESO), at(2), f"{JWT}:3")) == []
    assert found(put(pod(ROTATOR), at(1), JWT, 9), one(irsa(ESO), at(2), f"{JWT}:3", **far)) == []
    assert len(found(put(pod(ROTATOR), at(1), JWT, 9), one(irsa(ESO), at(2), f"{JWT}:3"))) == 1


def test_a_write_in_another_region_is_no_drift_and_a_read_there_is_told() -> None:
    """What bears the name there is none of the store's; but it may be a copy."""
    far = {"awsRegion": "us-east-1"}
    assert found(put(role("replication"), at(1), JWT, 9, **far), delete(user("ana"), at(1), JWT, **far)) == []
    assert [each.kind for each in found(one(user("ana"), at(1), JWT, **far))] == [AccessKind.UNKNOWN_ACTOR]


def test_a_call_from_the_console_is_by_hand_whatever_it_says_of_itself() -> None:
    said = {"userAgent": "AWS Internal", "sourceIPAddress": "AWS Internal"}
    (by_hand,) = found(one(pod(APP), at(3), JWT, **said, sessionCredentialFromConsole="true"))
    (by_service,) = found(one(pod(APP), at(3), JWT, **said))
    assert (by_hand.severity, by_service.severity) == (Severity.CRITICAL, Severity.WARNING)


def test_a_role_of_identity_center_whose_path_no_record_tells_is_none() -> None:
    person = sso("BreakGlass", "ana@taly.example")
    assert found(one(person, at(3), JWT)) == []
    (finding,) = found(one(without_issuer(person), at(3), JWT))
    assert finding.kind is AccessKind.UNKNOWN_ACTOR
