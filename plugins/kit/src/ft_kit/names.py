"""Who a plugin is tried with, as in ``--plugins``."""

from __future__ import annotations

WORDS = "ft_kit.tasks:WordsTask"
TEXTS = "ft_kit.tasks:TextsTask"
PAIR = "ft_kit.tasks:PairTask"
HOSTS = (WORDS, TEXTS, PAIR)
"""The tasks that a technique is tried with: words with tags, labelled texts, pairs of texts."""

TWICE = "ft_kit.techniques:Twice"
EARLY = "ft_kit.techniques:Early"
REWRITE = "ft_kit.techniques:Rewrite"
REPEAT = "ft_kit.techniques:Repeat"
TECHNIQUES = (TWICE, EARLY, REWRITE, REPEAT)
"""The techniques that every plugin is tried beside."""

IDLE = "ft_kit.techniques:Idle"
STOP = "ft_kit.edges:Stop"
EDGES = "ft_kit.edges:Edges"
NEAR = "ft_kit.probe:NearProbe"
FAR = "ft_kit.probe:FarProbe"

OFFICIAL_TASKS = ("ner", "sentiment", "recommend")
OFFICIAL_TECHNIQUES = ("augment", "adversarial")
"""ft's own plugins, tried beside where they are installed."""
