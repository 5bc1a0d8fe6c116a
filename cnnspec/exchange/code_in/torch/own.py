"""Modules of files that cnnspec wrote for PyTorch, read back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from cnnspec.exchange.code_in.flow import Tensor
from cnnspec.exchange.code_in.torch import basics as basics
from cnnspec.exchange.code_in.torch import functions as functions
from cnnspec.exchange.code_in.torch import layers as layers
from cnnspec.exchange.code_in.torch import pools as pools
from cnnspec.exchange.code_in.torch import views as views
from cnnspec.exchange.code_in.torch.modules import MODULES, Kind, TorchModule, _tuple


def _subsample(m: TorchModule, x: Any) -> Tensor:
    pool, channels = m.options["pool"].options, m.options["channels"]
    stride = pool["kernel_size"] if pool["stride"] is None else pool["stride"]
    weights = {name: m.parameter(name, channels) for name in ("weight", "bias")}
    rank = basics.rank_of(basics.tensor(x))
    sizes = {"kernel": _tuple(pool["kernel_size"], rank),
             "stride": basics.shortened(_tuple(stride, rank))}  # fmt: skip
    return basics.one(x, "subsample", **sizes, name=m.path, weights=weights)


def _table_conv(m: TorchModule, x: Any) -> Tensor:
    o = m.options
    rows = o["table"].split(";")
    lines = sum(len(row.split()) for row in rows)
    weights = {"weight": m.parameter("weight", lines, *o["kernel"])}
    if o["bias"]:
        weights["bias"] = m.parameter("bias", len(rows))
    return basics.one(
        x, "conv", filters=len(rows), kernel=o["kernel"], connections=o["table"], bias=bool(o["bias"]),
        stride=basics.shortened(_tuple(o["stride"], 2)), dilation=basics.shortened(_tuple(o["dilation"], 2)),
        name=m.path, weights=weights,
    )  # fmt: skip


def _scale(m: TorchModule, x: Any) -> Tensor:
    o = m.options
    weights = {"weight": m.parameter("weight", o["channels"])}
    if o["bias"]:
        weights["bias"] = m.parameter("bias", o["channels"])
    options = {name: o[name] for name in ("initial", "bias", "shift")}
    return basics.one(x, "scale", **options, name=m.path, weights=weights)


def _tied(m: TorchModule, x: Any, weight: Any) -> Tensor:
    o, plain = m.options, {"stride": 1, "padding": 0, "output_padding": 0, "groups": 1, "dilation": 1}
    name, shape = o["function"].last, weight.shape
    shape = shape[::-1] if name == "linear" else shape
    array = replace(weight.module.parameter(weight.name, *shape), tied=True)
    bias = m.parameter("bias", o["units"]) if o["bias"] else None
    options = {key: o[key] for key, value in plain.items() if o[key] != value}
    found: Tensor = functions.FUNCTIONS[name](x, array, bias, **options)
    return found


def _positioned(word: str, count: str) -> Callable[[TorchModule, Any], Tensor]:
    def run(m: TorchModule, x: Any) -> Tensor:
        weights = {"weight": m.parameter("weight", m.options[count], m.options["channels"])}
        options = {"count": m.options[count]} if word == "token" else {}
        return basics.one(x, word, **options, name=m.path, weights=weights)

    return run


def _frozen(rank: int) -> Kind:
    plain = MODULES[f"BatchNorm{rank}d"]

    def run(m: TorchModule, x: Any) -> Tensor:
        m.still |= {"weight", "bias"}
        found: Tensor = plain.run(m, x)
        return found

    return Kind(plain.arguments, run)


OWN: Final[dict[str, Kind]] = {
    **{f"FrozenBatchNorm{n}d": _frozen(n) for n in (1, 2, 3)},
    "DropPath": Kind("rate", lambda m, x: basics.elementwise(x, "droppath", rate=m.options["rate"])),
    "Subsample": Kind("channels pool taps", _subsample),
    "TableConv2d": Kind("channels table kernel bias=True stride=1 dilation=1", _table_conv),
    "Scale": Kind("channels initial=1.0 bias=False shift=0.0", _scale),
    "Tied": Kind("function units bias=True stride=1 padding=0 output_padding=0 groups=1 dilation=1", _tied),
    "Positions": Kind("positions channels", _positioned("positions", "positions")),
    "ClassToken": Kind("count channels", _positioned("token", "count")),
}  # fmt: skip
"""Classes that our files hold, by their names."""
