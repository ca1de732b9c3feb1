"""Who a plugin is tried with, as in ``--plugins``."""

from __future__ import annotations

WORDS = "ft_kit.tasks:WordsTask"
TEXTS = "ft_kit.tasks:TextsTask"
PAIR = "ft_kit.tasks:PairTask"
WRITE = "ft_kit.tasks:WriteTask"
IMAGES = "ft_kit.tasks:ImagesTask"
ROLES = "ft_kit.roles:RolesTask"
HOSTS = {
    "encoder": (WORDS, TEXTS, PAIR),
    "decoder": (WORDS, TEXTS, PAIR),
    "encoder-decoder": (WRITE, TEXTS, WORDS),
    "image": (IMAGES,),
    "convnet": (IMAGES,),
}
"""The tasks that a technique is tried with, by the family of the model: words with tags, labelled
texts, pairs of texts, a text to be written, labelled images."""

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

TEXT_FAMILIES = ("encoder", "decoder")
"""The families of models that ft's own tasks are for."""

IMAGE_FAMILIES = ("image", "convnet")
"""The families of models that read no text."""

OFFICIAL_TASKS = ("ner", "sentiment", "recommend")
OFFICIAL_TECHNIQUES = ("augment", "adversarial")
"""ft's own plugins, tried beside where they are installed."""
