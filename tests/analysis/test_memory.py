"""Memory: liveness against brute force, in-place rules, training with each optimizer."""

from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cnnspec
from cnnspec.analysis.explain import explain
from cnnspec.analysis.memory import Memory, place_bytes
from cnnspec.network.graph import Network, Node

LENET = """
input 28x28x1
conv1: conv 6 5x5 padding=2 -> relu -> maxpool 2x2
conv2: conv 16 5x5 -> relu -> maxpool 2x2
flatten
dense 120 -> relu -> dense 84 -> relu -> dense 10 -> softmax
"""


def memory(text: str, batch: int = 1) -> Memory:
    return Memory(cnnspec.parse(text), batch)


def size(node: Node) -> int:
    return 4 * prod(node.output)


def test_all_activations_are_the_outputs_of_all_layers() -> None:
    conv, pool, conv2, pool2 = 28 * 28 * 6, 14 * 14 * 6, 10 * 10 * 16, 5 * 5 * 16
    values = 2 * conv + pool + 2 * conv2 + pool2 + 400 + 2 * 120 + 2 * 84 + 2 * 10
    assert 4 * values == memory(LENET).activation_bytes


def test_the_peak_of_lenet_is_its_first_map_and_the_pool_after_it() -> None:
    found = memory(LENET)
    assert 4 * (28 * 28 * 6 + 14 * 14 * 6) == found.peak_bytes
    assert "maxpool1" == found.peak.node.name
    assert found.peak_bytes == found.peak.live_bytes


def test_views_and_activations_take_no_buffer_of_their_own() -> None:
    found = memory(LENET)
    names = {node.name: found.network.nodes[found.buffers[node.index]].name for node in found.network.nodes}
    assert "conv1" == names["relu1"]
    assert "maxpool2" == names["flatten1"]
    assert "dense3" == names["softmax1"]
    assert "maxpool1" == names["maxpool1"]


def test_the_networks_own_input_is_never_written_over() -> None:
    found = memory("input 8x8x4; relu -> relu")
    assert (0, 1, 1) == found.buffers
    assert (0, 0, 2) == memory("input 8x8x4; identity -> relu").buffers


def test_nothing_is_written_over_that_is_read_later() -> None:
    found = memory("input 8x8x4; a: conv 4 1x1 -> relu -> conv 4 3x3 padding=1 -> add a")
    network = found.network
    assert found.buffers[network["relu1"].index] == network["relu1"].index
    assert found.buffers[network["add1"].index] == network["conv1"].index


def test_a_broadcast_merge_writes_over_the_input_of_its_own_size() -> None:
    found = memory(
        "input 8x8x4; conv 4 3x3 padding=1 -> multiply { | globalavgpool -> conv 4 1x1 -> sigmoid | }"
    )
    merged = found.network["multiply1"]
    assert found.network["conv1"].index == found.buffers[merged.index]


def test_every_result_is_kept_to_the_end() -> None:
    found = memory(
        "input 8x8x4; head side { conv 9 3x3 -> flatten -> dense 7 }; conv 4 3x3; flatten; dense 2"
    )
    side = found.network["side.dense1"].index
    assert side in found.step(len(found.network.nodes) - 1).live


def brute_force(network: Network) -> tuple[int, tuple[int, ...]]:
    """Peak by walking: what is written over or shared is decided from all later readers, step by step."""
    buffers: dict[int, int] = {}
    peak = 0
    results = {output.node for output in network.outputs}

    def needed_after(step: int, owner: int) -> bool:
        members = [n for n in buffers if buffers[n] == owner]
        return any(
            n in results or any(n in later.inputs for later in network.nodes[step + 1 :]) for n in members
        )

    for node in network.nodes:
        in_use = {buffers[n] for n in buffers if needed_after(node.index - 1, buffers[n])}
        buffers[node.index] = node.index
        if node.layer.storage.is_view:
            buffers[node.index] = buffers[node.inputs[0]]
        elif node.layer.storage == "in place":
            for source, shape in zip(node.inputs, node.input_shapes, strict=True):
                owner = buffers[source]
                others = [n for n in range(node.index) if buffers[n] == owner]
                free = not any(
                    n in results or any(n in later.inputs for later in network.nodes[node.index + 1 :])
                    for n in others
                )
                if free and owner != 0 and shape == node.output:
                    buffers[node.index] = owner
                    break
        live = in_use | {buffers[n] for n in node.inputs} | {buffers[node.index]}
        peak = max(peak, sum(size(network.nodes[owner]) for owner in live))
    return peak, tuple(buffers[n] for n in range(len(network.nodes)))


numbers = st.integers
STEPS = st.one_of(
    st.builds("conv {} 3x3 padding=1".format, numbers(1, 9)),
    st.sampled_from(["relu", "batchnorm", "dropout", "identity", "softmax", "maxpool 3 stride=1 padding=1"]),
    st.builds("add {{ | conv {0} 1x1 -> relu | conv {0} 3x3 padding=1 }}".format, numbers(1, 9)),
    st.builds("concat {{ | | relu -> conv {} 1x1 | identity -> relu }}".format, numbers(1, 9)),
    st.just("multiply { | | globalavgpool -> sigmoid }"),
    st.just("add { | | batchnorm -> relu }"),
    st.builds("head h{} {{ conv 2 1x1 -> relu }}".format, numbers(1, 10**6)),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=8, unique_by=lambda step: step if "head" in step else object()))
def test_liveness_equals_brute_force(steps: list[str]) -> None:
    network = cnnspec.parse("; ".join(("input 6x5x3", *steps)))
    found, (peak, buffers) = Memory(network), brute_force(network)
    assert buffers == found.buffers
    assert peak == found.peak_bytes


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=6, unique_by=lambda step: step if "head" in step else object()))
def test_the_sweep_is_what_each_step_lists(steps: list[str]) -> None:
    found = Memory(cnnspec.parse("; ".join(("input 6x5x3", *steps))), 3)
    listed = [found.step(node.index).live_bytes for node in found.network.nodes]
    assert max(listed) == found.peak_bytes


# Remembered places ----------------------------------------------------------------

UNPOOLED = "input 8x8x4; p: maxpool 2x2; conv 16 1x1; conv 4 1x1; unpool p"


def test_a_place_is_a_byte_from_the_pool_to_its_last_unpool() -> None:
    found = memory(UNPOOLED, batch=3)
    pool = found.network["p"].index
    small, wide, whole, places = 4 * 4 * 16, 4 * 16 * 16, 4 * 4 * 64, 4 * 16
    in_use = [whole, whole + small + places, small + wide + places, wide + small + places,
              small + whole + places]  # fmt: skip
    assert [3 * each for each in in_use] == [found.step(n).live_bytes for n in range(5)]
    assert [(), *[(pool,)] * 4] == [found.step(n).places for n in range(5)]
    assert 3 * max(in_use) == found.peak_bytes


def test_the_last_of_several_unpools_ends_it() -> None:
    text = "input 8x8x4; p: maxpool 2x2; conv 4 1x1; add { | unpool p | unpool p }; conv 2 3x3"
    found = memory(text)
    remembering = [node.name for node in found.network.nodes if found.step(node.index).places]
    assert ["p", "conv1", "unpool1", "unpool2"] == remembering


def test_a_pools_output_is_not_kept_for_its_places() -> None:
    found = memory(UNPOOLED)
    pool, unpool = found.network["p"].index, found.network["unpool1"].index
    assert pool in found.step(pool + 1).live
    assert pool not in found.step(unpool).live


def test_pools_that_nobody_refers_to_remember_nothing() -> None:
    found = memory(LENET)
    assert {0} == {found.remembered_bytes(node) for node in found.network.nodes}


@pytest.mark.parametrize("window, size", [("16x16", 1), ("17x16", 2), ("257x256", 4)])
def test_a_place_is_as_small_as_its_window_allows(window: str, size: int) -> None:
    found = memory(f"input 514x512x1; p: maxpool {window}; unpool p")
    pool = found.network["p"]
    assert size == place_bytes(pool)
    assert size * prod(pool.output) == found.remembered_bytes(pool)


def test_training_keeps_places_and_gives_a_pool_no_gradient_for_them() -> None:
    with_places = memory(UNPOOLED, batch=3).training("sgd")
    the_input, pooled, wide, result = 64 * 4, 16 * 4, 16 * 16, 64 * 4
    values = the_input + pooled + wide + 2 * result  # the loss keeps a value for each of the result
    assert 3 * (4 * values + 4 * 16) == with_places.saved_activation_bytes
    unpooled, below = 64 * 4, 16 * 4
    assert 3 * 4 * (unpooled + below) == with_places.backward_bytes


def test_places_are_told_where_memory_is_explained() -> None:
    analysis = cnnspec.analyze(cnnspec.parse(UNPOOLED))
    told = {step.what: str(step.law) for step in explain(analysis, "conv1", "memory").steps if step.law}
    assert "places of p" in told["in use while it runs, bytes"]


# Training -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "optimizer, states",
    [
        ("sgd", 0), ("momentum", 1), ("rmsprop", 1), ("rmsprop with momentum", 2), ("adam", 2), ("adamw", 2),
    ],
)  # fmt: skip
def test_the_optimizers_state_is_so_many_values_a_parameter(optimizer: str, states: int) -> None:
    found = memory(LENET).training(optimizer)
    assert 4 * 61_706 == found.weight_bytes
    assert 4 * 61_706 == found.weight_gradient_bytes
    assert 4 * 61_706 * states == found.optimizer_state_bytes


def test_training_keeps_what_the_backward_pass_reads() -> None:
    """ReLU's output behind the max pool, in the place of what it reads, and which value won, in a byte."""
    pool, pool2 = 14 * 14 * 6, 5 * 5 * 16
    values = 28 * 28 + 2 * pool + 2 * pool2 + 120 + 84 + 10
    loss = 10
    found = memory(LENET).training("sgd").saved_activation_bytes
    assert 4 * (values + loss) + pool + pool2 == found


@pytest.mark.parametrize(
    "body, values",
    [
        ("conv 4 1x1 -> batchnorm -> relu -> conv 4 1x1", 1 + 4 + 4 + 4),
        ("conv 4 1x1 -> gelu -> conv 4 1x1", 1 + 4 + 4 + 4),
        ("a: conv 4 1x1 -> conv 4 1x1 -> add a -> conv 4 1x1", 1 + 4 + 4 + 4),
        ("a: conv 4 1x1 -> conv 4 1x1 -> multiply a -> conv 4 1x1", 1 + 4 + 4 + 4 + 4),
        ("conv 4 1x1 -> dropout 0.5 -> conv 4 1x1", 1 + 4 + 4 + 4),
        ("conv 4 1x1 -> avgpool 1x1 -> conv 4 1x1", 1 + 4 + 4),
    ],
)
def test_a_map_is_kept_where_it_is_read_back(body: str, values: int) -> None:
    """And the result's values twice: the loss has one for each."""
    found = memory(f"input 5x5x1; {body}").training("sgd").saved_activation_bytes
    assert 4 * 25 * (values + 4) == found


def test_what_depends_on_no_trained_weight_has_no_gradient() -> None:
    found = memory("input 8x8x1; conv 16 3x3 frozen=yes -> relu -> flatten -> dense 3").training("sgd")
    assert 4 * 3 == found.backward_bytes


def test_a_gradient_waits_for_all_that_read_its_layer() -> None:
    text = "input 4x4x1; a: conv 8 1x1 -> conv 1 1x1 -> conv 1 1x1 -> concat a"
    a, small, joined = 4 * 16 * 8, 4 * 16, 4 * 16 * 9
    assert max(joined + a + small, a + 2 * small) == memory(text).training("sgd").backward_bytes


def test_the_gradient_of_a_curve_takes_the_place_of_what_flows_back() -> None:
    small = memory("input 4x4x1; conv 2 1x1 -> conv 8 1x1").training("sgd").backward_bytes
    assert small == memory("input 4x4x1; conv 2 1x1 -> conv 8 1x1 -> relu").training("sgd").backward_bytes


def test_what_was_read_back_makes_room() -> None:
    """At the first conv the maps behind it are given back, but for the result; its gradient is the peak."""
    found = memory("input 4x4x1; conv 64 1x1 -> conv 1 1x1 -> conv 1 1x1").training("sgd")
    first, second, result = 4 * 16 * 64, 4 * 16, 4 * 16
    assert 4 * 16 + first + second + 2 * result == found.saved_activation_bytes
    assert first + second - second == found.backward_bytes


@pytest.mark.parametrize(
    "spec, room",
    [
        ("input 40x40x2; conv 8 3x3", 4 * 9 * 2 * 38 * 38),
        ("input 40x40x2; conv 8 1x1", 0),
        ("input 40x40x2; conv 8 3x3 groups=2", 4 * 9 * 2 * 38 * 38),
        ("input 40x40x2; conv 400 3x3", 4 * 400 * 38 * 38),
        ("input 100x100x8; conv 8 7x7", 2_000_000),
        ("input 300x300x8; conv 8 7x7", 4 * (300 * 300 * 8 + 294 * 294 * 8 + 8 * (8 * 49 + 1))),
        ("input 40x40x2; upconv 8 3x3", 4 * 9 * 8 * 40 * 40),
        ("input 40x40x2; depthwise 3x3", 0),
        ("input 40x40x2; maxpool 3x3", 0),
    ],
)
def test_a_convolution_computes_in_its_patches(spec: str, room: int) -> None:
    """Or in as much as its output takes; where patches are cut, in 2 MB or what its arrays take together."""
    found = memory(spec)
    assert room == found.room_bytes(found.network.layers[0])


@pytest.mark.parametrize(
    "body, kept",
    [
        ("conv 2 1x1 -> relu -> maxpool 2x2 -> conv 1 1x1", 16 + 4 * 2),
        ("conv 2 1x1 -> sigmoid -> maxpool 2x2 -> conv 1 1x1", 16 + 16 * 2),
        ("conv 2 1x1 -> relu -> avgpool 2x2 -> conv 1 1x1", 16 + 16 * 2),
        (
            "conv 2 1x1 -> a: relu -> maxpool 2x2 -> upsample 2 -> concat a -> avgpool 2x2 -> conv 1 1x1",
            16 + 16 * 2,
        ),
    ],
)
def test_a_relu_is_kept_behind_the_max_pool_that_alone_reads_it(body: str, kept: int) -> None:
    found = memory(f"input 4x4x1; {body}")
    names = ("input", *(node.name for node in found.network.layers if node.word in ("relu", "sigmoid")))
    assert 4 * kept == sum(found.kept(found.network[name]).get("output", 0) for name in names)


def test_the_total_is_the_sum_of_its_parts_without_the_weights() -> None:
    found = memory(LENET, batch=10).training("adam")
    parts = (
        found.saved_activation_bytes,
        found.backward_bytes,
        found.weight_gradient_bytes,
        found.optimizer_state_bytes,
    )
    assert sum(parts) == found.total
    assert 10 * memory(LENET).training("adam").saved_activation_bytes == found.saved_activation_bytes
    assert memory(LENET).training("adam").weight_gradient_bytes == found.weight_gradient_bytes


def test_frozen_weights_have_no_gradient_and_no_state() -> None:
    found = memory("input 4x4x1; conv 2 3x3 frozen=yes; flatten; dense 1").training("adam")
    assert 4 * (20 + 9) == found.weight_bytes
    assert 4 * 9 == found.weight_gradient_bytes


@pytest.mark.parametrize(
    "recipe, optimizer",
    [
        ("optimizer sgd rate=0.1", "sgd"), ("optimizer sgd rate=0.1 momentum=0.9", "momentum"),
        ("optimizer adamw", "adamw"), ("epochs 3", "adam"), ("optimizer rmsprop", "rmsprop"),
        ("optimizer rmsprop momentum=0.9", "rmsprop with momentum"),
    ],
)  # fmt: skip
def test_the_recipe_says_which_optimizer(recipe: str, optimizer: str) -> None:
    text = f"input 4x4x1; flatten; dense 2; train {{ data mnist; {recipe} }}"
    assert optimizer == memory(text).training().optimizer


def test_adam_is_meant_when_nothing_is_said() -> None:
    network = cnnspec.parse(LENET)
    assert "adam" == Memory(network).training().optimizer
    assert Memory(network).training("adam").total == cnnspec.analyze(network).totals.training_bytes


def test_an_unknown_optimizer_is_refused() -> None:
    with pytest.raises(ValueError, match="known are sgd, momentum"):
        memory(LENET).training("gradschool")
