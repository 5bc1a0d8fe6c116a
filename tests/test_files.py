"""Files are written whole or not at all."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import cnnspec
from cnnspec.diagnostics import SpecError
from cnnspec.files import read_bytes, sweep, write_atomically
from cnnspec.training import checkpoint
from cnnspec.training.data import idx, numpy_files, table
from cnnspec.training.data.picture import read_image
from cnnspec.training.history import MetricsFile
from cnnspec.training.run import Run


def test_text_and_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", "é\r\nb")
    write_atomically(str(tmp_path / "b"), b"\x00\xff")
    assert ((tmp_path / "a").read_bytes(), (tmp_path / "b").read_bytes()) == ("é\r\nb".encode(), b"\x00\xff")


def test_what_was_there_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o640)
    write_atomically(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o640)


def test_a_new_file_gets_the_usual_mode(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", "x")
    (tmp_path / "b").write_text("x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_atomically(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(tmp_path / "a", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "old")]


def test_a_missing_folder_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere/a'"):
        write_atomically(tmp_path / "nowhere" / "a", "x")


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="large'"):
            write_atomically(tmp_path / "large", b"x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [] == list(tmp_path.iterdir())


def test_what_a_killed_writer_left_is_swept_away_and_nothing_else(tmp_path: Path) -> None:
    killed = "import os; from cnnspec.files import write_atomically; os.replace = lambda *_: os.abort()"
    script = f"{killed}; write_atomically({os.fspath(tmp_path / 'a')!r}, 'x')"
    assert 0 > subprocess.run([sys.executable, "-c", script], stderr=subprocess.DEVNULL).returncode
    assert 1 == len(list(tmp_path.iterdir()))
    for name in ("a.part", ".hidden", "b", ".movie.mkv.part"):
        (tmp_path / name).write_text("mine")
    sweep(tmp_path, "a".__eq__)
    sweep(tmp_path / "nowhere", "a".__eq__)
    assert {"a.part", ".hidden", "b", ".movie.mkv.part"} == {path.name for path in tmp_path.iterdir()}


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_atomically(pipe, "text")
        assert b"text" == os.read(reader, 100)
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    assert [pipe] == list(tmp_path.iterdir())


# Reading -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "why"), [("pipe", "regular"), ("/dev/zero", "regular"), (".", "folder"), ("large", "3 bytes")]
)
def test_only_regular_files_of_a_bounded_size_are_read(tmp_path: Path, path: str, why: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"1234")
    with pytest.raises(OSError, match=why):
        read_bytes(tmp_path / path, 3)


def test_a_file_that_tells_no_size_is_read_to_its_end_or_its_bound() -> None:
    assert b"VmPeak" in read_bytes("/proc/self/status")
    with pytest.raises(OSError, match="larger than 10 bytes"):
        read_bytes("/proc/self/status", 10)


def test_what_the_shell_opened_is_read() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"text")
    os.close(writer)
    try:
        assert b"text" == read_bytes(f"/dev/fd/{reader}", 10)
    finally:
        os.close(reader)


READERS = {
    "a picture": lambda path: read_image(path, 1),
    "an array": numpy_files.read,
    "an archive": numpy_files.load,
    "a table": lambda path: table.load(path, None, 0.2),
    "IDX": lambda path: idx.read_idx(path, "images"),
    "a checkpoint": checkpoint.read,
    "weights": lambda path: cnnspec.parse("input 4; dense 2").build().load(path),
    "metrics": lambda path: MetricsFile(path).rows(),
    "a record": lambda path: Run.read(path.parent),
    "a spec": cnnspec.load,
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_no_reader_waits_for_a_pipe(tmp_path: Path, read: Callable[[Path], object]) -> None:
    os.mkfifo(tmp_path / "run.json")
    signal.alarm(5)  # ends the tests where one waits after all
    try:
        with pytest.raises((OSError, SpecError), match="not a regular file"):
            read(tmp_path / "run.json")
    finally:
        signal.alarm(0)
