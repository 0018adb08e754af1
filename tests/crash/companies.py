"""The companies of the matrix: each source, store, mirror and redeployer is met in one of them at least.

No cross product: what the parts promise each other are contracts, and those have their own suites.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from tests.crash.copies import COPIES
from tests.crash.platforms import PLATFORMS
from tests.crash.sources import SOURCES
from tests.crash.stores import STORES

#: What stands in for the parts that a company is not there for.
_STORE, _REDEPLOYER, _SOURCE = "ssm", "sandbox", "token"


class Company(NamedTuple):
    """What a lane plays; `mirror` may be empty."""

    source: str
    store: str = _STORE
    mirror: str = ""
    redeployer: str = _REDEPLOYER

    def __str__(self) -> str:
        usual = (self.source, _STORE, "", _REDEPLOYER)
        kinds = ("", "store ", "mirror ", "redeployer ")
        beside = [kind + part for kind, part, known in zip(kinds, self, usual, strict=True) if part != known]
        return " + ".join([self.source, *beside])

    @property
    def about(self) -> str:
        """The contract of the part that it is there for."""
        if self.store != _STORE:
            return "store"
        return "mirror" if self.mirror else "provider" if self.redeployer == _REDEPLOYER else "redeployer"

    @property
    def slug(self) -> str:
        """Its name as a folder's and a database's."""
        return re.sub(r"\W+", "_", str(self))


#: What a company is there for -> the adapter's name -> the company.
COMPANIES: Mapping[str, Mapping[str, Company]] = {
    "source": {name: Company(name) for name in SOURCES},
    "store": {name: Company(_SOURCE, store=name) for name in STORES if name != _STORE},
    "mirror": {name: Company(_SOURCE, mirror=name) for name in COPIES},
    "redeployer": {name: Company(_SOURCE, redeployer=name) for name in PLATFORMS if name != _REDEPLOYER},
}
