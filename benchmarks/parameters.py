"""A stand-in for DescribeParameters over thousands of parameters, which counts how often it is asked.

moto looks at every parameter for every page of ten, so ten thousand would take minutes. This one answers what AWS
documents: pages of at most 50, and a token for the next.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

LARGEST_PAGE = 50
WRITTEN = 1_780_000_000.0


class Counted:
    """So many parameters below `path`, and the calls so far."""

    def __init__(self, path: str, parameters: int) -> None:
        self.names = [f"{path}/KEY_{number:05d}" for number in range(parameters)]
        self.calls = 0

    def answer(self, _path: str, request: Any) -> tuple[HTTPStatus, Any]:
        """One page."""
        self.calls += 1
        first = int(request.get("NextToken", "0"))
        last = first + min(request.get("MaxResults", 10), LARGEST_PAGE)
        found = [
            {"Name": name, "Type": "SecureString", "Version": 3, "LastModifiedDate": WRITTEN}
            for name in self.names[first:last]
        ]
        rest = {"NextToken": str(last)} if last < len(self.names) else {}
        return HTTPStatus.OK, {"Parameters": found, **rest}
