"""Where the time of a network goes, as every engine tells it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StepTime:
    """One step: seconds of its best pass, multiply-accumulates of the forward pass, kernel and reason."""

    layer: str
    kernel: str
    reason: str
    forward: float
    backward: float
    multiplies: int
    within: tuple[str, ...] = ()
    """Layers that run in its pass, as batch norm and ReLU behind it in a prediction: their time is in its."""

    @property
    def gflops(self) -> float:
        """Forward speed in 10^9 operations a second, two a multiply-accumulate; 0 without any."""
        return 2e-9 * self.multiplies / self.forward if self.forward else 0.0


@dataclass(frozen=True)
class Profile:
    """What was measured: seconds of each step, the machine's peak, the program's memory."""

    name: str
    batch: int
    training: bool
    rows: list[StepTime]
    peak: float
    """10^9 operations a second of a large matrix product, with the same threads."""
    weight_bytes: int
    map_bytes: int
    scratch_bytes: int
    threads: int = 1
    """How many predict such a batch at the same time; one of them was timed."""

    @property
    def seconds(self) -> float:
        return sum(row.forward + row.backward for row in self.rows)

    @property
    def forward(self) -> float:
        return sum(row.forward for row in self.rows)

    @property
    def gflops(self) -> float:
        """Of the whole forward pass, additions of biases and the like not counted."""
        return 2e-9 * sum(row.multiplies for row in self.rows) / self.forward if self.forward else 0.0
