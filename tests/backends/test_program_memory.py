"""A program's memory is what the analysis says of the network, the kernels' scratch apart."""

from __future__ import annotations

import gc
import re
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import combinations

import numpy as np
import pytest
from cases.registry import CASES, Case
from cases.single import network_of
from tools import one_of_each

import cnnspec
from cnnspec.analysis.memory import Memory
from cnnspec.backends.numpy.compile import memory
from cnnspec.backends.numpy.compile.memory import Lifetime, place
from cnnspec.backends.numpy.engine import NumpyEngine
from cnnspec.backends.numpy.optimizers import make_optimizer
from cnnspec.elaborate.uses import folder_reader
from cnnspec.resources import example_names, example_path, example_text

LOOP_BUFFERS = 1 << 17
"""Bytes within which NumPy's own loops, which convert 8192 values at a time, stay."""
ROW_VIEW = 256
"""Bytes of the views that a kernel by rows keeps of a row."""
MOST_PLANNED = 2e9
"""Bytes of a training step that is planned here."""
MOVING = {"flatten", "reshape"}
"""Read by anything but a dense layer, they put the values of a map in another order."""


SMALLER = {
    "unet": "188x188", "segnet": "96x128", "vgg11": "64x64", "resnet50": "64x64", "cbam_resnet50": "64x64",
    "densenet121": "64x64", "convnext_tiny": "64x64", "vit_b16": "64x64", "mobilenet_v1": "64x64",
    "hourglass": "64x64", "dncnn": "16x16", "dncnn_digits": "14x14",
}  # fmt: skip
"""Maps on which large examples are run here: the rest of their families is run as it is."""


@pytest.fixture(scope="module", params=one_of_each())
def model(request: pytest.FixtureRequest) -> NumpyEngine:
    """The shipped examples in turn, one of each family: deeper ones live through the same blocks again."""
    return NumpyEngine(cnnspec.load(example_path(request.param)), initial="zeros")


def test_maps_take_what_the_analysis_predicts(model: NumpyEngine) -> None:
    for batch in (1, 4):
        memory = model.compile(batch).memory
        predicted = cnnspec.analyze(model.network, batch=batch).totals.peak_activation_bytes
        assert predicted <= memory.map_bytes <= 1.1 * predicted
        assert memory.nbytes == memory.map_bytes + memory.scratch_bytes


@pytest.mark.parametrize(
    "case", [c for c in CASES if len(c.inputs) == 1 and c.layer.word not in MOVING], ids=repr
)
def test_each_layer_alone_takes_what_the_analysis_predicts(case: Case) -> None:
    network = network_of(case)
    predicted = cnnspec.analyze(network, batch=4).totals.peak_activation_bytes
    assert predicted <= NumpyEngine(network).compile(4).memory.map_bytes <= 1.1 * predicted


@pytest.fixture(scope="module", params=one_of_each())
def runnable(request: pytest.FixtureRequest) -> NumpyEngine:
    """One of each family in turn, on a smaller map where it would take long."""
    name: str = request.param
    text = example_text(name)
    if name in SMALLER:
        text = re.sub(r"(?<=^input )\d+x\d+", SMALLER[name], text, flags=re.MULTILINE)
        text = re.sub(r"=> [\dx]+", "", text)  # what is claimed of the large map
    read_use = folder_reader(example_path(name).parent)
    return NumpyEngine(cnnspec.parse(text, read_use=read_use), initial="zeros")


def test_a_program_allocates_what_it_plans_and_nothing_while_it_runs(runnable: NumpyEngine) -> None:
    with traced() as allocated:
        program = runnable.compile(2)
        held = allocated()
        planned = program.memory.nbytes
        views = ROW_VIEW * sum(node.output[0] for node in runnable.network.layers)
        assert planned <= held <= 1.02 * planned + 8192 * (1 + len(program.steps)) + views
    zeros = {node.name: np.zeros((2, *node.output), np.float32) for node in runnable.network.inputs}
    program.load(zeros if len(zeros) > 1 else zeros.popitem()[1])
    with traced():
        program.forward()
        assert max(tracemalloc.get_traced_memory()) < LOOP_BUFFERS


@contextmanager
def traced() -> Iterator[Callable[[], int]]:
    """Watch what is allocated; the call tells how many bytes are held."""

    def held() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    gc.collect()
    tracemalloc.start()
    try:
        yield held
    finally:
        tracemalloc.stop()


def test_training_keeps_no_more_maps_than_the_analysis_says(model: NumpyEngine) -> None:
    memory = model.compile(1, training=True).memory
    said = Memory(model.network).training("sgd")
    assert memory.map_bytes <= 1.1 * (said.saved_activation_bytes + said.backward_bytes)


def test_gradients_of_all_layers_are_computed_in_the_same_room() -> None:
    def scratch(convs: int) -> int:
        spec = "input 32x32x8; " + "conv 8 3x3 padding=same -> relu; upconv 8 3x3 padding=1 -> relu; " * convs
        return NumpyEngine(cnnspec.parse(spec)).compile(16, True, loss="mse").memory.owned_bytes

    one_map = 4 * 16 * 32 * 32 * 8
    assert scratch(3) - scratch(2) < 4 * one_map, "the patches of one convolution, three maps, and weights"


def test_what_the_backward_pass_has_read_makes_room_for_gradients() -> None:
    """At the end all outputs are kept and two gradients are there; the large ones come later."""
    narrow = 20
    spec = "input 16x16x1; conv 16 1x1 -> sigmoid; " + "conv 4 1x1 -> sigmoid; " * narrow
    memory = NumpyEngine(cnnspec.parse(spec)).compile(8, True, loss="mse").memory
    at_the_end = 8 * 4 * 16 * 16 * (16 + 4 * narrow + 4 + 4)
    assert at_the_end <= memory.map_bytes <= 1.01 * at_the_end


LARGE = {name for name in example_names() if "train {" not in example_text(name)}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in LARGE else []) for name in example_names()],
)
def test_a_training_step_takes_what_the_analysis_says(name: str) -> None:
    """At the batch of its recipe, or at a smaller one where that is more than a machine may have."""
    network = cnnspec.load(example_path(name))
    recipe = network.training_recipe
    whole = Memory(network, recipe.batch).training().total
    batch = max(1, min(recipe.batch, int(recipe.batch * MOST_PLANNED / whole)))
    said = Memory(network, batch).training()
    memory = NumpyEngine(network, initial="zeros").compile(batch, True, loss=recipe.loss.kind).memory
    needed = memory.nbytes + said.weight_gradient_bytes + said.optimizer_state_bytes
    assert 0.85 <= needed / said.total <= 1.15


@pytest.mark.parametrize(
    "spec",
    [
        "conv 8 3x3 padding=same -> relu; conv 8 3x3 padding=same -> relu; conv 8 3x3 -> relu",
        "conv 8 5x5 stride=2 -> relu; conv 8 3x3 dilation=2 -> relu; upconv 8 3x3 stride=2 -> relu",
    ],
)
def test_no_patches_are_kept_for_the_backward_pass(spec: str) -> None:
    """The batch makes maps and their gradients larger, and the room that kernels compute in but once."""
    network = cnnspec.parse(f"input 64x64x3; {spec}; globalavgpool -> flatten -> dense 3")
    small, large = (NumpyEngine(network).compile(batch, training=True).memory for batch in (32, 64))
    owned = large.owned_bytes - small.owned_bytes
    assert owned == 32 * 4 * (64 * 64 * 3 + 3), "the images and their targets, nothing else"


def test_uses_of_one_weight_share_the_room_for_their_gradients() -> None:
    spec = "input 6; a: dense 6; relu; " + "dense 6 share=a; relu; " * 5
    networks = [cnnspec.parse(spec), cnnspec.parse("input 6; a: dense 6; relu; dense 6 share=a")]
    long, short = (NumpyEngine(network).compile(1, True, loss="mse").memory for network in networks)
    assert long.owned_bytes == short.owned_bytes


@pytest.mark.parametrize(
    "sentence",
    ["sgd", "sgd momentum=0.9", "sgd momentum=0.9 nesterov=yes", "adam", "adamw", "rmsprop",
     "rmsprop momentum=0.9"],
)  # fmt: skip
def test_optimizers_keep_what_the_analysis_says(sentence: str) -> None:
    network = cnnspec.parse(f"input 4; dense 3; train {{ optimizer {sentence} }}")
    optimizer = make_optimizer(network.training_recipe.optimizer, NumpyEngine(network).flat)
    kept = sum(values.nbytes for values in optimizer.state.values())
    assert cnnspec.analyze(network).training.optimizer_state_bytes == kept


POOLS = {
    "unpool": "input 64x64x8; p: maxpool 3x3 stride=2 -> conv 8 1x1 -> unpool p",
    "unpool apart": "input 64x64x8; p: maxpool 2x2 -> conv 8 1x1 -> unpool p",
    "medianpool": "input 64x64x8; conv 8 1x1 -> medianpool 3x3 padding=1",
    "maxpool": "input 64x64x8; conv 8 1x1 -> maxpool 3x3 stride=2",
}


@pytest.mark.parametrize("spec", POOLS.values(), ids=POOLS)
def test_pools_work_in_planned_memory(spec: str) -> None:
    program = NumpyEngine(cnnspec.parse(spec)).compile(8, training=True, loss="mse")
    output = np.zeros((8, *program.network.output), np.float32)
    program.load(np.random.default_rng(0).random((8, 64, 64, 8), np.float32), output)
    program.forward()
    with traced():
        program.forward()
        program.backward()
        assert max(tracemalloc.get_traced_memory()) < 2 * LOOP_BUFFERS


def test_places_are_a_byte_each_and_only_as_long_as_they_are_needed() -> None:
    spec = "input 16x16x8; p: maxpool 2x2 -> conv 8 1x1 -> unpool p"
    after = " -> conv 16 3x3 padding=1 -> conv 16 3x3 padding=1"
    short, long = (NumpyEngine(cnnspec.parse(text)).compile(1).memory for text in (spec, spec + after))
    assert 4 * (16 * 16 * 8 + 8 * 8 * 8) + 8 * 8 * 8 == short.map_bytes
    assert 4 * 2 * 16 * 16 * 16 == long.map_bytes


def test_scratch_is_shared_between_layers() -> None:
    def scratch(layers: int) -> int:
        spec = "input 16x16x8;" + "conv 8 3x3 padding=1 bias=no -> relu;" * layers
        memory = NumpyEngine(cnnspec.parse(spec)).compile(4).memory
        return memory.scratch_bytes - memory.owned_bytes

    assert 0 < scratch(2) == scratch(9)


def test_arrays_needed_together_never_overlap() -> None:
    random = np.random.default_rng(0)
    lifetimes = []
    for n in range(120):
        start, length = random.integers(0, 90, 2)
        end = float("inf") if n % 9 == 0 else int(start + length + 1)
        lifetimes.append(Lifetime(64 * int(random.integers(1, 60)), int(start), bool(n % 3 == 0), end))
    found = place(lifetimes)
    for (one, at_one), (two, at_two) in combinations(zip(lifetimes, found.offsets, strict=True), 2):
        apart_in_time = one.end <= two.start or two.end <= one.start
        assert apart_in_time or at_one + one.size <= at_two or at_two + two.size <= at_one
    needed = max(sum(s.size for s in lifetimes if s.start <= t < s.end) for t in range(200))
    assert needed <= found.total_bytes <= 1.4 * needed
    assert found.map_bytes <= found.total_bytes


def test_without_anything_to_place_there_is_nothing() -> None:
    assert place([]).total_bytes == 0


def test_arrays_lead_back_to_their_lifetime() -> None:
    draft = memory.Allocator(np.float32)
    draft.take((3, 5))
    placed = memory.Allocator(np.float32, place(draft.lifetimes))
    array = placed.take((3, 5))
    placed.hold(array[1:].T)
    assert placed.holders(np.lib.stride_tricks.as_strided(array, (2, 2))) == 2
    assert placed.shared(array, array.reshape(-1))
    assert 0 == array.ctypes.data % 64
    assert 0 == placed.holders(np.zeros(3))
