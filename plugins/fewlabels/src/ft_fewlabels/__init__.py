"""Techniques of ft for few labels: a contrastive warm-up, and labels for unlabelled text."""

from ft_fewlabels.contrastive import Contrastive, ContrastiveConfig
from ft_fewlabels.probe import LinearProbe, LinearProbeConfig
from ft_fewlabels.pseudo_labels import PseudoLabels, PseudoLabelsConfig
from ft_fewlabels.warm_start import WarmStart, WarmStartConfig

__all__ = [
    "Contrastive",
    "ContrastiveConfig",
    "LinearProbe",
    "LinearProbeConfig",
    "PseudoLabels",
    "PseudoLabelsConfig",
    "WarmStart",
    "WarmStartConfig",
]
