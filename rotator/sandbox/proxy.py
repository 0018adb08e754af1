"""The front of the sandbox's AWS: counts every call, lets the weather act on it, and passes it on to moto.

It wraps moto's WSGI application inside one process, so that a call costs one hop. Calls of the AWS JSON protocol (SSM,
KMS) are named by the header X-Amz-Target (`AmazonSSM.PutParameter`); those of others (IAM, STS) are counted by their
Action and meet outages, but neither faults nor quotas.

Under /_sandbox/ it takes orders, as JSON, from whoever plays the world; each replaces what was there:

    GET  statistics   {"calls": {operation: n}, "faults": {kind: n}, "refusals": {code: n}, "findings": [[kind, name]]}
    PUT  faults       {"seed": 7, "rules": [{"fault": "lost_answer", "operation": "PutParameter", "rate": 0.05}]}
    PUT  outages      {"ssm": "closed", "kms": "unavailable"}
    PUT  quotas       {"writes": [3, 6]}: calls per second, and at once after a pause
    PUT  parameters   [{"name": …, "value": …, …}], the fields of `aws.Parameter`
    PUT  ages         {name: seconds}
"""

from __future__ import annotations

import io
import json
import re
import secrets
import time
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from rotator.sandbox.aws import ACCOUNT, Parameter
from rotator.sandbox.faults import Fault, Faults, Outage, Quota, Quotas, Rule
from rotator.sandbox.moto_inside import JSON_PROTOCOL, Answer, AwsError, Document, Moto
from rotator.sandbox.parameter_store import LARGEST_PAGE, ParameterStore

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ORDERS = "/_sandbox/"
CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/")
ACTION = re.compile(rb"(?:^|&)Action=(\w+)")
LARGEST_BY_FAULT: dict[Fault | None, int] = {Fault.EMPTY_PAGE: 0, Fault.SHORT_PAGE: 1}


class AnswerLost(ConnectionResetError):
    """Makes the server close the connection without an answer."""


class Call(NamedTuple):
    """One request to AWS. `document` is None outside the JSON protocol; `caller` is an access key id."""

    service: str
    operation: str
    caller: str
    document: Document | None
    request: WSGIEnvironment


class Proxy:
    """A WSGI application in front of moto."""

    def __init__(self, moto: Moto) -> None:
        self._moto = moto
        self._parameters = ParameterStore(moto)
        self._one_at_a_time = Lock()  # moto keeps its state in plain dictionaries
        self._faults, self._quotas = Faults(), Quotas()
        self._outages: dict[str, Outage] = {}
        self._counting = Lock()
        self._counts = {what: Counter[str]() for what in ("calls", "faults", "refusals")}

    def __call__(self, request: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = request["PATH_INFO"]
        if path.startswith(ORDERS):
            answer = self._obey(request["REQUEST_METHOD"], path.removeprefix(ORDERS), _content(request))
        else:
            answer = self._answer(_read(request))
        start_response(answer.status, answer.headers)
        return [answer.content]

    # Calls

    def _answer(self, call: Call) -> Answer:
        self._count("calls", call.operation)
        try:
            self._refuse_by_outage_or_quota(call)
            rule = self._draw(call)
        except AwsError as error:
            return self._refusal(error)
        fault = rule.fault if rule else None
        answer = self._effect(call, fault)
        if rule and fault is Fault.SLOW:
            time.sleep(rule.seconds)
        if fault is Fault.LOST_ANSWER:
            raise AnswerLost
        return answer

    def _refuse_by_outage_or_quota(self, call: Call) -> None:
        outage = self._outages.get(call.service)
        if outage:
            self._count("faults", f"outage_{outage}")
        if outage is Outage.CLOSED:
            raise AnswerLost
        if outage is Outage.UNAVAILABLE:
            raise AwsError("ServiceUnavailable", "The service is away.", HTTPStatus.SERVICE_UNAVAILABLE)
        if not self._quotas.take(call.operation):
            raise AwsError("ThrottlingException", "Rate exceeded")

    def _draw(self, call: Call) -> Rule | None:
        rule = self._faults.draw(call.operation) if call.document is not None else None
        if rule:
            self._count("faults", rule.fault)
        if rule and rule.fault is Fault.THROTTLED:
            raise AwsError("ThrottlingException", "Rate exceeded")
        if rule and rule.fault is Fault.INTERNAL_ERROR:
            code = "KMSInternalException" if call.service == "kms" else "InternalServerError"
            raise AwsError(code, "An error occurred on the server side.", HTTPStatus.INTERNAL_SERVER_ERROR)
        return rule

    def _effect(self, call: Call, fault: Fault | None) -> Answer:
        with self._one_at_a_time:
            try:
                if call.document is not None and call.operation == "DescribeParameters":
                    largest = LARGEST_BY_FAULT.get(fault, LARGEST_PAGE)
                    return _answer_of(self._parameters.describe(call.document, largest))
                if call.document is not None and call.operation == "PutParameter":
                    return _answer_of(self._parameters.put(call.document, _arn(call.caller)))
            except AwsError as error:
                return self._refusal(error)
            answer = self._moto.forward(call.request)
        if not answer.ok and call.document is not None:
            self._count("refusals", json.loads(answer.content)["__type"])
        return answer

    def _refusal(self, error: AwsError) -> Answer:
        self._count("refusals", error.code)
        return _answer_of({"__type": error.code, "message": error.sentence}, error.status)

    def _count(self, what: str, key: str) -> None:
        with self._counting:
            self._counts[what][key] += 1

    # Orders

    def _obey(self, method: str, order: str, content: bytes) -> Answer:
        if method == "GET" and order == "statistics":
            return self._statistics()
        orders = {
            "faults": self._set_faults,
            "outages": self._set_outages,
            "quotas": self._set_quotas,
            "parameters": self._seed,
            "ages": self._set_ages,
        }
        if method != "PUT" or order not in orders:
            return _answer_of(f"There is no order {method} {order}.", HTTPStatus.NOT_FOUND)
        try:
            orders[order](json.loads(content))
        except (AwsError, KeyError, TypeError, ValueError) as mistake:
            return _answer_of(f"{order}: {mistake!r}", HTTPStatus.BAD_REQUEST)
        return _answer_of("done")

    def _statistics(self) -> Answer:
        with self._one_at_a_time, self._counting:
            return _answer_of({**self._counts, "findings": self._parameters.findings})

    def _set_faults(self, wanted: Any) -> None:
        self._faults.set([Rule.from_json(rule) for rule in wanted["rules"]], wanted["seed"])

    def _set_outages(self, wanted: Any) -> None:
        self._outages = {service: Outage(kind) for service, kind in wanted.items()}

    def _set_quotas(self, wanted: Any) -> None:
        self._quotas.set({kind: Quota(*numbers) for kind, numbers in wanted.items()})

    def _seed(self, wanted: Any) -> None:
        with self._one_at_a_time:
            for parameter in (Parameter(**fields) for fields in wanted):
                self._parameters.put(parameter.request() | {"Overwrite": True}, _arn(parameter.modified_by))
                self._moto.set_age(parameter.name, timedelta(seconds=parameter.age_seconds))

    def _set_ages(self, wanted: Any) -> None:
        with self._one_at_a_time:
            for name, seconds in wanted.items():
                self._moto.set_age(name, timedelta(seconds=seconds))


def _read(request: WSGIEnvironment) -> Call:
    content = _content(request)
    request = {**request, "wsgi.input": io.BytesIO(content)}
    credential = CREDENTIAL.search(request.get("HTTP_AUTHORIZATION", ""))
    caller, service = credential.groups() if credential else ("anonymous", "unknown")
    target = request.get("HTTP_X_AMZ_TARGET")
    if target:
        return Call(service, target.rpartition(".")[2], caller, json.loads(content or b"{}"), request)
    action = ACTION.search(content)
    return Call(service, action[1].decode() if action else "unknown", caller, None, request)


def _content(request: WSGIEnvironment) -> bytes:
    content: bytes = request["wsgi.input"].read(int(request.get("CONTENT_LENGTH") or 0))
    return content


def _answer_of(document: object, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    content = json.dumps(document).encode()
    headers = [
        ("Content-Type", JSON_PROTOCOL),
        ("Content-Length", str(len(content))),
        ("x-amzn-RequestId", secrets.token_hex(16)),
    ]
    return Answer(f"{status.value} {status.phrase}", headers, content)


def _arn(user: str) -> str:
    """Who wrote a parameter. Access key ids in the sandbox are user names, so that a person can read them."""
    return f"arn:aws:iam::{ACCOUNT}:user/{user}"
