"""HTTP to others on this machine: no proxies of the environment, and no certificates, which take time to read."""

from __future__ import annotations

import ssl
from typing import Any

import httpx

#: It trusts nobody, and nobody here speaks TLS.
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def client(address: str = "", seconds: float = 5.0, **more: Any) -> httpx.Client:
    """For requests below `address`, which may be left out."""
    return httpx.Client(base_url=address, timeout=seconds, trust_env=False, verify=_NO_CERTIFICATES, **more)
