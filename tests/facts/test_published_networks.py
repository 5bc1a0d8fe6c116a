"""Published networks, to the last digit: parameters, multiplies, buffers, receptive fields.

Sources: torchvision's published ``num_params``, the papers named in each example,
and Keras's "total params" where it differs by what it counts.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest
from tools import known

import cnnspec
from cnnspec.analysis.report import Analysis, Row
from cnnspec.resources import example_path

# name: params, multiplies, buffers, receptive field, jump; None where no figure is published.
NETWORKS = {
    "lenet": (61_706, 416_520, 0, 16, 4),
    "alexnet": (61_100_840, 714_188_480, 0, 195, 32),
    "vgg11": (132_863_336, 7_609_090_048, 0, 150, 32),
    "vgg13": (133_047_848, 11_308_466_176, 0, 156, 32),
    "vgg16": (138_357_544, 15_470_264_320, 0, 212, 32),
    "vgg19": (143_667_240, 19_632_062_464, 0, 268, 32),
    "googlenet_torchvision": (6_624_904, 1_498_376_192, 14_560, 379, 32),
    "resnet18": (11_689_512, 1_814_073_344, 9_600, 435, 32),
    "resnet34": (21_797_672, 3_663_761_408, 17_024, 899, 32),
    "resnet50": (25_557_032, 4_089_184_256, 53_120, 427, 32),
    "resnet50_paper": (25_557_032, 3_857_973_248, 53_120, 483, 32),
    "resnet101": (44_549_160, 7_801_405_440, 105_344, 971, 32),
    "resnet152": (60_192_808, 11_513_626_624, 151_424, 1451, 32),
    "densenet121": (7_978_856, 2_834_161_664, 83_648, 2071, 32),
    "unet": (31_030_658, 150_428_424_448, 0, None, None),
    "segnet": (29_449_932, 106_811_965_440, 15_872, None, None),
    "mobilenet_v1": (4_231_976, 568_740_352, 21_888, 315, 32),
    "convnext_tiny": (28_589_128, 4_455_531_264, 0, None, None),
    "vit_b16": (86_567_656, 17_563_828_224, 0, None, None),
    "espcn": (22_729, 5_791_744, 0, None, None),
    "cbam_resnet50": (28_089_624, 4_095_573_110, 53_152, None, None),
    "hourglass": (2_785_536, 1_741_422_592, 13_312, None, None),
    "wavenet": (112_704, 1_769_984_000, 0, None, None),
    "dncnn": (556_032, 17_953_228_800, 1_920, None, None),
    "dcgan_generator": (3_576_704, 104_628_224, 1_920, None, None),
    "dcgan_discriminator": (2_765_568, 103_817_216, 1_792, None, None),
    "mobilenet_v2": (3_504_872, 300_774_272, 34_112, 491, 32),
}


@lru_cache
def analysis(name: str) -> Analysis:
    return cnnspec.analyze(cnnspec.load(example_path(name)))


def last_map(report: Analysis) -> Row:
    """The last row that is still a map, before any global pool or flatten."""
    rows = [row for row in report.rows if row.kind not in ("globalavgpool", "softmax")]
    flat = next(i for i, row in enumerate(rows) if len(row.output) == 1)
    return next(row for row in reversed(rows[:flat]) if len(row.output) == 3 and row.output[0] > 1)


@pytest.mark.parametrize("name", NETWORKS)
def test_totals(name: str) -> None:
    params, multiplies, buffers, _, _ = NETWORKS[name]
    totals = analysis(name).totals
    assert (params, multiplies, buffers) == (totals.params, totals.multiplies, totals.buffers)


@pytest.mark.parametrize("name", [name for name, row in NETWORKS.items() if row[3]])
def test_receptive_field(name: str) -> None:
    size, jump = NETWORKS[name][3:]
    field = last_map(analysis(name)).receptive_field
    assert field is not None
    assert ((size, size), (jump, jump)) == (tuple(field.size), tuple(field.jump))


def test_googlenet_of_the_paper_without_its_side_heads() -> None:
    rows = [row for row in analysis("googlenet").rows if not row.path[0].startswith("aux")]
    assert 6_998_552 == sum(row.params for row in rows)
    assert 1_582_671_872 == sum(row.multiplies for row in rows)
    last = next(row for row in rows if row.name == "b5.concat1")
    assert (715, 715) == known(last.receptive_field).size


def test_lenet_of_1998_layer_by_layer() -> None:
    params = {row.name: row.params for row in analysis("lenet1998").rows if row.params}
    assert {"C1": 156, "S2": 12, "C3": 1_516, "S4": 32, "C5": 48_120, "F6": 10_164} == params


def test_receptive_fields_on_the_way() -> None:
    alexnet = cnnspec.load(example_path("alexnet"))
    names = ("conv1", "pool1", "conv2", "conv3", "conv4", "conv5", "pool5")
    fields = {row.name: row.receptive_field for row in cnnspec.analyze(alexnet).rows}
    assert [11, 19, 51, 99, 131, 163, 195] == [known(fields[name]).size[0] for name in names]
    pools = [row for row in analysis("vgg16").rows if row.kind == "maxpool"]
    assert [6, 16, 44, 100, 212] == [known(row.receptive_field).size[0] for row in pools]


def test_unet_sees_188_or_204_pixels_by_position() -> None:
    from cnnspec.analysis.field import field

    network = cnnspec.load(example_path("unet"))
    found = {
        field(network, network.nodes[network.outputs[0].node].name, (r, 194)).size[0] for r in range(388)
    }
    assert {188, 204} == found


def test_keras_counts_running_statistics_and_biases_too() -> None:
    totals = analysis("resnet50").totals
    biases = sum(row.output[-1] for row in analysis("resnet50").rows if row.kind == "conv")
    assert 25_636_712 == totals.params + totals.buffers + biases


def test_alexnet_without_padding_is_one_pixel_short() -> None:
    network = cnnspec.parse("input 224x224x3; conv 96 11x11 stride=4")
    assert (54, 54, 96) == network.output
    assert "stride-drops-pixels" in {item.code for item in cnnspec.analyze(network).diagnostics}
    assert (55, 55, 96) == cnnspec.parse("input 227x227x3; conv 96 11x11 stride=4").output


RESNET50 = """
block bottleneck width stride=1 {
  add {
    | conv width 1x1 bias=no -> batchnorm -> relu
      -> conv width 3x3 stride=stride padding=1 bias=no -> batchnorm -> relu
      -> conv 4*width 1x1 bias=no -> batchnorm
    | if stride != 1 or C != 4*width { conv 4*width 1x1 stride=stride bias=no -> batchnorm }
  }
  relu
}
block stage width depth stride=2 {
  bottleneck width stride=stride
  repeat depth - 1 { bottleneck width }
}
network ResNet50
input 224x224x3
conv 64 7x7 stride=2 padding=3 bias=no -> batchnorm -> relu -> maxpool 3x3 stride=2 padding=1
stage 64 3 stride=1
stage 128 4
stage 256 6
stage 512 3
globalavgpool -> flatten -> dense 1000 -> softmax
"""


def test_resnet50_fits_in_thirty_lines_without_any_other_file() -> None:
    totals = cnnspec.analyze(cnnspec.parse(RESNET50)).totals
    assert (25_557_032, 4_089_184_256, 53_120) == (totals.params, totals.multiplies, totals.buffers)
    assert RESNET50.strip().count("\n") < 30


def in_pytorch() -> dict[str, tuple[Any, tuple[int, ...]]]:
    """The same networks as their papers' code has them, with C x H x W."""
    from torch import nn

    def unit(out: int) -> list[Any]:
        return [nn.BatchNorm2d(out), nn.ReLU()]

    def grow(channels: int, out: int, stride: int, padding: int) -> list[Any]:
        return [nn.ConvTranspose2d(channels, out, 4, stride, padding, bias=False), *unit(out)]

    def shrink(channels: int, out: int) -> list[Any]:
        return [nn.Conv2d(channels, out, 4, 2, 1, bias=False), nn.BatchNorm2d(out), nn.LeakyReLU(0.2)]

    middle = [part for _ in range(15) for part in (nn.Conv2d(64, 64, 3, 1, 1, bias=False), *unit(64))]
    espcn = [
        nn.Conv2d(1, 64, 5, 1, 2), nn.Tanh(), nn.Conv2d(64, 32, 3, 1, 1), nn.Tanh(),
        nn.Conv2d(32, 9, 3, 1, 1), nn.PixelShuffle(3),
    ]  # fmt: skip
    dncnn = [nn.Conv2d(1, 64, 3, 1, 1, bias=False), nn.ReLU(), *middle, nn.Conv2d(64, 1, 3, 1, 1, bias=False)]
    generator = [*grow(100, 512, 1, 0), *grow(512, 256, 2, 1), *grow(256, 128, 2, 1), *grow(128, 64, 2, 1)]
    generator += [nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh()]
    discriminator = [nn.Conv2d(3, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    discriminator += [*shrink(64, 128), *shrink(128, 256), *shrink(256, 512)]
    discriminator += [nn.Conv2d(512, 1, 4, bias=False), nn.Flatten(), nn.Sigmoid()]
    return {
        **in_modules(),
        "espcn": (nn.Sequential(*espcn), (1, 16, 16)), "dncnn": (nn.Sequential(*dncnn), (1, 180, 180)),
        "dcgan_generator": (nn.Sequential(*generator), (100, 1, 1)),
        "dcgan_discriminator": (nn.Sequential(*discriminator), (3, 64, 64)),
    }  # fmt: skip


def in_modules() -> dict[str, tuple[Any, tuple[int, ...]]]:
    """Those that are no chain: with C x H x W, of WaveNet C x steps."""
    import torch
    from torch import nn

    class Weighed(nn.Module):  # type: ignore[misc]
        """CBAM as in its authors' code: one perceptron for means and maxima, then a 7x7 over both."""

        def __init__(self, width: int) -> None:
            super().__init__()
            self.shared = nn.Sequential(
                nn.Linear(width, width // 16), nn.ReLU(), nn.Linear(width // 16, width)
            )
            self.places = nn.Sequential(nn.Conv2d(2, 1, 7, padding=3, bias=False), nn.BatchNorm2d(1))

        def forward(self, x: Any) -> Any:
            gates = self.shared(x.mean((2, 3))) + self.shared(x.amax((2, 3)))
            x = x * gates.sigmoid()[:, :, None, None]
            both = torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], 1)
            return x * self.places(both).sigmoid()

    class Bottleneck(nn.Module):  # type: ignore[misc]
        def __init__(self, channels: int, width: int, stride: int) -> None:
            super().__init__()
            out = 4 * width
            sizes = [(channels, width, 1, 1, 0), (width, width, 3, stride, 1), (width, out, 1, 1, 0)]
            parts = [(nn.Conv2d(*size, bias=False), nn.BatchNorm2d(size[1])) for size in sizes]
            self.body = nn.Sequential(*(each for part in parts for each in part), Weighed(out))
            short = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))
            self.short = short if stride > 1 or channels != out else nn.Identity()

        def forward(self, x: Any) -> Any:
            return (self.body(x) + self.short(x)).relu()

    class Residual(nn.Module):  # type: ignore[misc]
        """The hourglass's unit, from 256 channels to as many."""

        def __init__(self) -> None:
            super().__init__()
            norms = [nn.Sequential(nn.BatchNorm2d(size), nn.ReLU()) for size in (256, 128, 128)]
            first, second = nn.Conv2d(256, 128, 1, bias=False), nn.Conv2d(128, 128, 3, 1, 1, bias=False)
            self.body = nn.Sequential(norms[0], first, norms[1], second, norms[2], nn.Conv2d(128, 256, 1))

        def forward(self, x: Any) -> Any:
            return x + self.body(x)

    class Hourglass(nn.Module):  # type: ignore[misc]
        def __init__(self, depth: int) -> None:
            super().__init__()
            self.beside, self.down, self.up = Residual(), Residual(), Residual()
            self.inside = Hourglass(depth - 1) if depth > 1 else Residual()

        def forward(self, x: Any) -> Any:
            low = self.up(self.inside(self.down(nn.functional.max_pool2d(x, 2))))
            return self.beside(x) + nn.functional.interpolate(low, scale_factor=2)

    class Gated(nn.Module):  # type: ignore[misc]
        """A step of WaveNet: a tanh and a gate that look back, then a 1x1 and the way around."""

        def __init__(self, dilation: int) -> None:
            super().__init__()
            self.dilation = dilation
            self.filter, self.gate = (nn.Conv1d(32, 32, 2, dilation=dilation) for _ in range(2))
            self.mix = nn.Conv1d(32, 32, 1)

        def forward(self, x: Any) -> Any:
            past = nn.functional.pad(x, (self.dilation, 0))
            return x + self.mix(self.filter(past).tanh() * self.gate(past).sigmoid())

    stem = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    units, channels = [], 64
    for width, depth, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for n in range(depth):
            units.append(Bottleneck(channels, width, 1 if n else stride))
            channels = 4 * width
    end = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000)]
    sound = [nn.Conv1d(1, 32, 1), *(Gated(2**n) for _ in range(2) for n in range(9)), nn.ReLU()]
    sound += [nn.Conv1d(32, 64, 1), nn.ReLU(), nn.Conv1d(64, 256, 1)]
    return {
        "cbam_resnet50": (nn.Sequential(*stem, *units, *end), (3, 224, 224)),
        "hourglass": (Hourglass(4), (256, 64, 64)), "wavenet": (nn.Sequential(*sound), (1, 16000)),
    }  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize(
    "name",
    ["espcn", "dncnn", "dcgan_generator", "dcgan_discriminator", "cbam_resnet50", "hourglass", "wavenet"],
)
def test_counts_are_those_of_the_network_in_pytorch(name: str) -> None:
    """Of DCGAN also PyTorch's tutorial: 3,576,704 and 2,765,568 parameters."""
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    model, shape = in_pytorch()[name]
    totals = analysis(name).totals
    assert sum(values.numel() for values in model.parameters()) == totals.params
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        model.to("meta").eval()(torch.zeros(1, *shape))
    assert counter.get_total_flops() == 2 * totals.multiplies
