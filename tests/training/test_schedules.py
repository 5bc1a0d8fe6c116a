import math

import pytest

from cnnspec.recipe.models import Constant, Cosine, Exponential, OneCycle, StepDecay
from cnnspec.recipe.optimizers import AnySchedule

PER_EPOCH, STEPS = 10, 50


def rates(schedule: AnySchedule, base: float = 0.1) -> list[float]:
    return [schedule.rate(base, step, PER_EPOCH, STEPS) for step in range(STEPS)]


def test_a_constant_rate_stays() -> None:
    assert {0.1} == set(rates(Constant()))


def test_exponential_is_the_lectures_law() -> None:
    """0.01·0.6^epoch."""
    found = rates(Exponential(factor=0.6), 0.01)
    assert [0.01 * math.pow(0.6, step // PER_EPOCH) for step in range(STEPS)] == found


def test_step_drops_every_so_many_epochs() -> None:
    found = rates(StepDecay(every=2, factor=0.5))
    assert [0.1] * 20 + [0.05] * 20 + [0.025] * 10 == found


def test_cosine_goes_from_the_rate_to_its_floor() -> None:
    found = rates(Cosine(floor=0.02))
    assert 0.1 == found[0]
    assert pytest.approx(0.06) == found[25]
    assert 0.02 < found[-1] < 0.0202
    assert sorted(found, reverse=True) == found


def keras_cosine(base: float, step: int, decay_steps: int, alpha: float) -> float:
    """``keras.optimizers.schedules.CosineDecay`` as Keras 3 computes it, without its warm-up."""
    decayed = 0.5 * (1 + math.cos(math.pi * min(step, decay_steps) / decay_steps))
    return base * ((1 - alpha) * decayed + alpha)


@pytest.mark.parametrize("steps, floor", [(4, 0.1), (50, 0.0), (1, 0.02)])
def test_cosine_is_kerass_and_meets_its_floor_one_step_after_the_last(steps: int, floor: float) -> None:
    schedule, base = Cosine(floor=floor), 0.5
    for step in range(steps):
        expected = keras_cosine(base, step, steps, floor / base)
        assert pytest.approx(expected, rel=1e-12) == schedule.rate(base, step, PER_EPOCH, steps)
    assert floor == schedule.rate(base, steps, PER_EPOCH, steps)
    assert pytest.approx(0.1586, abs=5e-5) == Cosine(floor=0.1).rate(0.5, 3, 1, 4)


@pytest.mark.torch
@pytest.mark.parametrize("floor, warmup", [(0.0, 0), (0.02, 0), (0.02, 1)])
def test_cosine_is_pytorchs(floor: float, warmup: int) -> None:
    torch = pytest.importorskip("torch")
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    left = STEPS - warmup * PER_EPOCH
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, left, floor)
    expected = []
    for _ in range(left):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    assert pytest.approx(expected, rel=1e-9) == rates(Cosine(floor=floor, warmup=warmup))[-left:]


def test_warm_up_climbs_in_a_straight_line_and_never_starts_at_zero() -> None:
    found = rates(Cosine(warmup=1.0))
    assert pytest.approx([0.01 * n for n in range(1, 11)]) == found[:10]
    assert 0.1 == found[10]
    assert rates(Constant(warmup=0.5))[:6] == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1, 0.1])


def test_one_cycle_climbs_to_its_peak_and_ends_low() -> None:
    found = rates(OneCycle(peak=0.5))
    assert pytest.approx(0.02) == found[0]
    assert pytest.approx(0.5) == max(found) == found[14]
    assert pytest.approx(0.5 / 250000) == found[-1]
    assert found[:15] == sorted(found[:15])
    assert found[14:] == sorted(found[14:], reverse=True)


def test_one_cycle_takes_the_optimizers_rate_for_its_peak() -> None:
    assert rates(OneCycle(peak=0.1)) == rates(OneCycle(), 0.1)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_shortest_runs_have_rates(steps: int) -> None:
    for schedule in (Constant(warmup=1), Cosine(warmup=2), OneCycle(climb=0.0), OneCycle(climb=0.9)):
        found = [schedule.rate(0.1, step, 1, steps) for step in range(steps)]
        assert all(0 < rate <= 0.1 for rate in found), (schedule, found)


@pytest.mark.torch
@pytest.mark.parametrize("climb, start, end", [(0.3, 25.0, 1e4), (0.1, 10.0, 100.0), (0.75, 4.0, 1e3)])
def test_one_cycle_is_pytorchs(climb: float, start: float, end: float) -> None:
    torch = pytest.importorskip("torch")
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.5, total_steps=STEPS, pct_start=climb, div_factor=start, final_div_factor=end,
        cycle_momentum=False,
    )  # fmt: skip
    expected = []
    for _ in range(STEPS):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    ours = rates(OneCycle(peak=0.5, climb=climb, start=start, end=start * end))
    assert pytest.approx(expected, rel=1e-9) == ours
