import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tools import known, same

from cnnspec.backends.numpy import workers as team
from cnnspec.backends.numpy.workers import Processes
from cnnspec.diagnostics import SpecError
from cnnspec.model import Model
from cnnspec.training.batches import Batches
from cnnspec.training.callback import Callback, TrainingProgress
from cnnspec.training.data.dataset import Dataset
from cnnspec.training.history import History

TIED = """input 8x8x1; conv 4 3x3 -> relu; a: conv 4 3x3 padding=1; relu; conv 4 3x3 padding=1 share=a
flatten -> w: dense 16 -> relu -> dense 144 tied=w -> dense 9 frozen=yes -> dense 3"""
"""Weights that are used twice, some of which stand still."""
NORMED = "input 8x8x1; conv 4 3x3 -> batchnorm -> relu; flatten -> dropout 0.2 -> dense 3"


def trained(model: Model, data: Dataset, **options: Any) -> tuple[dict[str, np.ndarray], History]:
    history = model.fit(data, **options)
    return {name: values.copy() for name, values in model.weights.items()}, history


@pytest.mark.parametrize("workers", [2, 3, 5])
@pytest.mark.parametrize(
    ("spec", "recipe"),
    [
        (NORMED, "epochs 2"),
        (NORMED, "epochs 2; augment shift=1; clip 1; optimizer adam"),
        (TIED, "epochs 1; clip 0.05"),
        (TIED, "epochs 1; optimizer rmsprop momentum=0.5"),
    ],
)
def test_processes_equal_turns_to_the_last_bit(
    model_of: Callable[..., Model], data: Dataset, monkeypatch: pytest.MonkeyPatch, workers: int, spec: str,
    recipe: str,
) -> None:  # fmt: skip
    recipe = f"{recipe}; workers {workers}"
    together, history = trained(model_of(recipe, spec=spec), data)
    monkeypatch.delattr(os, "fork")
    one_by_one, expected = trained(model_of(recipe, spec=spec), data)
    assert same(one_by_one, together)
    assert [(row.loss, row.accuracy) for row in expected.rows] == [
        (row.loss, row.accuracy) for row in history.rows
    ]


def test_shards_make_the_gradient_of_the_whole_batch(model_of: Callable[..., Model], data: Dataset) -> None:
    """Without anything random in it, the number of workers changes only the rounding."""
    spec = "input 8x8x1; conv 4 3x3 -> relu -> maxpool 2x2; flatten -> dense 3"
    one, _ = trained(model_of("epochs 1", spec=spec), data)
    three, _ = trained(model_of("epochs 1; workers 3", spec=spec), data)
    for name in one:
        np.testing.assert_allclose(one[name], three[name], atol=2e-6)


def test_the_last_batch_may_be_smaller_than_the_team(model_of: Callable[..., Model], data: Dataset) -> None:
    few = replace(data, train_images=data.train_images[:19], train_labels=data.train_labels[:19])
    history = model_of("epochs 2; workers 7").fit(few)
    assert [2, 4] == [row.step for row in history.rows]


def test_all_workers_gradients_are_one_until_the_weights_move(
    model_of: Callable[..., Model], data: Dataset
) -> None:
    """Two workers' gradient is one worker's, and to read it changes nothing."""
    images, labels, found, ends = data.train_images[:16], data.train_labels[:16], [], []
    for workers, read in ((1, True), (3, True), (3, False)):
        engine = model_of(spec="input 8x8x1; flatten -> dense 3").engine
        recipe = engine.network.training_recipe.changed(workers=workers)
        session = engine.train(recipe, Batches(images, labels, 16, seed=0))
        with session.running():
            session.backward(*next(session.epoch(0, 0)), 0)
            found += [session.gradients["dense1.weight"].copy() for _ in range(2 * read)]
            session.update(0.1)
        ends.append(engine.weights["dense1.weight"].copy())
    for gradient in found[1:]:
        np.testing.assert_allclose(found[0], gradient, atol=1e-7)
    np.testing.assert_array_equal(ends[1], ends[2])


def test_what_is_assigned_between_steps_counts_for_all_workers(
    model_of: Callable[..., Model], data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for _ in range(2):
        model = model_of("epochs 1; workers 3")
        change = Stopper(3, partial(model.weights.update, {"dense2.weight": np.ones((3, 16))}))
        found.append(trained(model, data, callback=change)[0])
        monkeypatch.delattr(os, "fork", raising=False)
    assert same(*found)


class Stopper(Callback):
    every = 0.0

    def __init__(self, steps: int, action: Callable[[], object]) -> None:
        self.left, self.action = steps, action

    def step(self, now: TrainingProgress) -> None:
        self.left -= 1
        if self.left == 0:
            self.action()


def test_a_team_goes_on_to_the_same_bits(
    model_of: Callable[..., Model], data: Dataset, tmp_path: Path
) -> None:
    whole, _ = trained(model_of("epochs 2; workers 2", spec=NORMED), data)

    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    _, history = trained(
        model_of("epochs 2; workers 2", spec=NORMED), data, folder=tmp_path, callback=Stopper(5, interrupt)
    )
    assert "interrupted" == history.ending
    resumed, _ = trained(model_of("epochs 2; workers 2", spec=NORMED), data, folder=tmp_path, resume=True)
    assert same(whole, resumed)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Process ids of the workers, as they start."""
    pids = []
    start = team.Processes._start

    def spy(self: Processes, worker: int) -> None:
        start(self, worker)
        pids.append(self.pids[-1])

    monkeypatch.setattr(team.Processes, "_start", spy)
    return pids


def running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.joinpath("self").exists():
        return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG) is None


def test_a_killed_worker_is_told_and_nothing_is_left(
    model_of: Callable[..., Model], data: Dataset, started: list[int]
) -> None:
    with pytest.raises(SpecError) as caught:
        model_of("epochs 500; workers 3").fit(
            data, callback=Stopper(4, lambda: os.kill(started[0], signal.SIGKILL))
        )
    assert "worker-lost" == caught.value.diagnostics[0].code
    assert [False, False] == [running(pid) for pid in started]


def test_a_worker_lost_while_weights_move_leaves_those_of_the_last_step(
    model_of: Callable[..., Model], data: Dataset, started: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, whole = model_of("epochs 500; workers 2"), {}
    tell = Processes._tell

    def kill(self: Processes, kind: bytes, number: int = 0, first: int = 0, rate: float = 0.0) -> None:
        doomed = (kind, number) == (team.MOVE, 3)
        if doomed:
            whole.update({name: values.copy() for name, values in model.weights.items()})
            os.kill(started[0], signal.SIGSTOP)
        tell(self, kind, number, first, rate)
        if doomed:
            os.kill(started[0], signal.SIGKILL)

    monkeypatch.setattr(Processes, "_tell", kill)
    with pytest.raises(SpecError) as caught:
        model.fit(data)
    assert "worker-lost" == caught.value.diagnostics[0].code
    assert same(whole, dict(model.weights))


def test_an_error_leaves_no_process(
    model_of: Callable[..., Model], data: Dataset, started: list[int]
) -> None:
    def fail() -> None:
        raise KeyError("onlooker")

    with pytest.raises(KeyError, match="onlooker"):
        model_of("epochs 500; workers 2").fit(data, callback=Stopper(3, fail))
    assert [False] == [running(pid) for pid in started]


def test_a_stopped_worker_is_woken_and_changes_nothing(
    model_of: Callable[..., Model], data: Dataset, started: list[int]
) -> None:
    straight, _ = trained(model_of("epochs 2; workers 2"), data)
    stop = Stopper(4, lambda: os.kill(started[-1], signal.SIGSTOP))
    stopped, history = trained(model_of("epochs 2; workers 2"), data, callback=stop)
    assert "finished" == history.ending
    assert same(straight, stopped)


@pytest.mark.parametrize("signals", [[signal.SIGSTOP], [signal.SIGSTOP, signal.SIGKILL], []])
def test_closing_ends_a_worker_that_does_not_go(
    model_of: Callable[..., Model], data: Dataset, started: list[int], signals: list[signal.Signals]
) -> None:
    def fail() -> None:
        for number in signals:
            os.kill(started[0], number)
        raise KeyError("onlooker")

    begin = time.monotonic()
    with pytest.raises(KeyError, match="onlooker"):
        model_of("epochs 500; workers 3").fit(data, callback=Stopper(3, fail))
    assert [False, False] == [running(pid) for pid in started]
    assert time.monotonic() - begin < 10


SCRIPT = """
import numpy as np, cnnspec
from cnnspec.backends.numpy import workers as team
start = team.Processes._start
def spy(self, worker):
    start(self, worker)
    print(self.pids[-1], flush=True)
team.Processes._start = spy
model = cnnspec.parse("input 8x8x1; flatten -> dense 3; train { epochs 1000000; workers 2; batch 8 }").build()
model.fit((np.zeros((64, 8, 8, 1), np.uint8), np.arange(64) % 3))
"""


def test_workers_end_when_the_first_process_is_killed() -> None:
    process = subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True)
    worker = int(known(process.stdout).readline())
    process.kill()
    process.communicate()
    end = time.monotonic() + 20
    while time.monotonic() < end and running(worker):
        time.sleep(0.01)
    assert not running(worker)
