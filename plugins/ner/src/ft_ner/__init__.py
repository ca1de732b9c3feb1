"""Named entity recognition for ft."""

from ft_ner.plugin import Ner

__all__ = ["Ner"]
