"""Which allow rule speaks of a read: the first that fits the principal, the secret and the place it came from.

Roles are compared by the name of the role that issued the session, never by the session's, which its caller chooses.
A role's name counts in the account of the parameters only: anybody may give a role of their own account that name.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from ipaddress import ip_address, ip_network

from rotator.engine.access.managed import Place
from rotator.model.access import Access, AccessFinding, Principal
from rotator.model.policy import AccessPolicy, During, Reader

#: What is remembered of principals that were compared. Sessions are not part of it, so there are few.
_PRINCIPALS = 4096
#: Names that IAM Identity Center gives to its roles, and the only path that these are made under: not by people.
_SSO_NAME, _SSO_PATH = "AWSReservedSSO_", ":role/aws-reserved/sso.amazonaws.com/"


_network = lru_cache(ip_network)


class Readers:
    """The allow rules of a policy."""

    def __init__(self, policy: AccessPolicy) -> None:
        self._readers = policy.readers
        self._of = lru_cache(maxsize=_PRINCIPALS)(self._fitting)

    def of(self, access: Access, place: Place) -> Reader | None:
        """The rule for a secret; None where none allows it."""
        return next(
            (one for one in self._candidates(access.principal, place) if _comes_from(access, one)), None
        )

    def from_elsewhere(self, access: Access, place: Place) -> Reader | None:
        """The rule that would allow it, had the call come from another network; for people."""
        return next(self._candidates(access.principal, place), None)

    def _candidates(self, principal: Principal, place: Place) -> Iterator[Reader]:
        known = self._of(principal.name, principal.role, principal.account, place.environment, place.account)
        return (one for one in known if _speaks_of(one, place.name))

    def _fitting(self, name: str, role: str, of: str, environment: str, account: str) -> tuple[Reader, ...]:
        return tuple(
            reader
            for reader in self._readers
            if reader.environment == environment and _fits(reader, name, role, at_home=_same(of, account))
        )


def rules_of(policy: AccessPolicy, finding: AccessFinding) -> list[Reader]:
    """The rule that a finding names, for each environment that it is for."""
    return [one for one in policy.readers if one.name == finding.rule]


def is_of_its_role(policy: AccessPolicy, finding: AccessFinding) -> bool:
    """Whether a finding is about whoever has rotator's role."""
    return any(one.during is During.ROTATION for one in rules_of(policy, finding))


def _same(one: str, other: str) -> bool:
    """Whether these are one account; what is not known does not tell them apart."""
    return not one or not other or one == other


def _fits(reader: Reader, name: str, role: str, *, at_home: bool) -> bool:
    if reader.principal:
        return fnmatchcase(name, reader.principal)
    if not role:
        return False
    if ":" in reader.role:
        return fnmatchcase(name, reader.role)
    if not at_home or _is_no_sso_role(name, role):
        return False
    return fnmatchcase(name.partition(":role/")[2] if "/" in reader.role else role, reader.role.lstrip("/"))


def _is_no_sso_role(name: str, role: str) -> bool:
    """Whether somebody gave a role the name of one that only Identity Center makes, or may have: no path is told."""
    return role.startswith(_SSO_NAME) and _SSO_PATH not in name


def _speaks_of(reader: Reader, name: str) -> bool:
    return not reader.secrets or any(fnmatchcase(name, glob) for glob in reader.secrets)


def _comes_from(access: Access, reader: Reader) -> bool:
    return not reader.source or any(_is_from(access, place) for place in reader.source)


def _is_from(access: Access, place: str) -> bool:
    """An endpoint by its id, a network by the caller's address; a service's host name is in no network."""
    if place.startswith("vpce-"):
        return access.vpc_endpoint == place
    try:
        return ip_address(access.source_ip) in _network(place)
    except ValueError:
        return False
