"""Progress on stderr: one moving line on a terminal, plain lines anywhere else."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from types import TracebackType

from rich.console import Console as RichConsole
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from cnnspec.cli.console import Console
from cnnspec.diagnostics import Diagnostic
from cnnspec.training.callback import Callback, TrainingProgress
from cnnspec.training.history import EpochRecord
from cnnspec.views.terminal.paint import compact, folded, harmless, percent

PLAIN_EVERY = 20.0
"""Seconds between two lines within an epoch where there is no terminal."""
WIDE, MIDDLE = 76, 52
"""Columns from which all figures, or some, are shown."""


class Live(Callback):
    """Shows a training as it goes; a context manager, so that the moving line is taken away at the end."""

    def __init__(self, console: Console, show: Callable[[list[Diagnostic]], None], title: str = "") -> None:
        self.console, self.show, self.title = console, show, title
        self.bar = moving_line(console) if console.is_terminal else None
        self.task = None if self.bar is None else self.bar.add_task("", total=None, figures=Text(""))
        self.told = perf_counter()
        self.epochs = 0

    def __enter__(self) -> Live:
        try:
            if self.bar:
                self.bar.start()
        except BaseException:  # Ctrl-C may come here, too: it leaves no hidden cursor
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar:
            self.bar.stop()

    def step(self, now: TrainingProgress) -> None:
        self.epochs = now.epochs
        if self.bar and self.task is not None:
            self.bar.update(
                self.task, completed=now.batch, total=now.batches,
                description=f"{self.title}epoch {now.epoch}/{now.epochs}",
                figures=Text(figures(now, self.console.width)),
            )  # fmt: skip
        elif perf_counter() - self.told > PLAIN_EVERY:
            self.told = perf_counter()
            self.say(f"epoch {now.epoch}/{now.epochs}, {now.batch}/{now.batches}: {figures(now, WIDE)}")

    def epoch(self, row: EpochRecord) -> None:
        self.told = perf_counter()
        self.say(f"{self.title}{epoch_line(row, self.console.width)}")

    def note(self, diagnostic: Diagnostic) -> None:
        if self.bar:
            self.bar.stop()
        self.show([diagnostic])
        if self.bar:
            self.bar.start()

    def received(self, name: str, count: int, total: int) -> None:
        """Progress of a download; ``total`` is 0 when it is not known."""
        if self.bar and self.task is not None:
            self.bar.update(
                self.task, completed=count, total=total or None, description="download", figures=Text(name)
            )
        elif count == total:
            self.say(f"downloaded {name}, {total / 1e6:.1f} MB")

    def say(self, line: str) -> None:
        """A line that stays, above the moving one."""
        if self.bar:
            self.bar.console.print(Text(folded(harmless(line), self.console.width)), soft_wrap=True)
        else:
            self.console.say(line)
            self.console.stream.flush()


def figures(now: TrainingProgress, width: int) -> str:
    """Loss, accuracy, speed and time left, as many as the width has room for."""
    parts = [f"loss {compact(now.loss)}"]
    if width >= MIDDLE and now.accuracy is not None:
        parts.append(percent(now.accuracy, 1))
    if width >= WIDE:
        parts.append(f"{now.images_per_second:,.0f} images/s")
    return "  ".join([*parts, f"{clock(now.left)} left"])


def epoch_line(row: EpochRecord, width: int) -> str:
    """``epoch 1  loss 0.3191  accuracy 90.28 %  19,556 images/s  3.1 s``."""
    parts = [f"epoch {row.epoch}", f"loss {compact(row.loss)}"]
    parts += [f"accuracy {percent(row.accuracy)}"] if row.accuracy is not None else []
    if row.validation_loss is not None:
        share = "" if row.validation_accuracy is None else f", {percent(row.validation_accuracy)}"
        parts.append(f"validation {compact(row.validation_loss)}{share}")
    if width >= WIDE:
        parts += [f"{row.images_per_second:,.0f} images/s", f"{row.seconds:.1f} s"]
    return "  ".join(parts)


def duration(seconds: float) -> str:
    """``4.3 s``, ``12 min 5 s``, ``1 h 2 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def clock(seconds: float) -> str:
    """``0:09``, ``1:02:03``."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class _Figures(ProgressColumn):
    max_refresh = None

    def render(self, task: Task) -> Text:
        found: Text = task.fields["figures"]
        return found


def moving_line(console: Console) -> Progress:
    """A line with a bar and ``figures`` (a Text), for a terminal; it goes when it is stopped."""
    rich = RichConsole(
        file=console.stream, width=console.width, no_color=not console.color, force_terminal=True,
        highlight=False, emoji=False, legacy_windows=False,
    )  # fmt: skip
    columns: list[ProgressColumn] = [TextColumn("{task.description}"), _Figures()]
    if console.unicode and console.width >= MIDDLE:
        columns.insert(1, BarColumn(bar_width=max(6, min(28, console.width - 68))))
    return Progress(*columns, console=rich, transient=True, refresh_per_second=10)
