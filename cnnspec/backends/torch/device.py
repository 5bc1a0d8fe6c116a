"""Where PyTorch computes: the device of a name, or why there is none."""

from __future__ import annotations

from typing import Final

import torch

from cnnspec.diagnostics import SpecError
from cnnspec.text import whole

OLDEST: Final = (2, 6)
"""The first version of PyTorch that the engine was tried with."""
DEVICES: Final = ("auto", "cpu", "cuda", "mps")


def device_of(name: str | torch.device = "auto") -> torch.device:
    """The device of a name, ``cuda:1`` too; ``auto`` is the best there is. Raises SpecError for what is not.

    Under torchrun ``cuda`` is the device of this process.
    """
    _refuse_old()
    there, name = _there(), str(name)
    kind, _, number = name.partition(":")
    if name == "auto":
        kind = there[-1]
    if kind not in DEVICES or (number and not (kind == "cuda" and whole(number) is not None)):
        raise _missing(f"{name} is no device", there)
    if kind not in there:
        raise _missing(f"PyTorch {torch.__version__} finds no {kind} device here", there)
    if kind == "cuda":
        from cnnspec.backends.torch.distributed import local_rank

        place = int(number) if number else local_rank()
        if place >= torch.cuda.device_count():
            raise _missing(f"there is no cuda:{place}; CUDA has {torch.cuda.device_count()} here", there)
        return torch.device("cuda", place)
    return torch.device(kind)


def _there() -> list[str]:
    """Kinds of devices, the fastest last."""
    found = ["cpu"]
    if torch.backends.mps.is_available():
        found.append("mps")
    if torch.cuda.is_available():
        found.append("cuda")
    return found


def _refuse_old() -> None:
    version = tuple(map(int, torch.__version__.split("+")[0].split(".")[:2]))
    if version < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise SpecError.of(
            "engine-unavailable", f"PyTorch {torch.__version__} is too old: this engine needs {wanted}",
            f"pip install --upgrade 'torch>={wanted}'", "or leave --backend out: NumPy needs nothing more",
        )  # fmt: skip


def _missing(message: str, there: list[str]) -> SpecError:
    named = " and ".join(("auto", *there))
    return SpecError.of("engine-unavailable", message, f"it can be {named} here: --device {there[-1]}")
