"""What a mail server can do to rotator instead of answering: a tarpit, letter by letter, without end."""

from __future__ import annotations

import socket
import time
from contextlib import suppress

import pytest

from rotator.channels import smtp
from rotator.channels.smtp import Smtp
from rotator.clock import SystemClock
from rotator.model.errors import Transient
from rotator.testing.channel_contract import an_alert
from tests.test_bounded import Plays, drip, far_side


def floods(connection: socket.socket) -> None:
    with suppress(OSError):
        for _ in range(4000):
            connection.sendall(b"220-wait\r\n" * 1000)


@pytest.mark.parametrize(
    "plays, seconds",
    [
        pytest.param(drip(b"", b"220-wait\r\n"), 0.1, id="line by line"),
        pytest.param(drip(b"", b"2"), 0.1, id="letter by letter"),
        pytest.param(floods, 10.0, id="without end"),
    ],
)
def test_a_mail_server_that_never_ends_keeps_nobody_from_being_told(
    plays: Plays, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All channels are told one after the other."""
    monkeypatch.setattr(smtp, "CALL_SECONDS", seconds)
    monkeypatch.setattr(smtp, "LARGEST_BYTES", 1 << 14)
    with far_side(plays, hears=False) as url:
        port = int(url.rstrip("/").rpartition(":")[2])
        mail = Smtp(host="127.0.0.1", port=port, sender="rotator@taly.example", clock=SystemClock())
        began = time.monotonic()
        with pytest.raises(Transient, match="does not answer"):
            mail.deliver(an_alert(), "platform@taly.example", None)
        assert time.monotonic() - began < 9.0, "it went on to its end"
