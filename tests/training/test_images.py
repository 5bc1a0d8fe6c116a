"""Pictures from files: upright, grey or in colour as the network asks."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tools import fault_of

from cnnspec.cli.inputs import input_array
from cnnspec.diagnostics import SpecError
from cnnspec.training.data import images, picture
from cnnspec.training.data.dataset import Samples
from cnnspec.training.data.picture import read_image

if find_spec("PIL"):
    from PIL import Image, ImageOps

    PICTURE = np.arange(0, 240, 10, dtype=np.uint8).reshape(4, 6)
    ORIENTATION = 0x0112

    def lying(path: Path, orientation: int) -> Path:
        """The picture as a camera saves it that was turned: its pixels lie, a tag says how it stands."""
        turned = {3: np.rot90(PICTURE, 2), 6: np.rot90(PICTURE), 8: np.rot90(PICTURE, -1)}[orientation]
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        Image.fromarray(np.ascontiguousarray(turned)).save(path, exif=exif)
        return path

    @pytest.mark.parametrize("orientation", [3, 6, 8])
    def test_a_picture_stands_as_its_camera_was_held(tmp_path: Path, orientation: int) -> None:
        path = lying(tmp_path / "photo.png", orientation)
        np.testing.assert_array_equal(PICTURE[..., None], read_image(path, 1))
        np.testing.assert_array_equal(PICTURE[None, ..., None], input_array(str(path), (4, 6, 1), 0))

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_each_orientation_is_pillows(
        tmp_path: Path, orientation: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(picture, "AT_ONCE", 12)
        tag = Image.Exif()
        tag[ORIENTATION] = orientation
        Image.fromarray(PICTURE).save(path := tmp_path / "x.png", exif=tag)
        with Image.open(path) as image:
            wanted = np.asarray(ImageOps.exif_transpose(image))
        np.testing.assert_array_equal(wanted, read_image(path, 1)[..., 0])

    def test_of_kinds_whose_decoders_take_much_memory_less_is_read(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(picture, "LARGEST", 47)
        for name in ("x.png", "x.tif"):
            Image.fromarray(PICTURE).save(tmp_path / name)
        assert read_image(tmp_path / "x.png", 1).any()
        assert (
            "is 4x6 pixels; at most 23 are read of TIFF"
            in fault_of(read_image, tmp_path / "x.tif", 1).message
        )

    def test_the_pictures_of_a_folder_stand_upright(tmp_path: Path) -> None:
        for name in ("cat", "dog"):
            (tmp_path / name).mkdir()
            for n, orientation in enumerate((3, 6, 8)):
                lying(tmp_path / name / f"{n}.png", orientation)
        data = images.load(tmp_path, (4, 6, 1), 0.5)
        assert (4, 6, 1) == data.shape
        assert (data.train_images == PICTURE[..., None]).all()

    def test_a_vector_takes_colour_where_it_has_as_many_values(tmp_path: Path) -> None:
        path = tmp_path / "red.png"
        Image.new("RGB", (6, 4), (200, 0, 0)).save(path)
        assert (4, 6, 3) == read_image(path, (72,)).shape
        assert (4, 6, 1) == read_image(path, (24,)).shape

    def test_grey_of_16_bits_is_scaled_not_clipped(tmp_path: Path) -> None:
        deep = (np.arange(64, dtype=np.uint16) * 1000).reshape(8, 8)
        for ending in ("png", "tif"):
            Image.fromarray(deep).save(tmp_path / f"deep.{ending}")
            found = read_image(tmp_path / f"deep.{ending}", 1)
            np.testing.assert_array_equal(np.rint(deep / 257), found[..., 0])
        (tmp_path / "deep.pgm").write_bytes(b"P5 2 1 65535\n\x00\x00\xff\xff")
        assert [0, 255] == read_image(tmp_path / "deep.pgm", 1).ravel().tolist()

    def test_a_picture_runs_no_program(tmp_path: Path) -> None:
        """Pillow hands PostScript to Ghostscript, which runs it, whatever the file is called."""
        mark = tmp_path / "was-run"
        (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {mark}\n")
        (tmp_path / "gs").chmod(0o755)
        path = tmp_path / "x.png"
        path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n{} loop\n")
        command = ["-m", "cnnspec", "run", "-e", "input 8x8x1; relu", "--input", str(path)]
        found = subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, timeout=60,
            env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        )  # fmt: skip
        assert (1, False) == (found.returncode, mark.exists())
        assert "is not an image, or is damaged" in " ".join(found.stderr.split())

    @pytest.mark.parametrize("kind", ["PCX", "SGI", "TGA", "ICO", "PDF"])
    def test_only_the_formats_that_are_documented_are_read(tmp_path: Path, kind: str) -> None:
        Image.new("L", (6, 4)).save(tmp_path / "x.png", format=kind)
        assert "is not an image, or is damaged" in fault_of(read_image, tmp_path / "x.png", 1).message

    @pytest.mark.parametrize("high", [1, 255])
    def test_floats_are_brought_to_bytes(tmp_path: Path, high: int) -> None:
        values = np.linspace(0, high, 64, dtype=np.float32).reshape(8, 8)
        Image.fromarray(values).save(tmp_path / "own.tif")
        found = read_image(tmp_path / "own.tif", 3)
        np.testing.assert_allclose(values * (255 / high), found[..., 2], atol=0.51)

    @pytest.mark.parametrize("values, said", [
        (np.full((2, 2), 300, np.int32), "holds values from 0 to 300; pixels are 0 to 255"),
        (np.full((2, 2), -0.5, np.float32), "holds values from -0.5 to 0; pixels are 0 to 255"),
        (np.full((2, 2), np.nan, np.float32), "holds values from nan to nan; pixels are 0 to 255"),
    ])  # fmt: skip
    def test_values_of_an_unknown_scale_are_refused(tmp_path: Path, values: np.ndarray, said: str) -> None:
        Image.fromarray(values).save(tmp_path / "own.tif")
        assert said in refused(tmp_path / "own.tif")

    @pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
    @pytest.mark.parametrize("channels", [1, 3])
    def test_what_is_transparent_lies_on_white(tmp_path: Path, mode: str, channels: int) -> None:
        """Black ink on nothing, as drawing programs save it."""
        ink = np.zeros((8, 8, 4), np.uint8)
        ink[2:5, 3] = (0, 0, 0, 255)
        options: dict[str, Any] = {}
        if mode == "P":
            picture, options = (
                Image.fromarray(np.where(ink[..., 3], 1, 0).astype(np.uint8)),
                {"transparency": 0},
            )
            picture.putpalette([0] * 6)
        else:
            picture = Image.fromarray(ink).convert(mode)
        picture.save(tmp_path / "ink.png", **options)
        found = read_image(tmp_path / "ink.png", channels)
        np.testing.assert_array_equal(255 - ink[..., 3], found[..., 0])

    @pytest.mark.parametrize("name, content, said", [
        ("x.pgm", b"P5 8 x8 255\n", "is not an image, or is damaged (invalid literal"),
        ("x.tif", b"II*\0\x08\0\0\0\xff\xff" + b"\x01" * 50, "is not an image, or is damaged"),
        ("x.bmp", b"BM" + b"\xff" * 60, "is not an image, or is damaged"),
        ("x.png", b"", "is not an image, or is damaged"),
        ("x.ppm", b"P6 10000 9500 255\n", "is 9500x10000 pixels; at most 50,000,000 are read"),
        ("x.ppm", b"P6 100000 100000 255\n", "has more than 50,000,000 pixels; no more are read"),
    ])  # fmt: skip
    def test_a_damaged_picture_is_named_and_no_warning_of_a_library_escapes(
        tmp_path: Path, name: str, content: bytes, said: str
    ) -> None:
        (tmp_path / name).write_bytes(content)
        message = refused(tmp_path / name)
        assert message.startswith(f"{tmp_path / name}: {said}")
        assert "site-packages" not in message

    def refused(path: Path, read: Callable[[Path], object] = lambda path: read_image(path, 1)) -> str:
        with pytest.raises(SpecError) as caught:
            read(path)
        (item,) = caught.value.diagnostics
        return item.message

    def folder_of(place: Path, classes: tuple[str, ...], count: int = 4) -> Path:
        for name in classes:
            (place / name).mkdir(parents=True)
            for n in range(count):
                Image.fromarray(PICTURE).save(place / name / f"{n}.png")
        return place

    def test_what_a_system_hides_beside_images_is_passed_over(tmp_path: Path) -> None:
        folder_of(tmp_path, ("cat", "dog"))
        (tmp_path / "cat" / "._0.png").write_bytes(b"\0\5macos")
        (tmp_path / "cat" / "more.png").mkdir()
        assert 6 == len(images.load(tmp_path, None, 0.25).train_labels)

    def test_a_class_without_images_is_refused(tmp_path: Path) -> None:
        folder_of(tmp_path, ("cat", "dog"))
        (tmp_path / "eel").mkdir()
        said = refused(tmp_path, lambda place: images.load(place, None, 0.25))
        assert f"{tmp_path / 'eel'}: holds no images, and each folder is a class" == said

    def test_a_class_that_only_the_test_part_has_is_refused(tmp_path: Path) -> None:
        folder_of(tmp_path / "train", ("cat", "dog"))
        folder_of(tmp_path / "test", ("cat", "dogs"))
        said = refused(tmp_path, lambda place: images.load(place, None, 0.25))
        assert f"{tmp_path / 'test' / 'dogs'}: is a class that {tmp_path / 'train'} has not" == said

    def test_a_class_that_the_test_part_lacks_is_no_fault(tmp_path: Path) -> None:
        folder_of(tmp_path / "train", ("cat", "dog"))
        folder_of(tmp_path / "test", ("cat",))
        (tmp_path / "test" / "dog").mkdir()
        assert [0] * 4 == images.load(tmp_path, None, 0.25).test_labels.tolist()

    # Where the images of a class and of a part lie -----------------------------------

    def images_in(place: Path, *names: str, value: int = 100, size: tuple[int, int] = (6, 4)) -> None:
        """Images at paths under a place, each of one value, counting up."""
        for n, name in enumerate(names):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", size, value + n).save(place / name)

    def counts(place: Path) -> None:
        """Images in folders of two classes, a dozen each."""
        images_in(place, *(f"{name}/{n:02}.png" for name in ("cat", "dog") for n in range(12)))

    def values(part: Samples) -> list[int]:
        return sorted(part.images[:, 0, 0, 0].tolist())

    def test_images_lie_however_deep_in_the_folder_of_their_class(tmp_path: Path) -> None:
        """As torchvision's ImageFolder reads them: 80 of 80, not the 60 that lie in the folder itself."""
        images_in(tmp_path, *(f"cat/{n:02}.png" for n in range(30)), *(f"cat/old/{n}.png" for n in range(10)))
        images_in(tmp_path, *(f"dog/{n:02}.png" for n in range(30)), *(f"dog/a/b/{n}.png" for n in range(10)))
        data = images.load(tmp_path, None, 0.25)
        assert (60, 20) == (len(data.train_labels), len(data.test_labels))
        assert 40 == (data.train_labels == 0).sum() + (data.test_labels == 0).sum()
        assert ("no test part: 20 of 80 samples are held out for testing",) == data.notes

    def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
        counts(tmp_path / "own")
        images_in(tmp_path, *(f"more/{n}.png" for n in range(3)))
        (tmp_path / "own" / "cat" / "more").symlink_to(tmp_path / "more")
        (tmp_path / "own" / "cat" / "again").symlink_to(tmp_path / "own" / "cat")
        (tmp_path / "own" / "eel").symlink_to(tmp_path / "more")
        data = images.load(tmp_path / "own", None, 0)
        assert [15, 12, 3] == np.bincount(data.train_labels).tolist()

    @pytest.mark.parametrize("train, validation, test", [
        ("train", "val", "test"), ("training", "validation", "testing"), ("Train", "Valid", "Test"),
        ("train", None, "test"), ("training", None, "testing"),
    ])  # fmt: skip
    def test_parts_stand_in_folders_of_their_names(
        tmp_path: Path, train: str, validation: str | None, test: str
    ) -> None:
        for n, part in enumerate((train, validation, test)):
            if part:
                images_in(tmp_path / part, "cat/0.png", "cat/sub/1.png", "dog/2.png", value=50 * n)
        data = images.load(tmp_path, None, 0.25)
        assert ([0, 1, 2], [100, 101, 102]) == (values(data.train), values(data.test))
        assert (validation is not None) == (data.validation is not None)
        assert [50, 51, 52] == values(data.validation or data.train._replace(images=data.train.images + 50))
        assert () == data.notes

    @pytest.mark.parametrize("train, validation", [("train", "val"), ("training", "validation")])
    def test_a_validation_part_alone_is_tested_on(tmp_path: Path, train: str, validation: str) -> None:
        images_in(tmp_path / train, "cat/0.png", "dog/2.png", value=0)
        images_in(tmp_path / validation, "cat/0.png", "dog/2.png", value=50)
        data = images.load(tmp_path, None, 0.25)
        assert ([0, 1], [50, 51], None) == (values(data.train), values(data.test), data.validation)
        assert ("no test part: the validation part is tested on",) == data.notes

    def test_a_training_part_alone_is_divided(tmp_path: Path) -> None:
        counts(tmp_path / "train")
        data = images.load(tmp_path, None, 0.25)
        assert (("cat", "dog"), 18, 6) == (data.names, len(data.train_labels), len(data.test_labels))

    def test_a_class_may_be_called_train(tmp_path: Path) -> None:
        images_in(tmp_path, *(f"{name}/{n}.png" for name in ("bus", "train", "val") for n in range(2)))
        assert f"{tmp_path / 'train'} holds 0 folders; each class needs one" == refused(
            tmp_path, lambda place: images.load(place, None, 0)
        )
        (tmp_path / "val").rename(tmp_path / "tram")
        assert ("bus", "train", "tram") == images.load(tmp_path, None, 0).names

    def test_parts_without_one_to_train_on_are_told_the_names(tmp_path: Path) -> None:
        counts(tmp_path / "test")
        counts(tmp_path / "trian")
        with pytest.raises(SpecError) as caught:
            images.load(tmp_path, None, 0.25)
        (fault,) = caught.value.diagnostics
        assert f"{tmp_path / 'test'} is a part by its name, and there is no part to train on" in fault.message
        names = "train or training; val or valid or validation; test or testing"
        assert (f"folders of parts are named {names}",) == fault.help

    def test_what_is_left_out_is_named_with_its_reason(tmp_path: Path) -> None:
        counts(tmp_path / "train")
        counts(tmp_path / "test")
        counts(tmp_path / "holdout")
        images_in(tmp_path, "loose.png", "train/looser.png")
        for name in (
            "labels.csv",
            "train/cat/notes.txt",
            "train/cat/sub/x.heic",
            "test/dog/y.heic",
            ".hidden/z.png",
            "train/.DS_Store",
            "__MACOSX/train/cat/._0.png",
            "train/Thumbs.db",
        ):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("")
        parts = "train or training; val or valid or validation; test or testing"
        assert (
            f"left out: holdout; folders of parts are named {parts}",
            "left out: 2 images in no folder of a class (loose.png, train/looser.png)",
            "left out: 4 files not of images by their endings (labels.csv, test/dog/y.heic, "
            "train/cat/notes.txt, …)",
        ) == images.load(tmp_path, None, 0.25).notes

    def test_the_folder_of_the_classes_is_offered_where_it_lies_deeper(tmp_path: Path) -> None:
        counts(tmp_path / "pets" / "images")
        with pytest.raises(SpecError) as caught:
            images.load(tmp_path / "pets", None, 0.25)
        assert (
            f"give the folder that holds the classes: {tmp_path / 'pets' / 'images'}"
            == (caught.value.diagnostics[0].help[0])
        )

    def test_all_parts_have_images_of_one_size(tmp_path: Path) -> None:
        counts(tmp_path / "train")
        images_in(tmp_path, "test/cat/0.png", "test/dog/0.png", size=(5, 5))
        assert "0.png: is 5x5, the first image 4x6" in refused(
            tmp_path, lambda place: images.load(place, None, 0.25)
        )

    @pytest.mark.parametrize("folder", ["", "cat", "cat/sub"])
    def test_a_folder_that_cannot_be_read_is_named(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
    ) -> None:
        counts(tmp_path)
        images_in(tmp_path, "cat/sub/0.png")
        closed = tmp_path / folder
        scan, listed = os.scandir, os.listdir

        def refuse(reader: Callable[..., Any]) -> Callable[..., Any]:
            def read(place: str | Path = ".") -> Any:
                if Path(place) == closed:
                    raise PermissionError(13, "Permission denied", str(place))
                return reader(place)

            return read

        monkeypatch.setattr(os, "scandir", refuse(scan))
        monkeypatch.setattr(os, "listdir", refuse(listed))
        with pytest.raises(SpecError) as caught:
            images.load(tmp_path, None, 0.25)
        (fault,) = caught.value.diagnostics
        assert ("data-missing", f"{closed} cannot be read: Permission denied") == (fault.code, fault.message)
        assert (f"allow it: chmod -R u+rX {closed}",) == fault.help
