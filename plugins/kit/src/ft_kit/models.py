"""Pre-trained models small enough for a test, written to a folder without any network."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ft.contract.model import quiet_transformers

if TYPE_CHECKING:
    from torch import nn

SIDE = 16
"""Pixels of a side of the images that the image models take."""

PATCH = 8
"""Pixels of a side of a patch of the vision transformer."""


def tiny_bert(
    folder: Path,
    words: Iterable[str] = (),
    *,
    hidden: int = 32,
    layers: int = 2,
    positions: int = 64,
    dropout: float = 0.1,
    seed: int = 0,
) -> Path:
    """Write a BERT with random weights and an uncased word-piece tokenizer.

    Args:
        folder: is made and filled as ``save_pretrained`` does.
        words: whole words of its vocabulary; others are spelt letter by letter.
        hidden: size of the hidden states; two attention heads.
        layers: how many.
        positions: the longest input in tokens.
        dropout: of hidden states and attention.
        seed: of the weights.

    Returns:
        The folder.
    """
    from transformers import BertConfig, BertModel, BertTokenizer

    pieces = _pieces(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"), words)
    tokenizer = BertTokenizer(
        vocab={piece: i for i, piece in enumerate(pieces)}, model_max_length=positions
    )
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=2 * hidden,
        max_position_embeddings=positions,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    return _write(folder, BertModel, config, tokenizer, seed)


def tiny_model(folder: Path, family: str, words: Iterable[str] = ()) -> Path:
    """Write a model of a family with random weights, and its tokenizer if it has one.

    Args:
        folder: is made and filled as ``save_pretrained`` does.
        family: as in `ft.Plugin.families`.
        words: whole words of its vocabulary; image models have none.

    Returns:
        The folder.
    """
    return _FAMILIES[family](folder, words)


def _tiny_llama(folder: Path, words: Iterable[str]) -> Path:
    """A Llama, whose tokenizer puts a mark before each text."""
    from transformers import LlamaConfig, LlamaModel

    pieces = _pieces(("<pad>", "<unk>", "<s>", "</s>"), words)
    tokenizer = _tokenizer(pieces, "<s> $A", "<s> $A <s>:1 $B:1", bos_token="<s>", eos_token="</s>")
    config = LlamaConfig(
        vocab_size=len(pieces),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        attention_dropout=0.1,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
    )
    return _write(folder, LlamaModel, config, tokenizer)


def _tiny_t5(folder: Path, words: Iterable[str]) -> Path:
    """A T5, whose tokenizer puts a mark behind each text."""
    from transformers import T5Config, T5ForConditionalGeneration

    pieces = _pieces(("<pad>", "</s>", "<unk>"), words)
    tokenizer = _tokenizer(pieces, "$A </s>", "$A </s> $B:1 </s>:1", eos_token="</s>")
    config = T5Config(
        vocab_size=len(pieces),
        d_model=32,
        d_kv=16,
        d_ff=64,
        num_layers=1,
        num_heads=2,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
    )
    return _write(folder, T5ForConditionalGeneration, config, tokenizer)


def _tiny_vit(folder: Path, words: Iterable[str]) -> Path:
    """A vision transformer."""
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        image_size=SIDE,
        patch_size=PATCH,
        hidden_dropout_prob=0.1,
    )
    return _write(folder, ViTModel, config)


def _tiny_resnet(folder: Path, words: Iterable[str]) -> Path:
    """A convolutional network with BatchNorm."""
    from transformers import ResNetConfig, ResNetModel

    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    return _write(folder, ResNetModel, config)


_FAMILIES: Mapping[str, Callable[[Path, Iterable[str]], Path]] = {
    "encoder": tiny_bert,
    "decoder": _tiny_llama,
    "encoder-decoder": _tiny_t5,
    "image": _tiny_vit,
    "convnet": _tiny_resnet,
}


def _pieces(special: Iterable[str], words: Iterable[str]) -> list[str]:
    """A vocabulary: marks, letters at the beginning of a word and within, whole words."""
    letters = string.ascii_lowercase + string.digits + string.punctuation
    pieces = [*special, *letters, *(f"##{letter}" for letter in letters)]
    return pieces + sorted({word.lower() for word in words} - set(pieces))


def _tokenizer(pieces: list[str], single: str, pair: str, **marks: str) -> Any:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    ids = {piece: i for i, piece in enumerate(pieces)}
    inner = Tokenizer(models.WordPiece(ids, unk_token="<unk>"))
    inner.normalizer = normalizers.BertNormalizer()
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.decoder = decoders.WordPiece()
    inner.post_processor = processors.TemplateProcessing(
        single=single, pair=pair, special_tokens=[(mark, ids[mark]) for mark in marks.values()]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        unk_token="<unk>",
        model_max_length=64,
        **marks,
    )


def _write(
    folder: Path, kind: type[nn.Module], config: Any, tokenizer: Any = None, seed: int = 0
) -> Path:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: Any = kind(config)
    folder.mkdir(parents=True, exist_ok=True)
    with quiet_transformers():
        for part in (model, tokenizer):
            if part is not None:
                part.save_pretrained(folder)
    return folder
