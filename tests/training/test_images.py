"""Pictures from files: upright, grey or in colour as the network asks."""

from importlib.util import find_spec

import numpy as np
import pytest

from cnnspec.cli.arrays import input_array
from cnnspec.training.data import images

if find_spec("PIL"):
    from PIL import Image

    PICTURE = np.arange(0, 240, 10, dtype=np.uint8).reshape(4, 6)
    ORIENTATION = 0x0112

    def lying(path, orientation):
        """The picture as a camera saves it that was turned: its pixels lie, a tag says how it stands."""
        turned = {3: np.rot90(PICTURE, 2), 6: np.rot90(PICTURE), 8: np.rot90(PICTURE, -1)}[orientation]
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        Image.fromarray(np.ascontiguousarray(turned)).save(path, exif=exif)
        return path

    @pytest.mark.parametrize("orientation", [3, 6, 8])
    def test_a_picture_stands_as_its_camera_was_held(tmp_path, orientation):
        path = lying(tmp_path / "photo.png", orientation)
        np.testing.assert_array_equal(PICTURE[..., None], images.read_image(path, 1))
        np.testing.assert_array_equal(PICTURE[None, ..., None], input_array(str(path), (4, 6, 1), 0))

    def test_the_pictures_of_a_folder_stand_upright(tmp_path):
        for name in ("cat", "dog"):
            (tmp_path / name).mkdir()
            for n, orientation in enumerate((3, 6, 8)):
                lying(tmp_path / name / f"{n}.png", orientation)
        data = images.load(tmp_path, (4, 6, 1), 0.5)
        assert (4, 6, 1) == data.shape
        assert (data.train_images == PICTURE[..., None]).all()

    def test_a_vector_takes_colour_where_it_has_as_many_values(tmp_path):
        path = tmp_path / "red.png"
        Image.new("RGB", (6, 4), (200, 0, 0)).save(path)
        assert (4, 6, 3) == images.read_image(path, (72,)).shape
        assert (4, 6, 1) == images.read_image(path, (24,)).shape
