"""`seq2seq`: writes a text for a text: translations, summaries, replies."""

from ft_seq2seq.new_model import write_model
from ft_seq2seq.plugin import Seq2Seq
from ft_seq2seq.settings import Seq2SeqConfig

__all__ = ["Seq2Seq", "Seq2SeqConfig", "write_model"]
