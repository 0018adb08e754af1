"""One record of CloudTrail, read: who called SSM, what for, and how it ended.

The ways that a record takes (EventBridge, log files in S3, LookupEvents) all carry the same JSON. Written from the
CloudTrail User Guide ("CloudTrail record contents", "CloudTrail userIdentity element") and the Systems Manager API
reference. What the guide calls optional may be missing or null, and is.
To be confirmed in a sandbox account [M]: what the parameters of GetParametersByPath and GetParameterHistory are called.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from rotator.model.access import Access, Act, Asked, Outcome, Principal, Subtree

_SERVICE = "ssm.amazonaws.com"

#: Calls that touch values. DescribeParameters shows none, and tags change none.
ACTS = {
    "GetParameter": Act.READ,
    "GetParameters": Act.READ,
    "GetParametersByPath": Act.READ,
    "GetParameterHistory": Act.READ_HISTORY,
    "PutParameter": Act.WRITE,
    "DeleteParameter": Act.WRITE,
    "DeleteParameters": Act.WRITE,
    "LabelParameterVersion": Act.WRITE,
    "UnlabelParameterVersion": Act.WRITE,
}

_BY_PATH = "GetParametersByPath"
#: CloudTrail began in November 2013; no record is older, and none of today comes from after this.
_FIRST, _LAST = datetime(2013, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
#: Identities that come with neither an ARN nor an issuer, and what else names them.
_NAMELESS = "unknown"
#: The longest name that SSM takes, with its ARN.
_LONGEST = 2048
#: Of a call that AWS denied, CloudTrail leaves the request out: what it was for stands in AWS's own sentence alone
#: ("User: … is not authorized to perform: ssm:GetParameter on resource: arn:… because no identity-based policy …").
_DENIED_FOR = re.compile(r" on resource: (arn:[^:\s]*:ssm:[^:\s]*:[^:\s]*:parameter\S*)")


class Malformed(ValueError):
    """A record that is none; the sentence says what is missing, and holds nothing of the record."""


def access_of(record: object) -> Access | None:
    """The access that a record tells of; None for every other record. Raises Malformed for what is no record."""
    if not isinstance(record, Mapping):
        raise Malformed("it is no JSON object")
    if record.get("eventSource") != _SERVICE or not (act := ACTS.get(str(record.get("eventName")))):
        if not record.get("eventSource") or not record.get("eventName"):
            raise Malformed("it has no eventSource or no eventName")
        return None
    account = _text(record, "recipientAccountId")
    error = _text(record, "errorCode")
    outcome = _outcome(error)
    api = _text(record, "eventName")
    region = _text(record, "awsRegion")
    parameters = _mapping(record, "requestParameters")
    subtree = _subtree(record, parameters, account) if api == _BY_PATH else None
    asked = () if api == _BY_PATH else tuple(_asked(record, parameters, account))
    if not asked and subtree is None and outcome is Outcome.DONE:
        raise Malformed(f"{api} names no parameter")
    return Access(
        event_id=_required(record, "eventID"),
        at=moment_of(_required(record, "eventTime"), "eventTime"),
        api=api,
        act=act,
        outcome=outcome,
        principal=_principal(_mapping(record, "userIdentity")),
        asked=asked,
        subtree=subtree,
        account=account,
        region=region,
        error=error,
        shared_id=_text(record, "sharedEventID"),
        source_ip=_text(record, "sourceIPAddress"),
        vpc_endpoint=_text(record, "vpcEndpointId"),
        user_agent=_text(record, "userAgent"),
        invoked_by=_text(_mapping(record, "userIdentity"), "invokedBy"),
        decrypts=parameters.get("withDecryption") is not False,
        by_console=_text(record, "sessionCredentialFromConsole") == "true",
    )


def moment_of(text: str, key: str) -> datetime:
    """A moment as a record has it under this key, in UTC. Raises Malformed also for one that nothing can be of.

    What is minutes before or after it must be a moment, too, for whoever judges counts with these.
    """
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed(f"its {key} is no time") from None
    if not _FIRST <= moment < _LAST:
        raise Malformed(f"its {key} is in no year of CloudTrail")
    return moment


def _outcome(error: str) -> Outcome:
    """AWS has several words for "you may not": AccessDenied, AccessDeniedException, Client.UnauthorizedOperation."""
    if not error:
        return Outcome.DONE
    return Outcome.DENIED if "AccessDenied" in error or "Unauthorized" in error else Outcome.FAILED


def _denied(record: Mapping[str, Any]) -> list[str]:
    """What AWS says it denied: ARNs of parameters."""
    return _DENIED_FOR.findall(_text(record, "errorMessage"))


def _subtree(record: Mapping[str, Any], parameters: Mapping[str, Any], account: str) -> Subtree | None:
    """All that lies below a path, unless the record says that no more was asked for than what lies directly there.

    What CloudTrail calls that parameter is nowhere written: were it left out or called otherwise, whoever takes
    everything would look like one who takes nothing.
    """
    path = _text(parameters, "path") or "".join(_denied(record)[:1])
    if not path:
        return None
    place = _asked_of(path, account)
    return Subtree(place.parameter.rstrip("/"), not _is_false(parameters.get("recursive")), place.account)


def _asked(record: Mapping[str, Any], parameters: Mapping[str, Any], account: str) -> Iterator[Asked]:
    """What a call names: in its request, or, where CloudTrail left that out, among its resources or in the refusal."""
    named = [parameters.get("name"), *_list(parameters, "names")]
    if not any(named):
        named = [arn for arn in _resources(record) if ":ssm:" in arn]
    if not any(named):
        named = _denied(record)
    made = _mapping(record, "responseElements").get("version") or parameters.get("parameterVersion")
    for name in named:
        if text := _shown(name):
            one = _asked_of(text, account)
            yield Asked(one.parameter, one.account, _number(made), one.label) if made else one


def _asked_of(name: str, account: str) -> Asked:
    """A name as somebody wrote it: bare, with a version or a label behind it, or an ARN, also of another account."""
    if name.startswith("arn:"):
        _arn, _partition, _service, _region, owner, name, *rest = [*name.split(":"), "", "", "", "", ""]
        name, account = name.removeprefix("parameter"), owner or account
        selector = rest[0]
    else:
        name, _colon, selector = name.partition(":")
    parameter = "/" + name.lstrip("/")
    version = _number(selector)
    return Asked(parameter, account, version, "" if version is not None else selector)


def _principal(identity: Mapping[str, Any]) -> Principal:
    """Who it was: the issuer of the session where there is one, for its ARN keeps the path and stays the same."""
    kind = _text(identity, "type") or _NAMELESS
    issuer = _mapping(_mapping(identity, "sessionContext"), "sessionIssuer")
    arn = _text(issuer, "arn") or _text(identity, "arn")
    account = _text(issuer, "accountId") or _text(identity, "accountId")
    id_, _colon, session = _text(identity, "principalId").partition(":")
    role = arn.rpartition("/")[2] if ":role/" in arn else ""
    if (
        ":assumed-role/" in arn
    ):  # a record without its issuer: the session is cut off, and the path is not known
        head, role, *_session = arn.split("/")
        arn = f"{head}/{role}"
    service = _text(identity, "invokedBy") if kind == "AWSService" else ""
    if not (arn or service) and account:
        behalf = _text(_mapping(identity, "onBehalfOf"), "userId")
        arn = f"{account}/{behalf or id_ or _text(identity, 'userName') or kind}"
    return Principal(arn or service or id_ or kind, kind, account, role, session)


def _resources(record: Mapping[str, Any]) -> Iterator[str]:
    for resource in _list(record, "resources"):
        if isinstance(resource, Mapping):
            yield _text(resource, "ARN") or _text(resource, "arn")


def _required(record: Mapping[str, Any], key: str) -> str:
    if text := _text(record, key):
        return text
    raise Malformed(f"it has no {key}")


def _is_false(value: object) -> bool:
    """Whether a record says no: as JSON does, or in a word."""
    return value is False or (isinstance(value, str) and value.lower() == "false")


def _number(text: object) -> int | None:
    """A version: a positive number, as JSON writes it or as a name has it behind its colon."""
    digits = str(text)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 9 else None


def _text(record: Mapping[str, Any], key: str) -> str:
    return _shown(record.get(key))


def _shown(value: object) -> str:
    """Text of a bounded length that can be shown to anybody: whoever calls AWS chooses some of it."""
    if not isinstance(value, str):
        return ""
    text = value[:_LONGEST]
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def _mapping(record: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = record.get(key)
    return value if isinstance(value, Mapping) else {}


def _list(record: Mapping[str, Any], key: str) -> list[Any]:
    value = record.get(key)
    return value if isinstance(value, list) else []
