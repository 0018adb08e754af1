"""Two rules that others run on the same records, written anew and small from how they are described.

Elastic: the first time within five days that a user name of an account reads a SecureString decrypted, with success, by
GetParameter or GetParameters, and not by CloudFormation or Service Catalog. Here the peer begins with five days of
normal life behind it: it already knows everybody whom Taly's policy allows to read.

Panther: more than 25 distinct parameters of one actor and account within an hour, by the same two calls, counted from
the first read on (the time to live is not extended); roles of Identity Center are skipped, as by default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from tests.access.records import Record

_CALLS = {"GetParameter", "GetParameters"}
#: From the records of one trail to the ids of those that are alerted on.
Peer = Callable[[Iterable[Record]], set[str]]


def elastic(known: Iterable[tuple[str, str]]) -> Peer:
    """New terms; `known` are (account, user name) of the days before."""

    def rule(records: Iterable[Record]) -> set[str]:
        seen: dict[tuple[str, str], datetime | None] = dict.fromkeys(known)
        told = set()
        for record in sorted(records, key=lambda one: str(one["eventTime"])):
            when = datetime.fromisoformat(record["eventTime"])
            if not _decrypts(record) or record.get("errorCode") or _by_cloudformation(record):
                continue
            term = (str(record["userIdentity"].get("accountId")), _user_name(record))
            last = seen.get(term)
            if term not in seen or (last is not None and when - last > timedelta(days=5)):
                told.add(record["eventID"])
            seen[term] = when
        return told

    return rule


def panther(records: Iterable[Record]) -> set[str]:
    """A threshold; a denied call counts like any other, and its alert is low."""
    spans: dict[tuple[str, str], tuple[datetime, set[str]]] = {}
    told = set()
    for record in sorted(records, key=lambda one: str(one["eventTime"])):
        actor = str(record["userIdentity"].get("arn"))
        if not _decrypts(record) or "AWSReservedSSO_" in actor:
            continue
        when = datetime.fromisoformat(record["eventTime"])
        key = (str(record["userIdentity"].get("accountId")), actor)
        began, names = spans.get(key, (when, set()))
        if when - began > timedelta(hours=1):
            began, names = when, set()
        spans[key] = (began, names | _names(record))
        if len(spans[key][1]) > 25:
            told.add(record["eventID"])
    return told


def _decrypts(record: Record) -> bool:
    request = record.get("requestParameters") or {}
    ours = record["eventSource"] == "ssm.amazonaws.com" and record["eventName"] in _CALLS
    return ours and request.get("withDecryption") is True


def _by_cloudformation(record: Record) -> bool:
    hosts = ("cloudformation.amazonaws.com", "servicecatalog.amazonaws.com")
    return record.get("sourceIPAddress") in hosts or record.get("userAgent") in hosts


def _user_name(record: Record) -> str:
    identity = record["userIdentity"]
    issuer = identity.get("sessionContext", {}).get("sessionIssuer", {})
    return str(identity.get("userName") or issuer.get("userName") or identity.get("type"))


def _names(record: Record) -> set[str]:
    request = record["requestParameters"]
    return {request["name"]} if "name" in request else set(request["names"])
