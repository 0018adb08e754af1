"""Where things are on this machine unless settings say otherwise; for whoever has to know without reading them all."""

from __future__ import annotations

import os
from pathlib import Path

_VOLUME = Path("/var/lib/rotator")


def state_file(name: str) -> Path:
    """In a pod the mounted volume, on a laptop the user's own state folder."""
    if os.access(_VOLUME, os.W_OK):
        return _VOLUME / name
    return _own("XDG_STATE_HOME", ".local/state") / name


def cache_file(name: str) -> Path:
    """What may be lost at any time: in the user's own cache folder."""
    return _own("XDG_CACHE_HOME", ".cache") / name


def journal_address() -> str:
    """The journal that ROTATOR_JOURNAL names, or the file beside it all."""
    return os.environ.get("ROTATOR_JOURNAL") or f"sqlite:///{state_file('journal.sqlite').absolute()}"


def _own(variable: str, below_home: str) -> Path:
    folder = os.environ.get(variable) or Path(os.environ.get("HOME") or ".") / below_home
    return Path(folder) / "rotator"
