"""Code that cnnspec wrote, run: the models it makes, with given weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from cnnspec.backends.numpy.engine import NumpyEngine
from cnnspec.backends.numpy.layout import Array
from cnnspec.network.graph import Network


def filled(network: Network, seed: int = 0, dtype: str = "float64") -> NumpyEngine:
    """An engine whose norms have statistics of their own."""
    engine, random = NumpyEngine(network, seed=seed, dtype=dtype), np.random.default_rng(seed)
    for name, values in engine.weights.items():
        if name.endswith("running_var"):
            values[...] = random.uniform(0.8, 1.2, values.shape)
        elif values.ndim == 1:
            values[...] += random.standard_normal(values.shape) * 0.1
        values[...] = values.astype("float32")
    return engine


def space_of(text: str) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "written"}
    exec(compile(text, "written.py", "exec"), space)
    return space


def in_pytorch(text: str, engine: NumpyEngine, images: Any, path: Path) -> list[Array]:
    """What the PyTorch code computes; its parameters have exactly our names and shapes."""
    import torch

    space = space_of(text)
    classes = [v for v in space.values() if isinstance(v, type) and issubclass(v, torch.nn.Module)]
    module = classes[-1]()
    engine_weights = {name: values.astype("float32") for name, values in engine.weights.items()}
    save(engine_weights, path)
    space["load_weights"](module, path)
    shapes = {
        name: tuple(values.shape)
        for name, values in module.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    assert shapes == {name: values.shape for name, values in engine_weights.items()}
    module = module.double()
    with torch.no_grad():
        for name, values in module.state_dict().items():
            if name in engine.weights:
                values.copy_(torch.tensor(engine.weights[name]))
        given = images.values() if isinstance(images, dict) else [images]
        found = module(*(torch.tensor(np.ascontiguousarray(np.moveaxis(each, -1, 1))) for each in given))
    outputs = found if isinstance(found, tuple) else (found,)
    return [np.moveaxis(output.numpy(), 1, -1) for output in outputs]


@contextmanager
def in_keras_as(dtype: str) -> Iterator[None]:
    """Keras with numbers of this kind: in float32 two nearly equal values of a pool may change places.

    Its table that turns float64 into float32 wherever two kinds meet, as in a norm, is set aside.
    """
    import keras
    from keras.src.backend.common import dtypes

    narrowed = dtypes.BIT64_TO_BIT32_DTYPE
    usual = keras.config.floatx(), keras.config.dtype_policy(), narrowed["float64"]
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    narrowed["float64"] = "float64"
    try:
        yield
    finally:
        keras.config.set_floatx(usual[0])
        keras.config.set_dtype_policy(usual[1])
        narrowed["float64"] = usual[2]


def in_keras(text: str, engine: NumpyEngine, images: Any, path: Path) -> list[Array]:
    """What the Keras code computes."""
    space = space_of(text)
    with in_keras_as(str(engine.dtype)):
        model = space["make_model"]()
        save({name: values.astype("float32") for name, values in engine.weights.items()}, path)
        space["load_weights"](model, path)
        assert model.count_params() == sum(values.size for values in engine.weights.values())
        found = model(list(images.values()) if isinstance(images, dict) else images)
    outputs = found if isinstance(found, list | tuple) else (found,)
    return [np.asarray(output.detach().numpy()) for output in outputs]


def begun(text: str, network: Network) -> dict[str, Array]:
    """The kernels of a fresh model of this code, by our names; in any order of axes."""
    space = space_of(text)
    if "make_model" in space:
        import keras

        keras.utils.set_random_seed(0)
        made = {layer.name: layer.get_weights()[0] for layer in space["make_model"]().layers if layer.weights}
        return {f"{name}.weight": values for name, values in made.items()}
    import torch

    torch.manual_seed(0)
    module = [v for v in space.values() if isinstance(v, type) and issubclass(v, torch.nn.Module)][-1]()
    return {name: each.detach().numpy() for name, each in module.named_parameters() if each.ndim > 1}


def fresh(text: str, images: Any) -> Array:
    """What a fresh model of this code computes, with the weights it begins at."""
    space = space_of(text)
    if "make_model" in space:
        return np.asarray(space["make_model"]()(images).detach().numpy())
    import torch

    module = [v for v in space.values() if isinstance(v, type) and issubclass(v, torch.nn.Module)][-1]()
    with torch.no_grad():
        found = module(torch.tensor(np.ascontiguousarray(np.moveaxis(images, -1, 1))))
    return np.moveaxis(found.numpy(), 1, -1)


def save(weights: dict[str, Array], path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(values) for name, values in weights.items()}, path)


def off(found: list[Array], wanted: list[Array]) -> float:
    """The greatest difference, of the largest value; what is no number is so in both."""
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
    return max(
        float(np.nanmax(np.abs(a - b))) / max(1.0, float(np.nanmax(np.abs(b))))
        for a, b in zip(found, wanted, strict=True)
    )


def outputs_of(engine: NumpyEngine, images: Any) -> list[Array]:
    names = [engine.network.nodes[output.node].name for output in engine.network.outputs]
    kept = engine.forward(images, keep=names)
    return [kept[name] for name in names]
