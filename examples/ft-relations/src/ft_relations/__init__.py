"""Relation extraction for ft: which relation holds between two marked entities of a sentence."""

from ft_relations.plugin import Relations

__all__ = ["Relations"]
