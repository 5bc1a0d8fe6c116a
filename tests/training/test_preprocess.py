"""An image is prepared in one way, whichever way it takes to a network."""

import json
import re
import tracemalloc
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pytest
from tools import same

import cnnspec
from cnnspec.cli.main import run
from cnnspec.model import Model, open_run
from cnnspec.training import evaluate, inspection, loop
from cnnspec.training.data.dataset import Dataset, Samples
from cnnspec.training.data.preprocess import fit_images, resize


def test_enlarging_is_bilinear_between_pixel_centres() -> None:
    row = np.array([[[[0], [100]]]], np.uint8)
    assert [0, 25, 75, 100] == resize(row, 1, 4)[0, 0, :, 0].tolist()


@pytest.mark.parametrize("size", [(9, 2), (1, 1), (3, 5), (2, 40)])
def test_a_flat_image_stays_flat(size: tuple[int, ...]) -> None:
    flat = np.full((2, 3, 5, 2), 77, np.uint8)
    assert (resize(flat, *size) == 77).all()


def test_reducing_uses_every_pixel() -> None:
    """By the triangle filter: weights 1/8, 3/8, 3/8, 1/8 around a new pixel's centre; fewer at the edge."""
    row = np.array([0, 0, 0, 80, 0, 0, 0, 0], np.uint8).reshape(1, 1, 8, 1)
    assert [0, 30, 10, 0] == resize(row, 1, 4)[0, 0, :, 0].tolist()
    for place in range(47):
        image = np.zeros((1, 47, 47, 1), np.uint8)
        image[0, :, place] = 255
        shares = resize(image, 28, 28)[0, 14, :, 0] / 255
        assert 28 / 47 == pytest.approx(shares.sum(), abs=0.08)


def test_resizing_a_batch_is_resizing_each() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 31, 20, 3), np.uint8)
    one_by_one = np.concatenate([resize(image[None], 12, 28) for image in images])
    np.testing.assert_array_equal(one_by_one, resize(images, 12, 28))


@pytest.mark.parametrize("size", [(2_000_000, 1), (1, 2_000_000)])
def test_a_long_strip_takes_little_time_and_memory(size: tuple[int, int]) -> None:
    strip = np.random.default_rng(0).integers(0, 256, (1, *size, 1)).astype(np.uint8)
    started = process_time()
    tracemalloc.start()
    try:
        assert (1, 28, 28, 1) == resize(strip, 28, 28).shape
        assert tracemalloc.get_traced_memory()[1] < 20 * strip.size
    finally:
        tracemalloc.stop()
    assert process_time() - started < 1


def test_what_does_not_fit_stays_as_it_is() -> None:
    image = np.zeros((1, 4, 4, 1), np.uint8)
    for shape in ((5, 5, 1), (5, 5, 3), (7,), (4, 4), (2, 4, 4, 1)):
        assert image is fit_images(image, shape)
    assert (1, 4, 4, 1) == fit_images(image, (5, 5, 3), resizing=True).shape
    assert (1, 4, 4, 1) == fit_images(image, (7,), resizing=True).shape


if find_spec("PIL"):
    from PIL import Image

    @pytest.mark.parametrize("size", [(47, 47, 28, 28), (55, 31, 28, 28), (8, 8, 28, 28), (9, 30, 20, 10)])
    def test_pillow_resizes_likewise(size: tuple[int, ...]) -> None:
        height, width, *wanted = size
        image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        found = resize(image[None], *wanted)[0].astype(int)
        theirs = Image.fromarray(image).resize((wanted[1], wanted[0]), Image.Resampling.BILINEAR)
        assert abs(found - np.asarray(theirs)).max() <= 1  # they round between the axes

    @pytest.fixture
    def cnnspec_command(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> Callable[..., str]:
        monkeypatch.chdir(tmp_path)

        def call(*arguments: str) -> str:
            code = run([str(argument) for argument in arguments])
            captured = capsys.readouterr()
            assert 0 == code, captured.err
            return captured.out

        return call

    def strokes(size: int, dark: bool, place: int) -> np.ndarray:
        """A stroke one pixel wide, faint or strong, anywhere between the new pixels."""
        image = np.zeros((size, size), np.uint8)
        image[5:-5, 6 + place % (size - 12)] = 150 if dark else 255
        return image

    def save(path: str, image: np.ndarray) -> str:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
        return path

    FIGURES = """input 28x28x1; conv 4 3x3 -> relu -> globalavgpool -> flatten -> dense 16 -> relu -> dense 2
    train { data images "own" test=0.5 resize=yes; optimizer adam rate=0.02; batch 10; epochs 80 }"""

    def test_thin_strokes_are_predicted_as_they_are_evaluated(cnnspec_command: Callable[..., str]) -> None:
        """Sizes that do not divide: 47x47 and 55x55 to 28x28."""
        for name in ("faint", "strong"):
            for n in range(60):
                save(f"own/{name}/{n:02}.png", strokes((47, 55)[n % 2], name == "faint", n))
        cnnspec_command("train", "-e", FIGURES, "-o", "run")
        right = 0
        for part in ("test", "train"):
            evaluated = json.loads(cnnspec_command("evaluate", "run", "--part", part, "--json"))
            assert (60, 1) == (evaluated["samples"], evaluated["accuracy"])
        for answer in json.loads(cnnspec_command("predict", "run", "own", "--json"))["images"]:
            right += answer["classes"][0]["class"] == Path(answer["image"]).parent.name
        assert 120 == right

    GREY = np.random.default_rng(1).integers(0, 256, (47, 55), np.uint8)
    PICTURES = {
        "grey": GREY,
        "small": GREY[:9, :13],
        "fitting": GREY[:28, :28],
        "colour": np.random.default_rng(2).integers(0, 256, (40, 60, 3), np.uint8),
        "transparent": np.random.default_rng(3).integers(0, 256, (40, 60, 4), np.uint8),
        "deep": np.random.default_rng(4).integers(0, 65536, (64, 30), np.uint16),
    }

    @pytest.mark.parametrize("shape", ["28x28x1", "28x28x3", "784", "30x11x1"])
    @pytest.mark.parametrize("kind", PICTURES)
    def test_one_file_is_the_same_array_on_every_way(
        cnnspec_command: Callable[..., str], monkeypatch: pytest.MonkeyPatch, kind: str, shape: str
    ) -> None:
        """Training, evaluation, prediction, ``run``, ``inspect`` and Python see equal pixels."""
        for name in ("a", "b"):
            for n in range(2):
                file = save(f"own/{name}/{n}.png", PICTURES[kind])
        data = 'data images "own" test=0.5 resize=yes'
        cnnspec_command("train", "-e", f"input {shape}; flatten; dense 2; train {{ {data}; epochs 1 }}",
                        "-o", "run")  # fmt: skip
        network = cnnspec.parse(f"input {shape}; flatten; dense 2")
        seen = {}

        def watch(module: Any, name: str, way: str) -> None:
            """Keeps the first image that a function of (model, images, ...) is given, and calls it."""
            whole = getattr(module, name)

            def watched(model: Model, images: np.ndarray, *rest: object, **more: Any) -> Any:
                given = images[0] if isinstance(images, tuple) else images  # samples come with their labels
                seen[way] = images if way == "inspect" else given[0]
                return whole(model, images, *rest, **more)

            monkeypatch.setattr(module, name, watched)

        watch(evaluate, "probabilities", "predict")
        cnnspec_command("predict", "run", file, "--resize")
        watch(inspection, "maps", "inspect")
        cnnspec_command("inspect", "run", "maps", "--image", file, "--layer", "flatten1", "--resize")
        for part in ("train", "test"):
            watch(loop, "evaluate_samples", part)
            cnnspec_command("evaluate", "run", "--part", part)
        cnnspec_command("run", "-e", f"input {shape}; flatten; dense 2", "--input", file, "--resize",
                        "--layer", "input", "-o", "seen.npy")  # fmt: skip
        seen["run"] = np.load("seen.npy")[0]
        found = cnnspec.data("own", shape=network.input, resize=True)
        seen["python"] = evaluate.fit_data(network.build(), found).train_images[0]
        assert {"predict", "run", "python", "inspect", "train", "test"} == set(seen)
        for way, image in seen.items():
            assert np.uint8 == image.dtype, way
            np.testing.assert_array_equal(seen["predict"], image, err_msg=way)


@pytest.mark.parametrize("scaled", [
    lambda images: images, lambda images: (images / 255).astype(np.float32), lambda images: images / 255,
    lambda images: images.astype(float), lambda images: images.astype(int),
], ids=["bytes", "0 to 1", "0 to 1, doubles", "whole floats", "integers"])  # fmt: skip
def test_an_array_is_the_same_on_every_way(
    cnnspec_command: Callable[..., str], scaled: Callable[[np.ndarray], np.ndarray]
) -> None:
    """Floats are 0 to 1 or whole bytes wherever a trained network meets them, and scaled as in training."""
    draw = np.random.default_rng(5)
    images, labels = draw.integers(0, 256, (40, 6, 5, 1), np.uint8), draw.integers(0, 2, 40)
    given = scaled(images)
    np.savez("own.npz", x=given, y=labels)
    np.save("bytes.npy", images[0])
    np.save("given.npy", given[0])
    spec = "input 6x5x1; flatten -> dense 4 -> relu -> dense 2; train { normalise standard; epochs 2 }"
    cnnspec_command("train", "-e", spec, "--data", "own.npz", "-o", "run")
    model, _, _ = open_run("run")
    expected, judged = model.predict(images), model.evaluate(images, labels)
    np.testing.assert_array_equal(expected, model.predict(given))
    assert (judged.loss, judged.confusion.tolist()) == (
        (found := model.evaluate(given, labels)).loss, found.confusion.tolist(),
    )  # fmt: skip
    one, two = model.network.build(), model.network.build()
    one.fit((images, labels))
    two.fit((given, labels))
    assert same(one.weights, two.weights)
    cnnspec_command("run", "-e", spec, "--weights", "run", "--input", "given.npy", "-o", "out.npy")
    np.testing.assert_array_equal(model.predict(images[:1]), np.load("out.npy"))
    for words in (["predict", "run", "{}", "--json"],
                  ["inspect", "run", "maps", "--image", "{}", "--layer", "dense1"]):  # fmt: skip
        first, second = (
            cnnspec_command(*(word.format(file) for word in words)).replace(file, "FILE")
            for file in ("bytes.npy", "given.npy")
        )
        assert first == second


@pytest.mark.parametrize("normalise", ["unit", "standard", "none"])
def test_floats_in_a_dataset_made_by_hand_are_the_bytes_they_stand_for(normalise: str) -> None:
    draw = np.random.default_rng(7)
    images, labels = draw.integers(0, 256, (20, 6, 5, 1), np.uint8), draw.integers(0, 2, 20)
    spec = f"input 6x5x1; flatten -> dense 2; train {{ epochs 2; batch 8; normalise {normalise} }}"
    made, scales = [], list[Any]([images, images / 255])
    for scaled in scales:
        data = Dataset("own", scaled, labels, scaled, labels, ("a", "b"), validation=Samples(scaled, labels))
        model = cnnspec.parse(spec).build()
        made.append((model, model.fit(data).rows[-1].validation_loss, model.evaluate(data).loss))
    (one, *losses), (two, *others) = made
    assert same(one.weights, two.weights)
    assert losses == others


@pytest.mark.parametrize("given, said", [
    (np.linspace(-1, 1, 30), "these go from -1 to 1; images = np.rint((images + 1) * 127.5)"),
    (np.linspace(-3, 3, 30), "these go from -3 to 3"),
    (np.linspace(0, 200, 30), "these go from 0 to 200; images = np.rint(images).astype('uint8') makes bytes"),
    (np.where(np.arange(30) == 7, np.nan, 0.5), "images[0, 1, 2, 0] is nan; pixels are bytes 0 to 255, "),
], ids=["-1 to 1", "standard", "between bytes", "nan"])  # fmt: skip
def test_a_network_that_learned_from_pixels_takes_no_other_floats(given: np.ndarray, said: str) -> None:
    model = cnnspec.parse("input 6x5x1; flatten -> dense 2; train { epochs 1 }").build()
    given = given.reshape(1, 6, 5, 1)
    assert (1, 2) == model.predict(given).shape  # as they are, before it learned
    draw = np.random.default_rng(6)
    model.fit((draw.integers(0, 256, (20, 6, 5, 1), np.uint8), draw.integers(0, 2, 20)))
    with pytest.raises(ValueError, match=re.escape(said)):
        model.predict(given)
