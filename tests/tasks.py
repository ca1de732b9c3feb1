"""The tasks of the kit under the names and with the sizes that the core's tests use."""

from __future__ import annotations

from ft_kit import tasks


class SizeConfig(tasks.SizeConfig):
    """How many examples each split has."""

    train: int = 48
    validation: int = 12
    test: int = 12
    longest: int = 12


class WordsTask(tasks.WordsTask):
    """Tags names and places."""

    name = "words"
    Config = SizeConfig


class TextsTask(tasks.TextsTask):
    """Says whether a text mentions a place."""

    name = "texts"
    Config = SizeConfig
