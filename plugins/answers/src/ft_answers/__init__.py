"""`answers`: finds the answer to a question among all that are known, or says that none fits."""

from ft_answers.plugin import Answers
from ft_answers.settings import AnswersConfig

__all__ = ["Answers", "AnswersConfig"]
