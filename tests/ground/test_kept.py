"""Texts kept on disk: made once, checked when read, never in the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivocart.ground.kept import kept, kept_text, source_of, write_whole


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIVOCART_CACHE_DIR", str(tmp_path / "kept"))
    return tmp_path / "kept"


def test_made_once_for_the_same_parts(folder: Path):
    made: list[str] = []

    def make() -> str:
        made.append("x")
        return f"text {len(made)}\nµ"

    assert kept_text(["a", "b"], make) == kept_text(["a", "b"], make) == "text 1\nµ"
    assert kept_text(["ab", ""], make) == "text 2\nµ"
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("damage", [b"", b"no line", b"0\ntext", b"\xff\xfe\n\xff", None])
def test_a_damaged_file_is_made_anew(folder: Path, damage: bytes | None):
    kept_text(["a"], lambda: "good")
    (path,) = folder.iterdir()
    path.write_bytes(path.read_bytes() + b"more" if damage is None else damage)
    assert kept_text(["a"], lambda: "good again") == "good again"
    assert kept_text(["a"], lambda: "not asked") == "good again"


def test_a_folder_that_cannot_be_written_is_no_obstacle(folder: Path):
    folder.parent.joinpath("kept").write_text("a file, not a folder")
    assert kept_text(["a"], lambda: "made") == "made"
    assert kept_text(["a"], lambda: "made again") == "made again"


def test_values_are_kept_as_their_text(folder: Path):
    assert kept(["n"], lambda: 12, write=str, read=int) == 12
    assert kept(["n"], lambda: 13, write=str, read=int) == 12
    assert kept(["nothing"], lambda: 1, write=lambda _: None, read=int) == 1
    assert len(list(folder.iterdir())) == 1


def test_a_text_that_means_nothing_is_made_anew(folder: Path):
    kept_text(["n"], lambda: "not a number")
    assert kept(["n"], lambda: 12, write=str, read=int) == 12
    assert kept_text(["n"], lambda: "not asked") == "12"


def test_a_changed_source_has_another_hash(tmp_path: Path):
    tmp_path.joinpath("a.py").write_text("one = 1\n")
    tmp_path.joinpath("table.csv").write_text("x\n")
    before = source_of(tmp_path)
    source_of.cache_clear()
    tmp_path.joinpath("table.csv").write_text("y\n")
    assert source_of(tmp_path) == before
    source_of.cache_clear()
    tmp_path.joinpath("a.py").write_text("one = 2\n")
    assert source_of(tmp_path) != before


def test_an_interrupted_write_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(folder / "a", b"text")
    assert list(folder.iterdir()) == []
