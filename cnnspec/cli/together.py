"""Trainings that torchrun starts in several processes, of which the first alone writes and talks."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace

import click

from cnnspec.backends.processes import ProcessGroup
from cnnspec.cli.console import show
from cnnspec.cli.options import chosen_engine
from cnnspec.diagnostics import SpecError
from cnnspec.text import whole


@contextmanager
def together() -> Iterator[ProcessGroup]:
    """The processes of this training: one, unless torchrun started it.

    What goes wrong in another than the first is told with its number; that one is missing is told once.
    """
    size = _started()
    if size < 2:
        yield ProcessGroup()
        return
    if chosen_engine().get("backend") != "torch":
        raise click.UsageError(
            f"torchrun started {size} processes; PyTorch alone joins them: --backend torch"
        )
    from cnnspec.exchange.trade import require

    require("the backend torch", "torch", "torch")
    from cnnspec.backends.torch.distributed import joined

    with joined() as group, _silent(group):
        yield group


def _started() -> int:
    """How many processes torchrun started; 1 without it."""
    size = whole(os.environ.get("WORLD_SIZE", "1"))
    return size if size is not None and {"RANK", "MASTER_ADDR"} <= os.environ.keys() else 1


def refuse_sweep_together() -> None:
    """Leaves where torchrun would begin the same sweep in each of its processes."""
    if (size := _started()) > 1:
        raise click.UsageError(
            f"torchrun started {size} processes, which train one network together, and a sweep trains many: "
            f"begin it without torchrun, {size} at a time: --jobs {size}"
        )


@contextmanager
def _silent(group: ProcessGroup) -> Iterator[None]:
    if group.is_first:
        yield
        return
    title = f"process {group.rank + 1} of {group.size}: "
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            yield
    except SpecError as error:
        if error.diagnostics[0].code not in ("processes-differ", "worker-lost"):  # the first one tells those
            show(replace(item, message=title + item.message) for item in error.diagnostics)
        raise click.exceptions.Exit(1) from None
    except click.ClickException as error:
        raise click.UsageError(title + error.format_message()) from error
