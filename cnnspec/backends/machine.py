"""What the machine has left."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

LITTLE: Final = 100_000_000
"""Bytes that are not worth the question."""


def refuse_beyond_memory(wanted: int) -> None:
    """Raises MemoryError where that is more than the machine has left, as far as it tells, or can count."""
    left = free_bytes() if wanted > LITTLE else None
    if wanted > (sys.maxsize if left is None else left):
        raise MemoryError


def free_bytes() -> int | None:
    """On Linux: what can be had without taking it from other programs, with what may be swapped."""
    with suppress(OSError, ValueError, IndexError, KeyError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        sizes = {
            name: int(size.split()[0]) * 1024 for name, _, size in (line.partition(":") for line in lines)
        }
        return sizes["MemAvailable"] + sizes.get("SwapFree", 0)
    return None
