"""One record of CloudTrail, read: every form of an identity, every way to name a parameter, and what is no record."""

from __future__ import annotations

from typing import Any

import pytest

from rotator.model.access import Access, Act, Asked, Outcome, Subtree
from rotator.trails.cloudtrail import Malformed, access_of
from tests.access.corpus import JWT, labelled
from tests.access.records import (
    OURS,
    THEIRS,
    Identity,
    arn,
    at,
    below,
    call,
    delete,
    denied,
    failed,
    federated,
    foreign,
    history,
    identity_center,
    one,
    put,
    refused,
    role,
    root,
    saml,
    service,
    several,
    sso,
    user,
    web_identity,
    without_issuer,
)

IAM = f"arn:aws:iam::{OURS}"


def read(record: object) -> Access:
    access = access_of(record)
    assert access is not None
    return access


@pytest.mark.parametrize(
    "who, name, short, account",
    [
        (role("app", path="/taly/"), f"{IAM}:role/taly/app", "app", OURS),
        (without_issuer(role("app")), f"arn:aws:sts::{OURS}:assumed-role/app", "app", OURS),
        (
            sso("Admin", "ana"),
            f"{IAM}:role/aws-reserved/sso.amazonaws.com/eu-central-1/AWSReservedSSO_Admin_0123456789abcdef",
            "AWSReservedSSO_Admin_0123456789abcdef",
            OURS,
        ),
        (user("ana", "/people/"), f"{IAM}:user/people/ana", "", OURS),
        (root(), f"{IAM}:root", "", OURS),
        (service("cloudformation.amazonaws.com"), "cloudformation.amazonaws.com", "", ""),
        ({**service("x.amazonaws.com"), "accountId": OURS}, "x.amazonaws.com", "", OURS),
        (foreign("AROAEXAMPLE:deploy"), f"{THEIRS}/AROAEXAMPLE", "", THEIRS),
        (federated("ana"), f"{IAM}:user/sso-broker", "", OURS),
        (identity_center(), f"{OURS}/54d8e458-7051-7030-b3f9-1da123456789", "", OURS),
        (web_identity(), "accounts.google.com", "", ""),
        (saml(), "SbcExample", "", ""),
        ({}, "unknown", "", ""),
        ({"type": "Root", "accountId": OURS}, f"{OURS}/Root", "", OURS),
    ],
)
def test_who_called(who: Identity, name: str, short: str, account: str) -> None:
    principal = read(one(who, at(), JWT)).principal
    assert (principal.name, principal.role, principal.account) == (name, short, account)


def test_a_session_is_told_and_is_not_who_called() -> None:
    assert read(one(role("app", "i-am-rotator"), at(), JWT)).principal.session == "i-am-rotator"


@pytest.mark.parametrize(
    "name, asked",
    [
        (JWT, Asked(JWT, OURS)),
        (JWT.lstrip("/"), Asked(JWT, OURS)),
        (f"{JWT}:3", Asked(JWT, OURS, 3)),
        (f"{JWT}:current", Asked(JWT, OURS, None, "current")),
        (arn(JWT), Asked(JWT, OURS)),
        (f"{arn(JWT, THEIRS)}:3", Asked(JWT, THEIRS, 3)),
        (f"{arn(JWT)}:current", Asked(JWT, OURS, None, "current")),
        (f"arn:aws-us-gov:ssm:us-gov-west-1:{THEIRS}:parameter/a", Asked("/a", THEIRS)),
        (f"arn:aws:ssm:eu-central-1:{OURS}:parameter/plain", Asked("/plain", OURS)),
        ("plain", Asked("/plain", OURS)),
        ("arn:aws:ssm", Asked("/", OURS)),
        (JWT.lower(), Asked(JWT.lower(), OURS)),
    ],
)
def test_what_was_asked_for(name: str, asked: Asked) -> None:
    assert read(call("GetParameter", user("ana"), at(), {"name": name})).asked == (asked,)


def test_names_of_all_calls() -> None:
    who = user("ana")
    two = (Asked("/a", OURS), Asked("/b", OURS, 2))
    assert read(several(who, at(), "/a", "/b:2")).asked == two
    assert read(history(who, at(), "/a")).asked == two[:1]
    assert read(put(who, at(), "/a", 7)).asked == (Asked("/a", OURS, 7),)
    assert read(delete(who, at(), "/a")).asked == two[:1]
    assert read(delete(who, at(), "/a", "/b")).asked == (Asked("/a", OURS), Asked("/b", OURS))
    label = {"name": "/a", "parameterVersion": 5, "labels": ["x"]}
    assert read(call("LabelParameterVersion", who, at(), label)).asked == (Asked("/a", OURS, 5),)


@pytest.mark.parametrize(
    "path, recursive, inside, outside",
    [
        ("/taly", True, "/taly/production/A", "/taly2/A"),
        ("/taly/", True, "/taly/A", "/taly"),
        ("/taly/production", False, "/taly/production/A", "/taly/production/rotator/A"),
        ("/taly/production/", None, "/taly/production/rotator/A", "/taly/production2/A"),
        ("/", True, "/a/b/c", ""),
        ("/", None, "/a/b", ""),
        ("/", "true", "/a/b", ""),
        ("/", "false", "/a", "/a/b"),
        (arn("/taly"), True, "/taly/A", "/A"),
    ],
)
def test_a_path_and_what_lies_below_it(
    path: str, recursive: bool | str | None, inside: str, outside: str
) -> None:
    subtree = read(below(user("ana"), at(), path, recursive=recursive)).subtree
    assert isinstance(subtree, Subtree)
    assert subtree.holds(inside)
    assert not subtree.holds(outside)


def test_the_names_of_a_record_without_its_request_are_its_resources() -> None:
    record = denied({**one(user("ana"), at(), JWT), "requestParameters": None})
    assert read(record).asked == (Asked(JWT, OURS),)
    key = {"accountId": OURS, "arn": f"arn:aws:kms:eu-central-1:{OURS}:key/1"}
    assert read({**record, "resources": [key, {"arn": arn("/a")}, "?"]}).asked == (Asked("/a", OURS),)
    assert read({**record, "resources": None}).asked == ()


def test_what_was_denied_stands_in_the_refusal_alone() -> None:
    who = role("ci", session="a.b@c")
    assert read(refused(one(who, at(), JWT), arn(f"{JWT}:3"))).asked == (Asked(JWT, OURS, 3),)
    assert read(refused(several(who, at(), "/a", JWT), arn(JWT, THEIRS))).asked == (Asked(JWT, THEIRS),)
    for path in ("/taly", "/taly/"):
        assert read(refused(below(who, at(), path), arn(path))).subtree == Subtree("/taly", True, OURS)
    assert read(refused(below(who, at(), "/"), arn("/"))).subtree == Subtree("", True, OURS)
    key = f"arn:aws:kms:eu-central-1:{OURS}:key/1"
    for of in (key, "nothing", "arn:", f"arn:aws:ssm:eu-central-1:{OURS}:document/x"):
        assert read(refused(one(who, at(), JWT), of)).asked == ()
    assert read({**one(who, at(), JWT), "errorMessage": f" on resource: {arn('/a')}"}).asked == (
        Asked(JWT, OURS),
    )


@pytest.mark.parametrize(
    "code, outcome",
    [
        ("AccessDenied", Outcome.DENIED),
        ("AccessDeniedException", Outcome.DENIED),
        ("Client.UnauthorizedOperation", Outcome.DENIED),
        ("ThrottlingException", Outcome.FAILED),
        ("ParameterNotFound", Outcome.FAILED),
    ],
)
def test_how_it_ended(code: str, outcome: Outcome) -> None:
    access = read(failed(one(user("ana"), at(), JWT), code))
    assert (access.outcome, access.error) == (outcome, code)
    assert read(one(user("ana"), at(), JWT)).outcome is Outcome.DONE


def test_everything_else_that_it_tells() -> None:
    changes = {
        "vpcEndpointId": "vpce-1", "sharedEventID": "s", "sourceIPAddress": "2a05:d014::1", "eventID": "e",
        "userAgent": "x/1", "eventTime": "2026-11-27T09:30:00+01:00",
    }  # fmt: skip
    access = read({**one({**user("ana"), "invokedBy": "y.amazonaws.com"}, at(), JWT), **changes})
    assert (access.event_id, access.shared_id, access.vpc_endpoint) == ("e", "s", "vpce-1")
    assert (access.source_ip, access.user_agent, access.invoked_by) == (
        "2a05:d014::1",
        "x/1",
        "y.amazonaws.com",
    )
    assert (access.account, access.region, access.api, access.act) == (
        OURS,
        "eu-central-1",
        "GetParameter",
        Act.READ,
    )
    assert access.at.isoformat() == "2026-11-27T08:30:00+00:00"


@pytest.mark.parametrize(
    "changes",
    [
        {"eventSource": "kms.amazonaws.com"},
        {"eventName": "DescribeParameters"},
        {"eventName": "getparameter"},
    ],
)
def test_other_records_are_nothing(changes: dict[str, Any]) -> None:
    assert access_of({**one(user("ana"), at(), JWT), **changes}) is None


@pytest.mark.parametrize(
    "changes, why",
    [
        ({"eventID": None}, "it has no eventID"),
        ({"eventTime": 12}, "it has no eventTime"),
        ({"eventTime": "yesterday"}, "its eventTime is no time"),
        ({"eventSource": None}, "it has no eventSource or no eventName"),
        ({"eventName": ["x"]}, ""),
        ({"requestParameters": None, "resources": None}, "GetParameter names no parameter"),
        ({"requestParameters": {"name": 7}, "resources": 7}, "GetParameter names no parameter"),
        ({"requestParameters": [], "resources": [[]]}, "GetParameter names no parameter"),
        ({"eventName": "GetParametersByPath"}, "GetParametersByPath names no parameter"),
    ],
)
def test_what_is_no_record_is_named(changes: dict[str, Any], why: str) -> None:
    record = {**one(user("ana"), at(), JWT), **changes}
    if not why:
        assert access_of(record) is None
        return
    with pytest.raises(Malformed) as told:
        access_of(record)
    assert str(told.value) == why


@pytest.mark.parametrize("record", [None, 7, "x", [], {}])
def test_what_is_nothing_at_all_is_named_too(record: object) -> None:
    with pytest.raises(Malformed):
        access_of(record)


STRANGE: list[Any] = [
    None, 7, -1.5, True, "", "x" * 9000, "\x1b[2J\n", "\ud800", [], {}, [[]], {"a": {}}, "arn:",
    "arn:::::::::", ":", "/",
]  # fmt: skip


@pytest.mark.parametrize(
    "time",
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00",
     "2012-12-31T23:59:59Z", "2200-01-01T00:00:00Z"],
)  # fmt: skip
def test_a_time_that_no_record_can_have_is_malformed(time: str) -> None:
    with pytest.raises(Malformed, match="eventTime"):
        access_of({**one(user("ana"), at(), JWT), "eventTime": time})


def test_whatever_stands_in_a_field_never_a_traceback() -> None:
    for record in (each.record for each in labelled()[::9]):
        for key in record:
            for value in STRANGE:
                _survives({**record, key: value})
        for part in ("requestParameters", "userIdentity"):
            within = record[part] or {}
            for key in within:
                for value in STRANGE:
                    _survives({**record, part: {**within, key: value}})


def _survives(record: object) -> None:
    try:
        access = access_of(record)
    except Malformed:
        return
    told = (access.principal.name, access.user_agent, access.region) if access else ()
    assert all(text.isprintable() for text in told)


def test_text_that_cannot_be_shown_is_spelt_and_never_too_long() -> None:
    access = read({**one(user("ana\x1b[2J"), at(), JWT), "userAgent": "x" * 9000})
    assert access.principal.name.endswith("ana\\x1b[2J")
    assert len(access.user_agent) == 2048
