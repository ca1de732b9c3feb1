"""One way to score a trained model, whatever trained it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def score(model: Any, tokenizer: Any, inputs: Sequence[Any], gold: Sequence[Any]) -> float:
    """Strict entity F1 of words, or accuracy of texts; every word counts.

    Args:
        model: of transformers, with a head; its configuration names the labels.
        tokenizer: of the model.
        inputs: lists of words, or texts.
        gold: lists of tags, or labels.
    """
    import torch
    from seqeval.metrics import f1_score
    from seqeval.scheme import IOB2

    words = not isinstance(inputs[0], str)
    names = {int(i): name for i, name in model.config.id2label.items()}
    found: list[Any] = []
    model.eval()
    for begin in range(0, len(inputs), 32):
        batch = tokenizer(
            list(inputs[begin : begin + 32]),
            is_split_into_words=words,
            truncation=True,
            padding=True,
            return_tensors="pt",
        ).to(model.device)
        with torch.inference_mode():
            best = model(**batch).logits.argmax(-1).tolist()
        if not words:
            found += [names[i] for i in best]
            continue
        for row, ids in enumerate(best):
            owners = batch.word_ids(row)
            tags = ["O"] * len(inputs[begin + row])
            for k in reversed(range(len(owners))):
                if owners[k] is not None:
                    tags[owners[k]] = names[ids[k]]
            found.append(tags)
    if words:
        return float(f1_score(list(gold), found, mode="strict", scheme=IOB2))
    return sum(a == b for a, b in zip(gold, found, strict=True)) / len(gold)
