"""The embedded journal's file: for its owner's eyes, on a local disk, worked on by one daemon at a time."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from rotator.journal import SqlJournal, open_journal, sqlite
from rotator.journal.filesystems import file_system, refuse_network
from rotator.model.alerts import Alert, AlertKind, Severity
from rotator.model.errors import JournalBusy, Refused
from rotator.model.rotation import Phase
from rotator.testing.journal_contract.rows import (
    MINUTE,
    NO_TIME,
    claimed,
    claimed_rollout,
    held,
    joined,
    opened,
    waiting,
)


def path_of(url: str) -> Path:
    return Path(str(make_url(url).database))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def pragma(journal: SqlJournal, name: str) -> object:
    with journal._db.reading() as connection:
        return connection.execute(text(f"PRAGMA {name}")).scalar_one()


def test_a_new_file_and_its_folder_are_for_their_owner_alone(sqlite_url: str) -> None:
    path = path_of(sqlite_url)
    before = os.umask(0)
    try:
        with closing(open_journal(sqlite_url, daemon=True)) as journal:
            opened(journal)
            assert mode(path.parent) == 0o700
            assert {mode(file) for file in path.parent.iterdir()} == {0o600}
            assert len(list(path.parent.iterdir())) == 4  # the file, its WAL, the WAL's index, the lock
    finally:
        os.umask(before)


def test_opening_it_twice_in_a_process_leaves_the_first_one_its_locks(sqlite_url: str) -> None:
    """To close any descriptor of a file gives up all POSIX locks of the process on it (sqlite.org/howtocorrupt.html).

    Then another process takes itself for the last one, and removes the WAL that this one goes on using.
    """
    path = path_of(sqlite_url)
    look = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('select * from rotation').fetchall()"
    with closing(open_journal(sqlite_url, daemon=False)) as first, first._db.reading() as held:
        held.execute(text("select * from rotation")).all()
        with closing(open_journal(sqlite_url, daemon=False)) as second:
            opened(second)
            subprocess.run([sys.executable, "-c", look, str(path)], check=True, timeout=240)
            assert Path(f"{path}-wal").stat().st_size > 0


def test_a_folder_that_was_there_keeps_its_mode_and_a_wide_file_does_not(sqlite_url: str) -> None:
    path = path_of(sqlite_url)
    path.parent.mkdir(mode=0o755)
    path.touch(mode=0o644)
    open_journal(sqlite_url, daemon=False).close()
    assert (mode(path.parent), mode(path)) == (0o755, 0o600)


def test_what_is_written_survives_a_power_cut_and_what_is_wiped_is_gone(
    sqlite_url: str, durable_pragmas: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_PRAGMAS", durable_pragmas)
    with closing(open_journal(sqlite_url, daemon=True)) as journal:
        settings = {name: pragma(journal, name) for name in ("journal_mode", "synchronous", "secure_delete")}
    assert settings == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}


def test_a_second_daemon_is_told_who_was_first(sqlite_url: str) -> None:
    with closing(open_journal(sqlite_url, daemon=True)) as first:
        with pytest.raises(JournalBusy, match=f"process {os.getpid()} on ") as refused:
            open_journal(sqlite_url, daemon=True)
        assert str(path_of(sqlite_url)) in str(refused.value)
        assert first.installation()
    open_journal(sqlite_url, daemon=True).close()


def test_others_open_it_beside_the_daemon(sqlite_url: str) -> None:
    with (
        closing(open_journal(sqlite_url, daemon=True)) as daemon,
        closing(open_journal(sqlite_url, daemon=False)) as looker,
    ):
        row = opened(daemon)
        assert looker.rotation(row.id) == row
        looker.wake(row.id)


DAEMON = """
import sys, time
from rotator.journal import open_journal
from rotator.testing.journal_contract.rows import held
journal = open_journal(sys.argv[1], daemon=True)
print(held(journal).id, flush=True)
time.sleep(600)
"""


@pytest.mark.slow
def test_a_killed_daemon_leaves_neither_lock_nor_lost_claim(sqlite_url: str) -> None:
    child = subprocess.Popen([sys.executable, "-c", DAEMON, sqlite_url], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        rotation_id = child.stdout.readline().strip()
        with pytest.raises(JournalBusy, match=f"process {child.pid} on "):
            open_journal(sqlite_url, daemon=True)
    finally:
        child.send_signal(signal.SIGKILL)
        child.communicate()
    with closing(open_journal(sqlite_url, daemon=True)) as journal:
        row = claimed(journal)
        assert (row.id, row.fence, row.claim_lost_at) == (rotation_id, 2, None)


def test_a_starting_daemon_gives_back_all_that_its_predecessor_held(sqlite_url: str) -> None:
    with closing(open_journal(sqlite_url, daemon=True)) as journal:
        row = held(journal)
        joined(journal, row)
        alert = Alert(
            identity="a", kind=AlertKind.DRIFT, severity=Severity.INFO, title="t", opened_at=journal.now()
        )
        journal.post_alert(alert, NO_TIME)
        rollout = claimed_rollout(journal)
        assert len(journal.claim_alerts("one", 1, MINUTE)) == 1
    with closing(open_journal(sqlite_url, daemon=False)) as journal:
        assert journal.claim_rotations("two", 9, Phase, MINUTE) == []
    with closing(open_journal(sqlite_url, daemon=True)) as journal:
        again = claimed(journal, owner="two")
        assert (again.id, again.fence, again.claim_lost_at) == (row.id, row.fence + 1, None)
        assert claimed_rollout(journal, owner="two").id == rollout.id
        assert len(journal.claim_alerts("two", 1, MINUTE)) == 1


def test_a_starting_daemon_leaves_waiting_rows_waiting(sqlite_url: str) -> None:
    with closing(open_journal(sqlite_url, daemon=True)) as journal:
        row = waiting(journal, held(journal))
    with closing(open_journal(sqlite_url, daemon=True)) as journal:
        assert journal.rotation(row.id) == row


def mounts(tmp_path: Path, kind: str) -> Path:
    """A mountinfo in which `tmp_path` lies on a file system of that kind, beside others."""
    file = tmp_path / "mountinfo"
    file.write_text(
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        f"30 22 0:40 / {str(tmp_path).replace(' ', chr(92) + '040')} rw - tmpfs tmpfs rw\n"
        f"31 22 0:41 / {str(tmp_path).replace(' ', chr(92) + '040')} rw - {kind} source rw,opt=1\n"
        "32 22 0:42 / /proc rw - proc proc rw\n"
    )
    return file


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "fuse", "9p", "ceph"])
def test_network_file_systems_are_refused_with_a_sentence(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "a folder" / "journal"
    folder.mkdir(parents=True)
    with pytest.raises(Refused, match="network file system") as refused:
        refuse_network(folder, mounts(tmp_path, kind))
    assert kind in str(refused.value)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "overlay", "tmpfs", "fuseblk"])
def test_local_file_systems_are_not_refused(tmp_path: Path, kind: str) -> None:
    refuse_network(tmp_path, mounts(tmp_path, kind))
    assert file_system(tmp_path, mounts(tmp_path, kind)) == kind


def test_without_a_list_of_mounts_nothing_is_refused(tmp_path: Path) -> None:
    refuse_network(tmp_path, tmp_path / "none")
    assert file_system(tmp_path, tmp_path / "none") == ""


def test_the_file_systems_of_this_machine_can_be_told(tmp_path: Path) -> None:
    if not Path("/proc/self/mountinfo").exists():
        pytest.skip("no /proc/self/mountinfo: this is not Linux")
    assert file_system(tmp_path)
    assert file_system(Path("/proc")) == "proc"


@pytest.mark.parametrize("address", ["", "journal.sqlite", "mysql+pymysql://localhost/rotator"])
def test_an_address_that_is_none_of_ours_is_refused_with_a_sentence(address: str) -> None:
    with pytest.raises(Refused, match="sqlite:///PATH"):
        open_journal(address, daemon=False)
