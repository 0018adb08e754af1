"""Where a parameter stands in Vault: a path with blanks, filled in from its name and read back from it.

`{name}` is the parameter's name below the environment's prefix. With `{tenant}` in the path, the first folder of that
is the tenant: `/taly/production/acme/STRIPE_KEY` under `crm/{tenant}/production/{name}` stands at
`crm/acme/production/STRIPE_KEY`, so that a policy of Vault's can open one tenant's secrets and no other's. A parameter
outside any folder needs `tenant: …` to say whose it is then.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from rotator.model.errors import Refused

_BLANKS = {"{tenant}", "{name}"}
#: What Vault's paths and URLs take without being escaped; no segment may climb.
_PLAIN = re.compile(r"(?!\.{1,2}(?:/|$))[\w.-]+(?:/(?!\.{1,2}(?:/|$))[\w.-]+)*")


def wrong_with(path: str) -> str:
    """What is wrong with a path as a policy has it; empty when it can be filled in."""
    blanks = re.findall(r"\{\w*\}", path)
    if strange := sorted(set(blanks) - _BLANKS):
        return f"has {' and '.join(strange)}, which nobody fills in"
    if blanks.count("{name}") != 1 or (not path.endswith("/{name}") and path != "{name}"):
        return "must end with /{name}"
    if blanks.count("{tenant}") > 1 or not _PLAIN.fullmatch(
        path.replace("{tenant}", "t").replace("{name}", "n")
    ):
        return "must be folders of letters, digits, dots and dashes, with {tenant} at most once"
    return ""


@dataclass(frozen=True, slots=True)
class Placement:
    """Parameters below `prefix` (`/taly/production`), by a `path` with blanks."""

    prefix: str
    path: str
    tenant: str | None = None  # whose a parameter is that stands in no folder

    def place(self, name: str) -> str:
        """Where a parameter stands. Raises Refused for a name that has no place."""
        below = name.removeprefix(f"{self.prefix}/")
        if below == name or not _PLAIN.fullmatch(below):
            raise Refused(
                f"{name} has no place in Vault: it should stand below {self.prefix}, in plain characters"
            )
        if "{tenant}" not in self.path:
            return self.path.replace("{name}", below)
        tenant, _, rest = below.partition("/") if "/" in below else ("", "", below)
        if not (tenant or self.tenant):
            raise Refused(
                f"{name} stands in no folder, so nobody knows whose it is: put it into its tenant's, or say `tenant`"
            )
        if tenant and tenant == self.tenant:
            raise Refused(
                f"{name} stands in the folder {tenant}, which is what parameters in no folder have for theirs: two of "
                "them could stand in one place"
            )
        return self.path.replace("{tenant}", tenant or self.tenant or "").replace("{name}", rest)

    @property
    def folder(self) -> str:
        """Below which all of them stand."""
        return re.split(r"/?\{", self.path, maxsplit=1)[0]

    def reader(self) -> Callable[[str], str | None]:
        """Path -> the parameter that stands there; None for what is none of this environment's."""
        form = (
            re.escape(self.path)
            .replace(r"\{tenant\}", "(?P<tenant>[^/]+)")
            .replace(r"\{name\}", "(?P<name>.+)")
        )
        pattern = re.compile(form)

        def read(path: str) -> str | None:
            found = pattern.fullmatch(path)
            if found is None:
                return None
            tenant = found.groupdict().get("tenant")
            inside = "" if tenant in {None, self.tenant} else f"{tenant}/"
            name = f"{self.prefix}/{inside}{found['name']}"
            return name if self._stands(name, path) else None

        return read

    def _stands(self, name: str, path: str) -> bool:
        try:
            return self.place(name) == path
        except Refused:
            return False
