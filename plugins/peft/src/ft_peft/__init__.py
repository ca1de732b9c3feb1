"""Parameter-efficient fine-tuning as a technique of ft: the encoder stands still, a little beside it learns."""

from ft_peft.plugin import Peft
from ft_peft.settings import PeftSettings

__all__ = ["Peft", "PeftSettings"]
