"""Functions and classes that Keras code has in its file where Keras has none of its own."""

from __future__ import annotations

from typing import Final

HELPERS: Final[dict[str, str]] = {
    "padded": '''
def padded(x, pixels, value=0.0):
    """A map with pixels of a value around it."""
    return ops.pad(x, [(0, 0), *pixels, (0, 0)], constant_values=value)
''',
    "mirrored": '''
def mirrored(x, pixels, mode):
    """A map mirrored at its edge, or its edge repeated."""
    for axis, (before, after) in enumerate(pixels, 1):
        last = x.shape[axis] - 1
        places = range(-before, last + 1 + after)
        if mode == "reflect":
            places = [last - abs(last - abs(place)) for place in places]
        else:
            places = [min(max(place, 0), last) for place in places]
        x = ops.take(x, places, axis=axis)
    return x
''',
    "mean_of_windows": '''
def mean_of_windows(pool, x, pixels, beyond, count):
    """Means of windows that reach over the map; its padding counts as ``count`` values."""
    ones = padded(ops.ones_like(x[:1, ..., :1]), pixels, count)
    return pool(padded(padded(x, pixels), beyond)) / pool(padded(ones, beyond))
''',
    "unpooled": '''
def unpooled(x, source, kernel):
    """Each value where the greatest of its window of ``source`` is; zeros elsewhere."""
    (rows, columns), (high, wide, channels) = kernel, source.shape[1:]
    down, across = x.shape[1:3]
    ends = ((0, down * rows - high), (0, across * columns - wide))
    whole = padded(source, [(0, max(0, after)) for _, after in ends], float("-inf"))
    whole = whole[:, : down * rows, : across * columns]
    windows = ops.reshape(whole, (-1, down, rows, across, columns, channels))
    windows = ops.transpose(windows, (0, 1, 3, 5, 2, 4))
    windows = ops.reshape(windows, (-1, down, across, channels, rows * columns))
    places = ops.one_hot(ops.argmax(windows, axis=-1), rows * columns)
    spread = places * ops.expand_dims(x, -1)
    spread = ops.reshape(spread, (-1, down, across, channels, rows, columns))
    spread = ops.transpose(spread, (0, 1, 4, 2, 5, 3))
    spread = ops.reshape(spread, (-1, down * rows, across * columns, channels))
    spread = padded(spread, [(0, max(0, -after)) for _, after in ends])
    return spread[:, :high, :wide]
''',
    "reshaped": '''
def reshaped(x, to):
    """The same values in another shape, read and filled channel by channel."""
    last = len(x.shape) - 1
    x = ops.transpose(x, (0, last, *range(1, last)))
    x = ops.reshape(x, (-1, to[-1], *to[:-1]))
    return ops.transpose(x, (0, *range(2, len(to) + 1), 1))
''',
    "shuffled": '''
def shuffled(x, groups):
    """Channels of groups dealt out in turn."""
    sizes, channels = x.shape[1:-1], x.shape[-1]
    x = ops.reshape(x, (-1, *sizes, groups, channels // groups))
    return ops.reshape(ops.swapaxes(x, -1, -2), (-1, *sizes, channels))
''',
    "bed_of_nails": '''
def bed_of_nails(x, scales):
    """Each pixel at the near corner of its square, zeros elsewhere."""
    sizes, channels = x.shape[1:-1], x.shape[-1]
    x = ops.reshape(x, (-1, *(n for size in sizes for n in (size, 1)), channels))
    pixels = [end for scale in scales for end in ((0, 0), (0, scale - 1))]
    x = ops.pad(x, [(0, 0), *pixels, (0, 0)])
    grown = (size * scale for size, scale in zip(sizes, scales, strict=True))
    return ops.reshape(x, (-1, *grown, channels))
''',
    "local_response_norm": '''
def local_response_norm(x, size, alpha, beta, k):
    """Each value over a power of the squares of its neighbours among the channels."""
    channels = x.shape[-1]
    ends = [(0, 0)] * (len(x.shape) - 1) + [(size // 2, (size - 1) // 2)]
    squares = ops.pad(x * x, ends)
    total = sum(squares[..., n : n + channels] for n in range(size))
    return x / (k + alpha / size * total) ** beta
''',
    "rearranged": '''
def rearranged(x, split, order, joined):
    """Pixels for channels, or channels for pixels."""
    apart = ops.transpose(ops.reshape(x, (-1, *split)), order)
    return ops.reshape(apart, (-1, *joined))
''',
    "unit_length": '''
def unit_length(x, least):
    """The channels at each place, divided by their length as a vector."""
    length = ops.sqrt(ops.sum(x * x, axis=-1, keepdims=True))
    return x / ops.maximum(length, least)
''',
    "Scale": '''
class Scale(layers.Layer):
    """Every channel times a trained factor, and plus a trained number if there is a bias."""

    def __init__(self, initial=1.0, bias=False, shift=0.0, **options):
        super().__init__(**options)
        self.initial, self.use_bias, self.shift = initial, bias, shift

    def build(self, shape):
        begin = initializers.Constant(self.initial)
        self.weight = self.add_weight(shape=shape[-1:], initializer=begin)
        self.bias = self.shift
        if self.use_bias:
            begin = initializers.Constant(self.shift)
            self.bias = self.add_weight(shape=shape[-1:], initializer=begin)

    def call(self, x):
        return x * self.weight + self.bias
''',
    "Positions": '''
class Positions(layers.Layer):
    """Adds a trained number to each channel of each position."""

    def build(self, shape):
        begin = initializers.RandomNormal(stddev=0.02)
        places = int(np.prod(shape[1:-1]))
        self.weight = self.add_weight(shape=(places, shape[-1]), initializer=begin)

    def call(self, x):
        return x + ops.reshape(self.weight, x.shape[1:])
''',
    "ClassToken": '''
class ClassToken(layers.Layer):
    """Trained positions before those of a map or sequence."""

    def __init__(self, count=1, **options):
        super().__init__(**options)
        self.count = count

    def build(self, shape):
        shape = (self.count, shape[-1])
        self.weight = self.add_weight(shape=shape, initializer="zeros")

    def call(self, x):
        x = ops.reshape(x, (-1, int(np.prod(x.shape[1:-1])), x.shape[-1]))
        tokens = ops.zeros_like(x[:, :1]) + self.weight
        return ops.concatenate([tokens, x], axis=1)
''',
    "Tied": '''
class Tied(layers.Layer):
    """A layer that uses the kernel of another, transposed, with a bias of its own.

    A convolution's kernel is that of its transposed convolution as it lies.
    """

    def __init__(self, owner, function, units, use_bias=True, trainable=True, **more):
        super().__init__(name=more.pop("name"), trainable=trainable)
        self.kernel = lambda: owner.kernel  # which does not become a weight of this one
        self.function, self.options = function, more
        self.units, self.use_bias, self.bias = units, use_bias, None

    def build(self, shape):
        if self.use_bias:
            self.bias = self.add_weight(shape=(self.units,), initializer="zeros")

    def call(self, x):
        kernel = self.kernel()
        kernel = ops.transpose(kernel) if len(kernel.shape) == 2 else kernel
        y = self.function(x, kernel, **self.options)
        return y if self.bias is None else y + self.bias
''',
    "Subsample": '''
class Subsample(layers.Layer):
    """A window's sum times a trained factor, plus a trained term, a channel."""

    def __init__(self, pool, taps, **options):
        super().__init__(**options)
        self.pool, self.taps = pool, taps

    def build(self, shape):
        begin = initializers.Constant(1 / self.taps)
        self.weight = self.add_weight(shape=shape[-1:], initializer=begin)
        self.bias = self.add_weight(shape=shape[-1:], initializer="zeros")

    def call(self, x):
        return self.pool(x) * self.taps * self.weight + self.bias
''',
    "TableConv2D": '''
class TableConv2D(layers.Layer):
    """A convolution whose filters read the channels that a table gives them."""

    def __init__(self, table, kernel, strides=1, dilation=1, use_bias=True, **options):
        super().__init__(**options)
        self.rows = [list(map(int, row.split())) for row in table.split(";")]
        self.kernel, self.use_bias = kernel, use_bias
        self.options = {"strides": strides, "dilation_rate": dilation}

    def build(self, shape):
        lines = [(f, c) for f, row in enumerate(self.rows) for c in row]
        spread = np.zeros((len(lines), shape[-1] * len(self.rows)), "float32")
        for n, (f, c) in enumerate(lines):
            spread[n, c * len(self.rows) + f] = 1.0
        self.spread = spread
        self.shape = (*self.kernel, shape[-1], len(self.rows))
        begin = "glorot_uniform"
        self.weight = self.add_weight(
            shape=(len(lines), *self.kernel), initializer=begin
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(shape=(len(self.rows),), initializer="zeros")

    def call(self, x):
        flat = ops.transpose(ops.reshape(self.weight, (len(self.spread), -1)))
        kernel = ops.reshape(ops.matmul(flat, self.spread), self.shape)
        y = ops.conv(x, ops.cast(kernel, self.compute_dtype), **self.options)
        return y if self.bias is None else y + self.bias
''',
}
"""By their names; only those that a network needs are written."""

LOADER: Final = '''\
ORDER = ("weight", "bias", "running_mean", "running_var")


def arranged(layer, values, shape):
    """An array of cnnspec, which has PyTorch's order of axes, in Keras's."""
    if isinstance(layer, layers.Dense) and values.ndim == 2:
        high_wide_deep = FLATTENED.get(layer.name)
        if high_wide_deep:
            *sizes, channels = high_wide_deep
            values = values.reshape(len(values), channels, *sizes)
            values = np.moveaxis(values, 1, -1).reshape(len(values), -1)
        return values.T
    if "Depthwise" in type(layer).__name__ and values.ndim > 2:
        values = values.reshape(*shape[-2:], *shape[:-2])
        return np.moveaxis(values, (0, 1), (-2, -1))
    if "Conv" in type(layer).__name__ and "Table" not in type(layer).__name__:
        return np.moveaxis(values, (0, 1), (-1, -2)) if values.ndim > 2 else values
    if isinstance(layer, (layers.LayerNormalization, layers.RMSNormalization)):
        return np.moveaxis(values, 0, -1)
    return values.reshape(shape)


def layers_of(model):
    """Its layers, and those of the models among them."""
    for layer in model.layers:
        yield from layers_of(layer) if isinstance(layer, keras.Model) else [layer]


def set_arrays(model, arrays):
    """Takes arrays by cnnspec's names; a dot in a layer's name is _ here."""
    split = ((*name.rpartition("."), array) for name, array in arrays.items())
    arrays = {f"{name.replace('.', '_')}.{kind}": a for name, _, kind, a in split}
    for layer in layers_of(model):
        values = layer.get_weights()
        names = [name for name in ORDER if f"{layer.name}.{name}" in arrays]
        if len(names) == len(values):
            named = [arrays[f"{layer.name}.{name}"] for name in names]
            pairs = zip(named, values, strict=True)
            layer.set_weights([arranged(layer, v, old.shape) for v, old in pairs])
        elif names == ["weight"]:
            new = arranged(layer, arrays[f"{layer.name}.weight"], values[0].shape)
            layer.set_weights([new, *values[1:]])


def load_weights(model, path):
    """Takes the weights that cnnspec saved."""
    from safetensors.numpy import load_file

    set_arrays(model, load_file(path))
    return model
'''

ATTENTION: Final = '''\
def attention_arrays(layer, arrays):
    """The arrays of an attention, which cnnspec keeps as PyTorch does, in Keras's order."""
    if f"{layer.name}.in_proj_weight" in arrays:
        parts = np.split(arrays[f"{layer.name}.in_proj_weight"], 3)
    else:
        parts = [arrays[f"{layer.name}.{n}_proj_weight"] for n in "qkv"]
    heads, out = layer.num_heads, arrays[f"{layer.name}_out_proj.weight"]
    kernels = [part.T.reshape(part.shape[1], heads, -1) for part in parts]
    kernels.append(out.T.reshape(heads, -1, len(out)))
    if f"{layer.name}.in_proj_bias" not in arrays:
        return kernels
    biases = np.split(arrays[f"{layer.name}.in_proj_bias"], 3)
    biases = [each.reshape(heads, -1) for each in biases]
    biases.append(arrays[f"{layer.name}_out_proj.bias"])
    return [each for pair in zip(kernels, biases, strict=True) for each in pair]


'''
_LOOP: Final = "    for layer in layers_of(model):\n"
WITH_ATTENTION: Final = ATTENTION + LOADER.replace(
    _LOOP,
    f"{_LOOP}        if isinstance(layer, layers.MultiHeadAttention):\n"
    "            layer.set_weights(attention_arrays(layer, arrays))\n            continue\n",
)
"""The same for networks with attention."""
