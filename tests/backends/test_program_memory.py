"""A program's memory is what the analysis says of the network, the kernels' scratch apart."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

import cnnspec
from cnnspec.backends.numpy.memory import Memory, Stay, place
from cnnspec.resources import example_path

NETWORKS = ["lenet", "mnist_cnn", "mnist_best", "fashion_mnist", "mobilenet_v2", "resnet18", "googlenet"]


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("name", NETWORKS)
def test_maps_take_what_the_analysis_predicts(name: str, batch: int) -> None:
    network = cnnspec.load(example_path(name))
    memory = network.build(seed=0).compile(batch).memory
    predicted = cnnspec.analyze(network, batch=batch).totals.peak_activation_bytes
    assert predicted <= memory.map_bytes <= 1.1 * predicted + 1024
    assert memory.nbytes == memory.map_bytes + memory.scratch_bytes


def test_scratch_is_shared_between_layers() -> None:
    def scratch(layers: int) -> int:
        spec = "input 16x16x8;" + "conv 8 3x3 padding=1 bias=no -> relu;" * layers
        memory = cnnspec.parse(spec).build(seed=0).compile(4).memory
        return memory.scratch_bytes - memory.owned_bytes

    assert 0 < scratch(2) == scratch(9)


def test_arrays_needed_together_never_overlap() -> None:
    random = np.random.default_rng(0)
    stays = []
    for n in range(120):
        start, length = random.integers(0, 90, 2)
        end = float("inf") if n % 9 == 0 else int(start + length + 1)
        stays.append(Stay(64 * int(random.integers(1, 60)), int(start), bool(n % 3 == 0), end))
    found = place(stays)
    for (one, at_one), (two, at_two) in combinations(zip(stays, found.offsets, strict=True), 2):
        apart_in_time = one.end <= two.start or two.end <= one.start
        assert apart_in_time or at_one + one.size <= at_two or at_two + two.size <= at_one
    needed = max(sum(s.size for s in stays if s.start <= t < s.end) for t in range(200))
    assert needed <= found.total_bytes <= 1.4 * needed
    assert found.map_bytes <= found.total_bytes


def test_without_anything_to_place_there_is_nothing() -> None:
    assert place([]).total_bytes == 0


def test_arrays_lead_back_to_their_stay() -> None:
    draft = Memory(np.float32)
    draft.take((3, 5))
    memory = Memory(np.float32, place(draft.stays))
    array = memory.take((3, 5))
    memory.hold(array[1:].T)
    assert memory.holders(np.lib.stride_tricks.as_strided(array, (2, 2))) == 2
    assert memory.shared(array, array.reshape(-1))
    assert 0 == array.ctypes.data % 64
    assert 0 == memory.holders(np.zeros(3))
