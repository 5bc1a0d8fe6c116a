"""Weights as PyTorch code that is read meets them: how they begin, and whether they are trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cnnspec.exchange.code_in.signature import signature
from cnnspec.exchange.code_in.trace import Trace
from cnnspec.exchange.code_in.values import UnknownValue
from cnnspec.exchange.initials import of_torch
from cnnspec.layers.base import Shape
from cnnspec.layers.kernels import kernels_text

if TYPE_CHECKING:
    from cnnspec.exchange.code_in.torch.modules import TorchModule

WEIGHTED: Final = ("Conv", "Linear", "LazyConv", "LazyLinear", "TableConv")
"""How the kinds begin whose weight may begin in several ways."""
SCALED: Final = ("PReLU", "Scale", "Subsample", "Positions", "ClassToken")
"""Other kinds with a weight, or a bias."""
ATTENTION: Final = ("in_proj_weight", "out_proj.weight", "in_proj_bias", "out_proj.bias")
_KAIMING: Final = "tensor a=0 mode='fan_in' nonlinearity='leaky_relu'"
_INIT: Final = {
    "kaiming_normal": _KAIMING, "kaiming_uniform": _KAIMING,
    "xavier_normal": "tensor gain=1.0", "xavier_uniform": "tensor gain=1.0",
    "orthogonal": "tensor gain=1", "constant": "tensor val",
    "normal": "tensor mean=0.0 std=1.0", "uniform": "tensor a=0.0 b=1.0",
    "trunc_normal": "tensor mean=0.0 std=1.0 a=-2.0 b=2.0", "zeros": "tensor", "ones": "tensor",
}  # fmt: skip
_METHODS: Final = {"zero_": "zeros", "fill_": "constant", "normal_": "normal", "uniform_": "uniform"}
"""Methods of a tensor that begin its values."""


@dataclass(eq=False)
class OwnParameter:
    """An ``nn.Parameter`` of a module of the file; its path is known once the model is walked through."""

    shape: tuple[int, ...]
    path: str = ""
    frozen: bool = False
    value: float | None = None
    """What all of its values begin at."""


@dataclass(frozen=True, eq=False)
class ModuleWeight:
    """An array of a module of the library."""

    module: TorchModule
    name: str

    @property
    def axes(self) -> int:
        kind = self.module.kind
        if self.name.endswith("bias") or not kind.startswith((*WEIGHTED, "Multihead")):
            return 1
        return 2 + int(kind[-2]) if kind.endswith("d") else 2

    @property
    def shape(self) -> tuple[int, ...]:
        """Raises KeyError for a module whose sizes its options do not say."""
        o, kind = self.module.options, self.module.kind
        if not kind.startswith(("Conv", "Linear")):
            names = ("num_features", "num_channels", "num_parameters")
            return tuple(o[name] for name in names if name in o)
        first, second = (o["out_features"], o["in_features"]) if kind == "Linear" else (
            o["out_channels"], o["in_channels"])  # fmt: skip
        if self.name == "bias":
            return (first,)
        if kind == "Linear":
            return first, second
        sizes = (
            o["kernel_size"]
            if isinstance(o["kernel_size"], tuple | list)
            else (o["kernel_size"],) * int(kind[-2])
        )
        if kind.startswith("ConvTranspose"):
            return (second, first // o["groups"], *sizes)
        return (first, second // o["groups"], *sizes)

    @property
    def is_kernel(self) -> bool:
        return self.axes > 1

    def freeze(self, still: bool) -> None:
        (self.module.still.add if still else self.module.still.discard)(self.name)


def weights_of(module: TorchModule) -> Iterator[ModuleWeight]:
    """The arrays of one module that are trained."""
    if module.kind == "MultiheadAttention":
        yield from (ModuleWeight(module, name) for name in ATTENTION)
    elif module.kind == "Tied":
        yield ModuleWeight(module, "bias")
    elif module.kind.startswith((*WEIGHTED, *SCALED)) or "Norm" in module.kind:
        yield from (ModuleWeight(module, name) for name in ("weight", "bias"))


def is_turned(weight: ModuleWeight) -> bool:
    """Whether PyTorch's fan_out is our fan_in."""
    return weight.module.kind.startswith("ConvTranspose") and bool(weight.module.options["groups"] == 1)


def give(parameter: ModuleWeight, shape: Shape, text: str) -> None:
    """Takes the numbers that ``set_values`` of a file of ours gives a weight."""
    taps_from = 1 if parameter.module.kind.startswith("TableConv") else 2
    parameter.module.given[parameter.name] = kernels_text(text.split(), shape, taps_from)


def begin(trace: Trace, weight: Any, function: str, arguments: list[Any], options: Mapping[str, Any]) -> None:
    """Takes how a weight begins; what the language cannot say of it is told."""
    plain = _METHODS.get(function, function.rstrip("_"))
    given = {**dict(zip([*signature(_INIT.get(plain, "tensor"))][1:], arguments, strict=False)), **options}
    is_known = plain in _INIT and not any(isinstance(one, UnknownValue) for one in given.values())
    given = {**signature(_INIT.get(plain, "tensor")), **given}
    if isinstance(weight, ModuleWeight) and weight.is_kernel:
        found = of_torch(plain, given, is_turned(weight)) if is_known else None
        weight.module.inits[weight.name] = found or ""
        if found:
            return
    elif isinstance(weight, ModuleWeight) and is_known:
        rest = 0 if weight.name.endswith("bias") else 1
        if (plain, rest) in (("zeros", 0), ("ones", 1)) or (plain == "constant" and given["val"] == rest):
            return
    elif isinstance(weight, OwnParameter) and is_known and plain in ("zeros", "ones", "constant"):
        weight.value = float(given["val"] if plain == "constant" else plain == "ones")
        return
    trace.note(
        "framework-differs",
        f"{function.rstrip('_')} with these options is not carried: what it sets begins as usual here",
    )
