"""GitHub Actions secrets: of a repository, of one of its environments, or of an organisation.

A value is sealed for GitHub's public key of the place (a libsodium sealed box) and can be read by jobs only, so the
copy is compared by time: `updated_at`, which has whole seconds. An organisation's secret has a visibility that every
write replaces, and the wrong one would show it to more repositories: it is read first, with the selected repositories,
and sent back as it was.

Permissions of the App or token: Secrets write (repository), Environments write (environment), Organization secrets
write; for which of them an environment needs, GitHub's documentation and its errors differ: to be confirmed with a
test repository [M]. Sources: GitHub's REST reference, "GitHub Actions secrets"; "Using secrets in GitHub Actions",
limits.
"""

from __future__ import annotations

import base64
import re
from datetime import datetime
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import quote

from pydantic import ConfigDict, StringConstraints, model_validator

from rotator.contracts.adapter import Surroundings
from rotator.contracts.options import AdapterOptions
from rotator.github import NAME, Auth, Github, Missing, moment
from rotator.model.errors import Refused, Transient
from rotator.model.policy import MirrorPolicy
from rotator.model.secrets import Sealed

#: Bytes of a value.
LARGEST = 48 * 1024
_SECRET = re.compile(r"(?!GITHUB_)[A-Z_][A-Z0-9_]{0,254}")
_PAGE = 100


class GithubActions:
    """The secrets of one place. A parameter's copy is called as the last part of its name, in capitals."""

    needs: ClassVar[str] = "a GitHub App, or a token, that may write secrets"
    tried_on: ClassVar[str] = "a stand-in for GitHub's API"

    class Options(AdapterOptions):
        """What the mirror in policies.yaml may say, beside `kind`."""

        model_config = ConfigDict(
            frozen=True, extra="forbid", hide_input_in_errors=True, regex_engine="python-re"
        )

        repo: Annotated[str, StringConstraints(pattern=rf"^{NAME}/{NAME}\Z")] | None = None
        environment: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
        organisation: Annotated[str, StringConstraints(pattern=rf"^{NAME}\Z")] | None = None
        auth: Auth  # reference to the App's private key, or to a token
        app: str | None = None  # the App's client id or number; without it `auth` is a token

        @model_validator(mode="after")
        def _one_place(self) -> Self:
            if (self.repo is None) == (self.organisation is None):
                raise ValueError("needs repo or organisation, and not both")
            if self.environment and not self.repo:
                raise ValueError("environment belongs to a repo")
            return self

    def __init__(self, mirror: MirrorPolicy, around: Surroundings) -> None:
        """Raises Refused when the settings cannot be used."""
        options = self.Options.taken_from(mirror.settings, f"the mirror {mirror.id}")
        self._organisation = options.organisation is not None
        place = f"orgs/{options.organisation}" if self._organisation else f"repos/{options.repo}"
        if options.environment:
            self._secrets = f"{place}/environments/{quote(options.environment, safe='')}/secrets"
            self._place = f"environment {options.environment} of {options.repo}"
        else:
            self._secrets, self._place = f"{place}/actions/secrets", str(options.organisation or options.repo)
        self._github = Github(around, place, options.auth, options.app)

    def write(self, name: str, value: Sealed) -> None:
        """Puts the value into the secret. Raises Refused when the value or the name does not fit, else Transient."""
        secret = _secret(name)
        if value.size > LARGEST:
            raise Refused(
                f"the value of {name} has {value.size} bytes, and a GitHub secret holds {LARGEST}; nothing was written"
            )
        doing = f"write the secret {secret} of {self._place}"
        trouble: Transient
        try:
            audience = self._audience(secret) if self._organisation else {}
            key = self._github.look(f"{self._secrets}/public-key", doing)
            content = {"encrypted_value": _sealed(key["key"], value), "key_id": key["key_id"], **audience}
            self._github.change("PUT", f"{self._secrets}/{secret}", doing, content)
        except Missing as missing:
            trouble = Transient(f"{missing}{self._first()}")
        except (
            Refused
        ) as refused:  # GitHub changed its key in between, or a person has to look: the rotation waits
            trouble = Transient(str(refused))
        else:
            return
        raise trouble

    def stale(self, name: str, since: datetime) -> bool | None:
        """Whether it was updated before `since`, in whole seconds; True when there is none.

        Raises Transient where a person has to make it first, or rotator may not see secrets: it could not be written.
        """
        secret = _secret(name)
        doing = f"look at the secret {secret} of {self._place}"
        trouble: Transient
        try:
            held = self._held(secret, doing)
        except Missing as missing:
            trouble = Transient(f"{missing}{self._first()}")
        else:
            return held is None or moment(held["updated_at"]) < since.replace(microsecond=0)
        raise trouble

    def _held(self, secret: str, doing: str) -> dict[str, Any] | None:
        """What GitHub tells of the secret; None when there is none that rotator could make. Raises Missing."""
        try:
            held: dict[str, Any] = self._github.look(f"{self._secrets}/{secret}", doing)
        except Missing:
            if self._organisation:
                raise
            self._github.look(f"{self._secrets}/public-key", doing)  # who may not see that may see none
            return None
        return held

    def _audience(self, secret: str) -> dict[str, Any]:
        """Who sees the organisation's secret now."""
        doing = f"read the visibility of {secret} of {self._place}"
        visibility = self._github.look(f"{self._secrets}/{secret}", doing)["visibility"]
        if visibility != "selected":
            return {"visibility": visibility}
        return {"visibility": visibility, "selected_repository_ids": self._selected(secret, doing)}

    def _selected(self, secret: str, doing: str) -> list[int]:
        numbers: list[int] = []
        page = 1
        while True:
            answer = self._github.look(
                f"{self._secrets}/{secret}/repositories", doing, per_page=_PAGE, page=page
            )
            some = [int(repository["id"]) for repository in answer["repositories"]]
            numbers += some
            if len(some) < _PAGE:
                return numbers
            page += 1

    def _first(self) -> str:
        """What a person does about a secret that is not there: who may see it is not for rotator to choose."""
        return ". Create it once, with the visibility that it should have" if self._organisation else ""


def _sealed(key: str, value: Sealed) -> str:
    from nacl.public import PublicKey, SealedBox  # noqa: PLC0415 - a policy check loads no cryptography of GitHub's

    box = SealedBox(PublicKey(base64.b64decode(key)))
    return base64.b64encode(box.encrypt(value.reveal().encode())).decode()


def _secret(name: str) -> str:
    """GitHub's name for the copy of a parameter."""
    secret = name.rpartition("/")[2].upper()
    if not _SECRET.fullmatch(secret):
        raise Refused(
            f"{name} has no name that GitHub gives to a secret: letters, digits and _, no digit first, not GITHUB_…"
        )
    return secret
