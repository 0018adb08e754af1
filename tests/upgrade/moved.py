"""A journal that another version has written, in a database of today, with the company around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import make_url

from rotator.journal import open_journal, postgresql, sqlite
from rotator.sealers.keyfile import KeyFile
from rotator.testing.virtual_clock import VirtualClock
from tests.upgrade.company import Company
from tests.upgrade.keeping import Kept, Names, found_again, lay
from tests.upgrade.places import PLACES, Place


@contextmanager
def moved(kept: Kept, url: str, folder: Path) -> Iterator[Company]:
    """At the moment at which it was written; newer code opens it."""
    clock = VirtualClock(datetime.fromisoformat(kept["world"]["now"]))
    sealer, names = KeyFile.generate(folder / "key"), Names()
    address = make_url(url)
    of_sqlite = address.get_backend_name() == "sqlite"
    engine = sqlite.file_engine(Path(str(address.database))) if of_sqlite else postgresql.engine_at(address)
    lay(engine, kept, sealer, names)
    engine.dispose()
    with closing(open_journal(url, daemon=True, now=clock.now)) as journal:
        company = Company(clock, sealer, journal, places_in(kept))
        found_again(company, kept["world"], names)
        yield company


def places_in(kept: Kept) -> list[Place]:
    """The places that its writer knew of."""
    there = {row["secret"] for row in kept["rows"]["secret"]}
    return [place for place in PLACES if place.secret in there]


def until(company: Company, turn: Callable[[], None], happened: Callable[[], object]) -> None:
    """Turn after turn, for three hours at most: grace is ten minutes, and what a lost claim leaves settles in 15."""
    began = company.clock.monotonic()
    while not happened():
        assert company.clock.monotonic() - began < 3 * 3600, "it did not come to its end"
        turn()
