"""The redeployer in memory keeps the promises of the contract, and whoever breaks one of them is found."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial

import pytest

from rotator.contracts.guard import guard
from rotator.contracts.redeployer import Rollout, RolloutProgress, Start
from rotator.model.errors import Transient
from rotator.testing.memory_platform import MemoryRedeployer
from rotator.testing.redeployer_contract import CALLS, RedeployerContract
from tests.redeployers.memory_world import MemoryWorld


class TestMemoryRedeployer(RedeployerContract):
    @pytest.fixture
    def world(self) -> MemoryWorld:
        return MemoryWorld()


class Forgetful(MemoryRedeployer):
    """Starts a rollout each time."""

    def redeploy(self, label: str) -> None:
        if label in self._platform.rollouts:
            super().redeploy(f"{label}-{len(self._platform.rollouts)}")
        else:
            super().redeploy(label)


class Remembering(MemoryRedeployer):
    """Knows what it has started only as long as it lives."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]  # passed on as they came
        self._started: set[str] = set()

    def redeploy(self, label: str) -> None:
        if label not in self._started:
            self._platform.rollouts.pop(label, None)
            super().redeploy(label)
            self._started.add(label)


class Unguarded(MemoryRedeployer):
    """Asks for the claim when it is too late."""

    def redeploy(self, label: str) -> None:
        self._arrive()
        self._platform.roll(label)
        guard()


class AnxiousLooks(MemoryRedeployer):
    """Asks for the claim before a look, too."""

    def progress(self, label: str) -> Rollout:
        guard()
        return super().progress(label)


class Altered(MemoryRedeployer):
    """Tells something else than what is."""

    def progress(self, label: str) -> Rollout:
        return self.altered(super().progress(label), label)

    def altered(self, rollout: Rollout, label: str) -> Rollout:
        raise NotImplementedError


class Trusting(Altered):
    """Believes the platform."""

    def altered(self, rollout: Rollout, label: str) -> Rollout:
        known = self._platform.rollouts.get(label)
        return replace(rollout, progress=known.progress) if known else rollout


class BlindToTerminating(Altered):
    """Calls it done when all that take work are new."""

    def altered(self, rollout: Rollout, label: str) -> Rollout:
        known = self._platform.rollouts.get(label)
        serving = [one for one in self._platform.living if not one.ending]
        if known and all(one.started_at >= known.started_at for one in serving):
            return replace(rollout, progress=RolloutProgress.DONE)
        return rollout


class Impatient(Altered):
    """Calls what hangs done."""

    def altered(self, rollout: Rollout, label: str) -> Rollout:
        return (
            replace(rollout, progress=RolloutProgress.DONE) if "waits for 1" in rollout.sentence else rollout
        )


class Patient(Altered):
    """Waits for ever for a rollout that another one replaced."""

    def altered(self, rollout: Rollout, label: str) -> Rollout:
        replaced = "another rollout" in rollout.sentence
        return replace(rollout, progress=RolloutProgress.PENDING) if replaced else rollout


class NewestOnly(Altered):
    """Calls every rollout but the newest failed."""

    def altered(self, rollout: Rollout, label: str) -> Rollout:
        newest = list(self._platform.rollouts)[-1:] == [label]
        return rollout if newest else replace(rollout, progress=RolloutProgress.FAILED)


class Hopeful(Altered):
    """Waits for rollouts that nobody knows."""

    def altered(self, rollout: Rollout, label: str) -> Rollout:
        known = label in self._platform.rollouts
        return rollout if known else replace(rollout, progress=RolloutProgress.PENDING)


class Terse(Altered):
    """Gives no reasons."""

    def altered(self, rollout: Rollout, label: str) -> Rollout:
        return replace(rollout, sentence="")


class Machine(Altered):
    """Gives the machine's reasons."""

    def altered(self, rollout: Rollout, label: str) -> Rollout:
        return replace(rollout, sentence=f"what is known: {self._platform.rollouts.get(label)!r}")


class ReadsTheStore(Altered):
    """Tells the version in the store for the one that instances read."""

    def altered(self, rollout: Rollout, label: str) -> Rollout:
        return replace(rollout, seen={name: held.version for name, held in self._platform.parameters.items()})


class SeesTheNewest(Altered):
    """Tells the newest version that an instance reports."""

    def altered(self, rollout: Rollout, label: str) -> Rollout:
        return replace(
            rollout, seen={name: held.version for name, held in self._platform.living[-1].read.items()}
        )


class Talkative(Altered):
    """Tells what instances read."""

    def altered(self, rollout: Rollout, label: str) -> Rollout:
        held = next(iter(self._platform.living[-1].read.values()))
        return replace(rollout, sentence=f"an instance is ready with {held.value.reveal()}")


class Judging(MemoryRedeployer):
    """Takes trouble of the platform for a failed rollout."""

    def progress(self, label: str) -> Rollout:
        try:
            return super().progress(label)
        except Transient as trouble:
            return Rollout(RolloutProgress.FAILED, str(trouble))


class Obliging(MemoryRedeployer):
    """Starts what is not there."""

    def redeploy(self, label: str) -> None:
        guard()
        self._arrive()
        self._platform.roll(label)


class SeesNoStarts(MemoryRedeployer):
    """Tells of no start."""

    def starts(self, since: datetime) -> Iterator[Start]:
        self._arrive()
        return iter(())


class SeesAllStarts(MemoryRedeployer):
    """Tells of every start there ever was."""

    def starts(self, since: datetime) -> Iterator[Start]:
        return super().starts(datetime.min.replace(tzinfo=since.tzinfo))


BREAKS: dict[type[MemoryRedeployer], str] = {
    Forgetful: "twice_with_one_label_is_once",
    Remembering: "twice_is_once_also_after_a_crash_between_start_and_record",
    Unguarded: "nothing_is_started_when_the_claim_is_lost",
    AnxiousLooks: "the_claim_is_asked_once_for_a_start_and_never_for_a_look",
    Trusting: "done_is_not_said_because_the_platform_says_so",
    BlindToTerminating: "done_means_that_nothing_is_left_terminating_instances_included",
    Impatient: "a_rollout_that_hangs_is_pending",
    Patient: "failed_also_when_another_rollout_took_its_place_without_finishing_it",
    NewestOnly: "done_stays_done_when_another_rollout_follows",
    Hopeful: "failed_also_when_the_platform_knows_no_such_rollout",
    Terse: "failed_carries_a_reason_a_person_understands",
    Machine: "pending_says_what_it_waits_for",
    ReadsTheStore: "seen_is_the_version_that_instances_read_and_not_the_one_in_the_store",
    SeesTheNewest: "seen_is_the_oldest_version_that_a_living_instance_reports",
    Talkative: "no_value_is_in_any_message",
    Judging: "a_platform_that_is_away_is_transient_and_never_failed",
    Obliging: "redeploy_raises_refused_with_a_sentence_when_it_cannot_be_started",
    SeesNoStarts: "starts_whoever_caused_them",
    SeesAllStarts: "starts_of_instances_since_then",
}


@pytest.mark.parametrize("adapter,promise", BREAKS.items(), ids=[one.__name__ for one in BREAKS])
def test_a_redeployer_that_breaks_a_promise_is_found(adapter: type[MemoryRedeployer], promise: str) -> None:
    check = getattr(RedeployerContract(), f"test_{promise}")
    if "call" in inspect.signature(check).parameters:
        check = partial(check, call=CALLS["progress"])
    check(MemoryWorld())
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check(MemoryWorld(adapter))
