"""Random networks agree with PyTorch: shapes, parameters, buffers, and its own flop counter."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cnnspec
from cnnspec.diagnostics import SpecError
from cnnspec.network.graph import Network

pytestmark = pytest.mark.torch
Step: TypeAlias = tuple[str, Callable[[Any, int], Any]]
"""A layer in a spec, and how it is made of ``torch.nn`` for so many channels."""


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


numbers = st.integers


def conv(draw: st.DrawFn) -> Step:
    kernel, stride, padding = draw(numbers(1, 5)), draw(numbers(1, 3)), draw(numbers(0, 2))
    dilation, bias, groups = draw(numbers(1, 2)), draw(st.booleans()), draw(st.sampled_from([1, 1, 2, 4]))
    filters = groups * draw(numbers(1, 5))
    text = (
        f"conv {filters} {kernel} stride={stride} padding={padding} dilation={dilation} groups={groups} "
        f"bias={'yes' if bias else 'no'}"
    )
    return text, lambda nn, c: nn.Conv2d(c, filters, kernel, stride, padding, dilation, groups, bias)


def depthwise(draw: st.DrawFn) -> Step:
    kernel, stride, multiplier = draw(numbers(1, 4)), draw(numbers(1, 2)), draw(numbers(1, 3))
    text = f"depthwise {kernel} stride={stride} multiplier={multiplier}"
    return text, lambda nn, c: nn.Conv2d(c, c * multiplier, kernel, stride, groups=c)


def upconv(draw: st.DrawFn) -> Step:
    kernel, stride, filters = draw(numbers(1, 4)), draw(numbers(1, 3)), 2 * draw(numbers(1, 3))
    groups, dilation, extra = draw(st.sampled_from([1, 2])), draw(numbers(1, 2)), draw(numbers(0, 1))
    extra = min(extra, max(stride, dilation) - 1)
    options = f"stride={stride} groups={groups} dilation={dilation} output_padding={extra}"
    text = f"upconv {filters} {kernel} {options}"
    return text, lambda nn, c: nn.ConvTranspose2d(
        c, filters, kernel, stride, output_padding=extra, groups=groups, dilation=dilation
    )


def pool(draw: st.DrawFn) -> Step:
    word, kernel = draw(st.sampled_from(["maxpool", "avgpool"])), draw(numbers(1, 3))
    stride, ceil = draw(numbers(1, 3)), draw(st.booleans())
    padding = draw(numbers(0, kernel // 2))
    text = f"{word} {kernel} stride={stride} padding={padding} rounding={'ceil' if ceil else 'floor'}"
    kind = "MaxPool2d" if word == "maxpool" else "AvgPool2d"
    return text, lambda nn, c: getattr(nn, kind)(kernel, stride, padding, ceil_mode=ceil)


def simple(draw: st.DrawFn) -> Step:
    found: Step = draw(
        st.sampled_from(
            [
                ("batchnorm", lambda nn, c: nn.BatchNorm2d(c)),
                ("relu", lambda nn, c: nn.ReLU()),
                ("prelu", lambda nn, c: nn.PReLU(c)),
                ("dropout", lambda nn, c: nn.Dropout()),
                ("groupnorm 1", lambda nn, c: nn.GroupNorm(1, c)),
                ("upsample 2", lambda nn, c: nn.Upsample(scale_factor=2)),
                ("pad 1", lambda nn, c: nn.ZeroPad2d(1)),
            ]
        )
    )
    return found


def branched(draw: st.DrawFn) -> Step:
    """Two convolutions side by side, added or joined with what came in."""
    word, kernel = draw(st.sampled_from(["add", "concat"])), draw(st.sampled_from([1, 3, 5]))
    text = f"{word} {{ | conv {{C}} {kernel} padding={kernel // 2} -> relu | conv {{C}} 1x1 bias=no | }}"
    return text, lambda nn, c: side_by_side(nn, word, c, kernel)


def side_by_side(nn: Any, word: str, channels: int, kernel: int) -> Any:
    import torch

    class SideBySide(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            wide = nn.Conv2d(channels, channels, kernel, padding=kernel // 2)
            self.paths = nn.ModuleList(
                [nn.Sequential(wide, nn.ReLU()), nn.Conv2d(channels, channels, 1, bias=False)]
            )

        def forward(self, x: Any) -> Any:
            one, two = (path(x) for path in self.paths)
            return one + two + x if word == "add" else torch.cat([one, two, x], 1)

    return SideBySide()


@st.composite
def steps(draw: st.DrawFn) -> Step:
    kind = draw(st.sampled_from([conv, conv, depthwise, upconv, pool, simple, branched]))
    return kind(draw)


def agrees(torch: Any, drawn: list[Step], height: int, width: int, channels: int, units: int) -> None:
    """Builds both step by step, so that a step that does not fit is left out of both."""
    from torch.utils.flop_counter import FlopCounterMode

    modules: list[Any] = []
    shape: tuple[int, ...] = (height, width, channels)
    text = f"input {height}x{width}x{channels}"
    for step, build in drawn:
        longer = f"{text}; {step.replace('{C}', str(shape[-1]))}"
        try:
            output = cnnspec.parse(longer).output
        except SpecError:
            continue
        if prod(output) > 2**18:
            break
        if step.startswith("groupnorm") and prod(output) == 1:
            continue  # PyTorch refuses to normalise a single value
        text, modules, shape = longer, [*modules, build(torch.nn, shape[-1])], output
    network = cnnspec.parse(f"{text}; flatten; dense {units}")
    modules += [torch.nn.Flatten(), torch.nn.Linear(prod(shape), units)]
    model = torch.nn.Sequential(*modules).to("meta").eval()
    with FlopCounterMode(display=False) as counter:
        out = model[:-2](torch.empty(1, channels, height, width, device="meta"))
        model[-2:](out)
    totals = cnnspec.analyze(network).totals
    assert (1, shape[-1], *shape[:-1]) == tuple(out.shape)
    assert sum(weights.numel() for weights in model.parameters()) == totals.params
    assert sum(b.numel() for name, b in model.named_buffers() if "num_batches" not in name) == totals.buffers
    assert counter.get_total_flops() == 2 * totals.multiplies


RANDOM = {
    "drawn": st.lists(steps(), min_size=1, max_size=8),
    "height": numbers(5, 40), "width": numbers(5, 40),
    "channels": st.sampled_from([1, 2, 3, 4, 8]), "units": numbers(1, 20),
}  # fmt: skip
HEALTH = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=200, deadline=None, suppress_health_check=HEALTH)
@given(**RANDOM)
def test_two_hundred_random_networks(
    torch: Any, drawn: list[Step], height: int, width: int, channels: int, units: int
) -> None:
    agrees(torch, drawn, height, width, channels, units)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None, suppress_health_check=HEALTH)
@given(**RANDOM)
def test_two_thousand_random_networks(
    torch: Any, drawn: list[Step], height: int, width: int, channels: int, units: int
) -> None:
    agrees(torch, drawn, height, width, channels, units)


def seen_by_gradient(torch: Any, network: Network, model: Any, place: tuple[int, ...]) -> Any:
    """Rows and columns whose gradient is not zero when all weights are positive."""
    rows, columns, channels = network.input
    image = torch.ones(1, channels, rows, columns, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        for weights in model.parameters():
            weights.fill_(1.0)
    model.double()(image)[0, :, place[0], place[1]].sum().backward()
    grid = image.grad[0].sum(0) != 0
    return tuple(tuple(torch.nonzero(grid.any(axis)).flatten().tolist()) for axis in (1, 0))


@settings(max_examples=60, deadline=None, suppress_health_check=HEALTH)
@given(
    data=st.data(),
    drawn=st.lists(steps(), min_size=1, max_size=5),
    height=numbers(9, 20),
    width=numbers(9, 20),
)
def test_the_field_is_where_the_gradient_is(
    torch: Any, data: st.DataObject, drawn: list[Step], height: int, width: int
) -> None:
    """One unit's gradient reaches exactly the rows and columns that ``field`` names."""
    from cnnspec.analysis.field import field

    modules: list[Any] = []
    text = f"input {height}x{width}x2"
    for step, build in drawn:
        if step.startswith(("maxpool", "groupnorm", "dropout")):
            continue
        before = cnnspec.parse(text).output[-1]
        longer = f"{text}; {step.replace('{C}', str(before))}"
        try:
            if prod(cnnspec.parse(longer).output) > 2**16:
                break
        except SpecError:
            continue
        text, modules = longer, [*modules, build(torch.nn, before)]
    if not modules:
        return
    network, model = cnnspec.parse(text), torch.nn.Sequential(*modules).eval()
    place = tuple(data.draw(numbers(0, size - 1)) for size in network.output[:2])
    found = field(network, network.nodes[-1].name, place).pixels
    if all(found):
        assert found == seen_by_gradient(torch, network, model, place)
