"""What is gathered for showing is what the model holds and computes."""

from pathlib import Path

import numpy as np
import pytest

import cnnspec
from cnnspec.backends.contract import Scaling
from cnnspec.diagnostics import SpecError
from cnnspec.model import Model
from cnnspec.resources import example_path
from cnnspec.training import inspection
from cnnspec.training.data import load
from cnnspec.training.data.dataset import Dataset
from cnnspec.training.history import EpochRecord
from cnnspec.training.loop import evaluate


@pytest.fixture(scope="module")
def data(home: Path) -> Dataset:
    return load(str(home / "bars.npz"))


def built(text: str) -> Model:
    return cnnspec.parse(text).build()


def test_filters_are_the_first_layers_weights(model: Model) -> None:
    found = inspection.filters(model)
    assert ("conv1", (4, 3, 3, 1)) == (found.layer, found.kernels.shape)
    assert np.array_equal(model.weights["conv1.weight"][2, 0], found.kernels[2, :, :, 0])


def test_filters_of_a_dense_layer_are_pictures_of_its_input() -> None:
    model = built("input 4x5x3; flatten -> dense 2")
    kernels = inspection.filters(model).kernels
    assert (2, 4, 5, 3) == kernels.shape
    assert model.weights["dense1.weight"][1, 2 * 20 + 3 * 5 + 4] == kernels[1, 3, 4, 2]


def test_filters_of_a_vector_are_squares_where_they_can_be() -> None:
    assert (2, 3, 3, 1) == inspection.filters(built("input 9; dense 2")).kernels.shape
    assert (2, 1, 8, 1) == inspection.filters(built("input 8; dense 2")).kernels.shape


@pytest.mark.parametrize(
    ("spec", "shape"),
    [
        ("input 9x2; conv 3 4", (3, 1, 4, 2)),
        ("input 5x6x7x1; conv 3 2x3x3", (3, 6, 3, 1)),
        ("input 5x6x2; upconv 3 2x3", (3, 2, 3, 2)),
        ("input 5x6x2; depthwise 3x2", (2, 3, 2, 1)),
    ],
)
def test_filters_of_every_kind_have_height_width_and_channels(spec: str, shape: tuple[int, ...]) -> None:
    assert shape == inspection.filters(built(spec)).kernels.shape


def test_a_layer_without_weights_has_nothing_to_show(model: Model) -> None:
    with pytest.raises(SpecError) as caught:
        inspection.filters(model, "relu1")
    (fault,) = caught.value.diagnostics
    assert ("nothing-to-show", "relu1 has no filters") == (fault.code, fault.message)
    assert ("layers that have some: conv1, dense1, dense2",) == fault.help


def test_maps_are_what_the_layer_gives(model: Model, data: Dataset) -> None:
    found = inspection.maps(model, data.test_images[3], "relu1")
    assert np.array_equal(model.forward(data.test_images[3:4], keep=["relu1"])["relu1"][0], found.values)
    assert np.array_equal(data.test_images[3], found.image)


@pytest.mark.parametrize(
    ("name", "layer", "size"),
    [("lenet", "relu4", 84), ("alexnet", "relu7", 4096), ("mnist_mlp", "dropout1", 128)],
)
def test_the_last_hidden_layer_feeds_the_last_weights(name: str, layer: str, size: int) -> None:
    found = inspection.last_hidden(cnnspec.load(example_path(name)))
    assert (layer, (size,)) == (found.name, found.output)


def test_neighbours_are_the_nearest_of_all(
    model: Model, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnnspec.training.inspection.AT_ONCE", 7)
    found = inspection.neighbours(model, data, [5, 0], 4)
    among = inspection.features(model, data.train_images, "relu2").astype(np.float64)
    for index, one in zip([5, 0], found, strict=True):
        asked = inspection.features(model, data.test_images[index : index + 1], "relu2")
        distances = np.linalg.norm(among - asked, axis=1)
        assert index == one.sample.index
        assert np.argsort(distances, kind="stable")[:4].tolist() == [near.index for near in one.found]
        assert np.allclose(np.sort(distances)[:4], [near.distance for near in one.found], atol=1e-3)
        assert np.array_equal(data.train_images[one.found[0].index], one.found[0].image)


def test_neighbours_where_there_is_no_hidden_layer_are_those_of_the_pixels(data: Dataset) -> None:
    model = built("input 8x8x1; flatten -> dense 3")
    (one,) = inspection.neighbours(model, data, [2], 1, "input")
    far = ((data.train_images.astype(float) - data.test_images[2]) ** 2).sum((1, 2, 3))
    assert int(far.argmin()) == one.found[0].index


def test_pixels_are_compared_as_the_network_sees_them(data: Dataset) -> None:
    model = built("input 8x8x1; flatten -> dense 3")
    model.scaling = Scaling(np.array([0.5]), np.array([-1.0]))
    seen = inspection.features(model, data.test_images[:2], "input")
    np.testing.assert_array_equal(data.test_images[:2].reshape(2, 64) * np.float32(0.5) - 1, seen)


def test_one_sample_of_each_class(data: Dataset) -> None:
    places = inspection.first_of_each(data.test_labels)
    assert [0, 1, 2] == data.test_labels[places].tolist()


def test_mistakes_come_with_their_images_the_surest_first(model: Model, data: Dataset) -> None:
    found = evaluate(model, data)
    shown = inspection.mistakes(found, data.test_images, 5)
    assert [one.probability for one in shown] == sorted((one.probability for one in shown), reverse=True)
    for one in shown:
        assert data.names[data.test_labels[one.index]] == one.label != one.answer
        assert np.array_equal(data.test_images[one.index], one.image)


def test_a_curve_has_validation_where_every_epoch_has_it() -> None:
    rows = [EpochRecord(1, 1, 2.0, 0.1, 0.1, 1.0, 1.0, 2.5, 0.2), EpochRecord(2, 2, 1.0, 0.5, 0.1, 1.0, 1.5)]
    curve = inspection.curve_of(rows, "a")
    assert ((1, 2), (2.0, 1.0), (), 2.5) == (curve.epochs, curve.loss, curve.validation_loss, curve.seconds)
    assert (2.5,) == inspection.curve_of(rows[:1], "a").validation_loss


def test_a_run_without_an_epoch_has_no_curve(home: Path, tmp_path: Path) -> None:
    for name in ("spec.cnn", "run.json"):
        (tmp_path / name).write_text((home / "one" / name).read_text())
    with pytest.raises(SpecError) as caught:
        inspection.run_curve(tmp_path)
    assert [f"{tmp_path} has no finished epoch yet"] == [one.message for one in caught.value.diagnostics]


def test_runs_of_one_network_are_named_after_their_folders(home: Path) -> None:
    folders = [home / "one", home / "two"]
    curves = [inspection.run_curve(folder) for folder in folders]
    assert ["Bars", "Bars"] == [curve.name for curve in curves]
    assert ["one", "two"] == [curve.name for curve in inspection.distinct(curves, folders)]
    assert ["Bars"] == [curve.name for curve in inspection.distinct(curves[:1], folders[:1])]
    alike = [Path("a/run"), Path("b/run")]
    assert list(map(str, alike)) == [curve.name for curve in inspection.distinct(curves, alike)]
