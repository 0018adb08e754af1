"""Why something is a finding, a sentence each: what was done, and which rule does not allow it."""

from __future__ import annotations

from datetime import datetime

from rotator.engine.access.starts import EARLY
from rotator.engine.ages import spell
from rotator.model.access import Access, Asked
from rotator.model.policy import AccessPolicy, During, Reader

#: So much of a user agent is shown to people.
_SAID = 80


def denied(access: Access) -> str:
    """AWS said no."""
    return f"{access.api} was denied ({access.error}): nothing was read"


def drift(access: Access, rule: Reader | None) -> str:
    """Somebody wrote."""
    who = "has its role, and is not rotator" if rule and rule.during is During.ROTATION else "is not rotator"
    return f"{access.api} by somebody who {who}: its value may be one that rotator does not know"


def with_its_role(access: Access, rule: Reader) -> str:
    """Rotator's role without rotator's word."""
    called = f"it said {access.user_agent[:_SAID]}" if access.user_agent else "it said nothing"
    return (
        f"{access.api}: rule '{rule.name}' is for rotator, which says in its user agent which installation it is, and "
        f"{called}: somebody else uses rotator's role"
    )


def history() -> str:
    """Nobody needs it."""
    return "GetParameterHistory returns every value that the parameter ever had, also those that still work in grace"


def unknown(access: Access, near_miss: Reader | None) -> str:
    """No rule; or one that allows it from elsewhere."""
    if near_miss is not None:
        places = ", ".join(near_miss.source)
        came = access.vpc_endpoint or access.source_ip or "an unknown place"
        return f"{access.api}: rule '{near_miss.name}' allows it from {places}, and it came from {came}"
    named = {"IAMUser": "this user", "Root": "the account's root user", "AWSService": "this service"}
    who = named.get(access.principal.identity, "this role" if access.principal.role else "this principal")
    session = f" (session {access.principal.session})" if access.principal.session else ""
    return f"{access.api}: no rule of access.allow speaks of {who}{session}"


def outside(access: Access, rule: Reader, last: tuple[datetime, str] | None) -> str:
    """Allowed near a start, or during a rotation, and there was none."""
    if rule.during == "rotation":
        return f"{access.api}: rule '{rule.name}' allows it during a rotation, and none was at work"
    begin, end = access.at - rule.slack_after, access.at + EARLY
    known = f"the last one known was {last[1]} at {_moment(last[0])}" if last else "none is known before"
    span = f"from {_moment(begin)} to {end:%H:%M} UTC"
    where = f"nothing with role {access.principal.role} started in {rule.environment} {span}"
    return f"{access.api}: rule '{rule.name}' allows it near a start, and {where}; {known}"


def old_version(asked: Asked, current: int) -> str:
    """A version that is not the current one."""
    return (
        f"version {asked.version} of {asked.parameter} was asked for, and version {current} was there already"
    )


def bulk(access: Access, count: int, policy: AccessPolicy) -> str:
    """Too many."""
    limit = f"more than {policy.bulk_more_than} within {spell(policy.bulk_within)}"
    return f"{count} secrets, {limit}, and no rule expects so many; {access.api} was the one too many"


def by_hand() -> str:
    """A person uses what only a program should."""
    return "one level higher: it came from a command line or a console, and the role is an application's"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
