"""Every layer by its definition, in plain loops over scalars: slow, short, and sharing no code with the laws.

Each function takes the layer, its inputs as dicts of scalars and a constant (a scalar that sees
nothing: a weight, a zero, minus infinity) and gives the outputs as a dict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import combinations
from itertools import product as cartesian
from math import floor, prod
from typing import Any

from cases.registry import Case
from counting import Values, Watched, greatest, places, summed, watched_inputs

from cnnspec.layers.base import Shape


def spread_out(option: Any, rank: int) -> tuple[int, ...]:
    return tuple(option) * rank if len(option) == 1 else tuple(option)


def sides(padding: Any, sizes: Shape, reaches: Shape, strides: Shape) -> list[tuple[int, int]]:
    """Pixels before and after each axis of a sliding window."""
    rank = len(sizes)
    if padding == "valid":
        return [(0, 0)] * rank
    if padding == "full":
        return [(reach - 1, reach - 1) for reach in reaches]
    if padding == "same":
        counts = [len(range(0, size, stride)) for size, stride in zip(sizes, strides, strict=True)]
        missing = [
            max(0, (count - 1) * stride + reach - size)
            for count, stride, reach, size in zip(counts, strides, reaches, sizes, strict=True)
        ]
        return [(total // 2, total - total // 2) for total in missing]
    if len(padding) == 2 * rank:
        return [(padding[2 * n], padding[2 * n + 1]) for n in range(rank)]
    return [(p, p) for p in spread_out(padding, rank)]


def starts(size: int, before: int, after: int, reach: int, stride: int, ceil: bool) -> list[int]:
    """Where the windows of an axis begin, found by walking along it."""
    found, start = [], -before
    while start + reach <= size + after:
        found.append(start)
        start += stride
    rest = found and found[-1] + reach < size + after
    if ceil and rest and start < size:
        found.append(start)
    return found


def windows(layer: Any, shape: Shape) -> tuple[Shape, dict[tuple[int, ...], list[tuple[int, ...]]]]:
    """The output's sizes, and for each output place the input places of its taps, padding included."""
    sizes, rank = shape[:-1], len(shape) - 1
    kernel = spread_out(layer.kernel, rank)
    stride = kernel if layer.stride is None else spread_out(layer.stride, rank)
    dilation = spread_out(getattr(layer, "dilation", (1,)), rank)
    reaches = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
    margins = sides(layer.padding, sizes, reaches, stride)
    ceil = getattr(layer, "rounding", "floor") == "ceil" and layer.padding != "same"
    firsts = [
        starts(size, *margin, reach, step, ceil)
        for size, margin, reach, step in zip(sizes, margins, reaches, stride, strict=True)
    ]
    taps = list(cartesian(*(range(0, d * k, d) for d, k in zip(dilation, kernel, strict=True))))
    table = {
        place: [tuple(firsts[n][o] + tap[n] for n, o in enumerate(place)) for tap in taps]
        for place in cartesian(*(range(len(first)) for first in firsts))
    }
    return tuple(map(len, firsts)), table


def conv(layer: Any, inputs: list[Values], shapes: tuple[Shape, ...], constant: Watched) -> Values:
    (values,), channels = inputs, shapes[0][-1]
    groups = channels if layer.word == "depthwise" else layer.groups
    filters = channels * layer.multiplier if layer.word == "depthwise" else layer.filters
    out = {}
    for place, taps in windows(layer, shapes[0])[1].items():
        for f in range(filters):
            own = range(
                f // (filters // groups) * (channels // groups),
                (f // (filters // groups) + 1) * (channels // groups),
            )
            read = own if getattr(layer, "connections", None) is None else layer.table()[f]
            terms = [constant * values.get((*tap, c), constant) for tap in taps for c in read]
            out[*place, f] = summed(terms) + constant if layer.bias else summed(terms)
    return out


def upconv(layer: Any, inputs: list[Values], shapes: tuple[Shape, ...], constant: Watched) -> Values:
    (values,), shape, rank = inputs, shapes[0], len(shapes[0]) - 1
    kernel, stride = spread_out(layer.kernel, rank), spread_out(layer.stride, rank)
    dilation, extra = spread_out(layer.dilation, rank), spread_out(layer.output_padding, rank)
    sizes = []
    near = []
    for n in range(rank):
        reach = dilation[n] * (kernel[n] - 1) + 1
        if layer.padding == "same":
            sizes.append(shape[n] * stride[n])
            near.append(max(0, reach - stride[n]) // 2)
        else:
            before, after = sides(layer.padding, shape[:-1], (reach,) * rank, stride)[n]
            sizes.append((shape[n] - 1) * stride[n] + reach - before - after + extra[n])
            near.append(before)
    sheet: Values = {}
    per = layer.filters // layer.groups
    for (*place, c), value in values.items():
        group = c // (shape[-1] // layer.groups)
        for tap in places(kernel):
            to = tuple(place[n] * stride[n] + tap[n] * dilation[n] - near[n] for n in range(rank))
            for f in range(group * per, (group + 1) * per):
                sheet[*to, f] = sheet.get((*to, f), constant) + value * constant
    return {key: sheet.get(key, constant) for key in places((*sizes, layer.filters))}


def dense(layer: Any, inputs: list[Values], shapes: tuple[Shape, ...], constant: Watched) -> Values:
    def unit() -> Watched:
        weighed = summed([value * constant for value in inputs[0].values()])
        return weighed + constant if layer.bias else weighed

    return {(u,): unit() for u in range(layer.units)}


def pool(layer: Any, inputs: list[Values], shapes: tuple[Shape, ...], constant: Watched) -> Values:
    return {
        (*place, c): POOLED[layer.word]([inputs[0].get((*tap, c), constant) for tap in taps], constant)
        for place, taps in windows(layer, shapes[0])[1].items()
        for c in range(shapes[0][-1])
    }


def mean(terms: list[Watched], constant: Watched) -> Watched:
    return summed(terms) / constant


def median(terms: list[Watched], constant: Watched) -> Watched:
    ranked = terms[0]
    for one, other in combinations(terms, 2):
        ranked = Watched(ranked.tally, ranked.sees | one.greater(other).sees)
    return ranked if len(terms) % 2 else (ranked + ranked) / constant


POOLED: dict[str, Callable[[list[Watched], Watched], Watched]] = {
    "maxpool": lambda terms, constant: greatest(terms),
    "minpool": lambda terms, constant: greatest(terms),
    "medianpool": median,
    "avgpool": mean,
    "subsample": lambda terms, constant: summed(terms) * constant + constant,
    "globalavgpool": mean,
    "globalmaxpool": lambda terms, constant: greatest(terms),
}


def global_pool(layer: Any, inputs: list[Values], shapes: tuple[Shape, ...], constant: Watched) -> Values:
    *sizes, channels = shapes[0]
    return {
        (*(0 for _ in sizes), c): POOLED[layer.word](
            [inputs[0][*place, c] for place in places(tuple(sizes))], constant
        )
        for c in range(channels)
    }


def unpool_of(case: Case, inputs: list[Values], constant: Watched) -> Values:
    assert case.pool is not None
    pooling, shape = case.pool
    out = dict.fromkeys(places(shape), constant)
    for place, taps in windows(pooling, shape)[1].items():
        for tap in taps:
            for c in range(shape[-1]):
                if (*tap, c) in out:
                    seen = inputs[0][*place, c].sees | inputs[1][*place, c].sees | out[*tap, c].sees
                    out[*tap, c] = Watched(constant.tally, seen)
    return out


def moved(layer: Any, inputs: list[Values], shapes: tuple[Shape, ...], constant: Watched) -> Values:
    """Flatten and reshape: read and filled channel by channel, row after row."""
    *sizes, channels = shapes[0]
    flat = [inputs[0][*place, c] for c in range(channels) for place in places(tuple(sizes))]
    *new, depth = (len(flat),) if layer.word == "flatten" else layer.to
    keys = [(*place, c) for c in range(depth) for place in places(tuple(new))]
    return dict(zip(keys, flat, strict=True))


def pad(layer: Any, inputs: list[Values], shapes: tuple[Shape, ...], constant: Watched) -> Values:
    *sizes, channels = shapes[0]
    margins = sides(layer.amount, tuple(sizes), (), ())

    def source(i: int, size: int) -> int:
        if layer.mode == "replicate":
            return min(max(i, 0), size - 1)
        if layer.mode == "reflect":
            return -i if i < 0 else 2 * (size - 1) - i if i >= size else i
        return i

    grown = tuple(size + sum(margin) for size, margin in zip(sizes, margins, strict=True))
    return {
        (*o, c): inputs[0].get(
            (*(source(o[n] - margins[n][0], sizes[n]) for n in range(len(sizes))), c), constant
        )
        for o in places(grown)
        for c in range(channels)
    }


def crop(layer: Any, inputs: list[Values], shapes: tuple[Shape, ...], constant: Watched) -> Values:
    *sizes, channels = shapes[0]
    rank = len(sizes)
    if layer.to is None:
        margins = sides(layer.amount, tuple(sizes), (), ())
    else:
        to = spread_out(layer.to, rank)
        margins = [((sizes[n] - to[n]) // 2, (sizes[n] - to[n] + 1) // 2) for n in range(rank)]
    left = tuple(size - sum(margin) for size, margin in zip(sizes, margins, strict=True))
    return {
        (*o, c): inputs[0][*(o[n] + margins[n][0] for n in range(rank)), c]
        for o in places(left)
        for c in range(channels)
    }


def upsample(layer: Any, inputs: list[Values], shapes: tuple[Shape, ...], constant: Watched) -> Values:
    *sizes, channels = shapes[0]
    scale = spread_out(layer.scale, len(sizes))
    out = {}
    for key in places((*(size * s for size, s in zip(sizes, scale, strict=True)), channels)):
        *place, c = key
        if layer.mode == "nearest":
            out[key] = inputs[0][*(o // s for o, s in zip(place, scale, strict=True)), c]
        elif layer.mode == "nails":
            on = not any(o % s for o, s in zip(place, scale, strict=True))
            out[key] = inputs[0][*(o // s for o, s in zip(place, scale, strict=True)), c] if on else constant
        else:
            out[key] = _mixed(inputs[0], place, scale, tuple(sizes), c, constant)
    return out


def _mixed(
    values: Values, place: list[int], scale: Shape, sizes: Shape, c: int, constant: Watched
) -> Watched:
    centres = [(o + 0.5) / s - 0.5 for o, s in zip(place, scale, strict=True)]
    terms = []
    for corner in cartesian((0, 1), repeat=len(place)):
        near = [floor(x) + up for x, up in zip(centres, corner, strict=True)]
        weight = prod(1 - abs(x - n) for x, n in zip(centres, near, strict=True))
        value = values[*(min(max(n, 0), size - 1) for n, size in zip(near, sizes, strict=True)), c]
        terms.append((value if weight else value.without_sight()) * constant)
    return summed(terms)


def shuffle(layer: Any, inputs: list[Values], shapes: tuple[Shape, ...], constant: Watched) -> Values:
    per = shapes[0][-1] // layer.groups
    return {
        (*place, c * layer.groups + g): inputs[0][*place, g * per + c]
        for place in places(shapes[0][:-1])
        for g in range(layer.groups)
        for c in range(per)
    }


def part(layer: Any, inputs: list[Values], shapes: tuple[Shape, ...], constant: Watched) -> Values:
    return {
        (*place, n): inputs[0][*place, c]
        for place in places(shapes[0][:-1])
        for n, c in enumerate(range(layer.start, layer.stop))
    }


def each(function: Callable[[Any, Watched, Watched], Watched]) -> Callable[..., Values]:
    def run(layer: Any, inputs: list[Values], shapes: tuple[Shape, ...], constant: Watched) -> Values:
        return {key: function(layer, value, constant) for key, value in inputs[0].items()}

    return run


def relu(layer: Any, x: Watched, k: Watched) -> Watched:
    return x.greater(k) if layer.max is None else x.greater(k).greater(k)


def gelu(layer: Any, x: Watched, k: Watched) -> Watched:
    if layer.approximate == "tanh":
        inner = k * (x + k * (x * x * x))
        return k * x * (k + inner.apply("hyperbolic tangents"))
    return k * x * (k + (x * k).apply("error functions"))


def softmax(layer: Any, inputs: list[Values], shapes: tuple[Shape, ...], constant: Watched) -> Values:
    out = {}
    for place in places(shapes[0][:-1]):
        row = [inputs[0][*place, c] for c in range(shapes[0][-1])]
        top = greatest(row)
        powers = [(x - top).apply("exponentials") for x in row]
        bottom = summed(powers)
        out |= {(*place, c): power / bottom for c, power in enumerate(powers)}
    return out


def norm(layer: Any, inputs: list[Values], shapes: tuple[Shape, ...], constant: Watched) -> Values:
    *sizes, channels = shapes[0]
    spots, out = places(tuple(sizes)), {}
    if layer.word == "groupnorm":
        per = channels // layer.groups
        parts = [[(*p, g * per + c) for p in spots for c in range(per)] for g in range(layer.groups)]
    elif layer.over == "channels":
        parts = [[(*p, c) for c in range(channels)] for p in spots]
    else:
        parts = [[(*p, c) for p in spots for c in range(channels)]]
    for keys in parts:
        average = summed([inputs[0][key] for key in keys]) / constant
        away = [inputs[0][key] - average for key in keys]
        deviation = (summed([d * d for d in away]) / constant + constant).apply("roots")
        for key, d in zip(keys, away, strict=True):
            out[key] = d / deviation * constant + constant if layer.affine else d / deviation
    return out


def lrn(layer: Any, inputs: list[Values], shapes: tuple[Shape, ...], constant: Watched) -> Values:
    squares = {key: value * value for key, value in inputs[0].items()}
    out = {}
    for (*place, c), value in inputs[0].items():
        near = range(c - layer.size // 2, c + (layer.size - 1) // 2 + 1)
        power = (constant * summed([squares.get((*place, n), constant) for n in near]) + constant).apply(
            "powers"
        )
        out[*place, c] = value / power
    return out


def merge(layer: Any, inputs: list[Values], shapes: tuple[Shape, ...], constant: Watched) -> Values:
    rank = max(map(len, shapes))
    sizes = tuple(
        max(shape[n - rank] if len(shape) >= rank - n else 1 for shape in shapes) for n in range(rank)
    )
    out = {}
    for key in places(sizes):
        terms = []
        for values, shape in zip(inputs, shapes, strict=True):
            own = key[rank - len(shape) :]
            terms.append(values[tuple(min(o, size - 1) for o, size in zip(own, shape, strict=True))])
        result = terms[0]
        for term in terms[1:]:
            result = result + term if layer.word == "add" else result * term
        out[key] = result
    return out


def concat(layer: Any, inputs: list[Values], shapes: tuple[Shape, ...], constant: Watched) -> Values:
    out, begin = {}, 0
    for values, shape in zip(inputs, shapes, strict=True):
        out |= {(*place, begin + c): value for (*place, c), value in values.items()}
        begin += shape[-1]
    return out


DEFINITIONS: dict[str, Callable[..., Values]] = {
    "conv": conv, "depthwise": conv, "upconv": upconv, "dense": dense,
    "maxpool": pool, "minpool": pool, "medianpool": pool, "avgpool": pool, "subsample": pool,
    "globalavgpool": global_pool, "globalmaxpool": global_pool,
    "flatten": moved, "reshape": moved, "identity": each(lambda layer, x, k: x),
    "pad": pad, "crop": crop, "upsample": upsample, "shuffle": shuffle, "slice": part,
    "relu": each(relu),
    "leakyrelu": each(lambda layer, x, k: x.greater(k * x)),
    "prelu": each(lambda layer, x, k: x.greater(k * x)),
    "elu": each(lambda layer, x, k: x.greater(k * (x.apply("exponentials") - k))),
    "gelu": each(gelu),
    "silu": each(lambda layer, x, k: x / (k + x.apply("exponentials"))),
    "sigmoid": each(lambda layer, x, k: k / (k + x.apply("exponentials"))),
    "tanh": each(lambda layer, x, k: x.apply("hyperbolic tangents")),
    "softmax": softmax,
    "hardswish": each(lambda layer, x, k: x * (x + k).greater(k).greater(k) / k),
    "hardsigmoid": each(lambda layer, x, k: (x + k).greater(k).greater(k) / k),
    "batchnorm": each(lambda layer, x, k: x * k + k),
    "layernorm": norm, "groupnorm": norm, "lrn": lrn,
    "dropout": each(lambda layer, x, k: x),
    "add": merge, "multiply": merge, "concat": concat,
}  # fmt: skip


def run(case: Case) -> tuple[Values, Counter[str]]:
    """The outputs of a case by definition, and a tally of the operations that took."""
    tally: Counter[str] = Counter()
    inputs, constant = watched_inputs(case.inputs, tally), Watched(tally)
    if case.pool is not None:
        return unpool_of(case, inputs, constant), tally
    return DEFINITIONS[case.layer.word](case.layer, inputs, case.inputs, constant), tally
