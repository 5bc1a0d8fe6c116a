"""The benchmarks' own arithmetic: turns, ratios, peak memory, and the table they end in."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import cnnspec
from benchmarks import forward, rivals, table, train
from benchmarks.cold import accuracy_of
from benchmarks.rivals import Rival, Times
from benchmarks.table import Entry, Ratio


def test_a_ratio_above_one_means_we_are_ahead() -> None:
    ours, theirs = Times([2.0, 1.0, 9.0], 0), Times([3.0, 5.0, 4.0], 0)
    assert Ratio(4.0 / 2.0, 3.0 / 1.0) == rivals.ratio(ours, theirs)


def test_free_takes_away_what_pins_openblas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert "Haswell" == rivals.environment("pinned")["OPENBLAS_CORETYPE"]
    taken = {*rivals.KERNEL_CHOICE, "PYTHONDONTWRITEBYTECODE"}
    assert set(os.environ) - taken == set(rivals.environment("free"))


def test_rivals_answer_in_turns_and_leave_their_peak_memory() -> None:
    sides = rivals.compete(
        "benchmarks.analyze", ["lenet", "--child", "report"], [["three_convs", "--child", "report"]],
        "free", 3, {},
    )  # fmt: skip
    assert [3, 3] == [len(side.seconds) for side in sides]
    assert all(seconds > 0 for side in sides for seconds in side.seconds)
    assert all(side.megabytes > 5 for side in sides)


def test_a_rival_that_fails_ends_the_run() -> None:
    options = ["no_such_network", "--child", "report"]
    with (
        Rival("benchmarks.analyze", options, dict(os.environ)) as rival,
        pytest.raises(SystemExit, match="ended early"),
    ):
        rival.answer()


def test_peak_memory_is_the_childs() -> None:
    child = subprocess.Popen([sys.executable, "-c", "bytearray(200_000_000)"], text=True)
    assert 200 < rivals.peak_memory(child)
    assert 0 == child.returncode


def test_the_table_reads_as_text_too() -> None:
    ratios = {"free": Ratio(1.77, 1.8), "pinned": Ratio(1.4, 1.5)}
    lines = table.markdown(
        [Entry("VGG-16", "112 ms", "PyTorch", "198 ms", ratios), Entry("LeNet", "5.1 s", "at most 6 s")]
    )
    assert [
        "| work   | cnnspec | beside          | ratio | best | pinned | best |",
        "|--------|--------:|-----------------|------:|-----:|-------:|-----:|",
        "| VGG-16 |  112 ms | PyTorch: 198 ms |  1.77 | 1.80 |   1.40 | 1.50 |",
        "| LeNet  |   5.1 s | at most 6 s     |       |      |        |      |",
    ] == list(lines)


def test_the_accuracy_is_read_from_what_train_prints() -> None:
    assert 0.9917 == pytest.approx(accuracy_of("…\ntest accuracy 99.17 %, loss 0.02 on 10,000 images"))
    with pytest.raises(SystemExit):
        accuracy_of("no figure")


@pytest.mark.parametrize("workers", [1, 2])
def test_our_side_trains(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(train.STEPS, "lenet", 2)
    train.numpy_steps("lenet", workers)()


def test_our_side_predicts() -> None:
    forward.numpy_pass("resnet18", 1)()


@pytest.mark.torch
def test_pytorch_trains_and_predicts_the_same_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setitem(train.STEPS, "lenet", 2)
    train.torch_steps("lenet", 1)()
    for layout in forward.LAYOUTS:
        forward.torch_pass("resnet18", 1, layout)()


@pytest.mark.torch
def test_pytorch_follows_our_recipe() -> None:
    torch = pytest.importorskip("torch")
    from benchmarks.torch_net import chain
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
