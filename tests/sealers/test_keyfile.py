"""The key file: made once, private, named in what it wrapped."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from rotator.model.errors import Refused, Transient
from rotator.sealers.keyfile import KeyFile
from rotator.testing.sealer_contract import CONTEXT, SealerContract

OTHER_GROUP = 64_999  # a group that this process is not in


class TestKeyFile(SealerContract):
    @pytest.fixture
    def sealer(self, tmp_path: Path) -> KeyFile:
        return KeyFile.generate(tmp_path / "rotator.key")

    @pytest.fixture
    def restarted(self, sealer: KeyFile, tmp_path: Path) -> KeyFile:
        return KeyFile(tmp_path / "rotator.key")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    KeyFile.generate(tmp_path / "rotator.key")
    return tmp_path / "rotator.key"


def test_a_new_key_file_is_private_and_one_line(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kind, name, key = path.read_text().split()
    assert (kind, len(name), len(key)) == ("rotator-key-file", 16, 44)


def test_a_new_key_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    earlier = os.umask(0)
    try:
        KeyFile.generate(tmp_path / "rotator.key").new_key(CONTEXT)
    finally:
        os.umask(earlier)


def test_a_key_file_is_never_overwritten(path: Path) -> None:
    before = path.read_text()
    with pytest.raises(Refused, match="never overwritten"):
        KeyFile.generate(path)
    assert path.read_text() == before


def test_a_key_file_for_which_there_is_no_room_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(Refused, match=r"No space left on device"):
            KeyFile.generate(tmp_path / "rotator.key")
    assert not list(tmp_path.iterdir())
    KeyFile.generate(tmp_path / "rotator.key").new_key(CONTEXT)


def test_half_a_key_file_never_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is ended while the file is written would find half a key at every start after it."""
    path, seen = tmp_path / "rotator.key", []
    sync = os.fsync

    def ended(descriptor: int) -> None:
        seen.append(path.exists())
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", ended)
    KeyFile.generate(path)
    assert seen == [False, True], "the line is on the disk before the name, and the name before we go on"


def test_a_key_file_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="No such file"):
        KeyFile.generate(tmp_path / "missing" / "rotator.key")


def test_the_wrong_key_file_says_which_one_is_wanted(path: Path, tmp_path: Path) -> None:
    wrapped = KeyFile(path).new_key(CONTEXT).wrapped
    other = KeyFile.generate(tmp_path / "other.key")
    sealed_by, there = path.read_text().split()[1], (tmp_path / "other.key").read_text().split()[1]
    with pytest.raises(Refused, match=f"sealed by key file {sealed_by}, and .* is key file {there}"):
        other.open_key(wrapped, CONTEXT)


def test_a_key_of_another_sealer_is_told_apart(path: Path) -> None:
    with pytest.raises(Refused, match="not made by a key file"):
        KeyFile(path).open_key("kms:AAAA", CONTEXT)


def test_a_missing_key_file_is_waited_for(tmp_path: Path) -> None:
    """A mount that is late must not undo a rotation."""
    with pytest.raises(Transient, match=r"cannot read .*No such file"):
        KeyFile(tmp_path / "rotator.key").new_key(CONTEXT)


def test_a_file_that_becomes_another_is_noticed_by_whoever_has_read_it(path: Path, tmp_path: Path) -> None:
    """In place, with as many bytes: neither its name nor its size tells."""
    sealer = KeyFile(path)
    wrapped, first = sealer.new_key(CONTEXT).wrapped, path.read_bytes()
    KeyFile.generate(tmp_path / "other.key")
    path.write_bytes((tmp_path / "other.key").read_bytes())
    with pytest.raises(Refused, match="put the other file back"):
        sealer.open_key(wrapped, CONTEXT)
    path.write_bytes(first)
    sealer.open_key(wrapped, CONTEXT)


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: b"",
        lambda line: line[:-10],
        lambda line: b"x" + line,
        lambda line: line + line,
        lambda line: b"\xff",
    ],
)
def test_a_damaged_key_file_is_refused_and_not_shown(path: Path, damage: Callable[[bytes], bytes]) -> None:
    key = path.read_text().split()[2]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(Refused, match="damaged") as caught:
        KeyFile(path).new_key(CONTEXT)
    assert key[:20] not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o602, 0o660, 0o440])
def test_a_key_file_that_others_can_reach_is_refused_with_the_command_that_helps(
    path: Path, mode: int
) -> None:
    path.chmod(mode)
    with pytest.raises(Refused, match=f"chmod 600 {path}"):
        KeyFile(path).new_key(CONTEXT)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_file_of_ours_alone_is_accepted(path: Path, mode: int) -> None:
    path.chmod(mode)
    KeyFile(path).new_key(CONTEXT)


def test_a_mount_of_kubernetes_is_a_link_to_the_file(path: Path) -> None:
    """`key` -> `..data/key`, `..data` -> `..2026_01_01…`: what the links point at is what is checked."""
    folder = path.parent / "mount" / "..2026"
    folder.mkdir(parents=True)
    path.rename(folder / "key")
    (folder.parent / "..data").symlink_to("..2026")
    (folder.parent / "key").symlink_to("..data/key")
    KeyFile(folder.parent / "key").new_key(CONTEXT)
    (folder / "key").chmod(0o644)
    with pytest.raises(Refused, match="chmod"):
        KeyFile(folder.parent / "key").new_key(CONTEXT)


@pytest.mark.parametrize(
    "owner,group,mode,accepted",
    [
        (0, "ours", 0o440, True),  # a Secret with fsGroup
        (0, "ours", 0o400, True),
        (0, "ours", 0o460, False),
        (0, "ours", 0o444, False),
        (0, "another", 0o440, False),
        (4_999, "ours", 0o440, False),
        (4_999, "ours", 0o400, False),
    ],
)
def test_a_key_file_lent_by_root_to_our_group_is_accepted(
    path: Path, monkeypatch: pytest.MonkeyPatch, owner: int, group: str, mode: int, accepted: bool
) -> None:
    found = path.stat()
    lent = os.stat_result(
        (
            stat.S_IFREG | mode,
            *found[1:4],
            owner,
            os.getegid() if group == "ours" else OTHER_GROUP,
            *found[6:],
        )
    )
    monkeypatch.setattr("rotator.sealers.keyfile.os.fstat", lambda _file: lent)
    monkeypatch.setattr("rotator.sealers.keyfile.os.geteuid", lambda: 1_000)
    if accepted:
        KeyFile(path).new_key(CONTEXT)
    else:
        with pytest.raises(Refused, match="chown 1000"):
            KeyFile(path).new_key(CONTEXT)
