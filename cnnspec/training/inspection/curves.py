"""Trainings as curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cnnspec.analysis.report import analyze
from cnnspec.diagnostics import Diagnostic, SpecError
from cnnspec.document import load
from cnnspec.training.history import EpochRecord, MetricsFile
from cnnspec.training.run import METRICS, SPEC, Run
from cnnspec.views.results import Curve


def curve_of(rows: Sequence[EpochRecord], name: str) -> Curve:
    """The epochs of a training; validation only where every epoch has it."""
    losses = [row.validation_loss for row in rows if row.validation_loss is not None]
    accuracies = [row.validation_accuracy for row in rows if row.validation_accuracy is not None]
    return Curve(
        name,
        tuple(row.epoch for row in rows),
        tuple(row.loss for row in rows),
        tuple(row.accuracy for row in rows),
        tuple(losses) if len(losses) == len(rows) else (),
        tuple(accuracies) if len(accuracies) == len(rows) else (),
        sum(row.seconds for row in rows),
    )


def run_curve(folder: Path) -> Curve:
    """The training in the folder of a run; raises SpecError where it has no finished epoch."""
    test = Run.read(folder).test
    rows = MetricsFile(folder / METRICS).rows()
    if not rows:
        what = f"{folder} has no finished epoch yet"
        raise SpecError([Diagnostic("nothing-to-show", what, help=("wait for it, or go on with --resume",))])
    network = load(folder / SPEC)
    curve = curve_of(rows, network.name or folder.name)
    params = analyze(network).totals.params
    curve = replace(curve, params=params)
    return replace(curve, test_loss=test.loss, test_accuracy=test.accuracy) if test else curve


def distinct(curves: Sequence[Curve], folders: Sequence[Path]) -> list[Curve]:
    """The curves, named after their folders where two networks have one name."""
    names = [curve.name for curve in curves]
    if len(set(names)) == len(names):
        return list(curves)
    short = [folder.name for folder in folders]
    names = short if len(set(short)) == len(short) else list(map(str, folders))
    return [replace(curve, name=name) for curve, name in zip(curves, names, strict=True)]
