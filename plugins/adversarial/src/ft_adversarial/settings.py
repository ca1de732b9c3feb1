"""The ``[adversarial]`` table: the settings of training and of the benchmark of robustness."""

from __future__ import annotations

from ft_adversarial.robustness.settings import RobustnessConfig
from ft_adversarial.training.settings import TrainingConfig


class AdversarialConfig(RobustnessConfig, TrainingConfig):
    """Settings of ``adversarial``: those of `TrainingConfig`, then those of `RobustnessConfig`."""
