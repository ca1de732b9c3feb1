"""Averages of weights, evaluated and saved in place of the trained ones."""

from ft_average.plugin import Average, AverageConfig

__all__ = ["Average", "AverageConfig"]
