"""Regularisation as a technique of ft: one setting each, none of them on by itself."""

from ft_regularize.plugin import Regularize
from ft_regularize.settings import RegularizeConfig

__all__ = ["Regularize", "RegularizeConfig"]
