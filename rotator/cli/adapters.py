"""adapters: what rotator can talk to here, what each is like, what it needs and what it has been tried on."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

from rotator.cli.show import Format, as_json, as_rows, as_table
from rotator.contracts.provider import Overlap, Sight, Traits

_GROUPS = ("providers", "stores", "mirrors", "redeployers", "channels", "trails", "sealers")
_OVERLAP = {Overlap.NONE: "one", Overlap.PAIR: "two", Overlap.MANY: "many"}
_SIGHT = {
    Sight.YES: "yes",
    Sight.LAGGING: "later",
    Sight.NO: "no",
    Sight.OURS: "ours",
}
#: For how long consumers may be refused after a crash at the worst moment.
_DARK = {Overlap.NONE: "until a restarted rotator has stored the new one and restarted its readers"}
_SAID = ("needs", "tried_on", "remark")
_EMPTY = dict.fromkeys(("accepts", "use_seen", "death", "dark", "needs", "tried_on", "remark", "about"), "")
_COLUMNS = ("kind", "name", "accepts", "use_seen", "death", "needs")


def show_adapters(form: Format) -> None:
    """Prints every adapter that is installed, of third parties too; one that cannot be loaded says why."""
    rows = [row for group in _GROUPS for row in _of(group)]
    if form is Format.JSON:
        as_json(adapters=rows)
    elif form is Format.TABLE:
        as_table(rows, _COLUMNS, "tried_on")
    else:
        as_rows(form, rows, (*_COLUMNS, "tried_on", "about", "dark", "remark"))


def _of(group: str) -> Iterator[dict[str, str]]:
    for point in sorted(entry_points(group=f"rotator.{group}"), key=lambda point: point.name):
        try:
            adapter = point.load()
        except Exception as broken:  # noqa: BLE001 - somebody else's module, which may raise anything when imported
            yield _row(group, point.name, about=f"cannot be loaded ({type(broken).__name__})")
        else:
            yield told(group, point.name, adapter)


def told(group: str, name: str, adapter: Any) -> dict[str, str]:
    """What an adapter says about itself, in the words of this verb and of the README."""
    about = (inspect.getdoc(adapter) or "").partition("\n")[0]
    traits: Traits | None = getattr(adapter, "traits", None)
    said = {key: getattr(adapter, key, "") for key in _SAID}
    if traits is not None:
        said |= {
            "accepts": _OVERLAP[traits.overlap],
            "use_seen": _SIGHT[traits.sight],
            "death": traits.death.value,
            "dark": _DARK.get(traits.overlap, "none"),
        }
    return _row(group, name, about=about, **said)


def _row(group: str, name: str, **said: str) -> dict[str, str]:
    return {"kind": group.removesuffix("s"), "name": name, **_EMPTY, **said}
