"""Parameter Store as a consumer reads it, but without an SDK: probers read it some fifteen times a second in each lane,
and a signed request of boto3 costs three times as much."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from functools import cached_property
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from threading import Lock
from urllib.parse import urlsplit

from rotator.sandbox.aws import REGION, AwsWorld
from tests.company.consumers import Reading

_HEADERS = {
    "X-Amz-Target": "AmazonSSM.GetParameters",
    "Content-Type": "application/x-amz-json-1.1",
    # The sandbox checks no signatures; it finds the service by what they are for.
    "Authorization": (
        f"AWS4-HMAC-SHA256 Credential=consumer/20200101/{REGION}/ssm/aws4_request, SignedHeaders=host, Signature=0"
    ),
}


#: AWS refuses whoever reads more often than its quota allows; an SDK then waits and asks again, and so does this.
_THROTTLED = b"ThrottlingException"
_PAUSE_SECONDS = 0.25


class Reader:
    """`names` of an AWS that runs at the first read; one read at a time, tried so often where it is too many."""

    def __init__(self, aws: AwsWorld, names: Sequence[str], tries: int = 20) -> None:
        self._aws, self._tries = aws, tries
        self._one_at_a_time = Lock()
        self._asking = json.dumps({"Names": list(names), "WithDecryption": True})

    def read(self) -> Reading:
        """All of them at one moment. Raises OSError or HTTPException when there is no answer, or one that is none."""
        status, said = self._answer()
        for _ in range(self._tries - 1):
            if _THROTTLED not in said:
                break
            time.sleep(_PAUSE_SECONDS)
            status, said = self._answer()
        if status != HTTPStatus.OK:
            raise HTTPException(f"Parameter Store answered {status}: {said[:200]!r}")
        found = json.loads(said)["Parameters"]
        return Reading(
            {one["Name"]: one["Value"] for one in found}, {one["Name"]: one["Version"] for one in found}
        )

    def _answer(self) -> tuple[int, bytes]:
        with self._one_at_a_time:
            try:
                self._connection.request("POST", "/", self._asking, _HEADERS)
                response = self._connection.getresponse()
                return response.status, response.read()
            except BaseException:
                self._connection.close()  # the next one begins anew
                raise

    @cached_property
    def _connection(self) -> HTTPConnection:
        place = urlsplit(self._aws.endpoint)
        return HTTPConnection(place.hostname or "", place.port, timeout=10)
