"""Techniques of ft for few labels: a contrastive warm-up, and labels for unlabelled text."""

from ft_fewlabels.contrastive import Contrastive, ContrastiveConfig
from ft_fewlabels.pseudo_labels import PseudoLabels, PseudoLabelsConfig

__all__ = ["Contrastive", "ContrastiveConfig", "PseudoLabels", "PseudoLabelsConfig"]
