"""The model: weights by name, prediction, files, initialisers, optimizers' upkeep."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tools import fault_of, same

import cnnspec
from cnnspec.backends import initializers
from cnnspec.backends.contract import Array, Scaling
from cnnspec.backends.initializers import INITIALIZERS, begin, fill, initializer
from cnnspec.backends.numpy.engine import NumpyEngine
from cnnspec.backends.numpy.losses import CrossEntropyLoss
from cnnspec.backends.numpy.optimizers import FLUSH_EVERY, AdamOptimizer, SgdOptimizer
from cnnspec.diagnostics import LayerError, SpecError
from cnnspec.formula import Number
from cnnspec.layers.base import INITIAL_SYNONYMS, Weight
from cnnspec.model import Model, build
from cnnspec.network.as_json import from_json, to_json
from cnnspec.network.graph import Network
from cnnspec.recipe.optimizers import Adam, Sgd

SPEC = "input 6x5x2; conv 3 3x3 -> batchnorm -> relu -> flatten -> dropout 0.5 -> dense 4 -> softmax"


def model(seed: int = 0, **options: Any) -> Model:
    return build(cnnspec.parse(SPEC), seed=seed, **options)


def engine(spec: str = SPEC, **options: Any) -> NumpyEngine:
    return NumpyEngine(cnnspec.parse(spec), **options)


def images(count: int) -> np.ndarray:
    return np.random.default_rng(7).standard_normal((count, 6, 5, 2)).astype(np.float32)


def test_names_and_layouts_are_pytorchs() -> None:
    shapes = {name: values.shape for name, values in model().weights.items()}
    assert {
        "conv1.weight": (3, 2, 3, 3), "conv1.bias": (3,),
        "batchnorm1.weight": (3,), "batchnorm1.bias": (3,),
        "batchnorm1.running_mean": (3,), "batchnorm1.running_var": (3,),
        "dense1.weight": (4, 36), "dense1.bias": (4,),
    } == shapes  # fmt: skip


def test_trained_weights_are_views_of_one_flat_array() -> None:
    one = engine()
    assert one.flat.size == 3 * 2 * 9 + 3 + 6 + 4 * 36 + 4
    one.flat[:] = 5
    assert all((one.weights[name] == 5).all() for name in one.gradients)
    assert (one.weights["batchnorm1.running_var"] == 1).all()


def test_predictions_do_not_depend_on_the_batch() -> None:
    one = model()
    whole = one.predict(images(11), batch=11)
    np.testing.assert_allclose(one.predict(images(11), batch=4), whole, atol=1e-6)
    np.testing.assert_allclose(whole.sum(axis=1), 1, rtol=1e-6)


def test_bytes_are_scaled_and_floats_are_not() -> None:
    one = build(cnnspec.parse("input 2x2x2; identity"))
    raw = np.arange(8, dtype=np.uint8).reshape(1, 2, 2, 2)
    np.testing.assert_allclose(one.predict(raw), raw / 255, rtol=1e-6)
    np.testing.assert_array_equal(one.predict(raw.astype(np.float32)), raw)
    one.scaling = Scaling(np.array([1.0, 2.0]), np.array([0.0, -1.0]))
    np.testing.assert_allclose(one.predict(raw), raw * [1.0, 2.0] + [0.0, -1.0])


def test_a_single_channel_may_be_left_out() -> None:
    one = build(cnnspec.parse("input 4x4x1; flatten"))
    assert (3, 16) == one.predict(np.zeros((3, 4, 4), np.float32)).shape


def test_images_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="6 x 5 x 2"):
        model().predict(np.zeros((1, 5, 6, 2), np.float32))


def test_no_images_give_no_predictions() -> None:
    assert (0, 4) == model().predict(images(0)).shape


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    one, other = model(seed=1), model(seed=2)
    one.save(tmp_path / "net.safetensors")
    other.load(tmp_path / "net.safetensors")
    for name, values in one.weights.items():
        assert values.tobytes() == other.weights[name].tobytes()
    assert list(tmp_path.iterdir()) == [tmp_path / "net.safetensors"]


def test_equal_weights_make_equal_files(tmp_path: Path) -> None:
    model = cnnspec.parse("input 4x4x1; flatten; dense 2").build(seed=3)
    path = tmp_path / "w.safetensors"
    written = set()
    for _ in range(16):
        model.save(path)
        written.add(path.read_bytes())
    assert 1 == len(written)


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    model().save(path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(SpecError) as error:
        model().load(path)
    assert ["broken-weights"] == [found.code for found in error.value.diagnostics]


WEIGHTS = {"dense1.weight": ("F32", [2, 2], 16), "dense1.bias": ("F32", [2], 8)}


def handmade(path: Path, entries: Mapping[str, tuple[Any, Any, int]], header: str = "", **about: Any) -> Path:
    """A safetensors file with arrays of ones by dtype, shape and size, whatever they are."""
    end, described = 0, {}
    for name, (dtype, shape, size) in entries.items():
        described[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = header or json.dumps({"__metadata__": {"cnnspec": json.dumps(about)}, **described})
    path.write_bytes(len(text).to_bytes(8, "little") + text.encode() + bytes([0x80, 0x3F]) * (end // 2))
    return path


def test_weights_of_16_bits_are_read(tmp_path: Path) -> None:
    path = handmade(tmp_path / "x", {"dense1.weight": ("BF16", [2, 2], 8), "dense1.bias": ("F16", [2], 4)})
    one = cnnspec.parse("input 2; dense 2").build().load(path)
    assert [1.0] * 4 == one.weights["dense1.weight"].ravel().tolist()
    assert [1.875] * 2 == one.weights["dense1.bias"].tolist()


@pytest.mark.parametrize(
    ("entries", "about", "why"),
    [
        ({"dense1.bias": ("F8_E4M3", [2], 2)}, {}, "holds F8_E4M3"),
        ({"dense1.bias": ("F4", [2], 2)}, {}, "holds F4"),
        ({"dense1.bias": ("C64", [2], 16)}, {}, "holds C64"),
        ({"more": ("F32", [2**62, 0], 0)}, {}, "that no array can have"),
        ({"more": ("F32", [2**70, 0], 0)}, {}, "that no array can have"),
        ({"more": ("F32", [1] * 100, 4)}, {}, "that no array can have"),
        ({"dense1.bias": ("F32", [3], 8)}, {}, "dense1.bias is 3 of F32, and has 8 bytes"),
        ({"dense1.bias": ("F32", [-2], 8)}, {}, "header is damaged"),
        ({"dense1.bias": (None, {}, 8)}, {}, "header is damaged"),
        ({}, {"scaling": "bright"}, "scaling"),
        ({}, {"scaling": [[1], [float("nan")]]}, "scaling"),
        ({}, {"scaling": [[1, 2, 3], [0]]}, "scaling"),
        ({}, {"scaling": [[[1]], [0]]}, "scaling"),
        ({}, {"classes": ["one"]}, "1 classes, the network has 2"),
        ({}, {"classes": 7}, "classes"),
    ],
)
def test_weights_that_no_network_can_have_are_refused(
    tmp_path: Path, entries: dict[str, tuple[Any, Any, int]], about: dict[str, Any], why: str
) -> None:
    path = handmade(tmp_path / "x.safetensors", WEIGHTS | entries, **about)
    fault = fault_of(cnnspec.parse("input 2; dense 2").build().load, path)
    assert ("broken-weights", True) == (fault.code, why in fault.notes[0]), fault


@pytest.mark.parametrize("header", ["[" * 100_000, "[]", "7", '{"__metadata__": 3, "x": []}', "{"])
def test_a_header_of_other_things_is_refused(tmp_path: Path, header: str) -> None:
    path = handmade(tmp_path / "x.safetensors", {}, header)
    assert "broken-weights" == fault_of(cnnspec.parse("input 2; dense 2").build().load, path).code


def test_words_about_weights_that_are_nested_without_end_are_passed_over(tmp_path: Path) -> None:
    path = handmade(tmp_path / "x.safetensors", WEIGHTS)
    save_file(load_file(path), path, metadata={"cnnspec": "[" * 100_000})
    cnnspec.parse("input 2; dense 2").build().load(path)


def test_foreign_weights_are_refused_and_nothing_changes(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    model().save(path)
    arrays = load_file(path)
    arrays["conv9.weight"] = arrays.pop("conv1.bias")
    arrays["dense1.weight"] = arrays["dense1.weight"].T.copy()
    save_file(arrays, path)
    one = model(seed=4)
    before = {name: values.copy() for name, values in one.weights.items()}
    with pytest.raises(SpecError) as error:
        one.load(path)
    (found,) = error.value.diagnostics
    assert "foreign-weights" == found.code
    assert (
        "conv1.bias is missing",
        "conv9.weight belongs to no layer",
        "dense1.weight is 36x4, the network's is 4x36",
    ) == found.notes
    for name, values in one.weights.items():
        np.testing.assert_array_equal(values, before[name])


def test_kernels_that_are_not_known_are_refused() -> None:
    with pytest.raises(ValueError, match="fast, direct, winograd4, reference, not slow"):
        build(cnnspec.parse("input 4; dense 2"), kernels="slow")


def test_the_generator_can_be_set_back() -> None:
    one = engine()
    program = one.compile(5, True)
    state = one.random.bit_generator.state
    runs = []
    for _ in range(2):
        one.random.bit_generator.state = state
        program.load(images(5), np.zeros(5, int))
        program.forward()
        runs.append(program.result().copy())
    np.testing.assert_array_equal(runs[0], runs[1])
    program.forward()
    assert (runs[0] != program.result()).any()


def test_dropout_keeps_its_share_and_the_mean() -> None:
    one = engine("input 20000; dropout 0.2 -> dense 1")
    program = one.compile(1, True, keep=("dropout1",))
    program.load(np.ones((1, 20000), np.float32))
    program.forward()
    dropped = program.result("dropout1")
    assert set(np.unique(dropped)) == {0, np.float32(1.25)}
    assert dropped.mean() == pytest.approx(1, abs=0.02)
    assert (one.forward(np.ones((1, 20000), np.float32), keep=["dropout1"])["dropout1"] == 1).all()


WEIGHT = Weight("weight", (200, 30, 3, 3), Number(54000), fan_in=270, fan_out=1800)


def drawn(name: str) -> Array:
    """The values that an initialiser gives WEIGHT."""
    values = np.empty(WEIGHT.shape)
    fill(values, initializer(name)(np.random.default_rng(0), WEIGHT))
    return values


@pytest.mark.parametrize("name", ["he", "pytorch", "normal"])
def test_values_are_drawn_as_if_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In parts, so that a large layer does not take three times its own memory."""
    whole = drawn(name)
    monkeypatch.setattr(initializers, "PART", 1000)
    np.testing.assert_array_equal(drawn(name), whole)


@pytest.mark.parametrize(
    "name, variance",
    [("he", 2 / 270), ("glorot", 2 / 2070), ("lecun", 1 / 270), ("pytorch", 1 / 810), ("normal", 0.0025)],
)
def test_initialisers_have_their_variance(name: str, variance: float) -> None:
    for kind in (name, f"{name}_uniform", f"{name}_truncated"):
        if kind in INITIALIZERS:
            values = drawn(kind)
            assert values.var() == pytest.approx(variance, rel=0.03)
            assert values.mean() == pytest.approx(0, abs=0.02 * variance**0.5)


def test_truncated_values_lie_within_two_deviations() -> None:
    values = drawn("truncated_normal")
    assert np.abs(values).max() <= 0.05 * 2 / 0.8796


def test_orthogonal_rows_are_at_right_angles() -> None:
    values = drawn("orthogonal").reshape(200, -1)
    np.testing.assert_allclose(values @ values.T, np.eye(200), atol=1e-10)


@pytest.mark.parametrize("name", ["HeNormal", "kaiming_uniform", "xavier-normal", "GlorotUniform", "Zeros"])
def test_names_of_keras_and_pytorch_are_known(name: str) -> None:
    assert initializer(name) in INITIALIZERS.values()


def test_every_synonym_means_something() -> None:
    assert all(meant in INITIALIZERS for meant in INITIAL_SYNONYMS.values())


def test_an_unknown_initialiser_is_refused() -> None:
    with pytest.raises(LayerError) as error:
        initializer("hee")
    assert "unknown-initializer" == error.value.code


def test_biases_begin_at_zero_except_pytorchs() -> None:
    bias = Weight("bias", (100,), Number(100), fan_in=50, fan_out=10, initial="zeros")
    values = np.ones(bias.shape)
    begin(values, bias, np.random.default_rng(0), "he")
    assert not values.any()
    begin(values, bias, np.random.default_rng(0), "pytorch")
    assert 0 < np.abs(values).max() <= 50**-0.5


def test_decayed_state_never_becomes_denormal() -> None:
    flat = np.ones(4, np.float32)
    optimizer = SgdOptimizer(flat, Sgd(momentum=0.9))
    optimizer.update(np.ones(4, np.float32), 0.1)
    for _ in range(40 * FLUSH_EVERY):
        optimizer.update(np.zeros(4, np.float32), 0.1)
        velocity = np.abs(optimizer.state["velocity"])
        assert not ((velocity > 0) & (velocity < np.finfo(np.float32).tiny)).any()
    assert not optimizer.state["velocity"].any()


def test_an_optimizer_goes_on_from_its_state() -> None:
    gradients = np.random.default_rng(0).standard_normal((6, 9)).astype(np.float32)
    flat = np.zeros(9, np.float32)
    whole = AdamOptimizer(flat, Adam())
    for gradient in gradients:
        whole.update(gradient.copy(), 0.01)
    start = np.zeros(9, np.float32)
    first = AdamOptimizer(start, Adam())
    for gradient in gradients[:3]:
        first.update(gradient.copy(), 0.01)
    second = AdamOptimizer(start, Adam())
    second.count = first.count
    for name, values in first.state.items():
        second.state[name][...] = values
    for gradient in gradients[3:]:
        second.update(gradient.copy(), 0.01)
    assert flat.tobytes() == start.tobytes()


def test_a_loss_of_ones_own_may_read_the_logits() -> None:
    class Mine(CrossEntropyLoss):
        """The built-in one, under another name."""

    gradients = []
    for loss in ("crossentropy", Mine):
        one = engine("input 4x4x1; flatten; dense 3 -> softmax")
        one.compile(5, True, loss=loss).step(images(5)[:, :4, :4, :1], np.arange(5) % 3)
        gradients.append(one.flat_gradient)
    np.testing.assert_array_equal(gradients[0], gradients[1])


def test_the_recipe_says_the_seed_unless_one_is_given() -> None:
    network = cnnspec.parse("input 9; dense 4; train { seed 7 }")

    def flat(seed: int | None = None) -> bytes:
        return network.build(seed).weights["dense1.weight"].tobytes()

    assert flat() == flat(seed=7) != flat(seed=0)
    assert 7 == network.build().seed
    assert 0 == cnnspec.parse("input 9; dense 4").build().seed


def test_build_says_what_the_model_takes() -> None:
    asked, taken = (list(inspect.signature(each).parameters) for each in (Network.build, build))
    assert taken[1:] == asked[1:]


def test_a_backend_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="no backend is called abacus; there are numpy"):
        cnnspec.parse(SPEC).build(backend="abacus")


@pytest.mark.parametrize(
    "option, told",
    [
        ("device", 'the backend numpy has no option device; it is PyTorch\'s: backend="torch"'),
        ("kernel", "the backend numpy has no option kernel; did you mean kernels\\?"),
        ("hurry", "the backend numpy has no option hurry$"),
    ],
)
def test_an_option_that_the_backend_does_not_have_is_refused(option: str, told: str) -> None:
    options: dict[str, Any] = {option: "cpu"}
    with pytest.raises(TypeError, match=told):
        cnnspec.parse(SPEC).build(**options)


def test_its_text_counts_the_parameters_and_no_statistics() -> None:
    network = cnnspec.parse(SPEC)
    assert "<Model : 211 parameters, float32>" == repr(build(network))
    assert 211 == cnnspec.analyze(network).totals.params


def test_weights_come_with_the_scaling_of_their_pixels(tmp_path: Path) -> None:
    one = build(cnnspec.parse("input 4x4x1; flatten; dense 2"))
    bytes_ = np.arange(32, dtype=np.uint8).reshape(2, 4, 4, 1)
    one.scaling = Scaling(np.array([0.5]), np.array([-3.0]))
    one.save(tmp_path / "w.safetensors")
    other = build(one.network, seed=1).load(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(one.predict(bytes_), other.predict(bytes_))
    save_file(dict(one.weights), tmp_path / "foreign.safetensors", metadata={"cnnspec": "no JSON"})
    assert Scaling().factor == build(one.network).load(tmp_path / "foreign.safetensors").scaling.factor


ONE, TWO = [[1, 2], [3, 4]], [[0.5, 0], [0, -1]]
BOTH = "1 2; 3 4 | 1/2 0; 0 -1"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (f'input 4x4x1; conv 2 2x2 weights="{BOTH}"', [[ONE], [TWO]]),
        (f'input 4x4x2; conv 2 2x2 weights="{BOTH}"', [[ONE, ONE], [TWO, TWO]]),
        (f'input 4x4x2; conv 1 2x2 weights="{BOTH}"', [[ONE, TWO]]),
        ('input 4x4x2; conv 2 2x2 weights="1 2; 3 4"', [[ONE, ONE], [ONE, ONE]]),
        ('input 4x4x1; conv 2 2x2 weights="3"', [[[[3, 3], [3, 3]]]] * 2),
        (f'input 4x4x2; depthwise 2x2 weights="{BOTH}"', [[ONE], [TWO]]),
        (f'input 4x4x3; upconv 2 2x2 weights="{BOTH}"', [[ONE, TWO]] * 3),
        ('input 4x4x2; conv 2 2x2 connections="0 1; 1" weights="1 2; 3 4"', [ONE, ONE, ONE]),
        ('input 5x1; conv 2 2 weights="1 -1 | 0 2"', [[[1, -1]], [[0, 2]]]),
        ('input 3; dense 2 weights="1 2 3 | 4 5 6"', [[1, 2, 3], [4, 5, 6]]),
        ('input 3; dense 2 weights="1 2 3; 4 5 6"', [[1, 2, 3], [4, 5, 6]]),
    ],
)
def test_weights_that_stand_in_a_spec(spec: str, expected: object) -> None:
    model = engine(spec)
    (name,) = (name for name in model.weights if name.endswith("weight"))
    np.testing.assert_array_equal(model.weights[name], np.array(expected, np.float32))
    again = from_json(json.loads(json.dumps(to_json(model.network))))
    assert same(model.weights, NumpyEngine(again).weights)


@pytest.mark.parametrize("frozen", [True, False])
def test_weights_of_a_spec_are_trained_from_there_unless_frozen(frozen: bool) -> None:
    frozenness = " frozen=yes" if frozen else ""
    spec = f'input 6x6x1; conv 2 3x3 weights="edge | blur"{frozenness} -> relu; flatten; dense 2'
    model = cnnspec.parse(spec).build()
    before = model.weights["conv1.weight"].copy()
    draw = np.random.default_rng(0)
    model.fit((draw.integers(0, 256, (20, 6, 6, 1), np.uint8), draw.integers(0, 2, 20)), epochs=1)
    assert frozen == np.array_equal(before, model.weights["conv1.weight"])
