"""A whole rotation of an asymmetric key: verifiers keep copies of the JWKS, and a partner has a key in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest

from rotator.model.rotation import State
from rotator.model.secrets import Sealed
from rotator.providers import jwt_keys
from rotator.providers.jwt import Jwt
from rotator.testing.surroundings import surroundings
from rotator.testing.virtual_clock import VirtualClock
from tests.providers.recipes import recipe_for
from tests.providers.rotations import Company

JWKS = "/taly/staging/JWKS"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
CACHE = 30 * MINUTE


class Services:
    """One signs with what it reads, one verifies by a copy of the JWKS that it keeps for CACHE."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._tokens: list[tuple[datetime, str]] = []
        self._copied_at: datetime | None = None
        self._keys: dict[str, jwt.PyJWK] = {}
        self.refused = self.checked = 0

    def work(self) -> None:
        """A new token is made, and all that live are shown."""
        now = self._company.clock.now()
        signer = jwt.PyJWK(json.loads(self._company.reads()["value"].reveal()))
        headers = {"kid": str(signer.key_id)}
        self._tokens.append((now, jwt.encode({"sub": "1"}, signer, signer.algorithm_name, headers=headers)))
        self._tokens = [(made, token) for made, token in self._tokens if now - made < HOUR]
        if self._copied_at is None or now - self._copied_at >= CACHE:
            self._keys = {key["kid"]: jwt.PyJWK(key) for key in jwks(self._company)["keys"] if "alg" in key}
            self._copied_at = now
        for _, token in self._tokens[:: max(1, len(self._tokens) // 4)] + self._tokens[-1:]:
            self.checked += 1
            self.refused += not self._accepts(token)

    def _accepts(self, token: str) -> bool:
        key = self._keys.get(jwt.get_unverified_header(token)["kid"])
        return key is not None and bool(jwt.decode(token, key, [key.algorithm_name]))


def jwks(company: Company) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(company.store("staging").read(JWKS).value.reveal())
    return read


@contextmanager
def company(folder: Path, **settings: str) -> Iterator[Company]:
    recipe = recipe_for(
        "JWT_KEY", "jwt", settings={"algorithm": "ES256", **settings}, accepted_as=JWKS, grace=2 * HOUR
    )
    clock = VirtualClock()
    made = Company(clock, Jwt(recipe, surroundings(clock=clock)), recipe, folder)
    yield made
    made.journal.close()


@pytest.mark.parametrize("verifier_cache, safe", [("30m", True), ("5s", False)])
def test_no_verifier_meets_a_key_that_its_copy_does_not_hold(
    tmp_path: Path, verifier_cache: str, safe: bool
) -> None:
    theirs = {"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "partner"}
    in_use = jwt_keys.made("ES256", 0)
    public = json.loads(jwt_keys.public(json.loads(in_use), "ES256"))
    with company(tmp_path, verifier_cache=verifier_cache) as taly:
        taly.put(JWKS, json.dumps({"keys": [theirs, public], "issuer": "https://taly.example"}))
        taly.put("/taly/staging/JWT_KEY", in_use)
        services = Services(taly)
        services.work()  # and so they have a copy from before
        row = taly.rotates({"value": Sealed(in_use)}, within=DAY, meanwhile=services.work)
        assert row.state is State.DONE
        assert services.checked > 100
        assert (services.refused == 0) is safe
        left = json.loads(taly.reads()["value"].reveal())
        assert jwks(taly) == {
            "keys": [theirs, json.loads(jwt_keys.public(left, "ES256"))],
            "issuer": "https://taly.example",
        }
        assert left["kid"] != public["kid"]
