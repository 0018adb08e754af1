"""The policy file on disk: plain or a ConfigMap's, read when it changed and only then."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rotator.config.load import load
from rotator.config.watch import PolicyFile


def test_a_plain_file_is_read_once_for_each_change(tmp_path: Path) -> None:
    path = tmp_path / "policies.yaml"
    path.write_text("one\n")
    file = PolicyFile(path)
    assert file.changed() == "one\n"
    assert file.changed() is None
    path.write_text("two!\n")
    assert file.changed() == "two!\n"
    assert file.changed() is None


def test_a_file_that_was_only_touched_did_not_change(tmp_path: Path) -> None:
    path = tmp_path / "policies.yaml"
    path.write_text("one\n")
    file = PolicyFile(path)
    file.changed()
    os.utime(path, ns=(1, 1))
    assert file.changed() is None


def test_a_file_that_was_replaced_by_one_of_the_same_size_is_read(tmp_path: Path) -> None:
    path = tmp_path / "policies.yaml"
    path.write_text("one\n")
    file = PolicyFile(path)
    file.changed()
    other = tmp_path / "other"
    other.write_text("two\n")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    assert file.changed() == "two\n"


def test_a_config_map_is_told_by_the_link_that_kubernetes_swaps(tmp_path: Path) -> None:
    def publish(name: str, text: str) -> None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "policies.yaml").write_text(text)
        (tmp_path / "fresh").symlink_to(name)
        (tmp_path / "fresh").replace(tmp_path / "..data")

    publish("..1", "one\n")
    (tmp_path / "policies.yaml").symlink_to("..data/policies.yaml")
    file = PolicyFile(tmp_path / "policies.yaml")
    assert file.changed() == "one\n"
    assert file.changed() is None
    publish("..2", "two\n")
    assert file.changed() == "two\n"


def test_a_file_that_is_being_written_is_read_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "policies.yaml"
    path.write_text("half")
    file = PolicyFile(path)
    looked = PolicyFile._look
    looks = []

    def look(self: PolicyFile) -> object:
        looks.append(looked(self))
        if len(looks) == 1:
            path.write_text("half and half\n")
        return looks[-1]

    monkeypatch.setattr(PolicyFile, "_look", look)
    assert file.changed() is None
    assert file.changed() == "half and half\n"


def test_a_file_that_is_gone_is_an_error_until_it_is_back(tmp_path: Path) -> None:
    path = tmp_path / "policies.yaml"
    path.write_text("one\n")
    file = PolicyFile(path)
    file.changed()
    path.unlink()
    with pytest.raises(FileNotFoundError):
        file.changed()
    path.write_text("two\n")
    assert file.changed() == "two\n"


def test_bytes_that_are_no_text_reach_the_loader_which_says_so(tmp_path: Path) -> None:
    path = tmp_path / "policies.yaml"
    path.write_bytes(b"apiVersion: rotator/v1\nkind: \xff\n")
    text = PolicyFile(path).changed()
    assert text is not None
    assert [str(one) for one in load(text, "policies.yaml").errors] == [
        "policies.yaml:2: this is not UTF-8; save the file as plain UTF-8 text"
    ]


def test_a_file_of_any_size_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "policies.yaml"
    with path.open("wb") as file:
        file.truncate(50 << 20)
    text = PolicyFile(path).changed()
    assert text is not None
    assert [one.sentence for one in load(text, "policies.yaml").errors] == ["the file is larger than 1 MiB"]
