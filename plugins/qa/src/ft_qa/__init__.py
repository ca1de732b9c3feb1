"""`qa`: finds the answer to a question in a text, or says that there is none."""

from ft_qa.plugin import QA
from ft_qa.settings import QAConfig

__all__ = ["QA", "QAConfig"]
