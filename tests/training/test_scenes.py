"""``digits_scene``: the same each time, no digit in both parts, masks that fit."""

from __future__ import annotations

import numpy as np
import pytest
from tools import fault_of

from cnnspec.training.data import load
from cnnspec.training.data import scenes as made

pytest.importorskip("sklearn")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made, "TRAINING", 40)
    monkeypatch.setattr(made, "TEST", 20)


def test_scenes_are_the_same_each_time_and_have_all_classes() -> None:
    one, other = (load("digits_scene", shape=(48, 64, 1)) for _ in range(2))
    for part in ("train", "test"):
        for mine, theirs in zip(one.part(part), other.part(part), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert ((40, 48, 64, 1), (40, 48, 64)) == (one.train_images.shape, one.train_labels.shape)
    assert one.target.kind == "mask"
    assert {*np.unique(one.train_labels)} == set(range(11))
    assert not np.array_equal(one.train_images[:20], one.test_images)


def test_a_mask_is_where_the_ink_is() -> None:
    data = load("digits_scene", shape=(32, 32, 1))
    digits, ground = (
        data.train_images[..., 0][data.train_labels > 0],
        data.train_images[..., 0][data.train_labels == 0],
    )
    assert digits.min() >= made.INK > ground.max() - 1


@pytest.mark.parametrize("shape", [(16, 16, 1), (48, 48, 3), (784,)])
def test_a_network_that_can_hold_no_scene_is_told(shape: tuple[int, ...]) -> None:
    assert (
        "digits_scene makes grey pictures of 20x20 pixels"
        in fault_of(load, "digits_scene", shape=shape).message
    )
