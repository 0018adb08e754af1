"""The promises of Journal as tests: a journal's test class inherits `JournalContract` and provides a `journal`.

    class TestMyJournal(JournalContract):
        @pytest.fixture
        def journal(self) -> Iterator[Journal]: ...

        @pytest.fixture
        def other(self, journal: Journal) -> Iterator[Journal]: ...  # a second opening of the same database

The suite needs no particular clock: what is due is due by the journal's own, and a claim that ran out is one that
lasted no time at all.
"""

from __future__ import annotations

import pytest

from rotator.contracts.journal import Journal
from rotator.testing.journal_contract.accesses import AccessesContract
from rotator.testing.journal_contract.alerts import AlertsContract
from rotator.testing.journal_contract.checkpoints import CheckpointsContract
from rotator.testing.journal_contract.claims import ClaimsContract
from rotator.testing.journal_contract.identity import IdentityContract
from rotator.testing.journal_contract.proofs import ProofsContract
from rotator.testing.journal_contract.rates import RatesContract
from rotator.testing.journal_contract.records import RecordsContract
from rotator.testing.journal_contract.renewals import RenewalsContract
from rotator.testing.journal_contract.rollouts import RolloutsContract
from rotator.testing.journal_contract.rotations import RotationsContract
from rotator.testing.journal_contract.tallies import TalliesContract
from rotator.testing.journal_contract.wakes import WakesContract

__all__ = ["JournalContract"]


class JournalContract(
    IdentityContract,
    RotationsContract,
    ClaimsContract,
    CheckpointsContract,
    WakesContract,
    RolloutsContract,
    RenewalsContract,
    RecordsContract,
    AlertsContract,
    AccessesContract,
    RatesContract,
    ProofsContract,
    TalliesContract,
):
    """Every promise of rotator.contracts.journal, in its own words."""

    @pytest.fixture
    def journal(self) -> Journal:
        """An empty journal; every test gets its own."""
        raise NotImplementedError("a test class of JournalContract provides its journal")

    @pytest.fixture
    def other(self, journal: Journal) -> Journal:
        """Another handle on the same database, where there can be one."""
        return journal
