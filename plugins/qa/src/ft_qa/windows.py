"""Question and context as token ids, a long context in windows that overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from transformers import PreTrainedTokenizerBase

BEGIN, END = "keep_begin", "keep_end"
"""Feature columns: the first character of each token in the context and the one behind its last;
-1 for the tokens of the question and special ones.
"""


class Windows(NamedTuple):
    """The windows of some examples.

    Attributes:
        columns: features, among them ``row``, the example that each window is of.
        cut: questions that were cut to leave room for a context.
    """

    columns: dict[str, list[Any]]
    cut: int


def encode_windows(
    tokenizer: PreTrainedTokenizerBase,
    questions: Sequence[str],
    contexts: Sequence[str],
    max_length: int,
    overlap: int,
) -> Windows:
    """Token ids of question and context, as many windows as a context needs.

    Args:
        tokenizer: a fast one.
        questions: a text each; one that takes more than half of a window is cut.
        contexts: a text each.
        max_length: tokens of a window, special ones included.
        overlap: tokens that neighbouring windows share; less where a question leaves no room.
    """
    special = tokenizer.num_special_tokens_to_add(pair=True)
    room = max_length - special
    ids = tokenizer(list(questions), add_special_tokens=False)["input_ids"]
    most = room // 2
    kept, cut = list(questions), 0
    for i, one in enumerate(ids):
        if len(one) > most:
            kept[i] = _first(tokenizer, kept[i], most)
            cut += 1
    longest = max((min(len(one), most) for one in ids), default=0)
    # The tokenizer refuses an overlap that leaves a window nothing new.
    stride = min(overlap, max(0, (room - longest) // 2))
    encoded = tokenizer(
        kept,
        list(contexts),
        truncation="only_second",
        max_length=max_length,
        stride=stride,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        return_attention_mask=False,
    )
    offsets = encoded.pop("offset_mapping")
    columns: dict[str, list[Any]] = {"row": list(encoded.pop("overflow_to_sample_mapping"))}
    columns |= {name: list(values) for name, values in encoded.items()}
    columns[BEGIN], columns[END] = [], []
    for i, places in enumerate(offsets):
        of_context = [part == 1 for part in encoded.sequence_ids(i)]
        for name, side in ((BEGIN, 0), (END, 1)):
            pairs = zip(places, of_context, strict=True)
            columns[name].append([place[side] if own else -1 for place, own in pairs])
    return Windows(columns, cut)


def _first(tokenizer: PreTrainedTokenizerBase, text: str, most: int) -> str:
    """The beginning of a text that has so many tokens."""
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    places = encoded["offset_mapping"][:most]
    return text[: max((end for _, end in places), default=0)]


def null_position(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> int:
    """The token that stands for no answer: the classifier's, else the first."""
    mark = tokenizer.cls_token_id
    return list(ids).index(mark) if mark is not None and mark in ids else 0


def answer_tokens(
    answers: Sequence[dict[str, int]], begins: Sequence[int], ends: Sequence[int]
) -> tuple[int, int] | None:
    """The first and last token of the first answer that a window holds whole, else ``None``."""
    for answer in answers:
        inside = [
            i
            for i, (begin, end) in enumerate(zip(begins, ends, strict=True))
            if 0 <= begin < end and begin < answer["end"] and answer["start"] < end
        ]
        if inside and begins[inside[0]] <= answer["start"] and ends[inside[-1]] >= answer["end"]:
            return inside[0], inside[-1]
    return None
