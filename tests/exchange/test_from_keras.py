"""Live Keras models as networks: the same numbers, with weights behind a flatten in our order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnnspec
from cnnspec.diagnostics import SpecError

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
keras = pytest.importorskip("keras")


def same(model: Any, tolerance: float = 1e-5) -> Any:
    """The model of ours, whose outputs are the Keras model's."""
    random = np.random.default_rng(3)
    model.set_weights([w + random.random(w.shape).astype("float32") * 0.2 for w in model.get_weights()])
    found = cnnspec.from_keras(model)
    images = random.random((2, *model.inputs[0].shape[1:]), dtype="float32")
    wanted = keras.ops.convert_to_numpy(model(images, training=False))
    given = found.forward(images.reshape(2, *found.network.input))["output"]
    np.testing.assert_allclose(given, wanted, atol=tolerance * max(1.0, float(np.abs(wanted).max())))
    assert sum(v.size for v in found.weights.values()) >= model.count_params()
    return found


def test_a_sequential_model_with_a_flatten() -> None:
    layers = keras.layers
    found = same(keras.Sequential([
        layers.Input((12, 10, 3)), layers.Conv2D(6, 5, activation="relu", padding="same"),
        layers.MaxPooling2D(), layers.SeparableConv2D(8, 3, strides=2, padding="same"),
        layers.BatchNormalization(scale=False), layers.LeakyReLU(), layers.Flatten(), layers.Dropout(0.3),
        layers.Dense(7, activation="swish"), layers.Dense(3, activation="softmax"),
    ]))  # fmt: skip
    words = [node.word for node in found.network.layers]
    assert words.index("flatten") < words.index("dense")


def test_a_functional_model_with_branches() -> None:
    layers = keras.layers
    inputs = keras.Input((16, 16, 4))
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(inputs)
    x = layers.BatchNormalization()(x)
    y = layers.DepthwiseConv2D(3, padding="same", activation="relu6")(x)
    y = layers.GroupNormalization(4)(y)
    x = layers.Add()([x, y])
    z = layers.Conv2DTranspose(5, 3, strides=2, padding="same")(x)
    x = layers.Concatenate()([layers.UpSampling2D(interpolation="bilinear")(x), z])
    x = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    x = layers.ZeroPadding2D(((1, 0), (0, 2)))(x)
    gate = layers.Dense(13, activation="sigmoid")(layers.GlobalAveragePooling2D()(x))
    x = layers.Multiply()([x, layers.Reshape((1, 1, 13))(gate)])
    same(keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x))))


def test_a_picture_that_is_flattened() -> None:
    layers = keras.layers
    found = same(
        keras.Sequential([layers.Input((8, 8)), layers.Flatten(), layers.Dense(4, activation="gelu")])
    )
    assert found.network.input == (8, 8, 1)


def test_what_the_language_cannot_say_is_named() -> None:
    layers = keras.layers
    model = keras.Sequential([layers.Input((8, 3)), layers.LSTM(4, name="memory"), layers.Dense(2)])
    with pytest.raises(SpecError, match=r"cannot say memory \(LSTM\)"):
        cnnspec.from_keras(model)
