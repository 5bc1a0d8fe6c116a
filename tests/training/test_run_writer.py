"""The folder of a run, whatever happened to it between two trainings."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tools import fault_of, known, same

from cnnspec.diagnostics import Severity
from cnnspec.model import Model
from cnnspec.training.callback import Callback
from cnnspec.training.checkpoint import Checkpoint, CheckpointManager, read, write
from cnnspec.training.data.dataset import Dataset
from cnnspec.training.history import EpochRecord, MetricsFile
from cnnspec.training.lock import Lock

STOPPING = "data digits validation=0.3; stop patience=4; epochs 12; optimizer adam rate=0.05"


class At(Callback):
    """Does something at the end of an epoch."""

    def __init__(self, epoch: int, action: Callable[[], object]) -> None:
        self.at, self.action = epoch, action

    def epoch(self, row: EpochRecord) -> None:
        if row.epoch == self.at:
            self.action()


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# The best epoch --------------------------------------------------------------------


@pytest.mark.parametrize("harm", [
    lambda path: path.unlink(),
    lambda path: path.write_bytes(path.read_bytes()[:-1]),
    lambda path: write(path, Checkpoint(read(path).weights, {}, {"step": 1, "epoch": 99})),
    lambda path: write(path, Checkpoint({}, {}, {"step": 1, "epoch": read(path).state["epoch"]})),
])  # fmt: skip
@pytest.mark.parametrize("ahead", [0, 4])
def test_the_best_weights_are_found_again_or_said_to_be_lost(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path, harm: Callable[[Path], object], ahead: int
) -> None:
    straight = model_of(STOPPING)
    whole = straight.fit(data)
    best = known(whole.best_epoch)
    broken = model_of(STOPPING).fit(
        data, folder=tmp_path, callback=At(best + ahead - (ahead == 4), interrupt)
    )
    assert "interrupted" == broken.ending
    harm(tmp_path / "best.safetensors")
    resumed = model_of(STOPPING)
    history = resumed.fit(data, folder=tmp_path, resume=True)
    assert [row.loss for row in whole.rows] == [row.loss for row in history.rows]
    if ahead == 0:
        assert [] == history.warnings
        assert same(straight.weights, resumed.weights)
        assert same(straight.weights, read(tmp_path / "best.safetensors").weights)
        return
    (warning,) = history.warnings
    assert ("best-lost", Severity.WARNING) == (warning.code, warning.severity)
    assert warning.message.startswith(f"the weights of epoch {best}, the best so far, are lost: ")
    assert history.best_epoch != best


def test_a_run_that_needs_no_more_steps_keeps_its_weights_though_the_best_are_lost(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    first = model_of(STOPPING)
    assert "stopped early" == first.fit(data, folder=tmp_path).ending
    (tmp_path / "best.safetensors").unlink()
    before = contents(tmp_path)
    again = model_of(STOPPING)
    history = again.fit(data, folder=tmp_path, resume=True)
    assert ("stopped early", []) == (history.ending, history.warnings)
    assert same(first.weights, again.weights)
    assert before == contents(tmp_path)


def test_weights_that_were_changed_since_are_written_again_when_a_run_that_is_over_is_resumed(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    first = model_of("epochs 2")
    first.fit(data, folder=tmp_path)
    path = tmp_path / "weights.safetensors"
    before = path.read_bytes()
    path.write_bytes(before[:-1] + bytes([before[-1] ^ 8]))
    again = model_of("epochs 2")
    again.fit(data, folder=tmp_path, resume=True)
    assert same(first.weights, again.weights)
    assert before == path.read_bytes()


# Files that are damaged or left over -------------------------------------------------


def test_epochs_without_a_line_of_metrics_are_told(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    straight = model_of("epochs 4")
    straight.fit(data)
    model_of("epochs 3").fit(data, folder=tmp_path)
    path = tmp_path / "metrics.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0].replace('"step": 13', '"step": "a"'), lines[1], "{"]))
    resumed = model_of("epochs 4")
    history = resumed.fit(data, folder=tmp_path, resume=True)
    assert [f"{path} has no complete line for epochs 1, 3"] == [each.message for each in history.warnings]
    assert [2, 4] == [row.epoch for row in history.rows] == [row.epoch for row in MetricsFile(path).rows()]
    assert same(straight.weights, resumed.weights)


def test_of_very_many_epochs_without_a_line_the_first_are_told(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    model_of("epochs 1").fit(data, folder=tmp_path)
    (path,) = CheckpointManager(tmp_path / "checkpoints").paths
    found = read(path)
    place = found.state["place"] | {"epoch": 10**12, "step": 13 * 10**12}
    write(path, replace(found, state={**found.state, "place": place}))
    (warning,) = model_of("epochs 2").fit(data, folder=tmp_path, resume=True).warnings
    assert "epochs 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 and 999,999,999,987 more" in warning.message


def test_what_a_process_left_that_was_killed_at_the_end_is_swept(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    model_of("epochs 1").fit(data, folder=tmp_path)
    left = tmp_path / ".weights.safetensors.eaz0.part"
    left.write_text("half")
    model_of("epochs 1").fit(data, folder=tmp_path, resume=True)
    assert not left.exists()


def test_what_a_killed_process_left_is_swept_when_the_run_goes_on(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    model_of("epochs 1").fit(data, folder=tmp_path)
    left = [tmp_path / ".metrics.jsonl.eaz0.part"]
    left += [tmp_path / "checkpoints" / ".step-000000013.safetensors.b.part"]
    for path in left:
        path.write_text("half")
    model_of("epochs 2").fit(data, folder=tmp_path, resume=True)
    assert [False, False] == [path.exists() for path in left]
    names = {"checkpoints", "metrics.jsonl", "run.json", "spec.cnn", "weights.safetensors"}
    assert names == {path.name for path in tmp_path.iterdir()}


def test_a_run_without_a_whole_checkpoint_begins_anew_and_says_so(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    straight = model_of("epochs 2")
    straight.fit(data)
    model_of("epochs 2").fit(data, folder=tmp_path)
    for path in CheckpointManager(tmp_path / "checkpoints").paths:
        path.write_bytes(b"half")
    resumed = model_of("epochs 2")
    history = resumed.fit(data, folder=tmp_path, resume=True)
    assert f"{tmp_path} has no complete checkpoint: the training starts over" == history.warnings[-1].message
    assert same(straight.weights, resumed.weights)
    assert [1, 2] == [row.epoch for row in history.rows]


def test_a_resume_that_is_refused_changes_no_byte(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    model_of("epochs 2").fit(data, folder=tmp_path)
    before = contents(tmp_path)
    for other in (model_of("epochs 3; clip 1; normalise none"), model_of("epochs 3", seed=4)):
        assert "run-differs" == fault_of(other.fit, data, folder=tmp_path, resume=True).code
        assert before == contents(tmp_path)
    assert 3 == len(model_of("epochs 3").fit(data, folder=tmp_path, resume=True).rows)


def test_a_new_training_that_cannot_begin_leaves_the_old_run(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    model_of("epochs 1").fit(data, folder=tmp_path)
    before = contents(tmp_path)
    fault_of(model_of("classweights (1, 2)").fit, data, folder=tmp_path)
    fault_of(model_of(spec="input 9x9x1; flatten -> dense 3").fit, data, folder=tmp_path)
    assert before == contents(tmp_path)


def test_a_finished_run_stays_as_it_is_when_fewer_epochs_are_asked_for(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    first = model_of("epochs 3")
    first.fit(data, folder=tmp_path)
    before = contents(tmp_path)
    again = model_of("epochs 2")
    history = again.fit(data, folder=tmp_path, resume=True)
    assert ("finished", 3) == (history.ending, len(history.rows))
    assert same(first.weights, again.weights)
    assert before == contents(tmp_path)


def test_the_figures_of_the_test_set_are_those_of_the_weights(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    """Once more steps are made they are no longer true."""
    model_of("epochs 1").fit(data, folder=tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    record["test"] = {"accuracy": 0.5, "loss": 1.0, "samples": 100}
    (tmp_path / "run.json").write_text(json.dumps(record))
    model_of("epochs 2").fit(data, folder=tmp_path, resume=True)
    assert json.loads((tmp_path / "run.json").read_text())["test"] is None


# A full disk -------------------------------------------------------------------------


@pytest.fixture
def narrow() -> Iterator[Callable[[int], None]]:
    """Lets no file grow beyond a number of bytes, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told_with_the_file_what_was_kept_and_how_to_go_on(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path, narrow: Callable[[int], None]
) -> None:
    straight = model_of("epochs 4")
    straight.fit(data)
    fault = fault_of(model_of("epochs 4").fit, data, folder=tmp_path, callback=At(3, lambda: narrow(600)))
    newest = tmp_path / "checkpoints" / "step-000000026.safetensors"
    assert "run-not-written" == fault.code
    assert fault.message.startswith(f"{tmp_path}/")
    assert fault.message.endswith(" cannot be written: File too large")
    assert (f"the newest complete checkpoint is {newest}",) == fault.notes
    assert f"then resume: cnnspec train {tmp_path} --resume" == fault.help[1]
    narrow(resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    resumed = model_of("epochs 4")
    history = resumed.fit(data, folder=tmp_path, resume=True)
    assert ([1, 2, 3, 4], []) == ([row.epoch for row in history.rows], history.warnings)
    assert same(straight.weights, resumed.weights)


def test_a_disk_that_is_full_from_the_start_is_told(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path, narrow: Callable[[int], None]
) -> None:
    narrow(100)
    fault = fault_of(model_of("epochs 1").fit, data, folder=tmp_path / "run")
    assert ("run-not-written", ("there is no checkpoint yet",)) == (fault.code, fault.notes)


def test_a_folder_that_cannot_be_made_is_told(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    fault = fault_of(model_of("epochs 1").fit, data, folder=tmp_path / "file" / "run")
    assert "run-not-written" == fault.code
    assert fault.message == f"{tmp_path}/file/run cannot be written: Not a directory"


def test_a_file_system_without_locks_is_trained_on(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.lockf", refuse)
    assert "finished" == model_of("epochs 1").fit(data, folder=tmp_path).ending


# Two at once -------------------------------------------------------------------------


def test_two_trainings_do_not_share_a_folder(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    found = []

    def second() -> None:
        found.append(fault_of(model_of("epochs 1", seed=1).fit, data, folder=tmp_path))

    def meanwhile() -> None:
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()

    model_of("epochs 2").fit(data, folder=tmp_path, callback=At(1, meanwhile))
    assert ["run-in-use"] == [fault.code for fault in found]
    assert 2 == len(model_of("epochs 2").fit(data, folder=tmp_path, resume=True).rows)


HOLDER = """
import sys, time
from pathlib import Path
from cnnspec.training.lock import Lock
with Lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_lock_of_another_process_names_it_and_ends_with_it(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE, text=True)
    assert "held" == known(process.stdout).readline().strip()
    fault = fault_of(Lock(tmp_path).__enter__)
    assert f"{tmp_path} is in use: process {process.pid} is training there" == fault.message
    process.kill()
    process.communicate()
    with Lock(tmp_path):
        assert [".lock"] == os.listdir(tmp_path)
        fault_of(Lock(tmp_path).__enter__)
    assert [] == os.listdir(tmp_path)
