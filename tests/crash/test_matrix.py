"""Which accidents there are, which CI tries, and that what was not tried is told."""

from __future__ import annotations

import random
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rotator.contracts.provider import Overlap, Traits
from rotator.model.rotation import UNDOING, Phase, Purpose
from rotator.sandbox.processes import NotReady
from tests.crash.__main__ import met_here
from tests.crash.companies import COMPANIES, Company
from tests.crash.matrix import Freeze, Kill, drawn, few, freezes, kills, lost_answers, met, sampled
from tests.crash.orders import Point
from tests.crash.report import Report
from tests.crash.rig import Findings, Lane
from tests.crash.roads import AGAIN, BACK, BACK_EARLY, FORWARD, LOST_MINT, reachable, roads_of
from tests.crash.sources import SOURCES
from tests.crash.sweeps import JOURNALS, Sweep, Sweeps

WRITE, EFFECT, COMMIT = (
    "store/store.write#1",
    "store/store.write#1/effect#1",
    "store/journal.checkpoint.advanced#1",
)
POLL = "confirm/journal.checkpoint.waits#1"
FAILED, RESTORED = "rollout.redeploy/redeployer.redeploy#1", "restore/store.write#1"
TRAITS = {name: source().traits for name, source in SOURCES.items()}
TRACES = {FORWARD: [WRITE, EFFECT, COMMIT, POLL, FAILED], BACK: [WRITE, EFFECT, COMMIT, FAILED, RESTORED]}


def every_phase(source: str) -> list[Kill | Freeze]:
    return [
        Kill(BACK if phase in UNDOING else FORWARD, Point(f"{phase}/store.read#1", "before"))
        for phase in reachable(TRAITS[source])
    ]


def sweep(source: str, **differently: Any) -> Sweep:
    """All phases met by a lane that had one look and found nothing."""
    lane = SimpleNamespace(
        company=Company(source),
        source=SOURCES[source](),
        fails=True,
        findings=Findings(),
        prober=SimpleNamespace(looks=1, unanswered=0, longest=0.1, gap=0.0, torn=0),
        embedded=True,
        person=SimpleNamespace(asked=0),
    )
    cases = every_phase(source)
    return Sweep("a lane", cast(Lane, lane), **{"cases": cases, "reached": cases, **differently})


def test_each_call_is_a_point_before_and_after_and_effects_are_frozen() -> None:
    assert [str(case) for case in kills({FORWARD: [WRITE, EFFECT]})] == [
        f"forward, before {WRITE}",
        f"forward, after {WRITE}",
    ]
    assert freezes({FORWARD: [WRITE, EFFECT]}) == [Freeze(FORWARD, EFFECT)]


def test_of_looks_at_what_is_on_its_way_the_first_few_are_tried() -> None:
    looks = [f"confirm/journal.checkpoint.waits#{number}" for number in range(1, 9)]
    writes = [f"store/store.write#{number}" for number in range(1, 9)]
    tried = [case.point.name for case in kills({FORWARD: [*looks, *writes]})][::2]
    assert tried == [*looks[:3], *writes]


def test_the_way_back_begins_with_the_rollout_that_fails() -> None:
    assert {case.point.name for case in kills(TRACES) if case.road is BACK} == {FAILED, RESTORED}


def test_ci_tries_every_phase_of_every_road_in_each_turn_and_leaves_nothing_to_chance() -> None:
    turns = [sampled(kills(TRACES), turn, 2) for turn in (0, 1)]
    for turn in turns:
        assert {(case.road, case.place) for case in turn} == {
            (FORWARD, "store"), (FORWARD, "rollout.redeploy"), (BACK, "rollout.redeploy"), (BACK, "restore"),
        }  # fmt: skip
    assert not set(turns[0]) & set(turns[1])


def test_ci_freezes_a_few_effects_evenly_spread() -> None:
    effects = [Freeze(FORWARD, str(number)) for number in range(8)]
    assert [case.effect for case in few(effects, 2, turn=0)] == ["2", "6"]
    assert [case.effect for case in few(effects, 2, turn=1)] == ["3", "7"]
    assert few([], 2, turn=0) == []


def test_a_phase_is_met_where_a_daemon_died_in_it() -> None:
    assert met(kills(TRACES)) == {Phase.STORE, Phase.CONFIRM, Phase.RESTORE}


@pytest.mark.parametrize("kind", ["providers", "stores", "mirrors", "redeployers"])
def test_every_adapter_is_met(kind: str) -> None:
    written = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    there = written["project"]["entry-points"][f"rotator.{kind}"].keys()
    companies = [company for some in COMPANIES.values() for company in some.values()]
    met_by = {
        "providers": {SOURCES[company.source].adapter for company in companies},
        "stores": {company.store for company in companies},
        "mirrors": {company.mirror for company in companies} - {""},
        "redeployers": {company.redeployer for company in companies},
    }
    assert met_by[kind] == there


@pytest.mark.parametrize("seed", [0, 1])
def test_the_whole_matrix_meets_everybody_on_both_journals_and_ci_in_turn(seed: int) -> None:
    companies = [company for some in COMPANIES.values() for company in some.values()]
    whole, part, next_part = Sweeps("all", 1, seed), Sweeps("ci", 1, seed), Sweeps("ci", 1, seed + 1)
    for number, company in enumerate(companies):
        assert whole._journals_of(company, number, JOURNALS) == JOURNALS
        turns = {
            *part._journals_of(company, number, JOURNALS),
            *next_part._journals_of(company, number, JOURNALS),
        }
        assert turns == {*JOURNALS}, f"{company} in two runs"


def test_who_cannot_be_met_on_this_machine_is_named_and_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lacks = classmethod(lambda _cls: "no server here")
    monkeypatch.setattr(SOURCES["mysql-mariadb"], "lacking", lacks)
    assert [*met_here([Company("token"), Company("mysql-mariadb")])] == [Company("token")]
    assert capsys.readouterr().out == "skipped: mysql-mariadb: no server here\n"


@pytest.mark.parametrize("source", TRAITS)
def test_every_source_that_overlaps_can_reach_the_way_back(source: str) -> None:
    traits = TRAITS[source]
    back = {Phase.RESTORE, Phase.RECONFIRM, Phase.DISCARD} | (set() if traits.submitted else {Phase.DISPROVE})
    assert back & reachable(traits) == (set() if traits.overlap is Overlap.NONE else back)


def test_what_was_minted_and_not_written_down_is_a_road_where_it_bears_a_label() -> None:
    assert AGAIN in roads_of(TRAITS["stripe-webhook"]) and Phase.TIDY in reachable(TRAITS["stripe-webhook"])
    assert AGAIN not in roads_of(TRAITS["aws-access-key"])
    again = ["plan/store.look#1", "tidy/provider.remove#1", LOST_MINT.name, WRITE]
    assert [case.point.name for case in kills({AGAIN: again})][::2] == again[:2]


def test_a_company_is_about_the_part_that_is_not_the_usual_one() -> None:
    about = {kind: {company.about for company in some.values()} for kind, some in COMPANIES.items()}
    assert about == {
        "source": {"provider"}, "store": {"store"}, "mirror": {"mirror"}, "redeployer": {"redeployer"},
    }  # fmt: skip


def test_where_an_adapter_has_no_effect_any_answer_is_worth_losing() -> None:
    assert drawn(TRACES, "provider", 1, 0, random.Random(7)) == lost_answers(TRACES, "store")


def test_the_answers_that_are_worth_losing_are_those_to_effects_one_in_each_phase() -> None:
    assert lost_answers(TRACES, "store") == [Kill(FORWARD, Point(WRITE, "after"))]
    assert lost_answers(TRACES, "provider") == []
    both = {FORWARD: [WRITE, EFFECT, "create/provider.create#1", "create/provider.create#1/effect#1"]}
    assert [case.place for case in lost_answers(both, "provider")] == ["create"]


def test_what_ci_draws_is_the_same_for_the_same_seed_and_nothing_is_tried_twice() -> None:
    once, again = (drawn(TRACES, "store", 1, 3, random.Random(7)) for _ in range(2))
    assert once == again
    assert once[0] == lost_answers(TRACES, "store")[0]
    assert len(set(once)) == 4


def test_what_a_source_can_reach_follows_from_its_traits() -> None:
    assert Phase.WITHDRAW in reachable(TRAITS["jwt"]) and Phase.DISABLE not in reachable(TRAITS["jwt"])
    assert Phase.REMOVE in reachable(TRAITS["postgres"]) and Phase.FORGET not in reachable(TRAITS["postgres"])
    shared, pair = roads_of(TRAITS["jwt"]), roads_of(TRAITS["postgres"])
    assert (shared, pair) == ((FORWARD, BACK, BACK_EARLY), (FORWARD, BACK))
    assert BACK_EARLY.fails is Purpose.ANNOUNCE


def test_a_source_with_one_slot_has_a_road_of_its_own() -> None:
    gapped: Traits = cast(
        Traits,
        SimpleNamespace(
            shared=False,
            verified=False,
            overlap=Overlap.NONE,
            mints=True,
            labels=False,
            reversible=False,
            submitted=False,
        ),
    )
    assert Phase.READY in reachable(gapped) and not {Phase.GRACE, Phase.RESTORE} & reachable(gapped)
    assert roads_of(gapped) == (FORWARD,)


def test_all_is_well_when_everything_was_met_and_nothing_found() -> None:
    report = Report([sweep("jwt")], leaks=[], mails=1)
    assert report.well
    assert report.last_line() == "crash points 16, dark 0, lost 0, orphans 0, stuck 0, leaks 0"


@pytest.mark.parametrize("what", ["dark", "lost", "orphans", "stuck"])
def test_everything_found_is_counted_and_fatal(what: str) -> None:
    one = sweep("jwt")
    getattr(one.lane.findings, what).append("at this point")
    report = Report([one], leaks=[], mails=1)
    assert not report.well
    assert f"{what} 1" in report.last_line()
    assert f"{what}: at this point" in [*report.lines()]


def test_a_leak_is_counted_and_fatal() -> None:
    report = Report([sweep("jwt")], leaks=["jwt-sqlite-0: a key: in daemon.log"], mails=1)
    assert not report.well
    assert report.last_line().endswith("leaks 1")


def test_a_point_that_was_not_reached_is_missed_and_fatal() -> None:
    left = Kill(FORWARD, Point(WRITE, "after"))
    report = Report([sweep("jwt", cases=[*every_phase("jwt"), left])], leaks=[], mails=1)
    assert not report.well
    assert [*report.lines()][-1] == "missed 1"


def test_a_poll_that_was_not_taken_again_is_named_and_no_more() -> None:
    poll = Kill(FORWARD, Point(POLL, "after"))
    report = Report([sweep("jwt", cases=[*every_phase("jwt"), poll], skipped=[poll])], leaks=[], mails=1)
    assert report.well
    assert f"a poll, not taken again: a lane: {poll}" in [*report.lines()]


def test_a_phase_in_which_no_daemon_died_is_named_and_fatal() -> None:
    cases = [case for case in every_phase("jwt") if case.place != "withdraw"]  # type: ignore[union-attr]  # kills only
    report = Report([sweep("jwt", cases=cases, reached=cases)], leaks=[], mails=1)
    assert not report.well
    assert "not met: jwt: withdraw" in [*report.lines()]


@pytest.mark.parametrize("looks, mails", [(0, 1), (1, 0)])
def test_zeros_count_for_nothing_where_nobody_looked(looks: int, mails: int) -> None:
    one = sweep("jwt")
    one.lane.prober.looks = looks
    assert not Report([one], leaks=[], mails=mails).well


def test_nobody_gets_mail_where_nothing_can_be_undone() -> None:
    assert Report([sweep("rds-master")], leaks=[], mails=0).well


def test_a_lane_that_gets_stuck_is_told_and_the_rest_of_its_points_is_missed() -> None:
    class Stuck(SimpleNamespace):
        def rotate_killed_at(self, *_case: object) -> bool:
            raise NotReady("not ended after 120 s")

    lane = Stuck(start=lambda: None, stop=lambda: None, findings=Findings())
    one = Sweep("a lane", cast(Lane, lane), kills(TRACES))
    one.run()
    assert lane.findings.stuck == ["a lane: not ended after 120 s"]
    assert one.missed == one.cases


@pytest.mark.parametrize("passed_by, missed", [(0, 0), (2, 0), (3, 1)])
def test_a_point_that_rotations_pass_by_is_tried_again_and_missed_after_three(
    passed_by: int, missed: int
) -> None:
    tried = list[object]()

    class Slow(SimpleNamespace):
        def rotate_killed_at(self, *case: object) -> bool:
            tried.append(case)
            return len(tried) > passed_by

    lane = Slow(start=lambda: None, stop=lambda: None, let_all_be_told=lambda: None, findings=Findings())
    one = Sweep("a lane", cast(Lane, lane), [Kill(FORWARD, Point(WRITE, "after"))])
    one.run()
    assert len(one.missed) == missed
    assert len(tried) == min(passed_by + 1, 3)
