"""PyTorch's functions with weights as layers: convolutions, linear layers, norms, attention."""

from __future__ import annotations

from typing import Any

from cnnspec.exchange.code_in.flow import Tensor
from cnnspec.exchange.code_in.torch.attention import projected
from cnnspec.exchange.code_in.torch.basics import (
    FLOAT_EPSILON,
    Pair,
    axes_list,
    fit_channels,
    need_channels,
    one,
    own,
    owner,
    per_axis,
    shortened,
    tensor,
    with_last,
)
from cnnspec.exchange.code_in.trace import ModelArray, NotFollowed

# Weights ---------------------------------------------------------------------------------


def conv(x: Any, weight: Any, bias: Any = None, stride: Pair = 1, padding: Any = 0, dilation: Pair = 1,
         groups: int = 1) -> Tensor:  # fmt: skip
    x, weight, bias = tensor(x), own(weight, "the kernel"), own(bias, "the bias")
    assert weight is not None
    filters, reads, *kernel = weight.shape
    rank, channels = len(kernel), tensor(x).sizes[1]
    if len(x.sizes) != rank + 2:
        raise NotFollowed(
            f"a convolution along {rank} axes gets a tensor of {len(x.sizes)}", code="needs-a-map"
        )
    if reads * groups != channels:
        raise NotFollowed(
            f"the convolution is made for {reads * groups} channels, but {channels} flow in",
            f"make it for {channels} channels", code="shapes-do-not-match",
        )  # fmt: skip
    options: dict[str, Any] = {"kernel": tuple(kernel), "bias": bias is not None}
    options |= {
        "stride": shortened(per_axis(stride, rank)),
        "dilation": shortened(per_axis(dilation, rank)),
    }
    options["padding"] = padding if isinstance(padding, str) else shortened(per_axis(padding, rank))
    word = "conv"
    if groups == channels > 1 and filters % channels == 0:
        word, options = "depthwise", {**options, "multiplier": filters // channels}
    else:
        options |= {"filters": filters, "groups": groups}
    return one(x, word, **options, name=owner(weight), weights={"weight": weight, "bias": bias})


def conv_transpose(x: Any, weight: Any, bias: Any = None, stride: Pair = 1, padding: Pair = 0,
                   output_padding: Pair = 0, groups: int = 1, dilation: Pair = 1) -> Tensor:  # fmt: skip
    weight, bias = own(weight, "the kernel"), own(bias, "the bias")
    assert weight is not None
    channels, filters, *kernel = weight.shape
    rank = len(kernel)
    need_channels(tensor(x), channels, "transposed convolution")
    sizes = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
    options = {name: shortened(per_axis(value, rank)) for name, value in sizes.items()}
    return one(
        x, "upconv", filters=filters * groups, kernel=tuple(kernel), groups=groups,
        bias=bias is not None, **options, name=owner(weight), weights={"weight": weight, "bias": bias},
    )  # fmt: skip


def linear(x: Any, weight: Any, bias: Any = None) -> Tensor:
    """Dense on vectors; at each position of a tensor with channels last, a 1x1 convolution."""
    x, weight, bias = tensor(x), own(weight, "the weight"), own(bias, "the bias")
    assert weight is not None
    units, reads = weight.shape
    if x.sizes[-1] != reads:
        raise NotFollowed(
            f"the linear layer is made for {reads:,} values, but {x.sizes[-1]:,} flow in",
            f"make it for {x.sizes[-1]:,} values" if len(x.sizes) == 2 else "flatten the map before it",
            notes=(f"what flows in is {' x '.join(map(str, x.sizes[1:]))} a sample",),
        )  # fmt: skip
    weights = {"weight": weight, "bias": bias}
    options = {"bias": bias is not None, "name": owner(weight), "weights": weights}
    if len(x.sizes) == 2:
        return one(x, "dense", units=units, **options)
    if x.node in x.trace.pending:
        return with_last(x, projected(x, weight, bias))
    node = x.last()
    if node is None:
        raise NotFollowed("a linear layer on a tensor whose last axis is not its channels")
    rank = len(x.own) - 2
    weights["weight"] = weight.turned(lambda array: array.reshape(*array.shape, *(1 for _ in range(rank))))
    made = x.trace.add("conv", [node], {"filters": units, "kernel": (1,), "bias": bias is not None},
                       options["name"], weights)  # fmt: skip
    return with_last(x, made)


def batch_norm(x: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
               training: Any = False, momentum: float = 0.1, eps: float = 1e-5) -> Tensor:  # fmt: skip
    if not isinstance(running_mean, ModelArray) or training is True:
        raise NotFollowed("batch norm without running statistics has no counterpart here")
    weights = {"weight": weight, "bias": bias, "running_mean": running_mean, "running_var": running_var}
    need_channels(tensor(x), running_mean.shape[0], "batch norm")
    return one(
        x, "batchnorm", epsilon=eps, momentum=momentum, affine=weight is not None,
        name=owner(running_mean), weights=weights,
    )  # fmt: skip


def layer_norm(
    x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Tensor:
    x = tensor(x)
    shape = axes_list(normalized_shape)
    if (weight is None) != (bias is None):
        raise NotFollowed("layer norm with a scale and no shift has no counterpart here")
    options: dict[str, Any] = {"epsilon": eps, "affine": weight is not None, "over": "all"}
    weights = {"weight": weight, "bias": bias}
    if len(shape) == 1 and len(x.sizes) > 2:
        node = x.last()
        if node is None or x.sizes[-1] != shape[0]:
            raise NotFollowed("layer norm over an axis that is not the channels, put last")
        return tensor(x).kept(
            x.trace.add("layernorm", [node], {**options, "over": "channels"}, owner(weight), weights)
        )
    if tuple(shape) != x.sizes[1:]:
        raise NotFollowed(f"layer norm over {tuple(shape)} of a tensor of {x.sizes[1:]} a sample")
    return one(x, "layernorm", **options, name=owner(weight), weights=weights)


def rms_norm(x: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Tensor:
    """As layer norm, without a mean and a shift; PyTorch's own epsilon is that of its numbers."""
    x, shape = tensor(x), axes_list(normalized_shape)
    options: dict[str, Any] = {"epsilon": FLOAT_EPSILON if eps is None else eps, "affine": weight is not None}
    if len(shape) == 1 and len(x.sizes) > 2 and (node := x.last()) and x.sizes[-1] == shape[0]:
        return tensor(x).kept(
            x.trace.add("rmsnorm", [node], {**options, "over": "channels"}, owner(weight), {"weight": weight})
        )
    if tuple(shape) != x.sizes[1:]:
        raise NotFollowed(f"RMS norm over {tuple(shape)} of a tensor of {x.sizes[1:]} a sample")
    return one(x, "rmsnorm", **options, name=owner(weight), weights={"weight": weight})


def group_norm(x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    return one(
        x, "groupnorm", groups=num_groups, epsilon=eps, affine=weight is not None, name=owner(weight),
        weights={"weight": weight, "bias": bias},
    )  # fmt: skip


def instance_norm(x: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None,
                  bias: Any = None, use_input_stats: Any = True, momentum: float = 0.1,
                  eps: float = 1e-5) -> Tensor:  # fmt: skip
    if running_mean is not None or use_input_stats is False:
        raise NotFollowed("instance norm with running statistics has no counterpart here")

    return one(
        x, "instancenorm", epsilon=eps, affine=weight is not None, name=owner(weight),
        weights={"weight": weight, "bias": bias},
    )  # fmt: skip


def prelu(x: Any, weight: Any) -> Tensor:
    weight = own(weight, "the slope")
    assert weight is not None
    shared = weight.shape == (1,)
    fit_channels(tensor(x), weight, "PReLU")
    return one(x, "prelu", shared=shared, name=owner(weight), weights={"weight": weight})


def attention(x: Any, embed: int, heads: int, parameters: dict[str, Any], name: str, to: Any) -> Tensor:
    """``nn.MultiheadAttention`` with the batch first."""
    x, to = tensor(x), tensor(to)
    node, other = x.last(), to.last()
    if x.sizes[-1] != embed:
        raise NotFollowed(
            f"the attention is made for {embed} channels, but {x.sizes[-1]} flow in",
            code="shapes-do-not-match",
        )
    if node is None or other is None:
        raise NotFollowed("attention reads tensors of N x positions x channels")
    inputs, options = [node], {"heads": heads, "bias": parameters.get("in_proj_bias") is not None}
    if other != node:
        inputs, options = [node, other], {**options, "to": other}
    return tensor(x).kept(x.trace.add("attention", inputs, options, name, parameters))


def local_response_norm(x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    return one(x, "lrn", size=size, alpha=alpha, beta=beta, k=k)
