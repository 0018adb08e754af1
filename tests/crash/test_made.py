"""What create() returned is read on while daemons write it."""

from __future__ import annotations

from pathlib import Path

from tests.crash.made import Made, Minted

ONE, TWO = Minted("r1", "a", "value 1"), Minted("r1", "b", "value 2")


def test_what_others_write_is_read_on_and_a_line_that_is_being_written_only_when_it_is_whole(
    tmp_path: Path,
) -> None:
    writer, reader = Made(tmp_path / "made"), Made(tmp_path / "made")
    assert [*reader.all()] == []
    writer.note(ONE)
    assert [*reader.all()] == [ONE]
    with (tmp_path / "made").open("a") as file:
        file.write('["r1", "b",')
        file.flush()
        assert [*reader.all()] == [ONE]
        file.write(' "value 2"]\n')
    assert [*reader.all()] == [ONE, TWO] == [*writer.all()]
