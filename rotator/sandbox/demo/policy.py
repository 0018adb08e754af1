"""Taly's own policies.yaml, changed where the sandbox is another place: hosts, and no calendar."""

from __future__ import annotations

import datetime
from typing import Any

import yaml

_NO_KUBERNETES = {
    "reason": "only the sandbox has it",
    "until": datetime.date(2029, 12, 31),
    "approved_by": "ciso",
}


def demo_policy(text: str, templates: dict[str, str], platform: str, slack: str, mail: str) -> str:
    """The root policy for the sandbox.

    `templates` holds DATABASE_URL's template by environment, `platform` the address of verifiers and of webhooks.
    Windows and freezes are off, because calendar days pass in less than a second, and so is `max_concurrent`: restarts
    take as long as ever, and one after the other they would take more days than there are. Everybody's alerts go to
    one channel and one mailbox, at any hour. Vault knows no Kubernetes here, so rotator has a token for it.
    """
    policy: dict[str, Any] = yaml.safe_load(text)
    secrets = policy["secrets"]
    _without_calendar(policy)
    policy["windows"] = {"any-time": {"always": True}}
    policy["defaults"]["windows"] = ["any-time"]
    policy["defaults"]["cooldown"] = "6h"
    policy["defaults"]["retry"] = {"attempts": 5, "backoff": "1s..4s"}
    policy["alerts"]["group_wait"] = "0s"
    for hours in ("digest", "quiet_hours", "heartbeat"):
        policy["alerts"].pop(hours, None)
    policy["deployments"] = {
        name: {"kubernetes": f"deployment/{name}", "reads": "ssm", "timeout": "45s"}
        for name in ("api", "worker")
    }
    for secret in secrets.values():
        if "deploy" in secret:
            secret["deploy"] = [name for name in secret["deploy"] if name in policy["deployments"]]
    policy["mirrors"]["vault"]["auth"] = {"token": "ssm:/taly/{env}/rotator/VAULT_TOKEN"}
    secrets["rotator/VAULT_TOKEN"] = {"exempt": _NO_KUBERNETES}
    secrets["STRIPE_WEBHOOK_SECRET"]["settings"]["endpoint_url"] = f"{platform}/webhooks/{{env}}/api/stripe"
    secrets["JWT_SECRET"]["probe"] = secrets["INTERNAL_API_TOKEN"]["probe"] = f"{platform}/accepts/{{env}}"
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
        environment.pop("max_concurrent", None)
        environment.get("defaults", {}).pop("windows", None)
    for secret in policy["secrets"].values():
        for override in secret.get("environments", {}).values():
            override.pop("windows", None)
