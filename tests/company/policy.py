"""The company's policies.yaml and rotator's settings: everything is rotated on request only, and a day is a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from rotator.sandbox.aws import REGION
from rotator.sandbox.demo.seeds import USERS
from tests.company.consumers import WORKLOAD
from tests.company.secret import OWN_LOGINS, UsedSecret

#: A secret's id -> the settings of its source that are of its environment alone.
Places = Mapping[str, Mapping[str, str]]
#: What sources that have no accepted set want to be told in every environment.
_AT_SOURCES: Mapping[str, Mapping[str, Any]] = {
    "postgres": {
        "settings": {"users": [*USERS], "admin": f"ssm:/taly/{{env}}/rotator/{OWN_LOGINS['postgres']}"}
    },
    "twilio-api-key": {
        "settings": {"auth": f"ssm:/taly/{{env}}/rotator/{OWN_LOGINS['twilio-api-key']}"},
        "fields": {"sid": "TWILIO_API_KEY", "secret": "TWILIO_API_KEY"},
        "one_parameter": "json",
        "accept_unseen": True,
    },
}


def policy(secrets: Sequence[UsedSecret], platform: str, places: Places, timeout: str = "20s") -> str:
    """policies.yaml; `timeout`: how long a rollout may take."""
    environments = list(dict.fromkeys(secret.environment for secret in secrets))
    document = {
        "apiVersion": "rotator/v1",
        "kind": "RotationPolicies",
        "defaults": {
            "owner": "rig",
            "warn_before": [],
            "quarantine": "1d",
            "retry": {"attempts": 5, "backoff": "1s..3s"},
        },
        "environments": {name: _environment(name) for name in environments},
        "types": {source: _type(source) for source in dict.fromkeys(secret.source for secret in secrets)},
        "secrets": {secret.name: _secret(secret, platform, places) for secret in secrets},
        "deployments": {WORKLOAD: {"kubernetes": f"deployment/{WORKLOAD}", "timeout": timeout}},
        "owners": {"rig": {"email": "rig@taly.example"}},
        "alerts": {"group_wait": "1s"},
        "unmanaged": "ignore",
    }
    return yaml.safe_dump(document, sort_keys=False)


def settings(platform: str = "") -> dict[str, str]:
    """What every rig's daemon is told, besides its journal, its policy, its AWS and, where it has one, its platform."""
    sandbox = {"ROTATOR_REDEPLOYER": "sandbox", "ROTATOR_ENDPOINT_PLATFORM": platform}
    return {
        **(sandbox if platform else {}),
        "ROTATOR_SEALER": "kms",
        "ROTATOR_KMS_KEY": "alias/taly-staging",
        "ROTATOR_SCALE": "0.00001",
        "ROTATOR_SSM_WRITES_PER_SECOND": "100",
        "ROTATOR_POLL": "0.1s",
        "ROTATOR_SLOW_POLL": "1s",
        "ROTATOR_LINGER": "0.1s",
        "ROTATOR_WORKERS": "2",
        # As short as settings allow: longer than a minting call, or guard would never say yes.
        "ROTATOR_CLAIM_SECONDS": "20",
    }


def _environment(name: str) -> dict[str, Any]:
    aws = {"region": REGION, "kms_key": f"alias/taly-{name}"}
    return {"path": f"/taly/{name}", "aws": aws, "kubernetes": {"namespace": name}, "mode": "auto"}


def _type(source: str) -> dict[str, Any]:
    return {"provider": source, "rotate_every": "3650d", "grace": "1d"}


def _secret(secret: UsedSecret, platform: str, places: Places) -> dict[str, Any]:
    """The same in every environment, but for where its source is."""
    written: dict[str, Any] = {"type": secret.source, "deploy": [WORKLOAD]}
    if secret.accepted is None:
        apart = {
            one.partition("/")[0]: {"settings": {**settings}}
            for one, settings in places.items()
            if one.endswith(f"/{secret.name}")
        }
        return {**written, **_AT_SOURCES[secret.source], "environments": apart}
    probe = f"{platform}/accepts/{{env}}/{secret.name}/{secret.source}"
    return {**written, "accepted_as": f"{secret.name}_ACCEPTED", "probe": probe}
