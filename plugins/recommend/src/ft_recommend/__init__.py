"""Recommendation for ft: how much a user will like an item, from text and other features."""

from ft_recommend.plugin import Recommend
from ft_recommend.settings import RecommendConfig

__version__ = "0.1.0"

__all__ = ["Recommend", "RecommendConfig"]
