"""AWS's query protocol on loopback: requests read and checked by their signature, answers and refusals as XML.

What the services of a sandbox say is theirs (iam.py, rds.py); this is how AWS talks: a form with an Action, signed with
Signature Version 4. Source: "AWS query protocol" in the Smithy documentation, and "Signature Version 4 signing process"
in the AWS General Reference. Clocks are not compared, and nothing is said about sessions and regions.

Under /_sandbox/ whoever plays the world reads what was counted (GET statistics) and makes the weather (PUT faults,
outages, errors: as JSON, see weather.py).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from rotator.sandbox.faults import Fault, Outage
from rotator.sandbox.sources.listening import Answers, Listener, listening
from rotator.sandbox.weather import Weather

_SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>\w+)/(?P<scope>\d+/[\w-]+/(?P<service>\w+)/aws4_request), "
    r"SignedHeaders=(?P<headers>[\w;-]+), Signature=(?P<signature>\w+)"
)


class Refusal(Exception):
    """AWS says no: its code, its sentence, the status."""

    def __init__(self, code: str, sentence: str, status: int = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(sentence)
        self.code, self.sentence, self.status = code, sentence, status


class Listed(NamedTuple):
    """A list in an answer: every item stands in an element of that name."""

    item: str
    items: list[Any]


@dataclass(frozen=True)
class Call:
    """One request: `given` are the form's fields."""

    given: Mapping[str, Any]
    headers: Mapping[str, str]
    body: bytes

    @property
    def action(self) -> str:
        """What is asked for."""
        return str(self.given.get("Action", ""))

    @property
    def service(self) -> str:
        """Of whom."""
        return self._signature["service"]

    @property
    def caller(self) -> str:
        """The access key id that signed."""
        return self._signature["key"]

    def signed_with(self, secret: str) -> bool:
        """Whether the signature was made with that secret."""
        signed, names = self._signature, self._signature["headers"].split(";")
        lines = "".join(f"{name}:{self.headers[name].strip()}\n" for name in names)
        request = f"POST\n/\n\n{lines}\n{signed['headers']}\n{hashlib.sha256(self.body).hexdigest()}"
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{self.headers['x-amz-date']}\n{signed['scope']}\n{digest}"
        key = f"AWS4{secret}".encode()
        for part in signed["scope"].split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), signed["signature"])

    @property
    def _signature(self) -> re.Match[str]:
        found = _SIGNED.fullmatch(self.headers.get("authorization", ""))
        if found is None:
            raise Refusal("MissingAuthenticationToken", "The request is not signed.", HTTPStatus.FORBIDDEN)
        return found


#: What an action answers: a mapping of elements, nested as they are in XML.
Action = Callable[[Call], Mapping[str, Any]]


class QueryServer:
    """Serves actions; `weather` acts on each by its name, and outages and counts go by service.Action."""

    kind = "text/xml"

    def __init__(self, actions: Mapping[str, Action], weather: Weather) -> None:
        self._actions, self.weather = actions, weather
        self._one_at_a_time = threading.Lock()

    def answer(self, call: Call) -> tuple[int, str] | None:
        """Status and XML; None where the connection is to be closed without an answer."""
        try:
            self.weather.count("calls", f"{call.service}.{call.action}")
            outage = self.weather.outage(call.service)
            if outage is Outage.CLOSED:
                return None
            fault = self._turned_away(call, outage)
            with self._one_at_a_time:
                said = self._actions[call.action](call)
        except Refusal as refusal:
            self.weather.count("refusals", refusal.code)
            return refusal.status, self.refused(refusal)
        return None if fault is Fault.LOST_ANSWER else (HTTPStatus.OK, self.said(call.action, said))

    def call(self, headers: Mapping[str, str], body: bytes) -> Call:
        """The request."""
        return Call(dict(parse_qsl(body.decode())), headers, body)

    def said(self, action: str, said: Mapping[str, Any]) -> str:
        """The answer."""
        result = f"<{action}Result>{_xml(said)}</{action}Result>"
        return f"<{action}Response>{result}<ResponseMetadata/></{action}Response>"

    def refused(self, refusal: Refusal) -> str:
        """The refusal."""
        said = {"Type": "Sender", "Code": refusal.code, "Message": refusal.sentence}
        return f"<ErrorResponse><Error>{_xml(said)}</Error></ErrorResponse>"

    def _turned_away(self, call: Call, outage: Outage | None) -> Fault | None:
        rule = None if outage else self.weather.draw(call.action)
        fault = rule.fault if rule else None
        if outage is Outage.UNAVAILABLE or fault is Fault.INTERNAL_ERROR:
            raise Refusal("ServiceUnavailable", "The service is away.", HTTPStatus.SERVICE_UNAVAILABLE)
        if fault is Fault.THROTTLED:
            raise Refusal("Throttling", "Rate exceeded")
        if error := self.weather.error(call.action):
            raise Refusal(error, f"{call.action} is answered so.")
        if call.action not in self._actions:
            raise Refusal("InvalidAction", f"No action {call.action}.")
        return fault

    def serving(self, port: int = 0) -> AbstractContextManager[str]:
        """Its address, while it serves in threads of this process."""
        return listening(self, _Answers, port)


class _Answers(Answers):
    server: Listener[QueryServer]

    def _asked(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = self.server.far
        answer = query.answer(query.call(headers, body))
        if answer is None:
            self.close_connection = True
            return
        self._send(*answer, query.kind)

    def _counted(self) -> None:
        self._send(HTTPStatus.OK, json.dumps(self.server.far.weather.counts), "application/json")

    def _obey(self) -> None:
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.far.weather.obey(self.path.removeprefix("/_sandbox/"), wanted)
        self._send(HTTPStatus.OK, "{}", "application/json")

    do_POST, do_GET, do_PUT = _asked, _counted, _obey  # noqa: N815 - the names that http.server calls

    def _send(self, status: int, content: str, kind: str) -> None:
        self.send(status, content.encode(), {"Content-Type": kind})


def _xml(value: Any) -> str:
    match value:
        case Listed():
            return "".join(f"<{value.item}>{_xml(one)}</{value.item}>" for one in value.items)
        case Mapping():
            return "".join(f"<{name}>{_xml(one)}</{name}>" for name, one in value.items() if one is not None)
        case bool():
            return str(value).lower()
        case datetime():
            return value.strftime("%Y-%m-%dT%H:%M:%SZ")
        case _:
            return escape(str(value))
