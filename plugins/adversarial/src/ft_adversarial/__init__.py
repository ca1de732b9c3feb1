"""Adversarial training in embedding space, for any task of ft whose model embeds tokens."""

from ft_adversarial.plugin import Adversarial
from ft_adversarial.robustness.attack import attack
from ft_adversarial.robustness.typing_errors import typos
from ft_adversarial.settings import AdversarialConfig

__version__ = "0.1.0"

__all__ = ["Adversarial", "AdversarialConfig", "attack", "typos"]
