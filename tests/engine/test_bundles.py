"""What becomes so at one moment, of one kind, environment and owner, is one message; each alert keeps its own life."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from rotator.channels import wording
from rotator.engine.alerts import keep_alerts
from rotator.engine.bundles import as_one
from rotator.engine.settings import Bounds
from rotator.model.alerts import Alert, AlertKind, Receipt, Severity
from rotator.model.errors import JournalAway
from rotator.model.policy import AlertPolicy, OwnerPolicy
from tests.delivery import deliver_due
from tests.engine.things import DAY, HOUR, MINUTE, NOW, policies, policy, seen
from tests.engine.world import Channel, Meanwhile, World

AT_ONCE = timedelta()
OWNERS = {
    "platform": OwnerPolicy(name="platform", addresses={"slack": "#ops", "email": "ops@taly"}),
    "dba": OwnerPolicy(name="dba", addresses={"slack": "#dba"}),
}


@pytest.fixture
def post(world: World) -> World:
    world.today = policies(policy(), owners=OWNERS)
    return world


def overdue(number: int, **changes: object) -> Alert:
    filled = {
        "identity": f"overdue/production/KEY_{number}",
        "kind": AlertKind.OVERDUE,
        "severity": Severity.WARNING,
        "environment": "production",
        "secret": f"production/KEY_{number}",
        "owner": "platform",
        "title": f"KEY_{number} (production): overdue",
        "facts": {"Age": f"{number} d", "Impact": "none yet"},
        "action": f"rotator rotate production/KEY_{number}",
        "opened_at": NOW,
    }
    return Alert.model_validate({**filled, **changes})


def over(alert: Alert) -> Alert:
    return alert.model_copy(update={"closed_at": NOW + HOUR, "closing": "rotated"})


def posted(world: World, *alerts: Alert) -> None:
    for one in alerts:
        world.journal.post_alert(one, AT_ONCE)
    world.deliver()


class Killing(Channel):
    """It delivers, and the process ends before that is written down."""

    def deliver(self, alert: Alert, address: str, earlier: Receipt | None) -> Receipt:
        super().deliver(alert, address, earlier)
        raise JournalAway("the process ends here")


def killed_while_telling(world: World, *alerts: Alert) -> list[Alert]:
    """What people had read on Slack by then."""
    killing, living = Killing(), world.slack
    world.slack = killing
    with pytest.raises(JournalAway):
        posted(world, *alerts)
    world.slack = living
    return [alert for _, alert in killing.read]


def read(channel: Channel) -> list[tuple[str, tuple[str, ...]]]:
    """(title, members) of each message since the last time."""
    told = [(alert.title, tuple(one.secret for one in alert.members)) for _, alert in channel.read]
    channel.read.clear()
    return told


def test_twenty_two_are_one_message_of_ten_rows_and_how_many_more(post: World) -> None:
    posted(post, *(overdue(number) for number in range(22)))
    assert len(post.slack.read) == len(post.email.read) == 1
    ((_, message),) = post.slack.read
    assert message.title == "22 secrets (production): overdue"
    assert message.facts == {"Impact": "none yet"}, "what all have in common"
    rows = [name for name, _ in wording.facts(message)][1:]
    assert len(rows) == 11
    assert list(wording.facts(message))[-1] == ("More", "+12 more: rotator status")
    assert [row.told for row in post.journal.alerts()] == [{"slack:#ops": 2, "email:ops@taly": 2}] * 22


@pytest.mark.parametrize(
    "changes",
    [
        {"environment": "staging"},
        {"owner": "dba"},
        {"kind": AlertKind.PARKED},
        {"severity": Severity.CRITICAL},
    ],
)
def test_what_is_of_another_kind_place_owner_or_loudness_is_another_message(
    post: World, changes: dict[str, object]
) -> None:
    posted(post, overdue(1), overdue(2), overdue(3, **changes))
    assert sorted(len(alert.members) for _, alert in post.slack.read) == [0, 2]


def test_one_alone_is_itself(post: World) -> None:
    posted(post, overdue(1))
    assert [alert for _, alert in post.slack.read] == [overdue(1)]


def test_they_share_the_conversation_and_each_ends_in_it(post: World) -> None:
    posted(post, overdue(1), overdue(2), overdue(3))
    read(post.slack)
    posted(post, over(overdue(2)))
    ((_, message),) = post.slack.read
    assert [one.data for one in post.slack.earlier if one] == [{"number": "1"}]
    assert (message.title, message.closed) == ("2 secrets (production): overdue", False)
    assert [one.secret for one in message.members] == ["production/KEY_2"]
    assert {one.secret for one in message.beside} == {"production/KEY_1", "production/KEY_3"}
    assert wording.news(message, "warning") == "Resolved"
    assert [one.closed for one in wording.whole(message).members] == [False, False, True]
    read(post.slack)
    posted(post, over(overdue(1)), over(overdue(3)))
    ((_, message),) = post.slack.read
    assert (message.closed, message.closing, len(message.members)) == (True, "rotated", 2)
    assert post.journal.alerts() == []


def test_one_that_gets_worse_is_told_in_their_conversation(post: World) -> None:
    posted(post, overdue(1), overdue(2))
    read(post.slack)
    posted(post, overdue(1, severity=Severity.CRITICAL))
    assert read(post.slack) == [("2 secrets (production): overdue", ("production/KEY_1",))]


def test_they_are_repeated_together(post: World) -> None:
    post.today = post.today.model_copy(update={"alerts": AlertPolicy(repeat=(DAY,))})
    posted(post, *(overdue(number) for number in range(5)))
    read(post.slack)
    post.passes(DAY)
    assert post.deliver() == 2
    assert [len(members) for _, members in read(post.slack)] == [5]


def test_what_comes_within_group_wait_joins_the_wait_of_its_kind(post: World) -> None:
    """All of it is told half a minute after the first was found, and not after the last."""
    post.today = policies(policy("production/A"), policy("production/B"), owners=OWNERS)
    for name in "AB":
        post.looked(seen(f"production/{name}", unknown=("AKID",)))
        keep_alerts(post)
        post.passes(timedelta(seconds=20) if name == "A" else timedelta(seconds=9))
        assert post.deliver() == 0
    post.passes(timedelta(seconds=1))
    post.deliver()
    assert [members for _, members in read(post.slack)] == [("production/A", "production/B")]


def test_a_killed_delivery_is_told_again_as_the_same_message(post: World) -> None:
    """A channel that knows its messages again tells nobody twice, whatever else has become so meanwhile."""

    before = killed_while_telling(post, overdue(1), overdue(2))
    posted(post, overdue(3))
    assert [alert.secret for _, alert in post.slack.read] == ["production/KEY_3"]
    post.passes(2 * MINUTE)
    posted(post, overdue(4))
    first, *others = (*before, *(alert for _, alert in post.slack.read))
    assert others.count(first) == 1
    assert sorted(len(one.members) for one in others) == [0, 0, 2]


def test_a_daemon_that_starts_again_tells_it_as_the_same_message_too(post: World) -> None:
    """Its predecessor's claims end at once; what has become so meanwhile is a message of its own."""

    before = killed_while_telling(post, overdue(1), overdue(2))
    post.journal.free_claims()
    posted(post, overdue(3))
    first, *others = (*before, *(alert for _, alert in post.slack.read))
    assert others.count(first) == 1
    assert sorted(len(one.members) for one in others) == [0, 2]


def test_what_ended_and_is_so_again_after_a_kill_is_told_to_whoever_may_have_heard_the_end(
    post: World,
) -> None:
    posted(post, overdue(1))
    killed_while_telling(post, over(overdue(1)))
    post.slack.read.clear()
    post.journal.free_claims()
    posted(post, overdue(1))
    assert [alert.closed for _, alert in post.slack.read] == [False]


def test_an_address_that_was_told_is_written_down_before_the_next_is(post: World) -> None:
    class Killing(Channel):
        def deliver(self, alert: Alert, address: str, earlier: Receipt | None) -> Receipt:
            raise JournalAway("the process ends here")

    post.email, living = Killing(), post.email
    with pytest.raises(JournalAway):
        posted(post, overdue(1), overdue(2))
    post.email = living
    post.passes(2 * MINUTE)
    post.deliver()
    assert (len(post.slack.read), len(post.email.read)) == (1, 1)


def test_two_replicas_tell_twenty_two_in_one_message(post: World) -> None:
    post.slack = Meanwhile(post)
    for number in range(22):
        post.journal.post_alert(overdue(number), AT_ONCE)
    assert deliver_due(post, {"slack": post.slack}, "one", Bounds()) == 1


def test_an_address_that_was_away_hears_of_all_in_one_message(post: World) -> None:
    with post.without("#ops"):
        posted(post, overdue(1), overdue(2))
    assert (len(post.slack.read), len(post.email.read)) == (0, 1)
    post.passes(MINUTE)
    post.deliver()
    assert [len(members) for _, members in read(post.slack)] == [2]
    assert len(post.email.read) == 1


def test_other_members_make_another_message() -> None:
    found = {
        as_one(some, ()).identity
        for size in (2, 3)
        for some in itertools.combinations([overdue(1), overdue(2), overdue(3)], size)
    }
    assert len(found) == 4
    assert as_one([overdue(1), overdue(2)], ()).identity == as_one([overdue(2), overdue(1)], ()).identity
