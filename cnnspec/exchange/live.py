"""Models from live objects of PyTorch and Keras, each compared with its original on an example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from cnnspec.diagnostics import SpecError
from cnnspec.upward import upward

if TYPE_CHECKING:
    from cnnspec.exchange.code_in.result import Read
    from cnnspec.upward import Model

TOLERANCE: Final = 1e-3
"""How far outputs may be apart, of the largest one."""


def from_torch(module: Any, example: Any) -> Model:
    """The network of a PyTorch module as it is used (``eval``), with its weights.

    ``example`` is an input, N x channels x height x width; the module and the network are compared on it.
    Needs PyTorch. Raises SpecError for what the language cannot say, by module and operation.
    """
    import numpy as np

    from cnnspec.exchange.code_in.torch.live import from_torch as read
    from cnnspec.exchange.code_in.torch.live import in_use
    from cnnspec.exchange.trade import require

    require("from_torch", "torch", "torch")
    import torch

    if isinstance(example, list | np.ndarray):
        example = torch.as_tensor(np.asarray(example, "float32"))
    found = read(module, example)
    with in_use(module), torch.no_grad():
        outputs = torch.utils._pytree.tree_leaves(module(example.clone()))
    wanted = [np.moveaxis(one.detach().cpu().numpy(), 1, -1) for one in outputs if hasattr(one, "detach")]
    return _checked(found, np.moveaxis(example.detach().cpu().numpy(), 1, -1), wanted)


def from_keras(model: Any) -> Model:
    """The network of a Keras model, functional or sequential, with its weights.

    Weights behind a flatten are brought into our order; both are compared on random images. Needs Keras 3.
    Raises SpecError for what the language cannot say, by layer.
    """
    import numpy as np

    from cnnspec.exchange.code_in.keras.live import from_keras as read
    from cnnspec.exchange.trade import require

    require("from_keras", "keras", "keras")
    import keras

    found = read(model)
    images = np.random.default_rng(0).random((2, *found.network.input), dtype="float32")
    shape = tuple(model.inputs[0].shape[1:])
    given = model(images.reshape(2, *shape), training=False)
    outputs = list(given) if isinstance(given, list | tuple) else [given]
    return _checked(found, images, [np.asarray(keras.ops.convert_to_numpy(one)) for one in outputs])


def _checked(found: Read, images: Any, wanted: Sequence[Any]) -> Model:
    """The model; raises SpecError where its numbers are not those of the original."""
    import numpy as np

    model: Model = upward("build")(found.network, 0)
    model.weights.update({name: np.asarray(values, "float32") for name, values in found.weights.items()})
    given = model.forward(images.astype("float32"))
    if len(wanted) != len(found.network.outputs):
        raise SpecError.of("code-not-followed", "its outputs cannot be compared with the original's")
    for output, values in zip(found.network.outputs, wanted, strict=False):
        ours = given[output.name]
        most = TOLERANCE * max(1.0, float(np.abs(values).max()))
        if ours.size != values.size or not np.abs(ours.reshape(values.shape) - values).max() <= most:
            raise SpecError.of(
                "code-not-followed", f"{output.name} has other numbers here than in the original",
                "please report this model to cnnspec's issue tracker",
            )  # fmt: skip
    return model
