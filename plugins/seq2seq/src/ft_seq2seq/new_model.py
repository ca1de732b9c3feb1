"""A small encoder-decoder model with random weights, and a tokenizer of the user's own texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

Kind = Literal["t5", "bart", "marian"]
Size = Literal["tiny", "small", "base"]

MARKS = ("<pad>", "</s>", "<unk>")
PAD, END = 0, 1
POSITIONS = 512


class Shape(NamedTuple):
    """How large a model is.

    Attributes:
        width: of the hidden states.
        layers: of the encoder, and of the decoder.
        heads: of attention.
    """

    width: int
    layers: int
    heads: int


SHAPES: dict[str, Shape] = {
    "tiny": Shape(64, 2, 2),
    "small": Shape(256, 3, 4),
    "base": Shape(512, 6, 8),
}


def write_model(
    folder: Path,
    texts: Iterable[str],
    *,
    kind: Kind = "t5",
    size: Size = "small",
    vocabulary: int = 8000,
    dropout: float = 0.1,
    seed: int = 0,
) -> int:
    """Write a model that has learnt nothing yet, as ``save_pretrained`` does.

    The tokenizer is a byte-level BPE (Radford et al. 2019) of the texts: it has pieces for whatever
    is written, in any language.

    Args:
        folder: is made; must be empty or not be there.
        texts: sources and targets to learn the tokenizer from.
        kind: the architecture.
        size: see `SHAPES`.
        vocabulary: pieces of the tokenizer at most.
        dropout: of the model.
        seed: of its weights.

    Returns:
        The number of its parameters.

    Raises:
        FileExistsError: there is something in the folder.
    """
    import torch

    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    tokenizer = _tokenizer(texts, vocabulary)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _model(kind, SHAPES[size], len(tokenizer), dropout)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return sum(one.numel() for one in model.parameters())


def _tokenizer(texts: Iterable[str], vocabulary: int) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[*MARKS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(texts, trainer)
    pad, end, unknown = MARKS
    inner.post_processor = processors.TemplateProcessing(
        single=f"$A {end}", pair=f"$A {end} $B:1 {end}:1", special_tokens=[(end, END)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token=pad,
        eos_token=end,
        unk_token=unknown,
        clean_up_tokenization_spaces=False,
        model_max_length=POSITIONS,
    )


def _model(kind: Kind, shape: Shape, vocabulary: int, dropout: float) -> Any:
    from transformers import (
        BartConfig,
        BartForConditionalGeneration,
        MarianConfig,
        MarianMTModel,
        T5Config,
        T5ForConditionalGeneration,
    )

    marks = {"vocab_size": vocabulary, "pad_token_id": PAD, "eos_token_id": END}
    if kind == "t5":
        return T5ForConditionalGeneration(
            T5Config(
                **marks,
                d_model=shape.width,
                d_kv=shape.width // shape.heads,
                d_ff=4 * shape.width,
                num_layers=shape.layers,
                num_heads=shape.heads,
                dropout_rate=dropout,
                decoder_start_token_id=PAD,
            )
        )
    layers: dict[str, Any] = {
        f"{side}_{name}": value
        for side in ("encoder", "decoder")
        for name, value in (
            ("layers", shape.layers),
            ("attention_heads", shape.heads),
            ("ffn_dim", 4 * shape.width),
        )
    }
    layers |= {
        **marks,
        "d_model": shape.width,
        "max_position_embeddings": POSITIONS,
        "dropout": dropout,
        "bos_token_id": END,
        "forced_eos_token_id": None,
        "scale_embedding": True,
    }
    if kind == "bart":
        return BartForConditionalGeneration(BartConfig(**layers, decoder_start_token_id=END))
    return MarianMTModel(MarianConfig(**layers, decoder_start_token_id=PAD))


def texts_of(rows: Any, columns: Sequence[str]) -> list[str]:
    """All texts in columns of a table, those in lists too."""
    found: list[str] = []

    def take(value: Any) -> None:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            for one in value.values():
                take(one)
        elif isinstance(value, list):
            for one in value:
                take(one)

    for name in columns:
        for value in rows[name]:
            take(value)
    return found
