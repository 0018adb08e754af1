"""JWTs and internal tokens between the instances of an environment: signed, shown to peers, counted when refused."""

from __future__ import annotations

import math
import random
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import NamedTuple

import httpx
import jwt

from rotator.sandbox import loopback
from rotator.sandbox.diet import Count, Diet, Pace, tell


class Token(NamedTuple):
    """Something to show to a peer; times are seconds since 1970."""

    kind: str
    bearer: str
    made_at: float
    expires: float = math.inf


class Peers:
    """The other instances of the environment, as the platform lists them."""

    def __init__(self, directory: str, environment: str, own_port: int) -> None:
        self._list, self._own_port = f"{directory}/peers/{environment}", own_port
        self._client = loopback.client()

    def shown(self, token: Token) -> Iterator[str]:
        """Shows one token to one peer; what that counts.

        A peer that went away meanwhile has refused nothing, and a token that ended on the way says nothing.
        """
        try:
            ports = [port for port in self._client.get(self._list).json() if port != self._own_port]
            if not ports:
                return
            url = f"http://127.0.0.1:{random.choice(ports)}/accepts"
            answer = self._client.get(url, headers={"Authorization": f"Bearer {token.bearer}"})
        except httpx.TransportError:
            return
        now = time.time()
        if now >= token.expires:
            return
        yield "tokens_checked"
        if answer.status_code != HTTPStatus.OK:
            tell(f"a peer refuses {token.kind}, {now - token.made_at:.1f} s old, with {answer.status_code}")
            yield "tokens_refused"


def talk(
    workload: str,
    diet: Diet,
    values: Mapping[str, str],
    pace: Pace,
    peers: Peers,
    count: Count,
    stopping: threading.Event,
) -> None:
    """Signs tokens and shows them to peers, fresh ones and ones that are nearly at their end."""
    issued = deque[Token](maxlen=64)
    while not stopping.wait(pace.between_tokens * random.uniform(0.5, 1.5)):
        now = time.time()
        if diet.jwt:
            expires = math.ceil(now + pace.token_life)  # RFC 7519 counts whole seconds
            bearer = jwt.encode({"iss": workload, "exp": expires}, values[diet.jwt], algorithm="HS256")
            issued.append(Token("a JWT", bearer, now, expires))
        alive = [token for token in issued if now - token.made_at < pace.token_life * 0.8]
        tokens = [random.choice(alive)] if alive else []
        if diet.token:
            tokens.append(Token("an internal token", values[diet.token], now))
        for token in tokens:
            for counted in peers.shown(token):
                count(counted)
