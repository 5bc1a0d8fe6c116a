import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save, save_file
from tools import fault_of, known

from cnnspec.backends.weights import HEADER
from cnnspec.diagnostics import Diagnostic
from cnnspec.model import Model
from cnnspec.training.checkpoint import Checkpoint, CheckpointManager, read, write
from cnnspec.training.data.dataset import Dataset


def checkpoint(step: int = 1) -> Checkpoint:
    conv: np.ndarray = np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3) + step
    weights = {"conv1.weight": conv, "bias": np.ones(2)}
    return Checkpoint(weights, {"velocity": np.full(8, step, np.float32)}, {"step": step, "loss": 0.1})


def assert_equal(expected: Checkpoint, actual: Checkpoint) -> None:
    assert expected.state == actual.state
    for mine, theirs in ((expected.weights, actual.weights), (expected.optimizer, actual.optimizer)):
        assert set(mine) == set(theirs)
        for name in mine:
            np.testing.assert_array_equal(mine[name], theirs[name])
            assert mine[name].dtype == theirs[name].dtype


def unusable(action: Callable[..., object], *arguments: Path) -> Diagnostic:
    diagnostic = fault_of(action, *arguments)
    assert "checkpoint-unusable" == diagnostic.code
    return diagnostic


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "c.safetensors"
    write(path, checkpoint())
    assert_equal(checkpoint(), read(path))
    assert ["c.safetensors"] == [item.name for item in path.parent.iterdir()]


def test_any_reader_of_safetensors_finds_the_weights_by_name(tmp_path: Path) -> None:
    write(tmp_path / "c.safetensors", checkpoint())
    arrays = load_file(tmp_path / "c.safetensors")
    assert {"conv1.weight", "bias", "optimizer.velocity"} == set(arrays)
    assert (1, 1, 2, 3) == arrays["conv1.weight"].shape


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    save_file({"weight": np.ones(3)}, tmp_path / "foreign.safetensors")
    assert "was not written by cnnspec" in unusable(read, tmp_path / "foreign.safetensors").message
    (tmp_path / "text.safetensors").write_text("hello")
    assert "was not written by cnnspec" in unusable(read, tmp_path / "text.safetensors").message
    assert "not there" in unusable(read, tmp_path / "absent.safetensors").message


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_a_cut_file_is_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "c.safetensors"
    write(path, checkpoint())
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    unusable(read, path)


def test_one_changed_bit_anywhere_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    write(path, checkpoint())
    data = path.read_bytes()
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        unusable(read, path)
    path.write_bytes(data)
    assert_equal(checkpoint(), read(path))


def test_equal_checkpoints_make_equal_files(tmp_path: Path) -> None:
    for name in "ab":
        write(tmp_path / name, checkpoint())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("state", ['[{"cnnspec.sum": "00000000"}]', '{"cnnspec.sum": "00000000", 3}'])
def test_a_state_that_is_none_is_refused(tmp_path: Path, state: str) -> None:
    """Whole, with the right sum, but written by something else."""
    data = save({"weight": np.ones(3)}, metadata={HEADER: state})
    (tmp_path / "c.safetensors").write_bytes(data.replace(b"00000000", f"{zlib.crc32(data):08x}".encode()))
    assert "it holds something else" in unusable(read, tmp_path / "c.safetensors").message


def test_the_last_three_are_kept(tmp_path: Path) -> None:
    checkpoints = CheckpointManager(tmp_path)
    for step in (1, 2, 30, 400, 1000):
        checkpoints.put(checkpoint(step))
    assert [f"step-{n:09d}.safetensors" for n in (30, 400, 1000)] == [path.name for path in checkpoints.paths]
    newest, refused = checkpoints.latest()
    assert (1000, ()) == (known(newest).step, refused)


def test_a_damaged_newest_gives_way_to_the_one_before(tmp_path: Path) -> None:
    checkpoints = CheckpointManager(tmp_path)
    for step in (1, 2):
        checkpoints.put(checkpoint(step))
    checkpoints.paths[-1].write_bytes(b"half")
    (tmp_path / ".step-000000009.safetensors.tmp").write_bytes(b"half")
    found, refused = checkpoints.latest()
    assert 1 == known(found).step
    assert [True] == ["step-000000002" in item.message for item in refused]


def test_a_whole_one_that_does_not_fit_gives_way_too(tmp_path: Path) -> None:
    checkpoints = CheckpointManager(tmp_path)
    for step in (1, 2, 3):
        checkpoints.put(checkpoint(step))
    found, refused = checkpoints.latest(lambda checkpoint: "it is odd" if checkpoint.step % 2 else None)
    assert 2 == known(found).step
    assert [f"{tmp_path}/step-000000003.safetensors cannot be used: it is odd"] == [
        item.message for item in refused
    ]


def test_an_empty_shelf_has_nothing(tmp_path: Path) -> None:
    assert (None, ()) == CheckpointManager(tmp_path / "absent").latest()


def test_what_was_killed_before_it_took_the_oldest_away_leaves_no_checkpoint_too_many(tmp_path: Path) -> None:
    for step in range(5):
        (tmp_path / f"step-{step:09d}.safetensors").write_text("whole")
    shelf = CheckpointManager(tmp_path)
    shelf.sweep()
    assert [2, 3, 4] == [int(path.stem[-9:]) for path in shelf.paths]


def test_a_model_takes_its_weights_from_a_checkpoint(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    one = model_of("epochs 1; optimizer adam; normalise standard")
    one.fit(data, folder=tmp_path)
    (path,) = CheckpointManager(tmp_path / "checkpoints").paths
    other = model_of(seed=9).load(path)
    np.testing.assert_array_equal(one.predict(data.test_images), other.predict(data.test_images))


@pytest.mark.parametrize(
    "change",
    [
        {"batch": 10**30}, {"seen": 10**30}, {"correct": 10**30}, {"batch": 14}, {"correct": 1},
        {"epoch": 10**19}, {"epoch": 2}, {"step": 12},
    ],
)  # fmt: skip
def test_a_place_that_this_training_has_not_is_passed_over(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path, change: dict[str, int]
) -> None:
    model_of("epochs 1").fit(data, folder=tmp_path)
    (path,) = CheckpointManager(tmp_path / "checkpoints").paths
    found = read(path)
    write(path, replace(found, state={**found.state, "place": found.state["place"] | change}))
    (warning, over) = model_of("epochs 2").fit(data, folder=tmp_path, resume=True).warnings
    assert "its place is none of this training" in warning.message
    assert "starts over" in over.message
