"""Which environments count as production. Nobody can list what production is called, so it is whatever may be it."""

from __future__ import annotations

import re

#: Words in the name of an environment that has no customers' credentials.
_HARMLESS = frozenset(
    {
        "acceptance", "ci", "demo", "dev", "devel", "develop", "development", "int", "integration", "local", "nonprod",
        "playground", "preview", "qa", "review", "sandbox", "stage", "staging", "stg", "test", "testing", "tst", "uat",
    }
)  # fmt: skip
#: Words that make production of it all the same: `demo-live`, `pre-production`.
_PRODUCTION = frozenset({"customer", "customers", "live", "prd", "prod", "production"})


def is_production(environment: str) -> bool:
    """Also where the name says nothing: what is called `eu` or `main` may be anything."""
    words = set(re.findall(r"[a-z]+", environment.lower()))
    return not words & _HARMLESS or bool(words & _PRODUCTION)
