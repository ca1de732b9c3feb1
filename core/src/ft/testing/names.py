"""Who a plugin is tried with, as in ``--plugins``."""

from __future__ import annotations

WORDS = "ft.testing.tasks:WordsTask"
TEXTS = "ft.testing.tasks:TextsTask"
PAIR = "ft.testing.tasks:PairTask"
HOSTS = (WORDS, TEXTS, PAIR)
"""The tasks that a technique is tried with: words with tags, labelled texts, pairs of texts."""

TWICE = "ft.testing.techniques:Twice"
EARLY = "ft.testing.techniques:Early"
REWRITE = "ft.testing.techniques:Rewrite"
REPEAT = "ft.testing.techniques:Repeat"
TECHNIQUES = (TWICE, EARLY, REWRITE, REPEAT)
"""The techniques that every plugin is tried beside."""

IDLE = "ft.testing.techniques:Idle"
STOP = "ft.testing.edges:Stop"
EDGES = "ft.testing.edges:Edges"
NEAR = "ft.testing.probe:NearProbe"
FAR = "ft.testing.probe:FarProbe"

OFFICIAL_TASKS = ("ner", "sentiment", "recommend")
OFFICIAL_TECHNIQUES = ("augment", "adversarial")
"""ft's own plugins, tried beside where they are installed."""
