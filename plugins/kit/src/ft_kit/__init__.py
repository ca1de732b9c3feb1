"""What a plugin's author tests with: tiny models, small tasks and techniques, and the contract.

``test_contract = conformance("ner")`` in a test file checks every rule of the contract.
"""

from ft_kit.conformance import conformance
from ft_kit.files import write_rows
from ft_kit.models import tiny_bert, tiny_model
from ft_kit.names import EARLY, IMAGES, PAIR, REPEAT, REWRITE, TEXTS, TWICE, WORDS, WRITE

__all__ = [
    "EARLY",
    "IMAGES",
    "PAIR",
    "REPEAT",
    "REWRITE",
    "TEXTS",
    "TWICE",
    "WORDS",
    "WRITE",
    "conformance",
    "tiny_bert",
    "tiny_model",
    "write_rows",
]
