"""Taly's own policies.yaml, changed where the sandbox is another place: hosts, no mirrors and no calendar."""

from __future__ import annotations

from typing import Any

import yaml

#: Sources whose far side is played here; secrets of others are watched.
PLAYED = frozenset({"jwt", "postgres", "token"})


def demo_policy(text: str, templates: dict[str, str], probe: str, slack: str, mail: str) -> str:
    """The root policy for the sandbox.

    `templates` holds DATABASE_URL's template by environment, `probe` the URL of the verifiers with `{env}` in it.
    Windows and freezes are off, because calendar days pass in less than a second; everybody's alerts go to one
    channel and one mailbox.
    """
    policy: dict[str, Any] = yaml.safe_load(text)
    secrets = policy["secrets"]
    _without_calendar(policy)
    policy["windows"] = {"any-time": {"always": True}}
    policy["defaults"]["windows"] = ["any-time"]
    policy["defaults"]["cooldown"] = "6h"
    policy["defaults"]["retry"] = {"attempts": 5, "backoff": "1s..4s"}
    policy["alerts"]["group_wait"] = "0s"
    policy["deployments"] = {
        name: {"kubernetes": f"deployment/{name}", "reads": "ssm", "timeout": "45s"}
        for name in ("api", "worker")
    }
    for secret in secrets.values():
        if "deploy" in secret:
            secret["deploy"] = [name for name in secret["deploy"] if name in policy["deployments"]]
    for kind in policy["types"].values():
        if kind["provider"] not in PLAYED:
            kind["mode"] = "observe"
    policy.pop("mirrors", None)
    for secret in secrets.values():
        for level in (secret, *secret.get("environments", {}).values()):
            level.pop("mirrors", None)
    secrets["JWT_SECRET"]["probe"] = secrets["INTERNAL_API_TOKEN"]["probe"] = probe
    database = secrets["DATABASE_URL"]
    database["settings"].pop("template", None)
    for name, template in templates.items():
        override = database.setdefault("environments", {}).setdefault(name, {})
        override.setdefault("settings", {})["template"] = template
    policy["owners"] = {name: {"slack": slack, "email": mail} for name in policy["owners"]}
    return yaml.safe_dump(policy, sort_keys=False)


def _without_calendar(policy: dict[str, Any]) -> None:
    """Days pass in less than a second: there is no night to wait for."""
    policy.pop("freezes", None)
    for environment in policy["environments"].values():
        environment.get("defaults", {}).pop("windows", None)
    for secret in policy["secrets"].values():
        for override in secret.get("environments", {}).values():
            override.pop("windows", None)
