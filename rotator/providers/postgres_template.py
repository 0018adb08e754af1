"""What a policy's template must be like: consumers can log in with what is made from it."""

from __future__ import annotations

import re
from typing import Any

from rotator.providers import postgres_json
from rotator.providers.postgres_dsn import MalformedDsn, looks_json, parameters, render, unfit


def wrong_with(template: object) -> str:
    """What is wrong with a template; empty when it makes what consumers can log in with."""
    if isinstance(template, dict):
        if not all(isinstance(value, str | int | None) for value in template.values()):
            return "may hold texts, numbers, true, false and null, and nothing below them"
        text = postgres_json.blanks(template)
    elif isinstance(template, str):
        if looks_json(template):
            return "is a JSON object: write it as a map, so that it is escaped as one"
        text = template
    else:
        return "must be a connection string, or a map for a JSON object"
    blanks, needed = set(re.findall(r"\{\w*\}", text)), {"{user}", "{password}"}
    troubles = []
    if lacking := sorted(needed - blanks):
        troubles.append(f"lacks {' and '.join(lacking)}")
    if strange := sorted(blanks - needed):
        troubles.append(f"has {' and '.join(strange)}, which nobody fills in")
    return "; ".join(troubles) or _unreadable(template)


def _unreadable(template: str | dict[str, Any]) -> str:
    """Why what is made from it could not be read back; empty when it could."""
    try:
        read = parameters(render(template, "user", "password"))
    except MalformedDsn:
        return "is neither a postgresql:// URL nor libpq's key=value form"
    if strange := unfit(read):
        return f"has {' and '.join(strange)}, and rotator does not log in with that; take it out"
    if isinstance(template, dict) and (read.get("user"), read.get("password")) != ("user", "password"):
        return "must have {user} in a member called user or username and {password} in password, or both in a URL"
    return ""
