"""References: how a policy names one of rotator's own credentials, `ssm:/taly/staging/rotator/NAME`, and no value.

Where they may lead is no choice of the policy's: below `<path>/rotator/` of the environment that they are written for,
in SSM or in the store that the environment has. A store's own login can only be in SSM: it cannot be behind itself.
"""

from __future__ import annotations

import re

#: A reference begins with the name of the store, but for this one.
_SCHEMES = {"vault-kv2": "vault"}
IN_SSM = "ssm"
#: What looks like one, wherever it leads, and not like a URL.
REFERENCE = re.compile(r"[a-z][a-z0-9-]*:/(?!/)\S+")


def scheme_of(store: str) -> str:
    """What references into a store of that kind begin with."""
    return _SCHEMES.get(store, store)


def own_prefixes(store: str, path: str) -> tuple[str, ...]:
    """What references of an environment may begin with, whose parameters are below `path` in a store of that kind."""
    return tuple(f"{scheme}:{path}/rotator/" for scheme in dict.fromkeys((IN_SSM, scheme_of(store))))


def owner_parameter(path: str) -> str:
    """The name of the parameter that tells who owns the environment below `path`. rotator reads it every minute."""
    return f"{path}/rotator/owner"
