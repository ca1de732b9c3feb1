"""What a plugin's author tests with: a tiny model, small tasks and techniques, and the contract.

``test_contract = conformance("ner")`` in a test file checks every rule of the contract.
"""

from ft_kit.conformance import conformance
from ft_kit.models import tiny_bert
from ft_kit.names import EARLY, PAIR, REPEAT, REWRITE, TEXTS, TWICE, WORDS

__all__ = [
    "EARLY",
    "PAIR",
    "REPEAT",
    "REWRITE",
    "TEXTS",
    "TWICE",
    "WORDS",
    "conformance",
    "tiny_bert",
]
