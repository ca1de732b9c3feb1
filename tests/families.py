"""Sentences with names, and tokenizers of the real classes with vocabularies trained on them.

Normalizers, pre-tokenizers and post-processors are those of the class, or of the published
``tokenizer.json`` where the family has no class of its own (ModernBERT, Llama 3, EuroBERT). As
SentencePiece does, Unigram and Llama learn no piece that joins letters, digits and marks.
"""

from __future__ import annotations

import random
import re
from typing import Any

import transformers
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

NAMES = {
    "PER": ["Anna", "Ben", "Clara Schmidt", "Zoë", "Jean-Luc Picard", "O'Neill", "Dr. Weiß"],
    "LOC": ["Ulm", "Paris", "Rome", "New York", "Baden-Baden", "São Paulo", "the U.S."],
    "ORG": ["Coca-Cola", "AC/DC", "Yahoo!", "Acme Inc.", "BBC"],
}
FORMS = [
    "{PER} lives in {LOC}.",
    "{PER} works in ({LOC}), near {PER}'s town.",
    '"{PER} isn\'t here," said {PER}.',
    "In 2019 {ORG} ({LOC}) paid $5,000 (about 4,500 €).",
    "{PER}, {PER} and {PER} met at 9:30 in {LOC}...",
    'Who is "{PER}"? A well-known guest of {ORG}!',
    "{LOC}/{LOC}: {ORG} won't open there; {PER} did (again).",
    "See https://example.org/a-b or write to ann@example.org [{ORG}].",
    "The price rose by 3.5% in {LOC} – twice as fast as in {LOC}.",
    "- {PER}: (no answer)",
]
"""The marks around names are those that vocabularies join: ``).``, ``,"``, ``($``, ``"Anna``."""

LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
UNIT = re.compile(r"[^\W\d_]+|\d+|(?:[^\w\s]|_)+")
APART = "\x1f"


def examples(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Texts with their spans, ``[start, end, type]``."""
    rng = random.Random(seed)
    found = []
    for i in range(count):
        text, spans, at = "", [], 0
        form = FORMS[i % len(FORMS)]
        for part in re.finditer(r"\{(\w+)\}", form):
            text += form[at : part.start()]
            name = rng.choice(NAMES[part[1]])
            spans.append([len(text), len(text) + len(name), part[1]])
            text, at = text + name, part.end()
        found.append({"text": text + form[at:], "entities": spans})
    return found


def make_tokenizer(kind: str) -> Any:
    """A tokenizer of a family, by the name of its class (``Bert``) or of the model."""
    lines = [row["text"] for row in examples(600, seed=1)]
    if kind in _PUBLISHED:
        return _PUBLISHED[kind](lines)
    empty = getattr(transformers, f"{kind}Tokenizer")()
    backend = empty.backend_tokenizer
    own = backend.pre_tokenizer
    settings: dict[str, Any] = {"show_progress": False}
    if "Metaspace" in repr(own):
        lines = [APART.join(_units(line)) for line in lines]
        backend.pre_tokenizer = pre_tokenizers.Split(APART, "removed")
    if "ByteLevel" in repr(own):
        settings["initial_alphabet"] = pre_tokenizers.ByteLevel.alphabet()
    made = empty.train_new_from_iterator(lines, 600, **settings)
    made.backend_tokenizer.pre_tokenizer = own
    return made


def _units(line: str) -> list[str]:
    """What SentencePiece makes pieces of: runs of letters, digits or marks, a blank before a word."""
    return [
        ("▁" if i == 0 else "") + unit
        for word in line.split()
        for i, unit in enumerate(UNIT.findall(word))
    ]


def _byte_level(
    lines: list[str], special: list[Any], *, pattern: str | None, normalizer: Any = None
) -> Tokenizer:
    made: Any = Tokenizer(models.BPE(ignore_merges=pattern is not None))
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pattern is None)
    made.pre_tokenizer = plain
    if pattern is not None:
        split = pre_tokenizers.Split(Regex(pattern), "isolated")
        made.pre_tokenizer = pre_tokenizers.Sequence([split, plain])
    if normalizer is not None:
        made.normalizer = normalizer
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=800,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(lines, trainer)
    return made


def _modern_bert(lines: list[str]) -> Any:
    special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", AddedToken("[MASK]", lstrip=True, special=True)]
    made = _byte_level(lines, special, pattern=None, normalizer=normalizers.NFC())
    made.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[(name, made.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "attention_mask"],
    )


def _llama_3(lines: list[str], *, encoder: bool = False) -> Any:
    begin, end, pad, mask = (
        f"<|{name}|>" for name in ("begin_of_text", "end_of_text", "pad", "mask")
    )
    made = _byte_level(lines, [begin, end, *([pad, mask] if encoder else [])], pattern=LLAMA_3)
    template = processors.TemplateProcessing(
        single=f"{begin} $A {end}" if encoder else f"{begin} $A",
        pair=f"{begin} $A {end} $B {end}" if encoder else f"{begin} $A {begin} $B",
        special_tokens=[(name, made.token_to_id(name)) for name in (begin, end)],
    )
    made.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token=begin,
        eos_token=end,
        model_input_names=["input_ids", "attention_mask"],
        **({"pad_token": pad, "mask_token": mask} if encoder else {}),
    )


_PUBLISHED = {
    "ModernBERT": _modern_bert,
    "Llama 3": _llama_3,
    "EuroBERT": lambda lines: _llama_3(lines, encoder=True),
}
