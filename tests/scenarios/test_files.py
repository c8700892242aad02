from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vivocart.ground.errors import OutputError
from vivocart.scenarios import files
from vivocart.scenarios.files import replace_file, replace_folder, require_writable


def _write(folder: Path, text: str) -> None:
    with replace_folder(folder) as staging:
        (staging / "a.txt").write_text(text)
        (staging / "b.txt").write_text(text)


def _content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def test_a_new_folder_appears_whole_with_its_parents(tmp_path: Path):
    target = tmp_path / "deep" / "result"
    _write(target, "new")
    assert _content(target) == {"a.txt": "new", "b.txt": "new"}
    assert [path.name for path in target.parent.iterdir()] == ["result"]


def test_a_new_folder_has_the_permissions_that_mkdir_gives(tmp_path: Path):
    _write(tmp_path / "result", "new")
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "result").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_former_result_is_replaced_and_strangers_are_left_alone(tmp_path: Path):
    target = tmp_path / "result"
    _write(target, "old")
    (target / "my notes.txt").write_text("mine")
    _write(target, "new")
    assert _content(target) == {"a.txt": "new", "b.txt": "new", "my notes.txt": "mine"}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_full_disk_leaves_the_former_result(tmp_path: Path, code: int):
    target = tmp_path / "result"
    _write(target, "old")
    with pytest.raises(OutputError, match="unchanged") as caught, replace_folder(target) as staging:
        (staging / "a.txt").write_text("new")
        raise OSError(code, os.strerror(code))
    assert _content(target) == {"a.txt": "old", "b.txt": "old"}
    assert str(target) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_disk_that_fills_up_while_flushing_leaves_the_former_result(tmp_path: Path, monkeypatch):
    target = tmp_path / "result"
    _write(target, "old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device; free some space"):
        _write(target, "new")
    assert _content(target) == {"a.txt": "old", "b.txt": "old"}


def test_a_really_full_file_system(tmp_path: Path):
    mount = tmp_path / "small"
    mount.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(mount)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no right to mount a small file system here")
    try:
        target = mount / "result"
        _write(target, "old")
        with pytest.raises(OutputError, match="free some space"), replace_folder(target) as staging:
            (staging / "a.txt").write_bytes(bytes(200_000))
        assert _content(target) == {"a.txt": "old", "b.txt": "old"}
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_another_error_leaves_the_former_result_and_is_not_renamed(tmp_path: Path):
    target = tmp_path / "result"
    _write(target, "old")
    with pytest.raises(ValueError, match="mine"), replace_folder(target) as staging:
        (staging / "a.txt").write_text("new")
        raise ValueError("mine")
    assert _content(target) == {"a.txt": "old", "b.txt": "old"}


_INTERRUPTED = """
import os, signal, sys
from pathlib import Path
from vivocart.scenarios.files import replace_folder
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
try:
    with replace_folder(Path(sys.argv[1])) as staging:
        (staging / "a.txt").write_text("new")
        os.kill(os.getpid(), signal.SIGINT)
        (staging / "b.txt").write_text("new")
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_in_the_middle_leaves_the_former_result(tmp_path: Path):
    target = tmp_path / "result"
    _write(target, "old")
    done = subprocess.run([sys.executable, "-c", _INTERRUPTED, str(target)], check=False)
    assert done.returncode == 130
    assert _content(target) == {"a.txt": "old", "b.txt": "old"}


def test_ctrl_c_during_the_renames_waits_for_the_last_of_them(tmp_path: Path, monkeypatch):
    target = tmp_path / "result"
    _write(target, "old")
    moved: list[str] = []
    former = files._move

    def interrupted(source: Path, place: Path) -> None:
        former(source, place)
        moved.append(place.name)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(files, "_move", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _write(target, "new")
    assert moved == ["a.txt", "b.txt"]
    assert _content(target) == {"a.txt": "new", "b.txt": "new"}


def test_a_file_where_the_folder_should_go(tmp_path: Path):
    (tmp_path / "result").write_text("a file")
    with pytest.raises(OutputError, match="a file stands where the folder should go"):
        _write(tmp_path / "result", "new")
    with pytest.raises(OutputError, match="a file stands where the folder should go"):
        require_writable(tmp_path / "result")
    with pytest.raises(OutputError, match="a file stands where the folder should go"):
        require_writable(tmp_path / "result" / "below")


def test_a_folder_where_a_file_should_go(tmp_path: Path):
    (tmp_path / "result" / "a.txt").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"a\.txt: a folder stands"):
        _write(tmp_path / "result", "new")


def test_one_file_is_replaced_in_one_step(tmp_path: Path):
    target = tmp_path / "run.txt"
    with replace_file(target) as partial:
        partial.write_text("old")
    with pytest.raises(OutputError), replace_file(target) as partial:
        partial.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["run.txt"]
    with pytest.raises(OutputError, match="this is a folder"), replace_file(tmp_path):
        pass


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs a folder that not even root can write")
@pytest.mark.parametrize("call", [require_writable, lambda path: _write(path, "new")])
def test_a_folder_that_cannot_be_written(call):
    with pytest.raises(OutputError, match=r"^/proc/vivocart: cannot write the result"):
        call(Path("/proc/vivocart"))


def test_a_folder_that_can_be_written_is_not_touched(tmp_path: Path):
    require_writable(tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/null").is_char_device(), reason="no devices as files here")
def test_a_device_is_written_to_and_never_replaced():
    with replace_file(Path("/dev/null")) as partial:
        partial.write_text("gone")
    assert Path("/dev/null").is_char_device()
    if Path("/dev/full").is_char_device():
        with pytest.raises(OutputError, match="/dev/full"), replace_file(Path("/dev/full")) as partial:
            partial.write_text("no room")
        assert Path("/dev/full").is_char_device()
