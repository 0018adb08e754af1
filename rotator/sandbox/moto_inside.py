"""moto's simulation of AWS, called inside this process: by WSGI, and by hand where its API has no door.

Ages have no door: moto's server knows no clock but the wall's. So `set_age` changes the date of a parameter's newest
version where moto keeps it. What every write asks for, `described` reads there, too.
"""

from __future__ import annotations

import io
import json
from datetime import timedelta
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from moto.core.utils import utcnow
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.ssm.models import ssm_backends as parameter_stores

from rotator.sandbox.aws import ACCOUNT, REGION

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Document = dict[str, Any]

JSON_PROTOCOL = "application/x-amz-json-1.1"
SIGNING_NAMES = {"AmazonSSM": "ssm", "TrentService": "kms"}


class AwsError(Exception):
    """An answer of AWS that says no: its code, its sentence, the HTTP status."""

    def __init__(self, code: str, sentence: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(sentence)
        self.code, self.sentence, self.status = code, sentence, status


class Answer(NamedTuple):
    """A response as WSGI has it; `status` is `200 OK`."""

    status: str
    headers: list[tuple[str, str]]
    content: bytes

    @property
    def ok(self) -> bool:
        return self.status.startswith("2")


class _Services(DomainDispatcherApplication):
    """moto's, but it looks once for what serves a host: moto lists its folders at every request."""

    get_backend_for_host = cache(DomainDispatcherApplication.get_backend_for_host)


class Moto:
    """One account in one region."""

    def __init__(self) -> None:
        self._application = _Services(create_backend_app)

    def forward(self, request: WSGIEnvironment) -> Answer:
        """Passes a request on as it is."""
        status: list[str] = []
        headers: list[tuple[str, str]] = []

        def start_response(line: str, fields: list[tuple[str, str]], _error: object = None) -> None:
            status.append(line)
            headers.extend(fields)

        content = b"".join(self._application(request, start_response))
        return Answer(status[0], headers, content)

    def call(self, target: str, document: Document) -> Document:
        """A call of our own in the JSON protocol: `AmazonSSM.PutParameter`. Raises AwsError for a no."""
        content = json.dumps(document).encode()
        service = SIGNING_NAMES[target.partition(".")[0]]
        answer = self.forward(
            {
                "REQUEST_METHOD": "POST",
                "SCRIPT_NAME": "",
                "PATH_INFO": "/",
                "QUERY_STRING": "",
                "SERVER_NAME": "127.0.0.1",
                "SERVER_PORT": "80",
                "SERVER_PROTOCOL": "HTTP/1.1",
                "HTTP_HOST": "127.0.0.1",
                "HTTP_X_AMZ_TARGET": target,
                "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential=sandbox/20260101/{REGION}/{service}/aws4_request",
                "CONTENT_TYPE": JSON_PROTOCOL,
                "CONTENT_LENGTH": str(len(content)),
                "wsgi.url_scheme": "http",
                "wsgi.input": io.BytesIO(content),
            }
        )
        result: Document = json.loads(answer.content or b"{}")
        if not answer.ok:
            raise AwsError(result["__type"].rpartition("#")[2], result.get("message", ""))
        return result

    def described(self, name: str) -> Document:
        """What DescribeParameters says of one parameter, or nothing; moto's own way there leads past all of them."""
        found = parameter_stores[ACCOUNT][REGION].get_parameter(name)
        return found.describe_response_object() if found else {}

    def set_age(self, name: str, age: timedelta) -> None:
        """Makes the newest version of a parameter look as if it had been written that long ago. Raises KeyError."""
        versions = parameter_stores[ACCOUNT][REGION]._parameters
        if not versions.get(name):
            raise KeyError(name)
        versions[name][-1].last_modified_date = utcnow() - age
