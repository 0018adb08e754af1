"""What has no API: people make keys at a service and end them there. One of the services can be asked about a key."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

from tests.company.secret import Held
from tests.crash.sources.source import Known, Login, There
from tests.providers.assisted_world import BEGINS, KeyService

_PLACE = "https://keys.taly.example"


class TriedKey(Login):
    """The policy says where a key is tried."""

    adapter = "assisted"
    tells: ClassVar[bool] = True

    def start(self, folder: Path, around: ExitStack) -> Mapping[str, str]:
        self._service = around.enter_context(KeyService())
        return self.person_makes()

    def settings(self) -> Mapping[str, Any]:
        verify = {"url": f"{_PLACE}/v1/balance", "basic": {"user": "${value}"}}
        return {"begins_with": {"value": BEGINS}, **({"verify": verify} if self.tells else {})}

    def environment(self) -> Mapping[str, str]:
        return {
            "ROTATOR_ENDPOINT_ASSISTED": self._service.address,
            "ROTATOR_ALLOWED_HOSTS": "*.taly.example",
        }

    def takes(self, fields: Mapping[str, str]) -> bool:
        return fields["value"] in self._service.keys

    def there(self, known: Known, everybody: Iterable[Held]) -> Iterable[There]:
        return [There(known.id_of(key)) for key in list(self._service.keys)]

    def person_makes(self) -> Mapping[str, str]:
        key = f"{BEGINS}{secrets.token_urlsafe(24)}"
        self._service.keys.add(key)
        return {"value": key}

    def person_ends_all_but(self, kept: Mapping[str, str]) -> None:
        self._service.keys.intersection_update(kept.values())


class UntriedKey(TriedKey):
    """Nobody can be asked: a person's word is all there is."""

    tells = False
