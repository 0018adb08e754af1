"""The secret of an OAuth client: Entra bears labels, Okta bears none, Keycloak has one secret only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

from rotator.clock import SystemClock
from rotator.contracts.provider import Traits
from rotator.providers.oauth_recipe import shipped
from rotator.sandbox.sources.oauth import OWN_CLIENT, OauthSource
from tests.company.secret import Held
from tests.crash.sources.source import LATE, PATH, Known, Login, There

_CLIENT, _APP = "taly-crm", "app-taly-crm"
_OWN = f"ssm:{PATH}/rotator/OAUTH_SECRET"
_HOSTS = ("graph.microsoft.com", "login.microsoftonline.com", "taly.okta.example", "login.taly.example")
_MARK = "rotator/staging/"


class EntraClient(Login):
    """Its recipe as shipped, but that the management API may be asked more often than once a second."""

    adapter = "oauth-client"
    rules: ClassVar[tuple[str, ...]] = ("accept_unseen",)
    vendor: ClassVar[str] = "entra"
    where: ClassVar[Mapping[str, Any]] = {"values": {"tenant": "taly.example", "object": _APP}}

    @property
    def traits(self) -> Traits:
        return shipped(self.vendor).traits

    def start(self, folder: Path, around: ExitStack) -> Mapping[str, str]:
        self._source = OauthSource(SystemClock(), self.vendor, propagation=LATE, listing=LATE)
        self._address = around.enter_context(self._source.serving())
        return {"value": self._source.somebody_makes(_CLIENT).value}

    def settings(self) -> Mapping[str, Any]:
        recipe = shipped(self.vendor).model_dump(mode="json", exclude_unset=True) | {"per_second": 100}
        access = {"client_id": OWN_CLIENT, "client_secret": _OWN}
        return {"recipe": recipe, "client_id": _CLIENT, "access": access, **self.where}

    def own(self) -> Mapping[str, str]:
        return {"OAUTH_SECRET": self._source.own_secret}

    def environment(self) -> Mapping[str, str]:
        there = f"ROTATOR_ENDPOINT_OAUTH_{self.vendor.upper()}"
        hosts = {"ROTATOR_ALLOWED_HOSTS": ",".join(_HOSTS), "ROTATOR_OWN_RECIPES": "true"}  # its pace is ours
        return {there: self._address, **hosts}

    def takes(self, fields: Mapping[str, str]) -> bool:
        return self._source.accepts(_CLIENT, fields["value"])

    def there(self, known: Known, everybody: Iterable[Held]) -> Iterable[There]:
        for kept in list(self._source.clients[_CLIENT]):
            yield There(known.id_of(kept.value), kept.label.removeprefix(_MARK), accepted=kept.live)


class OktaClient(EntraClient):
    """Two secrets, told apart by their ids alone."""

    vendor = "okta"
    asks_people = True
    where: ClassVar[Mapping[str, Any]] = {
        "address": "https://taly.okta.example",
        "access": {"token": f"ssm:{PATH}/rotator/OAUTH_TOKEN"},
        "values": {"app": _APP},
    }

    def own(self) -> Mapping[str, str]:
        return {"OAUTH_TOKEN": self._source.own_token}

    def person_removes(self, credential_id: str) -> None:
        there = self._source.clients[_CLIENT]
        there[:] = [kept for kept in there if kept.id != credential_id]


class KeycloakClient(EntraClient):
    """One secret, which it is told."""

    vendor = "keycloak"
    rules = ("accept_gap", "accept_unseen")
    where: ClassVar[Mapping[str, Any]] = {
        "address": "https://login.taly.example",
        "values": {"realm": "taly", "client": _APP},
    }
