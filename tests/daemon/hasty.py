"""`rotator run` by a daemon that tells at once of what it would otherwise watch for a while first."""

from __future__ import annotations

from datetime import timedelta

from rotator.cli.main import main
from rotator.engine.alerts import about_ages, about_installation, about_stores

if __name__ == "__main__":
    for module in (about_ages, about_installation, about_stores):
        vars(module)["PATIENCE"] = timedelta()
    vars(about_installation)["_DELIVERIES_IN_SILENCE"] = 1
    main()
