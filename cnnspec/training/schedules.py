"""The learning rate of a step, in closed form: no state, so a resumed run has the same."""

from __future__ import annotations

import math

from cnnspec.network.settings import Cosine, Exponential, OneCycle, Schedule, Setting, Step


def rate_at(schedule: Setting, base: float, step: int, per_epoch: int, steps: int) -> float:
    """The rate of a step counted from 0, of ``steps`` in all and ``per_epoch`` an epoch.

    ``base`` is the optimizer's rate. Warm-up ends at the base rate and is part of the steps.
    """
    if isinstance(schedule, OneCycle):
        return one_cycle(schedule, base, step, steps)
    assert isinstance(schedule, Schedule)
    climb = round(schedule.warmup * per_epoch)
    if step < climb:
        return base * (step + 1) / climb
    epoch = step // per_epoch
    if isinstance(schedule, Exponential):
        return base * schedule.factor**epoch
    if isinstance(schedule, Step):
        return base * schedule.factor ** (epoch // schedule.every)
    if isinstance(schedule, Cosine):
        return _between(base, schedule.floor, (step - climb) / max(1, steps - climb))
    return base


def one_cycle(schedule: OneCycle, base: float, step: int, steps: int) -> float:
    """Cosines from peak/start up to the peak at ``climb`` of the steps, and down to peak/end."""
    peak = schedule.peak or base
    last, top = steps - 1, schedule.climb * steps - 1
    if step <= top and top > 0:
        return _between(peak / schedule.start, peak, step / top)
    return _between(peak, peak / schedule.end, (step - max(top, 0)) / max(1, last - max(top, 0)))


def _between(first: float, last: float, share: float) -> float:
    """Half a cosine from ``first`` (share 0) to ``last`` (share 1)."""
    return last + (first - last) * (1 + math.cos(math.pi * share)) / 2
