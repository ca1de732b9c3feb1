"""What a plugin's author tests with: tiny models that need no network, and in-memory data."""

from ft.testing.models import tiny_bert

__all__ = ["tiny_bert"]
