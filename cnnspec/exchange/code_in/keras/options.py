"""Options that Keras's layers share: those that change nothing here, and those that are told or refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cnnspec.exchange.code_in.keras.layering import (
    Layering,
    initializer,
)
from cnnspec.exchange.code_in.trace import NotFollowed, told

UNTOLD: Final = frozenset(
    """
    name dtype trainable input_shape input_dim batch_input_shape input_length batch_size weights autocast
    seed synchronized fused virtual_batch_size lora_alpha kernel_initializer depthwise_initializer
    pointwise_initializer fill_mode interpolation fill_value data_format
    """.split()  # noqa: SIM905
)
"""Options of all layers that change no number of a network in use, or are read by another name."""
USUAL_BEGIN: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("bias_initializer", "beta_initializer", "moving_mean_initializer"), "zeros"),
    **dict.fromkeys(("gamma_initializer", "moving_variance_initializer"), "ones"),
    "alpha_initializer": "zeros",
}  # fmt: skip
IN_TRAINING: Final = frozenset(
    f"{array}_{what}" for what in ("regularizer", "constraint")
    for array in ("kernel", "bias", "activity", "beta", "gamma", "depthwise", "pointwise", "alpha")
)  # fmt: skip
"""Options that change how a network is trained."""
ALONE: Final[Mapping[str, Any]] = {"lora_rank": None, "quantization_config": None, "renorm": False,
                                   "renorm_clipping": None, "renorm_momentum": 0.99}  # fmt: skip
"""Options of which only this value is read."""
ALL: Final = UNTOLD | USUAL_BEGIN.keys() | IN_TRAINING | ALONE.keys()


def tell(t: Layering, kind: str) -> None:
    """Refuses options that have no counterpart, and tells of those that are not carried."""
    if t.options.get("data_format") == "channels_first":
        raise NotFollowed("channels_first is not read", "leave data_format out: channels are last")
    for name, value in t.options.items():
        if name in ALONE and value not in (ALONE[name], None):
            raise NotFollowed(f"{kind} with {name}={told(value)} has no counterpart here")
        is_usual = initializer(value)[0].lower() in (USUAL_BEGIN.get(name), "") and name in USUAL_BEGIN
        if (name in IN_TRAINING and value is not None) or (name in USUAL_BEGIN and not is_usual):
            t.trace.note(
                "framework-differs",
                f"{name} is not carried: it changes how the network is trained, not its layers",
            )
