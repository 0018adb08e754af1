"""What Parameter Store does and moto does not, as a layer over moto's answers.

moto keeps parameters well, but gives ten per page whatever is asked, and lets through what AWS refuses. Code that has
only met moto meets these for the first time in production:

- DescribeParameters honours MaxResults (1 to 50) and hands out opaque tokens;
- a value over 4 KB (standard tier) or 8 KB (advanced) is refused, and so are a change of type and a way back from
  advanced to standard;
- an overwrite of a SecureString without KeyId falls back to the account's own key `alias/aws/ssm`, which every
  principal of the account can use: it happens here as there, and is recorded as a finding;
- LastModifiedUser names the caller. Here that is the access key id of the request.

Source: the API reference of AWS Systems Manager (PutParameter, DescribeParameters).
"""

from __future__ import annotations

import base64
import json
from typing import NamedTuple

from rotator.sandbox.moto_inside import AwsError, Document, Moto

LARGEST_PAGE = 50
PAGE = 10
LARGEST_VALUE = {"Standard": 4096, "Advanced": 8192}
ACCOUNT_KEY = "alias/aws/ssm"


class Finding(NamedTuple):
    """Something that AWS accepts and that nobody wants."""

    kind: str
    parameter: str


class Position(NamedTuple):
    """Where a page begins: so many items into the page of moto that `token` names."""

    token: str | None = None
    skip: int = 0
    after_empty: bool = False  # two empty pages in a row could go on for ever

    def encode(self) -> str:
        return base64.urlsafe_b64encode(json.dumps(self).encode()).decode()

    @classmethod
    def decode(cls, token: str | None) -> Position:
        if not token:
            return cls()
        try:
            return cls(*json.loads(base64.urlsafe_b64decode(token)))
        except (ValueError, TypeError):
            raise AwsError("InvalidNextToken", "The specified token is not valid.") from None


class ParameterStore:
    """Answers DescribeParameters and PutParameter.

    Not safe for threads: a check and the write that it allows must not be interleaved.
    """

    def __init__(self, moto: Moto) -> None:
        self._moto = moto
        self._modified_by: dict[tuple[str, int], str] = {}
        self.findings: list[Finding] = []

    def describe(self, request: Document, largest: int = LARGEST_PAGE) -> Document:
        """One page, of at most `largest` items: AWS may give fewer than asked, even none, and the way to the rest."""
        size = request.get("MaxResults", PAGE)
        if not 1 <= size <= LARGEST_PAGE:
            raise AwsError(
                "ValidationException", f"maxResults must be from 1 to {LARGEST_PAGE}, and is {size}."
            )
        start = Position.decode(request.get("NextToken"))
        if largest == 0 and not start.after_empty:
            return {"Parameters": [], "NextToken": start._replace(after_empty=True).encode()}
        found, rest = self._page(request, start, min(size, largest or size))
        for parameter in found:
            writer = self._modified_by.get((parameter["Name"], parameter["Version"]))
            parameter["LastModifiedUser"] = writer or parameter["LastModifiedUser"]
        return {"Parameters": found} | ({"NextToken": rest.encode()} if rest else {})

    def put(self, request: Document, caller: str) -> Document:
        """Writes what AWS would write, or raises the refusal of AWS."""
        existing = self._moto.described(request["Name"])
        tier = request.get("Tier") or existing.get("Tier", "Standard")
        if tier == "Intelligent-Tiering":
            too_large = _size(request) > LARGEST_VALUE["Standard"]
            tier = "Advanced" if too_large or existing.get("Tier") == "Advanced" else "Standard"
        if existing and request.get("Overwrite"):
            self._refuse_changes(existing, request, tier)
            request = self._as_overwritten(existing, request)
        if _size(request) > LARGEST_VALUE[tier]:
            raise AwsError(
                "ValidationException",
                f"A parameter of the {tier.lower()} tier holds {LARGEST_VALUE[tier]} bytes; this has {_size(request)}.",
            )
        written = self._moto.call("AmazonSSM.PutParameter", {**request, "Tier": tier})
        self._modified_by[request["Name"], written["Version"]] = caller
        return written

    def _page(self, request: Document, start: Position, size: int) -> tuple[list[Document], Position | None]:
        """`size` items from `start` on, and where the rest begins; None if nothing is left."""
        filters = {key: value for key, value in request.items() if key not in ("MaxResults", "NextToken")}
        found: list[Document] = []
        while True:
            page = self._moto.call("AmazonSSM.DescribeParameters", {**filters, "NextToken": start.token})
            left = page["Parameters"][start.skip :]
            taken = left[: size - len(found)]
            found += taken
            if len(taken) < len(left):
                return found, Position(start.token, start.skip + len(taken))
            if "NextToken" not in page:
                return found, None
            start = Position(page["NextToken"])

    def _refuse_changes(self, existing: Document, request: Document, tier: str) -> None:
        if request.get("Type", existing["Type"]) != existing["Type"]:
            raise AwsError(
                "HierarchyTypeMismatchException",
                f"The parameter is a {existing['Type']}; its type cannot be changed to {request['Type']}.",
            )
        if existing.get("Tier") == "Advanced" and tier == "Standard":
            raise AwsError(
                "ValidationException", "An advanced parameter cannot go back to the standard tier."
            )

    def _as_overwritten(self, existing: Document, request: Document) -> Document:
        if "Description" in existing and "Description" not in request:
            self.findings.append(Finding("overwrite_without_description", existing["Name"]))
        if existing["Type"] != "SecureString" or "KeyId" in request:
            return request
        self.findings.append(Finding("overwrite_without_key_id", existing["Name"]))
        return {**request, "KeyId": ACCOUNT_KEY}


def _size(request: Document) -> int:
    return len(request.get("Value", "").encode())
