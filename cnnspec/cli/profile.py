"""``cnnspec profile``: where the time of a network goes, layer by layer, on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from cnnspec.cli.console import stdout_console
from cnnspec.cli.options import batch_option, chosen_engine, engine_options, format_option, most_option
from cnnspec.cli.spec import load_network, spec_argument
from cnnspec.views.terminal.grid import Column, TableRow, table
from cnnspec.views.terminal.paint import Terminal, grouped, in_bytes, percent, wrap

if TYPE_CHECKING:
    from cnnspec.backends.profile import Profile, StepTime
    from cnnspec.network.graph import Network

SCHEMA: Final = "cnnspec/profile/1"

COLUMNS: Final = (
    Column("layer", "layer", least=10, middle=True),
    Column("kernel", "kernel", least=8, rank=1),
    Column("forward", "forward ms", right=True),
    Column("backward", "backward ms", right=True, rank=2),
    Column("share", "time", right=True),
    Column("speed", "GFLOP/s", right=True, rank=3),
    Column("peak", "of peak", right=True, rank=4),
    Column("why", "why this kernel", least=20, rank=5),
)


@click.command("profile")
@spec_argument
@batch_option(None, "Samples at a time; 1 unless given, in training the recipe's batch.")
@click.option("--training", is_flag=True, help="Time a training step: forward and backward.")
@click.option("--rounds", type=click.IntRange(1, 1000), default=5, show_default=True,
              help="Number of passes; the best time of each step counts.")  # fmt: skip
@most_option("Show at most N steps, the slowest first.", None, "--top")
@format_option("text", "json")
@engine_options
def command(
    spec: str | None, inline: str | None, batch: int | None, training: bool, rounds: int, most: int | None,
    form: str,
) -> None:  # fmt: skip
    """Time each layer of SPEC on this machine, in NumPy or PyTorch.

    For each step: its kernel and why it was chosen, milliseconds, its share of
    the time, GFLOP/s (two operations per multiply of the plain definition, so
    that Winograd's savings count as speed) and the share of the peak that a
    large matrix product reaches here.

    \b
    Examples:
      cnnspec profile lenet --training
      cnnspec profile resnet18 --batch 8
      cnnspec profile vgg16 --format json
    """
    found = _measured(load_network(spec, inline), batch, training=training, rounds=rounds)
    console = stdout_console()
    if form == "json":
        console.print_json(document(found))
    else:
        console.print(render(found, console.terminal(), most))


def _measured(network: Network, batch: int | None, **options: Any) -> Profile:
    """The times, by the engine that was chosen."""
    if chosen_engine().get("backend") == "onnxruntime":
        raise click.UsageError("onnxruntime joins layers, and times none of them: --backend numpy or torch")
    if chosen_engine().get("backend") != "torch":
        from cnnspec.backends.numpy.profile import measure

        return measure(network, batch, **options)
    engine: Any = network.build(**chosen_engine()).engine
    from cnnspec.backends.torch import profile

    return profile.measure(engine, batch, **options)


def render(found: Profile, terminal: Terminal, most: int | None = None) -> str:
    """The table, the totals, the memory; with ``most`` only so many steps, the slowest first."""
    columns = [column for column in COLUMNS if found.training or column.key != "backward"]
    rows = found.rows
    if most is not None:
        rows = sorted(rows, key=lambda row: row.forward + row.backward, reverse=True)[:most]
    lines = [_line(row, found, terminal) for row in rows]
    below = [line for text in _totals(found) for line in wrap(terminal.text(text), terminal.width - 1, "  ")]
    return "\n".join([*table(columns, lines, terminal), "", *(f" {line}" for line in below)])


def _line(row: StepTime, found: Profile, terminal: Terminal) -> TableRow:
    share = (row.forward + row.backward) / found.seconds
    cells = {
        "layer": row.layer,
        "kernel": row.kernel,
        "forward": f"{1e3 * row.forward:.3f}",
        "backward": f"{1e3 * row.backward:.3f}" if row.backward else "",
        "share": percent(share, 1),
        "speed": f"{row.gflops:.1f}" if row.multiplies else "",
        "peak": percent(row.gflops / found.peak, 0) if row.multiplies else "",
        "why": row.reason,
    }
    style = ("warning",) if share >= 0.2 else ()
    styles = {"share": style, "forward": style, "kernel": ("dim",), "why": ("dim",)}
    return TableRow({key: terminal.text(text) for key, text in cells.items()}, styles)


def _totals(found: Profile) -> list[str]:
    what = "training step" if found.training else "forward pass"
    rate = found.batch / found.seconds
    images = f"{rate:,.{0 if rate >= 10 else 1}f} images per second"
    speed = (
        f"forward {found.gflops:.1f} GFLOP/s, {percent(found.gflops / found.peak, 0)} of the {found.peak:.0f}"
    )
    maps, scratch = in_bytes(found.map_bytes), in_bytes(found.scratch_bytes)
    told = [
        f"{what} of {grouped(found.batch)}: {1e3 * found.seconds:.2f} ms, {images}",
        f"{speed} GFLOP/s that a large matrix product reaches here",
        f"memory: weights {in_bytes(found.weight_bytes)}, maps {maps}, scratch of the kernels {scratch}",
    ]
    if found.threads > 1:
        told.append(
            f"{found.threads} threads predict {grouped(found.batch)} each at the same time: this is one"
        )
    if any(row.within for row in found.rows):
        told.append("batch norm and ReLU without a row run in the pass of the layer before them")
    fast = [row for row in found.rows if row.gflops > found.peak]
    if any("Winograd" in row.kernel for row in fast):
        told.append("above 100 %: Winograd's convolution needs fewer multiplies than it is counted by")
    elif fast:
        told.append("above 100 %: what fits into the processor's cache outruns the large product")
    return told


def document(found: Profile) -> dict[str, Any]:
    """The same as data; times in seconds, speeds in 10^9 operations a second, memory in bytes."""
    return {
        "schema": SCHEMA,
        "network": found.name,
        "batch": found.batch,
        "threads": found.threads,
        "training": found.training,
        "steps": [
            {
                "layer": row.layer, "kernel": row.kernel, "why": row.reason, "forward_s": row.forward,
                "backward_s": row.backward, "multiplies": row.multiplies, "gflops": row.gflops,
                "share_of_peak": row.gflops / found.peak, "within": list(row.within),
            }
            for row in found.rows
        ],
        "totals": {
            "seconds": found.seconds, "images_per_second": found.batch / found.seconds,
            "forward_gflops": found.gflops, "peak_gflops": found.peak,
        },
        "memory": {
            "weight_bytes": found.weight_bytes, "map_bytes": found.map_bytes,
            "scratch_bytes": found.scratch_bytes,
        },
    }  # fmt: skip
