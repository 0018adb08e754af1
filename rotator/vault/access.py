"""What a policy says about Vault: how rotator logs in there. Where it is, is a setting (ROTATOR_ENDPOINT_VAULT).

Without hvac, so that a policy can be checked without it.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints, model_validator

from rotator.contracts.options import AdapterOptions, leads_to

#: Of one value: far above any credential. With Consul below it, Vault keeps 512 KB an entry, and with others more.
LARGEST_BYTES = 256 * 1024
#: A mount's path, `kv` or `teams/crm/kv`.
Mount = Annotated[str, StringConstraints(pattern=r"^\w[\w.-]*(/\w[\w.-]*)*$", max_length=200)]
Name = Annotated[str, StringConstraints(pattern=r"^\w([\w.-]*\w)?$", max_length=200)]


class AppRole(AdapterOptions):
    """`{role_id: …, secret_id: ssm:/…}`: the secret id by reference."""

    role_id: Name
    secret_id: Annotated[str, leads_to("VAULT_SECRET_ID")]
    mount: Mount = "approle"


class Kubernetes(AdapterOptions):
    """`{role: rotator}`: the pod's own token proves who it is."""

    role: Name
    mount: Mount = "kubernetes"


class Auth(AdapterOptions):
    """One of `{token: ssm:/…}`, `{approle: …}`, `{kubernetes: …}`."""

    token: Annotated[str, leads_to("VAULT_TOKEN")] | None = None
    approle: AppRole | None = None
    kubernetes: Kubernetes | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Auth:
        if sum(way is not None for way in (self.token, self.approle, self.kubernetes)) != 1:
            raise ValueError("needs one way to log in: token, approle or kubernetes")
        return self
