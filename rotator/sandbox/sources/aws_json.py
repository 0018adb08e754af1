"""AWS's JSON protocol on loopback: what aws_query.py does for forms and XML, for requests and answers in JSON.

Source: "AWS JSON 1.1 protocol" in the Smithy documentation: X-Amz-Target names the action, times are seconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rotator.sandbox.sources.aws_query import Call, QueryServer, Refusal


class JsonServer(QueryServer):
    """Serves actions by the name after the dot in X-Amz-Target."""

    kind = "application/x-amz-json-1.1"

    def call(self, headers: Mapping[str, str], body: bytes) -> Call:
        """The request."""
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        return Call({"Action": action, **json.loads(body or b"{}")}, headers, body)

    def said(self, action: str, said: Mapping[str, Any]) -> str:  # noqa: ARG002 - JSON does not repeat it
        """The answer."""
        return json.dumps(said, default=_seconds)

    def refused(self, refusal: Refusal) -> str:
        """The refusal."""
        return json.dumps({"__type": refusal.code, "message": refusal.sentence})


def _seconds(value: object) -> float:
    assert isinstance(value, datetime)
    return value.timestamp()
