"""Trials chosen by what came of others: Optuna's tree-structured Parzen estimator (Bergstra et al. 2011)."""

from __future__ import annotations

import warnings
from typing import Any

from cnnspec.exchange.trade import require
from cnnspec.training.sweep import Space, SweepTrial, ValueRange, Values


class TpeSampler:
    """Asks Optuna for values, and tells it what came of them; several may be asked for at a time.

    The same seed and the same results in the same order give the same trials. Raises SpecError where Optuna
    is not installed.
    """

    def __init__(self, space: Space, seed: int) -> None:
        require("--sampler tpe", "optuna", "sweep")
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.space, self.optuna = space, optuna
        self.distributions = {name: _distribution(optuna, choices) for name, choices in space.items()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that constant_liar is experimental
            sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        self.study = optuna.create_study(sampler=sampler, direction="maximize")
        self.asked: dict[int, Any] = {}

    def ask(self, number: int) -> Values:
        """The values of the trial so numbered."""
        self.asked[number] = trial = self.study.ask(self.distributions)
        return {name: _text(self.space[name], value) for name, value in trial.params.items()}

    def tell(self, trial: SweepTrial, score: float | None) -> None:
        """What came of a trial, asked for now or before: a score, greater is better; None of a failure."""
        states = self.optuna.trial.TrialState
        if trial.number in self.asked:
            state = states.FAIL if score is None else states.COMPLETE
            self.study.tell(self.asked.pop(trial.number), score, state=state)
        elif score is not None:
            values = {name: _value(self.space[name], text) for name, text in trial.values.items()}
            made = self.optuna.trial.create_trial(
                params=values, distributions=self.distributions, value=score
            )
            self.study.add_trial(made)


def _distribution(optuna: Any, choices: tuple[str, ...] | ValueRange) -> Any:
    kinds = optuna.distributions
    if not isinstance(choices, ValueRange):
        return kinds.CategoricalDistribution(choices)
    if choices.whole:
        return kinds.IntDistribution(int(choices.low), int(choices.high))
    return kinds.FloatDistribution(choices.low, choices.high, log=choices.logarithm)


def _value(choices: tuple[str, ...] | ValueRange, text: str) -> str | float:
    return float(text) if isinstance(choices, ValueRange) else text


def _text(choices: tuple[str, ...] | ValueRange, value: Any) -> str:
    return choices.written(value) if isinstance(choices, ValueRange) else str(value)
