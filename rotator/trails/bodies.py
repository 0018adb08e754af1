"""What stands in a message about CloudTrail: EventBridge's envelope, SNS's, records as they are, or news of a file.

Sources: "Amazon EventBridge event structure", "Amazon SNS HTTP/S notification JSON format", "Event message structure"
of S3, and CloudTrail's "Configuring Amazon SNS notifications". Whoever may send to the queue writes what they like into
it: everything is checked before it is believed, and nothing of it reaches a message to people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote_plus

from rotator.model.json_text import parsed
from rotator.trails.cloudtrail import Malformed

#: The one kind of EventBridge's events that holds a record of CloudTrail; a rule may let others through, too.
_API_CALL = "AWS API Call via CloudTrail"


def records_in(body: str) -> Sequence[Mapping[str, Any]]:
    """The records of CloudTrail in one message; none in one that is about something else. Raises Malformed."""
    said = _unwrapped(body)
    if "detail-type" in said:
        return [_object(said.get("detail"))] if said["detail-type"] == _API_CALL else []
    if "eventName" in said and "eventSource" in said:
        return [said]
    if isinstance(listed := said.get("Records"), list):
        records = [_object(one) for one in listed]
        if all("eventName" in one and "s3" not in one for one in records):
            return records
        raise Malformed("it announces files in S3: the source is of kind s3")
    raise Malformed("it holds no record of CloudTrail")


def files_in(body: str) -> Sequence[tuple[str, str]]:
    """Bucket and key of each file that one message announces; none in a test event. Raises Malformed."""
    said = _unwrapped(body)
    if said.get("Event") == "s3:TestEvent":
        return []
    if "detail-type" in said:
        detail = _object(said.get("detail"))
        return [_file(_object(detail.get("bucket")).get("name"), _object(detail.get("object")).get("key"))]
    if "s3ObjectKey" in said:
        keys = said["s3ObjectKey"]
        return [_file(said.get("s3Bucket"), key) for key in (keys if isinstance(keys, list) else [keys])]
    if isinstance(listed := said.get("Records"), list):
        return [_announced(_object(_object(one).get("s3"))) for one in listed]
    raise Malformed("it announces no file in S3")


def _announced(s3: Mapping[str, Any]) -> tuple[str, str]:
    """S3 writes keys as forms do."""
    bucket, key = _file(_object(s3.get("bucket")).get("name"), _object(s3.get("object")).get("key"))
    return bucket, unquote_plus(key)


def _file(bucket: object, key: object) -> tuple[str, str]:
    if not isinstance(bucket, str) or not isinstance(key, str):
        raise Malformed("it names no bucket, or no key")
    return bucket, key


def _unwrapped(body: str) -> Mapping[str, Any]:
    """Without SNS's envelope, which there is at most once."""
    said = _object(_parsed(body))
    if said.get("Type") == "Notification" and isinstance(inner := said.get("Message"), str):
        return _object(_parsed(inner))
    return said


def _parsed(text: str) -> object:
    try:
        said: object = parsed(text)
    except ValueError:
        raise Malformed("it is no JSON") from None
    return said


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Malformed("a part of it is no JSON object")
    return value
