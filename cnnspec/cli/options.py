"""Options that several commands share, each said once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, Final, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


ELSEWHERE: Final = {
    "md": "markdown", "tex": "latex", "txt": "text", "parameters": "params", "weights": "params",
    "macs": "multiplies", "flops": "multiplies", "mults": "multiplies", "adds": "additions",
    "output": "shape", "size": "shape", "field": "receptive-field", "receptive_field": "receptive-field",
    "rf": "receptive-field", "bytes": "memory", "horizontal": "LR", "vertical": "TB",
}  # fmt: skip
"""What the words of an option are called by other programs."""


class Words(click.Choice):  # type: ignore[type-arg]
    """A choice of words in any case, which may be called as they are elsewhere."""

    def __init__(self, choices: Sequence[str]) -> None:
        super().__init__(choices, case_sensitive=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        meant = ELSEWHERE.get(str(value).lower(), value)
        return super().convert(meant if meant in self.choices else value, param, ctx)


def format_option(*forms: str) -> Callable[[F], F]:
    """``--format``, as ``form``: the first is what is printed unless another is asked for; or ``--json``."""
    option = click.option(
        "--format", "form", type=Words(forms), default=forms[0], show_default=True,
        help="What to print.",
    )  # fmt: skip
    flag = click.option(
        "--json", is_flag=True, hidden=True, expose_value=False, is_eager=True, callback=_choose_json
    )
    return lambda function: flag(option(function)) if "json" in forms else option(function)


def _choose_json(context: click.Context, parameter: click.Parameter, given: bool) -> None:
    if given:
        context.default_map = {"form": "json"}


def finite(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """For an option that is a number: neither infinite nor nan, which pass every comparison of a range."""
    if value is not None and not isfinite(value):
        raise click.BadParameter(f"{value} is not a finite number", context, parameter)
    return value


class Renamed(click.Option):
    """An option whose later names, by which it once went, stand in no help."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        names, self.opts = self.opts, self.opts[:1]
        try:
            return super().get_help_record(ctx)
        finally:
            self.opts = names


def most_option(
    help: str, default: int | None, *earlier: str, least: int = 1, largest: int | None = None
) -> Callable[[F], F]:
    """``--most``: how many of something are shown; ``earlier`` is what the option was called before."""
    return click.option(
        "--most", *earlier, cls=Renamed, type=click.IntRange(least, largest), default=default,
        show_default=default is not None, metavar="N", help=help,
    )  # fmt: skip


def batch_option(default: int | None = 1, help: str = "Samples in a batch.") -> Callable[[F], F]:
    """``--batch``: a number of samples, the same wherever there are any."""
    kind = click.IntRange(1, 1_000_000_000)
    return click.option(
        "--batch", "--batch-size", "batch", cls=Renamed, type=kind, default=default, metavar="N", help=help
    )


ENGINE: Final = "cnnspec.engine"


def engine_options(function: F) -> F:
    """Gives a command ``--backend`` and ``--device``; ``chosen_engine`` tells what was chosen."""
    device = click.option(
        "--device", metavar="NAME", expose_value=False, callback=_choose_engine,
        help="Where PyTorch computes: auto, cpu, cuda, cuda:1 or mps; it means --backend torch.",
    )  # fmt: skip
    backend = click.option(
        "--backend", type=Words(["numpy", "torch", "onnxruntime"]), expose_value=False,
        callback=_choose_engine,
        help="What computes: NumPy, PyTorch (pip install 'cnnspec[torch]'), or, for predicting alone, "
        "onnxruntime (cnnspec[onnxruntime]).",
    )  # fmt: skip
    return backend(device(function))


FLAGS: Final = {
    "sync_batchnorm": ("--sync-batchnorm", "Batch norm over the batches of all processes."),
    "compiled": ("--compile", "Compile the network first (torch.compile): worth it on a GPU."),
    "bf16": ("--bf16", "Compute products in 16 bits (bfloat16): faster on a GPU."),
}
"""How PyTorch trains: what each is called in Python, on the command line, and its help."""


def training_options(function: F) -> F:
    """Gives a command ``--bf16``, ``--compile`` and ``--sync-batchnorm``."""
    for name, (flag, help) in FLAGS.items():
        function = click.option(
            flag, name, is_flag=True, default=None, expose_value=False, callback=_choose_engine, help=help
        )(function)
    return function


def _choose_engine(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is not None and parameter.name is not None:
        context.meta.setdefault(ENGINE, {})[parameter.name] = value


def chosen_engine() -> dict[str, Any]:
    """The backend and its options as the command line has them, for ``Network.build``; often none."""
    context = click.get_current_context(silent=True)
    chosen: dict[str, Any] = dict(context.meta.get(ENGINE, {})) if context else {}
    asked = chosen.keys() - {"backend"}
    if asked and chosen.setdefault("backend", "torch") != "torch":
        words = " and ".join(FLAGS.get(name, (f"--{name}", ""))[0] for name in sorted(asked))
        verb = "are" if len(asked) > 1 else "is"
        raise click.UsageError(f"{words} {verb} for PyTorch: --backend torch")
    return chosen


theme_option = click.option(
    "--theme",
    type=Words(["light", "dark"]),
    default="light",
    show_default=True,
    help="Of the picture.",
)


weights_option = click.option(
    "--weights",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Weights (safetensors), for a spec that has no run.",
)
part_option = click.option(
    "--part", type=click.Choice(["test", "train"]), default="test", show_default=True, help="Which samples."
)


def data_options(function: F) -> F:
    """Gives a command ``--data`` and ``--data-dir``."""
    function = click.option(
        "--data-dir", type=click.Path(exists=True, path_type=Path), metavar="PATH",
        help="Folder of the data; otherwise CNNSPEC_DATA, the cache or a download.",
    )(function)  # fmt: skip
    return click.option(
        "--data",
        "data_name",
        metavar="NAME",
        help="mnist, fashion_mnist, digits, digits_scene, digits_pairs, or a path.",
    )(function)


resize_option = click.option("--resize", is_flag=True, help="Resize the image to the network's input.")


def picture_options(function: F) -> F:
    """Gives a command ``--invert``, ``--center`` and ``--resize``."""
    for option in (
        resize_option,
        click.option(
            "--center", is_flag=True,
            help="Remove the background, cut out the drawing and centre it, as in MNIST.",
        ),
        click.option(
            "--invert/--no-invert", default=None,
            help="Invert a dark drawing on bright paper, or not; --center decides by itself.",
        ),
    ):  # fmt: skip
        function = option(function)
    return function
