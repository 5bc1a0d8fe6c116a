"""Files of targets: masks and images in a second folder, columns of tables, names of files, volumes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from numpy.typing import NDArray
from tools import Command, fault_of

from cnnspec.backends.contract import IGNORED
from cnnspec.recipe.models import Data
from cnnspec.recipe.targets import BinaryTarget, ImageTarget, MaskTarget, NumbersTarget
from cnnspec.training.data import load, load_for
from cnnspec.training.data import table as table_lines

Image = pytest.importorskip("PIL.Image")
COUNT = 10
Draw = Callable[[int], NDArray[np.uint8]]


def folder(place: Path, draw: Draw, count: int = COUNT, ending: str = "png", palette: bool = False) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    for n in range(count):
        values = draw(n)
        if ending == "npy":
            np.save(place / f"{n}.npy", values)
            continue
        image = Image.fromarray(values)
        if palette:
            image.putpalette([level for n in range(256) for level in (n, 255 - n, 7)])
        image.save(place / f"{n}.{ending}")
    return place


def photo(n: int) -> NDArray[np.uint8]:
    return np.full((6, 8), 10 * n, np.uint8)


def numbered(n: int) -> NDArray[np.uint8]:
    found = np.zeros((6, 8), np.uint8)
    found[n % 6, :3] = 1 + n % 2
    return found


@pytest.mark.parametrize("palette", [False, True])
def test_masks_of_class_numbers(tmp_path: Path, palette: bool) -> None:
    photos = folder(tmp_path / "photos", photo)
    masks = folder(tmp_path / "masks", numbered, palette=palette)
    data = load("images", photos, target=MaskTarget(path=str(masks)))
    assert ((8, 6, 8, 1), (2, 6, 8), ("0", "1", "2")) == (
        data.train_images.shape,
        data.test_labels.shape,
        data.names,
    )
    for image, mask in zip(data.train_images, data.train_labels, strict=True):
        np.testing.assert_array_equal(mask, numbered(int(image[0, 0, 0]) // 10))
    assert any(f"2 is in {masks}" in note for note in data.notes)


def test_masks_of_sixteen_bits_hold_class_numbers(tmp_path: Path) -> None:
    photos = folder(tmp_path / "photos", photo)
    masks = folder(tmp_path / "masks", lambda n: numbered(n).astype("uint16"))
    assert load("images", photos, target=MaskTarget(path=str(masks))).names == ("0", "1", "2")
    folder(masks, lambda n: np.full((6, 8), 300, "uint16"))
    assert (
        "holds the class 300" in fault_of(load, "images", photos, target=MaskTarget(path=str(masks))).message
    )


def test_masks_of_colours_by_a_table(tmp_path: Path) -> None:
    colours = np.array([(0, 0, 0), (135, 206, 235), (128, 128, 128)], np.uint8)
    photos = folder(tmp_path / "photos", photo)
    masks = folder(tmp_path / "masks", lambda n: colours[numbered(n)])
    classes = "void #000000, sky #87ceeb, road #808080"
    data = load("images", photos, target=MaskTarget(path=str(masks), classes=classes, ignore=0))
    assert data.names == ("void", "sky", "road")
    assert {*np.unique(data.train_labels)} == {1, 2, IGNORED}
    fault = fault_of(load, "images", photos, target=MaskTarget(path=str(masks), classes="sky #87ceeb"))
    assert (
        f"{masks / '0.png'}: holds the colour #000000 at row 0, column 3, which is of no class"
        == fault.message
    )
    fault = fault_of(load, "images", photos, target=MaskTarget(path=str(masks)))
    assert "a mask of colours, whose classes are not said" in fault.message


def test_parts_and_sizes(tmp_path: Path) -> None:
    for part in ("train", "val", "test"):
        folder(tmp_path / "photos" / part, photo, 4)
        folder(tmp_path / "masks" / part, numbered, 4)
    target = MaskTarget(path=str(tmp_path / "masks"))
    data = load("images", tmp_path / "photos", target=target, resize=True, shape=(12, 16, 1))
    assert ((4, 12, 16, 1), (4, 12, 16)) == (data.train_images.shape, data.train_labels.shape)
    assert data.validation is not None
    np.testing.assert_array_equal(data.test_labels[1][::2, ::2], numbered(1))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda masks: (masks / "3.png").unlink(), "photos/3.png: has no mask in "),
        (lambda masks: Image.fromarray(np.zeros((5, 8), np.uint8)).save(masks / "3.png"),
         "masks/3.png: is 5x8, its image 6x8"),
        (lambda masks: Image.fromarray(np.full((6, 8), 11, np.uint8)).save(masks / "3.png"),
         "masks/3.png: holds class 11 of 3 at row and column (0, 0); a, b, c are named"),
        (lambda masks: (masks / "3.png").write_bytes(b"no image"), "masks/3.png: is not an image"),
    ],
)  # fmt: skip
def test_masks_that_do_not_fit_are_told_with_their_file(
    tmp_path: Path, change: Callable[[Path], object], message: str
) -> None:
    photos, masks = folder(tmp_path / "photos", photo), folder(tmp_path / "masks", numbered)
    change(masks)
    fault = fault_of(load, "images", photos, target=MaskTarget(path=str(masks), classes="a, b, c"))
    assert fault.message.replace(f"{tmp_path}/", "").startswith(message)


def test_images_to_give_stand_in_a_second_folder(tmp_path: Path) -> None:
    photos = folder(tmp_path / "small", photo)
    folder(tmp_path / "large", lambda n: np.repeat(np.repeat(photo(n), 2, 0), 2, 1))
    (tmp_path / "large" / "more.png").write_bytes((tmp_path / "large" / "0.png").read_bytes())
    data = load("images", photos, target=ImageTarget(path=str(tmp_path / "large")))
    assert ((8, 6, 8, 1), (8, 12, 16, 1)) == (data.train_images.shape, data.train_labels.shape)
    assert data.notes[0] == "left out: 1 image to give of no image (more.png)"


def test_a_mask_without_its_image_and_empty_folders_are_told(tmp_path: Path) -> None:
    photos, masks = folder(tmp_path / "photos", photo), folder(tmp_path / "masks", numbered)
    target = MaskTarget(path=str(masks))
    (photos / "4.png").unlink()
    assert "left out: 1 mask of no image (4.png)" in load("images", photos, target=target).notes
    for file in masks.iterdir():
        file.unlink()
    assert (
        fault_of(load, "images", photos, target=target).message
        == f"{photos / '0.png'}: has no mask in {masks}"
    )
    for file in photos.iterdir():
        file.unlink()
    assert fault_of(load, "images", photos, target=target).message == f"{photos} holds no images"
    target = MaskTarget(path=str(tmp_path / "none"))
    assert f"{tmp_path / 'none'} is not a folder" in fault_of(load, "images", photos, target=target).message


@pytest.mark.parametrize("kind, outputs", [("class", 10), ("mask", (6, 8, 10))])
def test_class_11_of_10_is_told(tmp_path: Path, kind: str, outputs: int) -> None:
    images = np.stack([photo(n) for n in range(COUNT)])
    labels = np.arange(COUNT) if kind == "class" else np.stack([numbered(n) for n in range(COUNT)])
    labels[3] = 11
    np.savez(tmp_path / "own.npz", x=images, y=labels)
    setting = Data(name="npz", path=str(tmp_path / "own.npz"))
    target = MaskTarget() if kind == "mask" else None
    fault = fault_of(load_for, setting, (6, 8, 1), outputs, target=target)
    assert fault.message.startswith("own has 12 classes, the network gives 10 ")


def test_a_file_that_a_table_names_and_that_is_not_there_is_told_with_its_line(tmp_path: Path) -> None:
    folder(tmp_path / "photos", photo)
    path = tmp_path / "t.csv"
    path.write_text("file,age\n" + "".join(f"photos/{n}.png,{n}\n" for n in (0, 1, 77)))
    fault = fault_of(load, "csv", path, target=NumbersTarget())
    assert "77.png" in fault.message
    assert f"it is named in line 4 of {path}" in fault.notes


def test_volumes_and_sequences_are_arrays_in_folders(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name in ("ill", "well"):
        folder(tmp_path / name, lambda n: random.standard_normal((3, 4, 5)).astype(np.float32), 5, "npy")
    data = load("images", tmp_path, shape=(3, 4, 5, 1))
    assert ((8, 3, 4, 5, 1), np.dtype(np.float32), ("ill", "well")) == (
        data.train_images.shape, data.train_images.dtype, data.names,
    )  # fmt: skip
    np.save(tmp_path / "ill" / "0.npy", np.full((3, 4, 5), np.nan))
    assert (
        f"{tmp_path / 'ill' / '0.npy'}: value [0, 0, 0] is nan" == fault_of(load, "images", tmp_path).message
    )


TABLE = "id,rooms,price,size,new\n" + "".join(
    f"{n},{n % 4},{n * 1.5},{n * 2},{n % 2}\n" for n in range(COUNT)
)


def table(place: Path, text: str = TABLE) -> Path:
    path = place / "houses.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_are_numbers_to_predict(tmp_path: Path) -> None:
    data = load("csv", table(tmp_path), target=NumbersTarget(columns="price, size"), shape=(2,))
    assert (("price", "size"), (8, 2)) == (data.names, data.train_labels.shape)
    np.testing.assert_allclose(data.train_labels[:, 0] / 1.5, data.train_labels[:, 1] / 2)
    assert "inputs: 2 columns, rooms to new" in data.notes
    yes = load("csv", table(tmp_path), target=BinaryTarget(columns="new"))
    assert (("new",), {0.0, 1.0}) == (yes.names, {*np.unique(yes.train_labels)})
    last = load("csv", table(tmp_path), target=NumbersTarget())
    assert last.names == ("new",)


@pytest.mark.parametrize(
    "text, target, message",
    [
        (TABLE.replace("3.0,", "nan,", 1), NumbersTarget(columns="price"),
         "line 4, price must be a number. Received: nan"),
        (TABLE.replace("3.0,", "three,", 1), NumbersTarget(columns="price"),
         "line 4, price must be a number. Received: three"),
        (TABLE.replace("\n3,3,", "\n3,,"), NumbersTarget(columns="price"),
         "line 5, rooms must be a number. Received: nothing"),
        (TABLE, NumbersTarget(columns="prize"), "has no column prize"),
        (TABLE, BinaryTarget(columns="rooms"), "line 4, rooms is 2; yes is 1, no is 0"),
        (TABLE + "1,2\n", NumbersTarget(columns="price"), "line 12 has 2 values, the first has 5"),
        ("a\n1\n2\n", NumbersTarget(columns="a"), "has no column beside the target"),
    ],
)  # fmt: skip
def test_tables_that_do_not_fit_are_told_with_line_and_column(
    tmp_path: Path, text: str, target: NumbersTarget, message: str
) -> None:
    path = table(tmp_path, text)
    assert fault_of(load, "csv", path, target=target).message.removeprefix(f"{path}: ").startswith(message)


def test_a_table_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of pixels that names a file in a line was read twice: 400,000 lines in 2.6 s."""
    read = mock.Mock(side_effect=table_lines.read_lines)
    monkeypatch.setattr(table_lines, "read_lines", read)
    rows = "".join(f"{n % 2},{n},1\n" for n in range(COUNT))
    path = table(tmp_path, "label,a,x.png\n" + rows)
    assert load("csv", path).train_images.shape[1:] == (2,)
    read.assert_called_once_with(path)


def test_a_column_may_name_the_files_of_samples(tmp_path: Path) -> None:
    folder(tmp_path / "photos", photo)
    rows = "".join(f"photos/{n}.png,{n},{'cat' if n % 2 else 'dog'}\n" for n in range(COUNT))
    path = table(tmp_path, "file,age,kind\n" + rows)
    ages = load("csv", path, target=NumbersTarget(columns="age"))
    np.testing.assert_allclose(ages.train_images[:, 0, 0, 0] / 10, ages.train_labels[:, 0])
    kinds = load("csv", path, label="kind")
    assert kinds.names == ("cat", "dog")
    path.write_text("file,age\nphotos/none.png,3\nphotos/1.png,4\n", encoding="utf-8")
    assert "none.png" in fault_of(load, "csv", path, target=NumbersTarget(columns="age")).message


def test_a_spec_trains_on_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command) -> None:
    """Paths are taken from where the spec lies."""
    folder(tmp_path / "own" / "photos", photo)
    folder(tmp_path / "own" / "masks", numbered)
    recipe = 'train { data images "photos"; target mask "masks"; epochs 1; batch 4 }'
    (tmp_path / "own" / "net.cnn").write_text(
        f"input 6x8x1\nconv 3 3x3 padding=same\n{recipe}\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    code, out, err = command("train", "own/net.cnn", "-o", "run")
    assert code == 0, err
    assert "mean IoU" in out
    assert command("evaluate", "run")[0] == 0


def test_the_recipes_of_the_docs_are_read() -> None:
    import re

    import cnnspec as package

    page = (Path(__file__).parents[2] / "docs" / "targets.md").read_text(encoding="utf-8")
    recipes = re.findall(r"```\n(train \{.*?\})\n```", page, re.DOTALL)
    assert len(recipes) >= 6
    for recipe in recipes:
        assert package.parse(f"input 8x8x1; flatten; dense 2\n{recipe}").training_recipe.target is not None
