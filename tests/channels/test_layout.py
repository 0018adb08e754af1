"""Words and blocks: in order, within limits, and never read as anything but words."""

from __future__ import annotations

from email.headerregistry import Address

from hypothesis import example, given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from rotator.channels import mail, slack_blocks, wording
from rotator.model.alerts import Alert, AlertKind, Receipt, Severity
from rotator.sandbox.slack_limits import fault_in, strange_markup
from rotator.testing.channel_contract import EMPTY, LONG, LOUD, alerts, an_alert, closed

#: A message about more alerts than have a row, each as long as can be, with as many facts as all have in common.
SEVERAL = LONG.model_copy(update={"members": (LONG,) * 12})

# words


def test_the_place_is_named_once() -> None:
    assert wording.headline(an_alert(title="it failed")) == "production: it failed"
    assert (
        wording.headline(an_alert(title="JWT_SECRET (production): failed"))
        == "JWT_SECRET (production): failed"
    )
    assert (
        wording.headline(an_alert(title="policies.yaml was rejected", environment=""))
        == "policies.yaml was rejected"
    )
    assert wording.headline(an_alert(title="", environment="")) == "rotation failed"


def test_how_a_journal_that_is_away_stands_is_in_the_log() -> None:
    away = an_alert(kind=AlertKind.JOURNAL_AWAY, secret="")
    assert wording.look(away) == "kubectl -n rotator logs deployment/rotator --since 1h"
    assert wording.look(an_alert()) == "rotator status production/DATABASE_URL"


def test_what_is_new_is_told_against_what_was_told_before() -> None:
    worse = an_alert(severity=Severity.CRITICAL)
    assert wording.news(worse, "warning") == "Now critical"
    assert wording.news(worse, "critical") == "Still so"
    assert wording.news(worse, "closed") == "Open again"
    assert wording.news(closed(worse), "warning") == "Resolved"


def test_facts_keep_their_order_and_say_how_many_are_left_out() -> None:
    alert = an_alert(facts={f"Fact {number}": str(number) for number in reversed(range(14))})
    shown = list(wording.facts(alert))
    assert [name for name, _ in shown] == [*(f"Fact {number}" for number in range(13, 4, -1)), "More"]
    assert shown[-1] == ("More", "5 more: rotator status production/DATABASE_URL")


def test_ten_facts_are_all_shown() -> None:
    alert = an_alert(facts={f"Fact {number}": str(number) for number in range(10)})
    assert [name for name, _ in wording.facts(alert)] == list(alert.facts)


def test_what_would_have_come_next_is_left_out_once_it_is_over() -> None:
    alert = an_alert(facts={"Step": "store", "Next": "tries again at 14:20"})
    assert dict(wording.facts(alert)) == alert.facts
    assert dict(wording.facts(closed(alert))) == {"Step": "store"}


def test_control_and_direction_characters_are_spaces() -> None:
    assert wording.line("a\r\nBcc: b\0c\u202ed\u2028e", 100) == "a Bcc: b c d e"


@given(st.text(max_size=400), st.integers(2, 300))
def test_a_line_is_one_line_and_not_too_long(text: str, longest: int) -> None:
    line = wording.line(text, longest)
    assert len(line) <= longest
    assert line.isprintable()


# blocks


def test_a_command_can_be_copied_and_a_page_opened() -> None:
    assert "`rotator approve ro_1`" in _shown(slack_blocks.parent(an_alert(action="rotator approve ro_1")))
    assert "<https://x.example/a%7Cb?c&amp;d>" in _shown(
        slack_blocks.parent(an_alert(action="https://x.example/a|b?c&d"))
    )
    assert "find its user" in _shown(slack_blocks.parent(an_alert(action="find its user")))


def test_the_page_about_it_is_named_or_linked_while_there_is_something_to_do() -> None:
    alert, docs = an_alert(), "https://git.taly.example/rotator/docs/"
    shown = _shown(slack_blocks.parent(alert))
    assert f"what to do: docs/how-to/alerts/{alert.kind}.md" in shown
    link = f"https://git.taly.example/rotator/docs/how-to/alerts/{alert.kind}.md"
    assert f"what to do: <{link}>" in _shown(slack_blocks.parent(alert, docs))
    assert "what to do" not in _shown(slack_blocks.parent(closed(alert), docs))
    anybody = Address(addr_spec="platform@taly.example")
    sent = mail.compose(alert, anybody, anybody, None, alert.opened_at, docs=docs)
    text, html = (part.get_content() for part in sent.iter_parts())
    assert f"What to do: {link}" in text
    assert f'What to do: <a href="{link}">' in html
    over = mail.compose(closed(alert), anybody, anybody, None, alert.opened_at, docs=docs)
    assert "What to do" not in over.as_string()


def test_whoever_is_on_it_says_so_by_the_ids() -> None:
    one, other = an_alert(identity="one"), an_alert(identity="other")
    assert wording.ways_to_answer(one) == f"rotator ack {one.id}"
    assert wording.trace(one).startswith(f"alert {one.id} (one)")
    both = one.model_copy(update={"identity": "both", "members": (one,), "beside": (other,)})
    assert wording.ways_to_answer(both) == f"rotator ack {one.id} {other.id}"
    many = both.model_copy(update={"beside": (other,) * 3})
    assert wording.ways_to_answer(many) == "rotator alerts"
    assert wording.ways_to_answer(closed(one)) == ""
    assert wording.ways_to_answer(an_alert(kind=AlertKind.JOURNAL_AWAY)) == ""


def test_the_time_is_shown_in_the_readers_own() -> None:
    shown = _shown(slack_blocks.parent(an_alert()))
    assert "since <!date^1795685400^{date_short_pretty} {time}|2026-11-26 09:30 UTC>" in shown


def test_a_closed_alert_tells_from_when_to_when() -> None:
    assert (
        wording.span(closed(an_alert()), wording.moment)
        == "open from 2026-11-26 09:30 UTC to 2026-11-26 11:30 UTC"
    )


@settings(max_examples=60, deadline=None)
@given(alerts, st.sampled_from(["info", "warning", "critical", "closed"]), st.booleans())
@example(LOUD, "info", False)
@example(EMPTY, "info", True)
@example(LONG, "closed", False)
@example(SEVERAL, "info", False)
@example(SEVERAL, "closed", True)
def test_blocks_keep_slacks_limits_whatever_they_say(alert: Alert, told: str, over: bool) -> None:
    if over:
        alert = alert.model_copy(update={"closed_at": alert.opened_at})
    for blocks in (slack_blocks.parent(alert), slack_blocks.reply(alert, told)):
        sent = [block.to_dict() for block in blocks]  # checks the SDK's own limits
        assert fault_in(slack_blocks.notice(alert), sent) is None
        assert strange_markup(slack_blocks.notice(alert), sent) == []


# mails


@settings(max_examples=60, deadline=None)
@given(alerts, st.booleans())
@example(LOUD, False)
@example(EMPTY, True)
@example(LONG, False)
def test_mails_have_one_line_a_header_whatever_they_say(alert: Alert, over: bool) -> None:
    if over:
        alert = alert.model_copy(update={"closed_at": alert.opened_at})
    earlier = Receipt(data={"message_id": "<first@taly.example>", "told": "info", "said": "1"})
    anybody = Address(addr_spec="platform@taly.example")
    made = mail.compose(alert, anybody, anybody, earlier, alert.opened_at)
    sent = made.as_bytes()
    assert max(map(len, sent.split(b"\r\n"))) < 998
    assert sent.isascii()
    assert made["Subject"] == f"[rotator] {wording.headline(alert)}"


def _shown(blocks: object) -> str:
    assert isinstance(blocks, list)
    return "\n".join(str(block.to_dict()) for block in blocks if isinstance(block, Block))
