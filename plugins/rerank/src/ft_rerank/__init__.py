"""`rerank`: orders the candidate texts of a query with a cross-encoder."""

from ft_rerank.plugin import Rerank
from ft_rerank.settings import RerankConfig

__all__ = ["Rerank", "RerankConfig"]
