"""Text classification for ft: what a text says of its subject, as a class, classes or a rating."""

from ft_sentiment.plugin import Sentiment
from ft_sentiment.settings import SentimentConfig

__version__ = "0.1.0"

__all__ = ["Sentiment", "SentimentConfig"]
