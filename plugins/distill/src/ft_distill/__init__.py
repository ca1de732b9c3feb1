"""Distillation as a technique of ft: a student learns what a teacher answers."""

from ft_distill.plugin import Distill
from ft_distill.settings import DistillConfig

__all__ = ["Distill", "DistillConfig"]
