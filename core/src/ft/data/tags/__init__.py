"""Tags of words, and the spans that they mark."""

from ft.data.tags import tags

__all__ = ["tags"]
