"""A journal counts what it was told: how often steps were tried, how that went, and how long they took."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

from rotator.contracts.journal import Journal, Told
from rotator.model.rotation import Phase, State
from rotator.model.tallies import DURATIONS
from rotator.testing.journal_contract.rows import held


class TalliesContract:
    """Counts over all rotations."""

    def test_an_empty_journal_counts_nothing(self, journal: Journal) -> None:
        assert journal.tallies() == ({}, [])
        assert journal.verify_all() == []

    def test_every_try_is_counted_by_step_and_kind(self, journal: Journal, other: Journal) -> None:
        for name in ("production/A", "production/B"):
            row = held(journal, name)
            for kind, phase in (
                ("advanced", Phase.CREATE),
                ("retries", Phase.CREATE),
                ("undo", Phase.DISCARD),
            ):
                told = Told(kind, "so it went", row.phase)
                row = journal.checkpoint(row, row.model_copy(update={"phase": phase}), told, release=False)
        assert other.tallies().told == {
            (Phase.PLAN, "opened"): 2,
            (Phase.PLAN, "advanced"): 2,
            (Phase.CREATE, "retries"): 2,
            (Phase.CREATE, "undo"): 2,
        }
        assert other.verify_all() == []

    def test_a_stay_lasts_from_the_event_before_it_to_its_own_last(self, journal: Journal) -> None:
        row = held(journal, "production/A")
        began = journal.events(row.id)[0].at
        for kind in ("waits", "retries", "advanced"):
            phase = Phase.CREATE if kind == "advanced" else Phase.PLAN
            told = Told(kind, "so it went", Phase.PLAN)
            row = journal.checkpoint(row, row.model_copy(update={"phase": phase}), told, release=False)
        assert journal.tallies().durations == []  # nothing says yet that it will not go back
        last = row.model_copy(update={"state": State.UNDONE, "ended_at": journal.now()})
        journal.checkpoint(row, last, Told(State.UNDONE, "it ended"), release=True)
        first, *_, left, ended = journal.events(row.id)
        assert first.at == began
        stays = {one.phase: one for one in journal.tallies().durations}
        assert {phase: one.times for phase, one in stays.items()} == {Phase.PLAN: 1, Phase.CREATE: 1}
        assert abs(stays[Phase.PLAN].seconds - (left.at - began).total_seconds()) < 0.01
        assert abs(stays[Phase.CREATE].seconds - (ended.at - left.at).total_seconds()) < 0.01
        assert len(stays[Phase.PLAN].within) == len(DURATIONS)
        assert stays[Phase.PLAN].within[-1] == 1
