"""Functions and classes that PyTorch code has in its file where PyTorch has none of its own."""

from __future__ import annotations

from typing import Final

_FROZEN: Final = '''
class FrozenBatchNorm{rank}d(nn.BatchNorm{rank}d):
    """Batch norm that uses its running statistics in training too."""

    def train(self, mode=True):
        return super().train(False)
'''

HELPERS: Final[dict[str, str]] = {
    **{f"FrozenBatchNorm{rank}d": _FROZEN.format(rank=rank) for rank in (1, 2, 3)},
    "set_values": '''
def set_values(parameter, shape, text):
    """Begins a parameter at numbers; an axis of length 1 in their shape serves every place along it."""
    values = torch.tensor([float(word) for word in text.split()])
    with torch.no_grad():
        parameter.copy_(values.view(shape))
''',
    "truncated_normal_": '''
def truncated_normal_(weight, scale, fan):
    """Begins a weight at normal values, none two deviations out, of variance scale / fan."""
    inputs, outputs = nn.init._calculate_fan_in_and_fan_out(weight)
    counts = {"fan_in": inputs, "fan_out": outputs, "fan_avg": (inputs + outputs) / 2}
    deviation = (scale / counts[fan]) ** 0.5 / 0.87962566103423978
    nn.init.trunc_normal_(weight, std=deviation, a=-2 * deviation, b=2 * deviation)
''',
    "mean_of_windows": '''
def mean_of_windows(pool, x, padding, beyond, count):
    """Means of windows that reach over the map; its padding counts as ``count`` values."""
    ones = F.pad(torch.ones_like(x[:1, :1]), padding, value=count)
    return pool(F.pad(F.pad(x, padding), beyond)) / pool(F.pad(ones, beyond))
''',
    "median_pool": '''
def median_pool(x, kernel, stride, dilation):
    """Medians of windows; values that are no number have no say."""
    rows = torch.arange(0, x.shape[2] - (kernel[0] - 1) * dilation[0], stride[0])
    columns = torch.arange(0, x.shape[3] - (kernel[1] - 1) * dilation[1], stride[1])
    rows = rows[:, None] + torch.arange(kernel[0]) * dilation[0]
    columns = columns[:, None] + torch.arange(kernel[1]) * dilation[1]
    windows = x[:, :, rows[:, None, :, None], columns[None, :, None, :]].flatten(-2)
    values = windows.sort(dim=-1).values
    last = values.isnan().logical_not().sum(-1, keepdim=True) - 1
    middle = values.gather(-1, last // 2) + values.gather(-1, (last + 1) // 2)
    return middle.squeeze(-1) / 2
''',
    "bed_of_nails": '''
def bed_of_nails(x, scales):
    """Each pixel at the near corner of its square, zeros elsewhere."""
    for axis, scale in enumerate(scales, 2):
        zeros = (torch.zeros_like(x) for _ in range(scale - 1))
        x = torch.stack([x, *zeros], axis + 1).flatten(axis, axis + 1)
    return x
''',
    "Scale": '''
class Scale(nn.Module):
    """Every channel times a trained factor, and plus a trained number if there is a bias."""

    def __init__(self, channels, initial=1.0, bias=False, shift=0.0):
        super().__init__()
        self.shift = shift
        self.weight = nn.Parameter(torch.full((channels,), initial))
        self.bias = nn.Parameter(torch.full((channels,), shift)) if bias else None

    def forward(self, x):
        shape = (-1, *(1 for _ in x.shape[2:]))
        shift = self.shift if self.bias is None else self.bias.view(shape)
        return x * self.weight.view(shape) + shift
''',
    "attend": '''
def attend(attention, x, to=None):
    """Attention of the positions of a map, row after row, to its own or another's."""
    flat = x.flatten(2).transpose(1, 2)
    other = flat if to is None else to.flatten(2).transpose(1, 2)
    found, _ = attention(flat, other, other, need_weights=False)
    return found.transpose(1, 2).reshape(x.shape)
''',
    "Tied": '''
class Tied(nn.Module):
    """A layer that uses the weight of another, transposed, with a bias of its own.

    A convolution's weight is that of its transposed convolution as it lies.
    """

    def __init__(self, function, units, bias=True, **options):
        super().__init__()
        self.function, self.options = function, options
        self.bias = nn.Parameter(torch.zeros(units)) if bias else None

    def forward(self, x, weight):
        weight = weight.t() if weight.ndim == 2 else weight
        return self.function(x, weight, self.bias, **self.options)
''',
    "DropPath": '''
class DropPath(nn.Module):
    """Drops whole samples in training; the others grow by as much."""

    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    def forward(self, x):
        ones = x.new_ones(len(x), *(1 for _ in x.shape[1:]))
        return x * F.dropout(ones, self.rate, self.training)
''',
    "Positions": '''
class Positions(nn.Module):
    """Adds a trained number to each channel of each position."""

    def __init__(self, positions, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(positions, channels) * 0.02)

    def forward(self, x):
        return x + self.weight.t().reshape(x.shape[1:])
''',
    "ClassToken": '''
class ClassToken(nn.Module):
    """Trained positions before those of a map or sequence."""

    def __init__(self, count, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(count, channels))

    def forward(self, x):
        tokens = self.weight.t().expand(len(x), -1, -1)
        return torch.cat((tokens, x.flatten(2)), dim=2)
''',
    "Subsample": '''
class Subsample(nn.Module):
    """A window's sum times a trained factor, plus a trained term, a channel."""

    def __init__(self, channels, pool, taps):
        super().__init__()
        self.pool, self.taps = pool, taps
        self.weight = nn.Parameter(torch.full((channels,), 1 / taps))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        shape = (-1, *(1 for _ in x.shape[2:]))
        sums = self.pool(x) * self.taps
        return sums * self.weight.view(shape) + self.bias.view(shape)
''',
    "TableConv2d": '''
class TableConv2d(nn.Module):
    """A convolution whose filters read the channels that a table gives them."""

    def __init__(self, channels, table, kernel, bias=True, stride=1, dilation=1):
        super().__init__()
        rows = [list(map(int, row.split())) for row in table.split(";")]
        self.places = [(f, c) for f, row in enumerate(rows) for c in row]
        self.shape = (len(rows), channels, *kernel)
        self.options = {"stride": stride, "dilation": dilation}
        bound = (len(rows) / len(self.places) / math.prod(kernel)) ** 0.5
        values = torch.empty(len(self.places), *kernel).uniform_(-bound, bound)
        self.weight = nn.Parameter(values)
        self.bias = nn.Parameter(torch.zeros(len(rows))) if bias else None

    def forward(self, x):
        rows, channels = map(list, zip(*self.places, strict=True))
        weight = self.weight.new_zeros(self.shape)
        weight[rows, channels] = self.weight
        return F.conv2d(x, weight, self.bias, **self.options)
''',
}
"""By their names; only those that a network needs are written."""
