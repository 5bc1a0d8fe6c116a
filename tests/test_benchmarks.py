"""The benchmarks' own arithmetic: turns, ratios, peak memory, and the table they end in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

import cnnspec
from benchmarks import engine, forward, layers, rivals, table, train
from benchmarks.__main__ import PARTS, TABLES, filled
from benchmarks.cold import accuracy_of
from benchmarks.rivals import Rival, Times
from benchmarks.table import Entry, Ratio
from cnnspec.layers.registry import LAYERS
from cnnspec.resources import folder
from cnnspec.training.evaluate import scaling_of


def test_a_ratio_above_one_means_we_are_ahead() -> None:
    ours, theirs = Times([2.0, 1.0, 9.0]), Times([4.0, 5.0, 9.0], others=0.5)
    assert Ratio(2.0, 1.0, 5.0, 0.5) == rivals.ratio(ours, theirs)
    assert Ratio(3.0, 3.0, 3.0) == rivals.ratio(Times([1.0]), Times([3.0]))


def test_the_starts_of_a_side_are_told_together() -> None:
    one, two = Times([1.0, 2.0], 80.0, 0.1), Times([3.0], 90.0, 0.3)
    assert Times([1.0, 2.0, 3.0], 90.0, 0.2) == rivals.together([one, two])


def test_the_faster_layout_is_the_rival() -> None:
    slow, fast = Times([3.0, 3.0, 1.0]), Times([2.0, 2.0, 9.0])
    assert fast is rivals.fastest([slow, fast])


# Fairness: that a rival against itself comes out at 1.00 is a row of the table ---------------


class Told:
    """A rival that does as it is told: it writes down its turns, and takes the next of given seconds."""

    def __init__(self, name: str, turns: list[str]) -> None:
        self.name, self.turns, self.child, self.megabytes = name, turns, SimpleNamespace(pid=1), 1.0

    def round(self, work: str) -> float:
        self.turns.append(self.name)
        return 1.0 + len(self.turns)


def test_turns_come_in_a_new_order_each_time_and_each_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[str] = []

    def pause(groups: object) -> float:
        turns.append("pause")
        return 0.25

    monkeypatch.setattr(rivals, "pause", pause)
    one, two = Told("one", turns), Told("two", turns)
    sides = rivals.take_turns([one, two], 12)  # type: ignore[list-item]
    assert ["pause"] * 26 == turns[::2]
    rounds = list(zip(turns[1::4], turns[3::4], strict=True))
    assert {("one", "two"), ("two", "one")} == set(rounds)
    assert [12, 12] == [len(side.seconds) for side in sides], "the first round warms up"
    assert [0.25, 0.25] == [side.others for side in sides]
    assert len(set(rounds[:6])) == len(set(rounds[6:])) == 2


def test_a_row_ends_when_it_has_had_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rivals, "pause", lambda _: 0.0)
    monkeypatch.setattr(rivals, "ENOUGH_SECONDS", 0.0)
    (side,) = rivals.take_turns([Told("one", [])], 99)  # type: ignore[list-item]
    assert len(side.seconds) == rivals.LEAST_ROUNDS


def test_a_machine_that_slows_down_leaves_the_ratio() -> None:
    ours = Times([1.0, 1.3, 1.5, 1.5, 2.0, 2.0, 2.0])
    assert rivals.ratio(ours, Times([2 * seconds for seconds in ours.seconds])).median == 2.0
    late = Times([1.1 * seconds for seconds in (1.3, 1.5, 1.5, 2.0, 2.0, 2.0, 2.0)])
    assert rivals.ratio(ours, late).median == pytest.approx(1.1)


LINUX = pytest.mark.skipif(not (rivals.PROC / "stat").exists(), reason="no /proc here")
SPINNING = "import sys; print(flush=True)\nwhile True: pass"


def group(text: str) -> subprocess.Popen[str]:
    child = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True, process_group=0)
    assert child.stdout
    child.stdout.readline()
    return child


@LINUX
def test_a_rival_that_never_sleeps_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rivals, "MOST_PAUSES", 2)
    with group(SPINNING) as child:
        try:
            with pytest.raises(SystemExit, match="keeps the processor busy"):
                rivals.pause({child.pid})
            assert rivals.pause() > 0, "as another program it is load"
        finally:
            child.kill()


@LINUX
def test_a_rival_that_sleeps_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rivals, "MOST_PAUSES", 1)
    with group("import time; print(flush=True); time.sleep(60)") as child:
        try:
            assert rivals.pause({child.pid}) >= 0
        finally:
            child.kill()


@LINUX
def test_the_time_of_a_rivals_workers_is_its_own() -> None:
    fork = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SPINNING!r}])"
    with group(fork) as child:
        try:
            before = rivals.ticks_of({child.pid})
            time.sleep(0.3)
            assert rivals.ticks_of({child.pid}) > before
        finally:
            os.killpg(child.pid, signal.SIGKILL)


def test_a_table_of_a_page_is_written_anew_and_the_others_stay() -> None:
    page = "# Page\n<!-- networks -->\nold\n<!-- end -->\n<!-- layers -->\nolder\n<!-- end -->\n"
    assert page.replace("older", "new") == filled(page, "layers", "new\n")
    assert page == filled(page, "others", "new\n")


def test_every_part_stands_in_a_table_of_the_page() -> None:
    assert [*PARTS] == [part for parts in TABLES.values() for part in parts]
    page = (folder("grammar").parent / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert all(f"<!-- {table} -->" in page for table in TABLES)


def test_a_row_from_a_busy_machine_is_marked() -> None:
    def cell(others: float) -> str:
        return Entry("a", "b", ratios={"free": Ratio(1, 1, 1, others)}).cells[-1]

    assert ["0.1", "1.3 busy", ""] == [cell(0.06), cell(1.3), cell(float("nan"))]


def test_free_takes_away_what_pins_openblas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert "Haswell" == rivals.environment("pinned")["OPENBLAS_CORETYPE"]
    taken = {*rivals.KERNEL_CHOICE, "PYTHONDONTWRITEBYTECODE"}
    assert set(os.environ) - taken == set(rivals.environment("free"))


def test_rivals_answer_in_turns_and_leave_their_peak_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rivals, "WINDOW", 0.02)
    sides = rivals.compete(
        "benchmarks.analyze", ["lenet", "--child", "report"], [["three_convs", "--child", "report"]],
        "free", 4, {}, starts=2,
    )  # fmt: skip
    assert [4, 4] == [len(side.seconds) for side in sides]
    assert all(seconds > 0 for side in sides for seconds in side.seconds)
    assert all(side.megabytes > 5 for side in sides)


def test_a_rival_that_fails_ends_the_run() -> None:
    options = ["no_such_network", "--child", "report"]
    with Rival("benchmarks.analyze", options, dict(os.environ)) as rival:
        assert "ready\n" == rival.answer()
        with pytest.raises(SystemExit, match="ended early"):
            rival.round()


def test_peak_memory_is_the_childs() -> None:
    child = subprocess.Popen([sys.executable, "-c", "bytearray(200_000_000)"], text=True)
    assert 200 < rivals.peak_memory(child)
    assert 0 == child.returncode


def test_the_table_reads_as_text_too() -> None:
    ratios = {"free": Ratio(1.77, 1.7, 1.8), "pinned": Ratio(1.4, 1.3, 1.5)}
    lines = table.markdown(
        [Entry("VGG-16", "112 ms", "PyTorch", "198 ms", ratios), Entry("LeNet", "5.1 s", "at most 6 s")]
    )
    assert [
        "| work   | cnnspec | beside          | ratio |    spread | pinned |    spread | others |",
        "| ------ | ------: | --------------- | ----: | --------: | -----: | --------: | -----: |",
        "| VGG-16 |  112 ms | PyTorch: 198 ms |  1.77 | 1.70–1.80 |   1.40 | 1.30–1.50 |    0.0 |",
        "| LeNet  |   5.1 s | at most 6 s     |       |           |        |           |        |",
    ] == list(lines)


def test_the_accuracy_is_read_from_what_train_prints() -> None:
    assert 0.9917 == pytest.approx(accuracy_of("…\ntest accuracy 99.17 %, loss 0.02 on 10,000 images"))
    with pytest.raises(SystemExit):
        accuracy_of("no figure")


@pytest.mark.parametrize("workers", [1, 2])
def test_our_side_trains(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(train.STEPS, "lenet", 2)
    train.numpy_steps("lenet", workers)()


@pytest.mark.parametrize("sentence", ["gelu", "subtract", "p: maxpool 2x2 -> unpool p", "attention 4"])
def test_our_side_runs_a_layer(sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "SECONDS", 0)
    assert layers.numpy_layer(sentence)() > 0


@pytest.mark.torch
@pytest.mark.parametrize("sentence", [*layers.LAYERS, *layers.MERGES, *layers.SEQUENCES])
def test_each_layer_has_its_rival(sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr(layers, "SECONDS", 0)
    monkeypatch.setattr(layers, "BATCH", 2)
    for side in layers.SIDES.values():
        assert side(sentence)() > 0


def test_every_layer_that_trains_is_timed() -> None:
    timed = " ".join((*layers.LAYERS, *layers.MERGES, *layers.SEQUENCES)).split()
    seldom = {"dense", "minpool", "medianpool", "subsample", "globalmaxpool"}
    moves = {"transpose", "flatten", "reshape", "identity", "crop", "slice"}
    assert {*LAYERS} - {*timed} == seldom | moves | {"sqrt", "log"}, "they are no numbers where x < 0"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no choice of cores here")
def test_a_rival_keeps_to_its_cores() -> None:
    program = (
        "import os; from benchmarks.forward import keep_to; keep_to(1); print(len(os.sched_getaffinity(0)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=rivals.ROOT, capture_output=True, text=True)
    assert 1 == len(done.stdout.split(","))


def test_our_side_predicts() -> None:
    forward.our_pass("resnet18", 1, "numpy")()


@pytest.mark.torch
def test_pytorch_trains_and_predicts_the_same_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setitem(train.STEPS, "lenet", 2)
    for layout in rivals.LAYOUTS:
        train.torch_steps("lenet", 1, layout)()
        forward.torch_pass("resnet18", 1, layout)()


@pytest.mark.torch
def test_pytorch_follows_our_recipe() -> None:
    torch = pytest.importorskip("torch")
    from benchmarks.torch_net import chain
    from benchmarks.torch_train import scaled
    from benchmarks.torch_train import train as follow

    text = (
        "input 1x1x4; flatten -> dense 2 -> softmax;"
        "train { optimizer sgd rate=0.1; schedule onecycle; batch 8; epochs 30 }"
    )
    network = cnnspec.parse(text)
    net, images = chain(network), torch.eye(4).repeat(16, 1).reshape(64, 4, 1, 1)
    labels = torch.arange(4).repeat(16) // 2
    follow(net, images, labels, network.training_recipe)
    assert torch.equal(labels, net(images).argmax(1))
    scaling = scaling_of(network.training_recipe.normalise, np.zeros((2, 1, 1, 4), np.uint8))
    assert net(scaled(np.zeros((2, 1, 1, 4), np.uint8), scaling)).dtype == torch.float32


@pytest.mark.torch
def test_the_engine_for_pytorch_is_timed_beside_a_bare_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setitem(engine.STEPS, "lenet", (2, 4))
    engine.our_steps("lenet")()
    engine.bare_steps("lenet")()
