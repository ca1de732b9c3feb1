"""Which values a trial gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optuna.samplers import BaseSampler, TPESampler

from ft import derive_seed
from ft_study.tune.trials import is_void

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, TrialState


class Sampler(BaseSampler):
    """The given settings first, then the tree-structured Parzen estimator.

    Each trial draws from a seed of its own, made of the run's seed and the trial's number. So
    processes that share a study do not draw the same values, and a search that was stopped goes on
    as it would have.

    Bergstra et al. 2011, *Algorithms for Hyper-Parameter Optimization*; Watanabe 2023,
    `arXiv 2304.11127 <https://arxiv.org/abs/2304.11127>`__.

    Args:
        first: the values of the first trial.
        seed: of the run.
    """

    def __init__(self, first: Mapping[str, Any], seed: int) -> None:
        self._first = first
        self._seed = seed
        self._number = -1
        self._drawing = TPESampler()

    def _base(self, trial: FrozenTrial) -> TPESampler:
        if trial.number != self._number:
            seed = derive_seed(self._seed, "ft tune", trial.number) % 2**32
            self._drawing, self._number = TPESampler(seed=seed), trial.number
        return self._drawing

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """See `optuna.samplers.BaseSampler`; the first trial draws value by value."""
        if _is_first(study, trial):
            return {}
        return self._base(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """See `optuna.samplers.BaseSampler`."""
        return self._base(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """See `optuna.samplers.BaseSampler`."""
        if param_name in self._first and _is_first(study, trial):
            return self._first[param_name]
        return self._base(trial).sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """See `optuna.samplers.BaseSampler`."""
        self._base(trial).after_trial(study, trial, state, values)


def _is_first(study: Study, trial: FrozenTrial) -> bool:
    """Whether no trial that counts came before."""
    earlier = study.get_trials(deepcopy=False)[: trial.number]
    return all(is_void(one) for one in earlier)
