"""The policy in force, without a daemon: a mounted ConfigMap that is swapped, and texts that wait for a person."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from rotator.config.settings import Settings
from rotator.contracts.journal import Journal
from rotator.daemon.policy import NoPolicy, PolicyInForce
from rotator.journal import open_memory_journal
from rotator.model.errors import JournalAway
from rotator.model.observations import Observed, Surveyed
from rotator.model.policy import Mode
from rotator.model.requests import Request, RequestKind, RequestState
from rotator.testing.virtual_clock import VirtualClock

DAY = timedelta(days=1)
CLOCK = VirtualClock()
NAMES = tuple(f"TOKEN_{letter}" for letter in "ABCDEFGH")


def text(every: str = "90d", names: tuple[str, ...] = NAMES) -> str:
    secrets = "".join(f"  {name}: {{type: shared, deploy: [], accept_gap: true}}\n" for name in names)
    return f"""\
apiVersion: rotator/v1
kind: RotationPolicies
defaults: {{owner: platform, rotate_every: {every}, grace: 1d}}
environments: {{production: {{path: /taly/production, aws: {{region: eu-central-1}}}}}}
types: {{shared: {{provider: token}}}}
secrets:
{secrets}owners: {{platform: {{email: platform@taly.example}}}}
"""


@dataclass
class Mounted:
    """A ConfigMap as the kubelet mounts it: the files are links into `..data`, which is swapped in one step."""

    folder: Path
    journal: Journal
    swaps: Iterator[int] = field(default_factory=count)

    @property
    def file(self) -> Path:
        return self.folder / "policies.yaml"

    def swap(self, content: str) -> None:
        name = f"..{next(self.swaps)}"
        (self.folder / name).mkdir()
        (self.folder / name / "policies.yaml").write_text(content)
        (self.folder / "..data_tmp").symlink_to(name)
        (self.folder / "..data_tmp").replace(self.folder / "..data")
        if not self.file.is_symlink():
            self.file.symlink_to("..data/policies.yaml")

    def start(self, *allowed_hosts: str) -> PolicyInForce:
        return PolicyInForce(Settings(policies=self.file, allowed_hosts=allowed_hosts), self.journal)

    def say_yes(self, policy: PolicyInForce) -> str:
        """To what the held policy asks for; the sentence that came of it."""
        state, sentence = self.say(policy.yes_wanted, policy)
        assert state is RequestState.TAKEN
        return sentence

    def say(self, about: str, policy: PolicyInForce) -> tuple[RequestState, str]:
        """Yes to anything, and what comes of it."""
        asked = Request(
            id=f"yes {next(self.swaps)}",
            kind=RequestKind.APPROVE,
            about=about,
            by="ana",
            at=self.journal.now(),
        )
        self.journal.add_request(asked)
        policy.take_yes()
        (settled,) = [one for one in self.journal.requests(waiting=False) if one.id == asked.id]
        return settled.state, settled.sentence


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mounted]:
    """Secrets that are 70 days old, and a policy that wants them young."""
    with closing(open_memory_journal(now=CLOCK.now)) as journal:
        now = CLOCK.now()
        journal.note_surveyed(Surveyed(environment="production", scanned_at=now, agreed=True, digest="x"))
        journal.note_observed(
            Observed(
                secret=f"production/{name}", observed_at=now, versions={"x": 1}, modified_at=now - 70 * DAY
            )
            for name in NAMES
        )
        mounted = Mounted(tmp_path, journal)
        mounted.swap(text())
        yield mounted


def version(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def every(policy: PolicyInForce) -> int:
    return policy.policies.secrets["production/TOKEN_A"].rotate_every.days


def test_a_swapped_config_map_is_in_force_at_the_next_look(mounted: Mounted) -> None:
    policy = mounted.start()
    assert (every(policy), policy.reload()) == (90, False)
    mounted.swap(text("100d"))
    assert policy.reload()
    assert (every(policy), policy.rejected) == (100, "")
    assert mounted.journal.last_policy() == text("100d")


def test_a_bad_swap_changes_nothing_and_the_next_start_works_by_the_last_good_one(mounted: Mounted) -> None:
    policy = mounted.start()
    mounted.swap(text("100"))
    assert not policy.reload()
    assert every(policy) == 90
    assert "rotate_every: 100 is a bare number" in policy.rejected
    assert policy.yes_wanted == "", "no yes makes it right"
    restarted = mounted.start()
    assert every(restarted) == 90
    assert restarted.rejected == policy.rejected
    mounted.swap(text("95d"))
    assert restarted.reload()
    assert (every(restarted), restarted.rejected) == (95, "")


def test_without_a_last_good_one_a_bad_file_starts_nothing(mounted: Mounted) -> None:
    mounted.swap(text("100"))
    with pytest.raises(NoPolicy, match="remembers no earlier policy"):
        mounted.start()


def test_a_schedule_that_makes_many_due_at_once_waits_for_a_yes(mounted: Mounted) -> None:
    policy = mounted.start()
    mounted.swap(text("60d"))
    assert not policy.reload()
    assert every(policy) == 90
    assert "8 of 8 secrets would become due at once, more than 5: production/TOKEN_A" in policy.rejected
    assert mounted.say_yes(policy) == "the policy is taken up"
    assert policy.reload()
    assert (every(policy), policy.rejected, policy.yes_wanted) == (60, "", "")


def test_a_policy_that_changes_where_values_go_waits_for_a_yes(mounted: Mounted) -> None:
    policy = mounted.start()
    assert policy.rejected == "", "the first policy of an installation changes nothing"
    mounted.swap(text().replace("/taly/production", "/taly/elsewhere"))
    assert not policy.reload()
    assert "production: path would be /taly/elsewhere instead of /taly/production" in policy.rejected
    assert policy.policies.environments["production"].path == "/taly/production"
    mounted.say_yes(policy)
    assert policy.reload()
    assert policy.policies.environments["production"].path == "/taly/elsewhere"


def test_a_restart_is_no_yes_and_a_yes_is_for_one_text(mounted: Mounted) -> None:
    mounted.start()
    mounted.swap(text("60d"))
    policy = mounted.start()
    assert every(policy) == 90
    mounted.say_yes(policy)
    mounted.swap(text("50d"))
    assert not policy.reload()
    assert every(policy) == 90
    mounted.swap(text("60d"))
    assert policy.reload(), "that is what somebody said yes to"


def test_a_yes_is_used_up_by_what_it_was_said_to(mounted: Mounted) -> None:
    """A text that was taken back, and comes again, changes another policy than the one that was looked at."""
    policy = mounted.start()
    mounted.swap(text("60d"))
    policy.reload()
    said_at = CLOCK.now()
    mounted.say_yes(policy)
    assert policy.reload()
    CLOCK.sleep(60)
    mounted.swap(text("100d"))
    assert policy.reload()
    mounted.swap(text("60d"))
    assert not policy.reload()
    assert every(policy) == 100
    assert (
        f"That needs a person's yes again (there was one by ana of {said_at:%Y-%m-%d %H:%M} UTC: another policy "
        "has come into force since), and the last good policy stays in force"
    ) in policy.rejected
    mounted.say_yes(policy)
    assert policy.reload()
    assert every(policy) == 60


def test_a_yes_that_is_older_than_a_week_is_asked_for_again(mounted: Mounted) -> None:
    policy = mounted.start()
    mounted.swap(text("60d"))
    policy.reload()
    mounted.say_yes(policy)
    mounted.swap(text())
    policy.reload()
    CLOCK.sleep(7 * DAY.total_seconds())
    mounted.swap(text("60d"))
    assert not policy.reload()
    assert "it is older than 7 days" in policy.rejected


def test_a_yes_names_the_whole_version(mounted: Mounted) -> None:
    """Two texts whose versions begin alike can be made in an afternoon, one of them harmless."""
    policy = mounted.start()
    mounted.swap(text("60d"))
    policy.reload()
    whole = policy.yes_wanted
    assert len(whole) == len("policy:") + 64
    for part in (whole[:19], whole[:-1], f"{whole}0", "policy:", "policy:anything"):
        state, sentence = mounted.say(part, policy)
        assert (state, policy.reload()) == (RequestState.REFUSED, False), part
        assert "it names the whole version, as rotator policy diff shows it" in sentence
    assert every(policy) == 90


def test_a_yes_that_was_refused_never_counts(mounted: Mounted) -> None:
    policy = mounted.start()
    in_force = f"policy:{policy.policies.version}"
    assert mounted.say(in_force, policy) == (RequestState.REFUSED, f"{in_force} is in force already")
    CLOCK.sleep(60)
    mounted.swap(text("100d"))
    assert policy.reload()
    refused = Request(
        id="no", kind=RequestKind.APPROVE, about="policy:" + version(text("60d")), by="ana", at=CLOCK.now()
    )
    mounted.journal.add_request(refused)
    mounted.journal.settle_request(refused.id, RequestState.REFUSED, "not by ana")
    mounted.swap(text("60d"))
    assert not policy.reload()


def test_a_yes_before_the_text_comes_is_kept_for_it(mounted: Mounted) -> None:
    """Whoever looks at a change before it is merged may say yes then; replicas read a new ConfigMap at other times."""
    policy = mounted.start()
    state, sentence = mounted.say("policy:" + version(text("60d")), policy)
    assert state is RequestState.TAKEN
    assert sentence.startswith("nothing waits for it now: that text is taken up if it comes within 7 days")
    mounted.swap(text("60d"))
    assert policy.reload()


def test_what_another_replica_took_up_by_a_yes_needs_no_second_one(mounted: Mounted) -> None:
    one, other = mounted.start(), mounted.start()
    mounted.swap(text("60d"))
    one.reload()
    mounted.say_yes(one)
    CLOCK.sleep(60)
    assert one.reload()
    CLOCK.sleep(60)
    assert other.reload(), "it is late, and finds it in force"
    assert (every(one), every(other), other.rejected) == (60, 60, "")


def test_time_alone_brings_no_policy_into_force(mounted: Mounted) -> None:
    policy = mounted.start()
    mounted.swap(text("60d"))
    policy.reload()
    now = CLOCK.now()
    mounted.journal.note_observed(
        Observed(secret=f"production/{name}", observed_at=now, versions={"x": 1}, modified_at=now - 99 * DAY)
        for name in NAMES
    )
    assert not policy.reload(), "by now they are due under both"
    assert policy.rejected


def test_a_journal_that_is_away_for_a_moment_loses_no_change(
    mounted: Mounted, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = mounted.start()
    mounted.swap(text("60d"))

    def away() -> None:
        raise JournalAway("no answer")

    with monkeypatch.context() as trouble:
        trouble.setattr(mounted.journal, "observed", away)
        with pytest.raises(JournalAway):
            policy.reload()
    assert not policy.reload()
    assert "would become due at once" in policy.rejected


def test_both_objections_are_said(mounted: Mounted) -> None:
    policy = mounted.start()
    mounted.swap(text("60d", NAMES[:6]))
    policy.reload()
    assert "2 of 8 secrets (25 %) would be left to themselves" in policy.rejected
    assert "6 of 6 secrets would become due at once" in policy.rejected
    assert policy.yes_wanted.startswith("policy:")


def one_by_one(mounted: Mounted, policy: PolicyInForce, fewest: int) -> int:
    """One secret leaves the file at a time, a minute apart; how many are left when a person is asked."""
    for left in range(len(NAMES) - 1, fewest - 1, -1):
        CLOCK.sleep(60)
        mounted.swap(text(names=NAMES[:left]))
        if not policy.reload():
            return left
    raise AssertionError("nobody was asked")


def test_a_file_that_loses_one_secret_a_minute_waits_for_a_yes_like_any_other(mounted: Mounted) -> None:
    policy = mounted.start()
    assert one_by_one(mounted, policy, 0) == 6
    assert (
        "2 of 8 secrets (25 %) would be left to themselves, more than 20 %: 1 no longer managed "
        "(production/TOKEN_G); 1 already since a person last said yes to a policy (production/TOKEN_H)"
    ) in policy.rejected
    assert len(policy.policies.secrets) == 7
    policy = mounted.start()
    assert len(policy.policies.secrets) == 7, "a restart is no yes"
    mounted.say_yes(policy)
    assert policy.reload()
    assert len(policy.policies.secrets) == 6


def test_from_a_yes_on_it_is_counted_anew(mounted: Mounted) -> None:
    policy = mounted.start()
    one_by_one(mounted, policy, 0)
    mounted.say_yes(policy)
    assert policy.reload()
    mounted.swap(text(names=NAMES[:5]))
    assert policy.reload(), "one of six"
    mounted.swap(text(names=NAMES[:4]))
    assert not policy.reload()
    assert "2 of 6 secrets (33 %)" in policy.rejected


def test_what_comes_back_is_not_counted(mounted: Mounted) -> None:
    policy = mounted.start()
    excused = "exempt: {reason: no credential, until: 2099-06-30, approved_by: platform}"
    for letter in "AABBCC":
        said = text().replace(f"TOKEN_{letter}: {{", f"TOKEN_{letter}: {{{excused}, ")
        mounted.swap(said if mounted.journal.last_policy() == text() else text())
        assert policy.reload(), policy.rejected


def test_replicas_that_read_the_same_files_count_the_same(mounted: Mounted) -> None:
    one, other = mounted.start(), mounted.start()
    mounted.swap(text(names=NAMES[:7]))
    assert one.reload()
    assert other.reload()
    mounted.swap(text(names=NAMES[:6]))
    assert not one.reload()
    assert not other.reload()
    assert one.rejected == other.rejected
    mounted.say_yes(one)
    assert one.reload()
    assert other.reload()
    for policy in (one, other):
        mounted.swap(text(names=NAMES[:5]))
        assert policy.reload(), policy.rejected


def test_a_line_that_only_watches_everything_waits_for_a_yes(mounted: Mounted) -> None:
    policy = mounted.start()
    mounted.swap(text().replace("{path:", "{mode: observe, path:"))
    assert not policy.reload()
    assert "8 of 8 secrets (100 %) would be left to themselves" in policy.rejected
    assert "8 only watched, never rotated (production/TOKEN_A," in policy.rejected
    assert {one.mode for one in policy.policies.secrets.values()} == {Mode.AUTO}
    mounted.say_yes(policy)
    assert policy.reload()
    assert {one.mode for one in policy.policies.secrets.values()} == {Mode.OBSERVE}


#: Hosts of today, under which PROBED was good, and others, which refuse it.
TODAY, OTHERS = "*.taly.example", "*.other.example"
PROBED = text().replace(
    "TOKEN_A: {type: shared",
    "TOKEN_A: {type: shared, accepted_as: A, probe: 'https://api.taly.example/accepts'",
)


def in_force(mounted: Mounted) -> str:
    version_in_force, _since = mounted.journal.policy_applied() or ("", None)
    return version_in_force


def test_a_restart_under_settings_that_refuse_the_last_good_text_is_no_yes(mounted: Mounted) -> None:
    mounted.swap(PROBED)
    mounted.start(TODAY)
    mounted.swap(text(names=NAMES[1:3]).replace("/taly/production", "/taly/elsewhere"))
    with pytest.raises(NoPolicy) as refused:
        mounted.start(OTHERS)
    said = str(refused.value).splitlines()
    assert "6 of 8 secrets (75 %) would be left to themselves" in said[0]
    assert "production: path would be /taly/elsewhere instead of /taly/production" in said[0]
    assert said[0].endswith("That needs a person's yes, and nothing can start before")
    assert said[1].startswith("the last good policy:")
    assert "api.taly.example is not among the allowed hosts" in said[1]
    assert said[2].endswith(
        "put back those that took it, or rotator approve policy:"
        f"{version(mounted.file.read_text())} --reason …, and start it again"
    )
    assert in_force(mounted) == version(PROBED)
    held = mounted.start(TODAY)
    assert len(held.policies.secrets) == 8, "the settings are put back: it works by what it worked by"
    mounted.say_yes(held)
    assert len(mounted.start(OTHERS).policies.secrets) == 2


def test_settings_that_refuse_the_last_good_text_do_not_begin_the_count_anew(mounted: Mounted) -> None:
    mounted.swap(PROBED)
    mounted.start(TODAY)
    mounted.swap(text(names=NAMES[1:]))
    policy = mounted.start(OTHERS)
    assert len(policy.policies.secrets) == 7, "what was refused is gone, and it is one of eight"
    mounted.swap(text(names=NAMES[2:]))
    assert not policy.reload()
    assert "2 of 8 secrets (25 %)" in policy.rejected


def test_a_yes_from_beside_a_rotator_that_cannot_start_is_taken_at_the_next_start(mounted: Mounted) -> None:
    mounted.swap(PROBED)
    mounted.start(TODAY)
    mounted.swap(text(names=NAMES[1:3]))
    about = f"policy:{version(mounted.file.read_text())}"
    with pytest.raises(NoPolicy, match=about):
        mounted.start(OTHERS)
    CLOCK.sleep(60)
    mounted.journal.add_request(
        Request(id="beside", kind=RequestKind.APPROVE, about=about, by="ana", at=CLOCK.now())
    )
    CLOCK.sleep(60)
    policy = mounted.start(OTHERS)
    assert len(policy.policies.secrets) == 2
    policy.take_yes()
    (settled,) = mounted.journal.requests(waiting=False)
    assert (settled.state, settled.sentence) == (RequestState.TAKEN, "the policy was taken up at the start")


def test_a_file_that_mends_what_today_refuses_and_nothing_else_starts(mounted: Mounted) -> None:
    """The usual reason for both: a host that goes away."""
    mounted.swap(PROBED)
    mounted.start(TODAY)
    mounted.swap(PROBED.replace(" deploy: [], accept_gap: true}", " deploy: []}"))
    with pytest.raises(NoPolicy, match="or mend the file"):
        mounted.start(OTHERS)
    mounted.swap(PROBED.replace("api.taly.example", "api.other.example"))
    with pytest.raises(NoPolicy, match="probe would be"):
        mounted.start(OTHERS)
    mounted.swap(text("91d").replace("TOKEN_A: {type: shared", "TOKEN_A: {type: shared, accepted_as: A"))
    with pytest.raises(NoPolicy, match="probe would be none instead of"):
        mounted.start(OTHERS)
    assert in_force(mounted) == version(PROBED)


def test_where_nothing_of_the_last_policy_can_be_read_a_person_answers(
    mounted: Mounted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a step back to a version that knows neither its text nor what it was resolved to."""
    mounted.swap(PROBED)
    mounted.start(TODAY)
    mounted.swap(text())
    monkeypatch.setattr(mounted.journal, "policies_in_force", lambda: None)
    with pytest.raises(NoPolicy, match="nobody can tell what it would change: the policy in force since"):
        mounted.start(OTHERS)
    CLOCK.sleep(60)
    mounted.journal.add_request(
        Request(id="y", kind=RequestKind.APPROVE, about=f"policy:{version(text())}", by="ana", at=CLOCK.now())
    )
    CLOCK.sleep(60)
    assert len(mounted.start(OTHERS).policies.secrets) == 8
    assert in_force(mounted) == version(text())


def test_what_was_wrong_in_a_file_that_is_gone_is_not_told(mounted: Mounted) -> None:
    policy = mounted.start()
    mounted.swap("kind: nonsense\n")
    policy.reload()
    assert "kind" in policy.rejected
    (mounted.folder / "..data").unlink()
    policy.reload()
    assert policy.rejected.startswith(f"{mounted.file} cannot be read: ")
    assert "kind" not in policy.rejected
