"""A file is written whole or not at all, never over one unasked, and stays what it was but for its text."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from poolsize.errors import FileError
from poolsize.files import write_whole
from tests.leftovers import temporary_folder

posix = pytest.mark.skipif(os.name != "posix", reason="modes, owners and devices are POSIX's")
TEXT = "µ × \r\n and\n"


def test_a_new_file_holds_the_text_as_it_is(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.ini", TEXT)
    assert (tmp_path / "a.ini").read_bytes() == TEXT.encode()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.ini"]


def test_a_file_that_exists_stays_unless_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.ini"
    path.write_text("mine")
    with pytest.raises(FileError, match=r"^The file .*a\.ini exists; --force overwrites it\.$"):
        write_whole(path, TEXT)
    assert path.read_text() == "mine"
    write_whole(path, TEXT, overwrite=True)
    assert path.read_bytes() == TEXT.encode()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.ini"]


def test_of_many_writers_at_once_one_wins_and_the_others_are_told(tmp_path: Path) -> None:
    results: list[bool] = []

    def write(number: int) -> None:
        try:
            write_whole(tmp_path / "a.ini", f"{number}" * 100_000)
            results.append(True)
        except FileError:
            results.append(False)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False] * 7 + [True]
    assert len(set((tmp_path / "a.ini").read_text())) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.ini"]


@posix
def test_a_file_gets_the_permissions_of_a_new_one_or_keeps_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.ini"
    before = os.umask(0o027)
    try:
        write_whole(path, TEXT)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640
    path.chmod(0o600)
    write_whole(path, TEXT, overwrite=True)
    assert path.stat().st_mode & 0o777 == 0o600


@posix
def test_a_file_keeps_its_owner_where_we_are_root(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    path = tmp_path / "a.ini"
    path.write_text("theirs")
    os.chown(path, 65534, 65534)
    write_whole(path, TEXT, overwrite=True)
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)


@posix
def test_what_a_symbolic_link_leads_to_is_written_and_the_link_stays(tmp_path: Path) -> None:
    link, target = tmp_path / "link", tmp_path / "folder" / "a.ini"
    target.parent.mkdir()
    link.symlink_to(target)
    write_whole(link, "first")
    assert target.read_text() == "first"
    with pytest.raises(FileError, match="exists"):
        write_whole(link, "second")
    write_whole(link, "second", overwrite=True)
    assert link.is_symlink()
    assert target.read_text() == "second"


@posix
def test_a_device_and_a_pipe_are_written_and_stay_what_they_are(tmp_path: Path) -> None:
    write_whole(Path("/dev/null"), TEXT)
    write_whole(Path("/dev/null"), TEXT, overwrite=True)
    assert Path("/dev/null").is_char_device()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        write_whole(pipe, TEXT)
        assert reader.communicate()[0] == TEXT.encode()
    assert pipe.is_fifo()


def test_what_cannot_be_written_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, says in (
        (tmp_path, "is a folder"),
        (tmp_path / "no" / "a.ini", "cannot be written: No such file or directory"),
        (tmp_path / "file" / "a.ini", "cannot be written: "),
        (tmp_path / ("a" * 300), "cannot be written: "),
    ):
        for overwrite in (False, True):
            with pytest.raises(FileError, match=says):
                write_whole(path, TEXT, overwrite=overwrite)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@posix
def test_a_folder_that_may_not_be_written_is_one_sentence() -> None:
    program = (
        "import os, sys; from pathlib import Path; from poolsize.files import write_whole\n"
        "if os.geteuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "write_whole(Path(sys.argv[1]) / 'a.ini', 'text', overwrite=True)"
    )
    with temporary_folder() as folder:
        folder.chmod(0o555)
        done = subprocess.run([sys.executable, "-c", program, folder], capture_output=True, text=True, check=False)
        assert "FileError" in done.stderr
        assert "cannot be written: Permission denied." in done.stderr
        assert list(folder.iterdir()) == []
        folder.chmod(0o755)


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.ini"
    path.write_text("mine")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "a text that is none: \ud800", overwrite=True)
    assert path.read_text() == "mine"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.ini"]
