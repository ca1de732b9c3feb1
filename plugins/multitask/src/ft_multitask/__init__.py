"""`multitask`: trains several tasks on one encoder."""

from ft_multitask.plugin import Multitask
from ft_multitask.settings import MultitaskConfig

__all__ = ["Multitask", "MultitaskConfig"]
