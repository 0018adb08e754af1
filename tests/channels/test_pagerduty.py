"""An alert is one incident; a table is none; the key is nowhere else."""

from __future__ import annotations

from rotator.contracts.channel import EditingChannel
from rotator.model.alerts import AlertKind, Severity
from rotator.model.errors import Refused, Transient
from rotator.model.secrets import Sealed
from rotator.testing.channel_contract import an_alert, closed
from rotator.testing.values import fresh_value, raises_silently
from tests.channels.worlds import PagesWorld, answered

CRITICAL = an_alert(severity=Severity.CRITICAL)


def test_an_incident_has_all_that_a_pager_shows(pages: PagesWorld) -> None:
    receipt = pages.channel().deliver(CRITICAL, pages.address, None)
    [incident] = pages.receiver.incidents
    [event] = incident.log
    payload = event["payload"]
    assert (incident.key, incident.state) == (CRITICAL.identity, "triggered")
    assert payload["summary"] == "production: DATABASE_URL rotation failed (deploy)"
    assert (payload["severity"], payload["source"]) == ("critical", "production")
    assert (payload["component"], payload["class"]) == ("production/DATABASE_URL", "rotation_failed")
    assert payload["custom_details"]["What you do"] == CRITICAL.action
    pages.channel().deliver(closed(CRITICAL), pages.address, receipt)
    assert incident.state == "resolved"
    assert incident.log[-1]["payload"]["custom_details"]["How it ended"] == closed(CRITICAL).closing


def test_an_incident_about_several_names_them(pages: PagesWorld) -> None:
    several = an_alert(title="3 things", members=(CRITICAL, an_alert(identity="x", title="KEY: it failed")))
    pages.channel().deliver(several, pages.address, None)
    [incident] = pages.receiver.incidents
    assert "it failed" in incident.log[0]["payload"]["custom_details"]["KEY"]


def test_an_answer_acknowledges_the_incident(pages: PagesWorld) -> None:
    assert isinstance(pages.channel(), EditingChannel)
    receipt = pages.channel().deliver(CRITICAL, pages.address, None)
    receipt = pages.channel().edit(answered(), pages.address, receipt)
    [incident] = pages.receiver.incidents
    assert incident.state == "acknowledged"
    assert pages.channel().edit(CRITICAL, pages.address, receipt) == receipt
    assert len(incident.log) == 2


def test_a_table_wakes_nobody(pages: PagesWorld) -> None:
    digest = an_alert(kind=AlertKind.DIGEST, members=(CRITICAL,))
    pages.channel().deliver(digest, pages.address, None)
    assert pages.receiver.incidents == []


def test_a_key_that_pagerduty_does_not_know_says_where_to_put_the_right_one(pages: PagesWorld) -> None:
    key = fresh_value(32)
    with raises_silently(Transient, key) as caught:
        pages.channel(key).deliver(CRITICAL, pages.address, None)
    assert f"is {pages.address} a routing key of Events API v2" in str(caught.value)


def test_a_reference_that_leads_nowhere_is_said(pages: PagesWorld) -> None:
    with raises_silently(Refused, Sealed(pages.receiver.routing_key)):
        pages.channel().deliver(CRITICAL, pages.nowhere, None)
