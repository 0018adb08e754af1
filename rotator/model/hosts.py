"""Which hosts rotator may talk to: this machine, and those that settings allow. A policy may only choose among them.

`policy check` asks about what a policy names, and whatever is about to send a credential asks again right before the
bytes leave: a recipe that was frozen long ago, or changed in the journal since, is held against today's settings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from fnmatch import fnmatchcase
from ipaddress import ip_address

from rotator.model.errors import Refused

#: Whether rotator may talk to a host.
Allows = Callable[[str], bool]
# What no host is made of could end one for the parser that sends, and go on for a glob.
_HOST = re.compile(r"[A-Za-z0-9_.:-]+")


def on_this_machine(host: str) -> bool:
    """Whether what goes to the host stays here: it needs no TLS and no proxy, and nobody on the way reads it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_allowed(host: str, globs: Collection[str]) -> bool:
    """Whether it is this machine, or one of the globs fits. `host` as the parser that sends reads it, and no URL."""
    if on_this_machine(host):
        return True
    return bool(_HOST.fullmatch(host)) and any(fnmatchcase(host.lower(), glob.lower()) for glob in globs)


def must_be_allowed(allows: Allows, host: str, what: str) -> None:
    """Right before bytes leave; `what` calls the host for people. Raises Refused."""
    if not allows(host):
        raise Refused(
            f"{what} is not among the hosts that settings allow (ROTATOR_ALLOWED_HOSTS), so nothing was sent there"
        )
