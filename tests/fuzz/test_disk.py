"""Disks that fail at any call, and power that goes off at any moment: nothing of the user's is lost."""

from __future__ import annotations

import errno
import os
import shutil
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Final

import pytest
from safetensors.numpy import load
from tools import same

import cnnspec
from cnnspec.training.run import RECORD, WEIGHTS, is_run

from .commands import exit_code
from .disk import Disk
from .lab import SPEC, lab
from .limits import Verdict, children

ERRORS: Final = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EINTR)
CALLS: Final = {"open", "write", "fsync", "rename", "mkdir"}
"""What fails at the least."""
BEGIN: Final = ("train", "small.cnn", "-o", "run", "--save-steps", "2")
TWO: Final = ("--workers", "2")
RESUME: Final = ("train", "run", "--resume")


def called(*arguments: str) -> int:
    """A command's exit code; it must be one that is meant."""
    verdict = Verdict()
    code = exit_code(arguments, verdict)
    assert [] == verdict.faults
    assert code in (0, 1, 2), arguments
    return code


def laid_out(folder: Path, files: dict[str, bytes | None]) -> None:
    """The folder holds just these files; None stands for a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, data in sorted(files.items()):
        path = folder / name
        if data is None:
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def arranged(*more: dict[str, bytes]) -> dict[str, bytes | None]:
    """Spec and samples, and the files of a run."""
    samples = {"samples.npz": (lab().folder / "samples.npz").read_bytes()}
    return {
        name: data
        for files in ({**samples, "small.cnn": SPEC.encode()}, *more)
        for name, data in files.items()
    }


def went_on(wanted: list[bytes]) -> bool:
    """Whether the run resumes, or begins anew where there is none, and ends with weights that are wanted."""
    code = called(*RESUME) if is_run("run") else called(*BEGIN)
    return code == 0 and Path("run", WEIGHTS).exists() and any(
        same(load(Path("run", WEIGHTS).read_bytes()), load(each)) for each in wanted
    )  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the user."""
    folder = tmp_path / "desk"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="module")
def old() -> bytes:
    """The weights of the lab's run."""
    return lab().run[f"run/{WEIGHTS}"]


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Those of another seed."""
    folder = tmp_path_factory.mktemp("new")
    before = Path.cwd()
    laid_out(folder, arranged())
    os.chdir(folder)
    try:
        assert called(*BEGIN, "--seed", "1") == 0
        return (folder / "run" / WEIGHTS).read_bytes()
    finally:
        os.chdir(before)


def each_call_fails(
    desk: Path, files: dict[str, bytes | None], act: Callable[[], int], check: Callable[[], None],
    errors: int, every: int = 1,
) -> Counter[str]:  # fmt: skip
    """Each call fails once with each of so many errors, ``check`` after each; how many did, by name.

    Of them all, ``every`` so many.
    """
    failed = Counter[str]()
    for number in count(0, every):
        place, error = number // errors, ERRORS[(number % errors + number // errors) % len(ERRORS)]
        os.chdir("/")
        laid_out(desk, files)
        os.chdir(desk)
        with Disk(desk, (place, OSError(error, os.strerror(error)))) as disk:
            act()
        if disk.fails:
            break
        operation = disk.operations[place]
        failed[operation.name] += 1
        try:
            check()
        except AssertionError as fault:
            where = f"{operation.name} {operation.path} ({errno.errorcode[error]})"
            raise AssertionError(f"after call {place}, {where}: {fault}") from fault
    print(f"{failed.total()} calls failed: {dict(failed)}")
    return failed


THOROUGH: Final = pytest.mark.parametrize(
    "errors", [1, pytest.param(len(ERRORS), marks=pytest.mark.slow)], ids=["errors by turns", "all errors"]
)
STARTS: Final = {
    "train -o": (BEGIN, False), "train --resume": (RESUME, True),
    "train --force": ((*BEGIN, "--force", "--seed", "1"), True),
}  # fmt: skip


@THOROUGH
@pytest.mark.parametrize("name", STARTS)
def test_a_training_survives_each_failing_call(
    name: str, errors: int, desk: Path, old: bytes, new: bytes
) -> None:
    arguments, begun = STARTS[name]
    run = {} if not begun else lab().begun if name == "train --resume" else lab().run
    mine = {"notes.txt": b"mine", **({"run/mine.txt": b"mine, too"} if begun else {})}
    files = arranged(run, mine)

    def check() -> None:
        assert went_on([old, new] if "force" in name else [old])
        assert mine == {each: Path(each).read_bytes() for each in mine}
        assert SPEC == Path("small.cnn").read_text()
        assert not list(Path("run").rglob("*.part"))

    failed = each_call_fails(desk, files, lambda: called(*arguments), check, errors)
    assert failed.keys() >= CALLS


@pytest.mark.parametrize("name", STARTS)
def test_a_training_survives_a_power_loss_at_each_moment(
    name: str, desk: Path, old: bytes, new: bytes
) -> None:
    arguments, begun = STARTS[name]
    run = {} if not begun else lab().begun if name == "train --resume" else lab().run
    laid_out(desk, arranged(run, {"notes.txt": b"mine"}))
    os.chdir(desk)
    with Disk(desk) as disk:
        assert called(*arguments) == 0
    states = 0
    for moment, files in disk.after_power_loss():
        os.chdir("/")
        laid_out(desk, files)
        os.chdir(desk)
        assert went_on([old, new] if "force" in name else [old]), f"after event {moment}: {sorted(files)}"
        assert b"mine" == Path("notes.txt").read_bytes()
        states += 1
    print(f"{states} states after {len(disk.events)} events")
    assert states > 10


@pytest.mark.parametrize(("errors", "every"), [(1, 3), pytest.param(len(ERRORS), 1, marks=pytest.mark.slow)])
def test_a_training_on_two_workers_survives_each_failing_call(errors: int, every: int, desk: Path) -> None:
    """It must begin again or go on with two: the bits hang on how many there are."""
    laid_out(desk, arranged())
    os.chdir(desk)
    assert called(*BEGIN, *TWO) == 0
    whole = Path("run", WEIGHTS).read_bytes()

    def check() -> None:
        assert not children()
        assert called(*(RESUME if is_run("run") else (*BEGIN, *TWO))) == 0
        assert same(load(Path("run", WEIGHTS).read_bytes()), load(whole))
        assert not list(Path("run").rglob("*.part"))
        assert b"mine" == Path("notes.txt").read_bytes()

    files = arranged({"notes.txt": b"mine"})
    failed = each_call_fails(desk, files, lambda: called(*BEGIN, *TWO), check, errors, every)
    assert failed.keys() >= CALLS


def test_what_a_training_says_it_has_written_is_there_after_a_power_loss(desk: Path, old: bytes) -> None:
    laid_out(desk, arranged())
    os.chdir(desk)
    with Disk(desk) as disk:
        assert called(*BEGIN) == 0
    files = disk.certain()
    assert {f"run/{RECORD}", f"run/{WEIGHTS}"} <= files.keys()
    assert same(load(files[f"run/{WEIGHTS}"] or b""), load(old))


UNTIDY: Final = b"input 8x8x1;conv 2 3x3   # why\ndense 3\n"
WRITERS: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "fmt": (("fmt", "out.cnn", "more.cnn"), "out.cnn"),
    "draw": (("draw", "small.cnn", "--style", "volumes", "-o", "out.svg"), "out.svg"),
    "draw into a folder": (("draw", "small.cnn", "-o", "a/b/out.dot"), "a/b/out.dot"),
    "animate": (("animate", "small.cnn", "-o", "out.svg"), "out.svg"),
    "report": (("report", "small.cnn", "-o", "out.html"), "out.html"),
    "run": (("run", "small.cnn", "--input", "ones", "-o", "out.npy"), "out.npy"),
    "export": (("export", "small.cnn", "--to", "pytorch", "--force", "-o", "out.py"), "out.py"),
    "import": (("import", "net.py", "--force", "-o", "out.cnn"), "out.cnn"),
    "save": ((), "out.safetensors"),
}
if find_spec("onnx"):
    WRITERS["export with weights"] = (("export", "small.cnn", "--force", "-o", "out.onnx"), "out.onnx")
CODE: Final = b"import torch.nn as nn\nmodel = nn.Sequential(nn.Linear(4, 3), nn.ReLU())\n"


@THOROUGH
@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("there", [True, False])
def test_a_file_is_the_old_or_the_new_one_whichever_call_fails(
    name: str, there: bool, errors: int, desk: Path
) -> None:
    arguments, target = WRITERS[name]
    there = there or name == "fmt"
    files = arranged(
        {"notes.txt": b"mine", "more.cnn": UNTIDY, "net.py": CODE, **({target: UNTIDY} if there else {})}
    )

    def act() -> int:
        if arguments:
            return called(*arguments)
        try:
            cnnspec.load("small.cnn").build(seed=3).save(target)
        except (OSError, cnnspec.SpecError):
            return 1
        return 0

    laid_out(desk, files)
    os.chdir(desk)
    with Disk(desk) as disk:
        assert act() in (0, 1)
    whole = {UNTIDY, Path(target).read_bytes()} if there else {Path(target).read_bytes()}
    more = {UNTIDY, Path("more.cnn").read_bytes()}
    for _, left in disk.after_power_loss():
        assert left.get(target, UNTIDY if not there else None) in whole | ({UNTIDY} if not there else set())

    def check() -> None:
        assert not there or Path(target).exists()
        assert not Path(target).exists() or Path(target).read_bytes() in whole
        assert Path("more.cnn").read_bytes() in more
        assert b"mine" == Path("notes.txt").read_bytes()
        act()
        assert Path(target).read_bytes() in whole - {UNTIDY}

    assert each_call_fails(desk, files, act, check, errors).keys() >= CALLS - {"mkdir"}
