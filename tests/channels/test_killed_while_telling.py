"""SIGKILL at any moment: every mail arrives, and a kill costs at most one mail twice, with the same Message-ID."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from tests.channels.worlds import MailWorld

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

KILLS = 10
#: A process tells between so many mails before it is killed, and up to so many seconds longer: several mails' time.
LIVES, LINGERS = (5, 15), 0.25


def test_a_kill_at_any_moment_costs_at_most_one_mail_twice(
    mail: MailWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random = Random(7)
    for _ in range(KILLS):
        process = _teller(mail, tmp_path, new=10_000)
        enough = len(mail.server.mails) + random.randint(*LIVES)
        while len(mail.server.mails) < enough:
            assert process.poll() is None, "it has much to tell"
            time.sleep(0.002)
        time.sleep(random.uniform(0, LINGERS))
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    assert _teller(mail, tmp_path, new=0).wait(60) == 0
    mails = mail.server.mails
    by_alert = Counter(one.about for one in mails)
    assert set(by_alert) == {f"parked/{number}" for number in range(len(by_alert))}, "none is missing"
    twice = sum(by_alert.values()) - len(by_alert)
    with capsys.disabled():
        print(f"\n{len(by_alert)} mails, {KILLS} kills, {twice} of them came twice")
    assert twice <= KILLS
    assert len({one.message_id for one in mails}) == len(by_alert), "they are the same to a mail program"


def _teller(mail: MailWorld, folder: Path, *, new: int) -> subprocess.Popen[bytes]:
    login = {"MAIL_USER": mail.server.username, "MAIL_PASSWORD": mail.server.password}
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.channels.teller",
            folder,
            str(mail.server.port),
            mail.ca_file,
            str(new),
        ],
        env={**os.environ, **login},
    )
