"""Which scheme a whole corpus of tags is in, by its bigrams of tags, and its tags as BIO2."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from ft.contract.errors import raise_all
from ft.data.config import WordsConfig
from ft.data.rows.bad import Sink
from ft.data.rows.cache import cached, make_key
from ft.data.rows.entry import Entry, batches
from ft.data.sources import Source
from ft.data.tags.bigrams import Bigram, count_bigrams, find_pairs
from ft.data.tags.impossible import impossible_tags
from ft.data.tags.spellings import usual_tags
from ft.data.tags.tags import OUTSIDE, SCHEMES, Scheme, bio2_tag, is_legal, join_tag, split_tag

if TYPE_CHECKING:
    import pyarrow as pa

_SCHEMES: dict[str, Scheme] = {
    **{scheme: scheme for scheme in SCHEMES},
    "BIO": "BIO2",
    "IOB2": "BIO2",
    "IOBES": "BIOES",
}


def as_bio2(
    sources: Mapping[str, Sequence[Source]],
    entries: Mapping[str, Sequence[Entry]],
    config: WordsConfig,
    owner: str,
) -> tuple[Mapping[str, Sequence[Entry]], str | None, tuple[str, ...], list[str]]:
    """The entries of all splits in BIO2, or as they are if their tags mark no spans.

    Returns:
        The entries, ``"BIO2"`` or ``None``, the labels, and notes.

    Raises:
        DataError: a tag is none of the scheme's, or follows another impossibly.
    """
    parts = {
        entry.folder: (source, entry)
        for split in sources
        for source, entry in zip(sources[split], entries[split], strict=True)
    }
    whole: Counter[Bigram] = Counter()
    for source, entry in parts.values():
        whole += count_bigrams(entry, source.name)
    counts: Counter[str] = Counter()
    for (_, tag), count in whole.items():
        if tag is not None:
            counts[tag] += count
    where = ", ".join(dict.fromkeys(source.name for source, _ in parts.values()))
    spelt, said = usual_tags(counts, config, owner, where)
    if any(tag != usual for tag, usual in spelt.items()):
        parts = {folder: (one, _respelt(entry, spelt)) for folder, (one, entry) in parts.items()}
        entries = {
            split: [parts[old.folder][1] for old in group] for split, group in entries.items()
        }
        parts = {entry.folder: (source, entry) for source, entry in parts.values()}
        usual: Counter[Bigram] = Counter()
        for (one, other), count in whole.items():
            usual[one and spelt[one], other and spelt[other]] += count
        whole = usual
    tags = {tag for _, tag in whole if tag is not None}
    scheme: Scheme | Literal["none"] = (
        detect(whole) if config.scheme == "auto" else _SCHEMES.get(config.scheme, "none")
    )
    if scheme == "none":
        labels = (*([OUTSIDE] if OUTSIDE in tags else []), *sorted(tags - {OUTSIDE}))
        return entries, None, labels, [*said, "the tags mark no spans; they are read as plain tags"]
    notes = _check(parts.values(), whole, scheme, config, owner)
    if notes:
        done = {folder: _convert(entry) for folder, (_, entry) in parts.items()}
        entries = {split: [done[old.folder] for old in group] for split, group in entries.items()}
    kinds = sorted({split_tag(tag)[1] for tag in tags if tag != OUTSIDE})
    labels = (OUTSIDE, *(join_tag(letter, kind) for kind in kinds for letter in "BI"))
    return entries, "BIO2", labels, [*said, *notes]


def detect(bigrams: Counter[Bigram]) -> Scheme | Literal["none"]:
    """The scheme that tags are in, by the evidence of all of them.

    B and I alone: it is BIO2 if every ``I`` continues a span, IOB1 if every ``B`` touches a span of
    its own type, IO if there is no ``B``. Where some do and some do not, the tags are impossible in
    either, and BIO2 is meant.

    Args:
        bigrams: how often each tag follows each.

    Returns:
        The scheme, ``"none"`` for plain tags.
    """
    found = {split_tag(tag) for _, tag in bigrams if tag is not None}
    prefixes = {prefix for prefix, _ in found} - {OUTSIDE, ""}
    plain = any(not prefix for prefix, _ in found)
    typed = any(prefix and kind for prefix, kind in found)
    if plain and not typed:
        return "none"
    if prefixes & set("MW"):
        return "BMES"
    if prefixes & set("LU") and not prefixes & set("ES"):
        return "BILOU"
    if prefixes & set("ESLU"):
        return "BIOES"
    legal = {
        scheme: all(is_legal(*bigram, scheme) for bigram in bigrams) for scheme in ("BIO2", "IOB1")
    }
    if not legal["BIO2"] and legal["IOB1"]:
        return "IOB1" if "B" in prefixes else "IO"
    return "BIO2"


def _check(
    parts: Collection[tuple[Source, Entry]],
    bigrams: Counter[Bigram],
    scheme: Scheme,
    config: WordsConfig,
    owner: str,
) -> list[str]:
    """Notes on what must be converted; what cannot be is raised."""
    illegal = {bigram for bigram in bigrams if not is_legal(*bigram, scheme)}
    foreign = {bigram for bigram in illegal if not split_tag(bigram[1] or OUTSIDE)[0]}
    if foreign or (illegal and not config.repair_tags):
        wrong = {bigram: bigrams[bigram] for bigram in foreign or illegal}
        raise_all(impossible_tags(parts, wrong, scheme, config, owner))
    notes = []
    if scheme != "BIO2":
        notes.append(f"the tags are in {scheme}; they are converted to BIO2")
    if illegal:
        count = sum(bigrams[bigram] for bigram in illegal)
        notes.append(f"{count:,} impossible tags are repaired by conlleval's rule")
    return notes


def _respelt(entry: Entry, spelt: Mapping[str, str]) -> Entry:
    """An entry with its tags in another spelling."""

    def build(sink: Sink) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        sink.inherit(entry, settled=True)
        for batch in batches(entry):
            at = batch.schema.names.index("tags")
            column = batch.column(at)
            coded = column.flatten().dictionary_encode()
            names = [spelt[tag] for tag in coded.dictionary.to_pylist()]
            tags = pa.array(names, pa.string()).take(coded.indices)
            yield batch.set_column(at, "tags", _listed(column, tags))

    return cached(make_key("spelt", entry.folder.name, sorted(spelt.items())), build)


def _listed(column: pa.ListArray, values: pa.Array) -> pa.ListArray:
    """A column of lists with other values, as many."""
    import pyarrow as pa

    offsets = column.offsets
    first = offsets[0].as_py() if len(offsets) else 0
    if first:
        offsets = pa.array(offsets.to_numpy() - first)
    return pa.ListArray.from_arrays(offsets, values)


def _convert(entry: Entry) -> Entry:
    """An entry with its tags in BIO2."""

    def build(sink: Sink) -> Iterator[pa.RecordBatch]:
        sink.inherit(entry, settled=True)
        for batch in batches(entry):
            yield _converted(batch)

    return cached(make_key("bio2", entry.folder.name), build)


def _converted(batch: pa.RecordBatch) -> pa.RecordBatch:
    import numpy as np
    import pyarrow as pa

    pairs = find_pairs(batch)
    edge = len(pairs.names)
    codes = pairs.codes[pairs.codes % (edge + 1) != edge]
    distinct, which = np.unique(codes, return_inverse=True)
    names = [bio2_tag(before, str(tag)) for before, tag in map(pairs.bigram, distinct.tolist())]
    tags = pa.array(names, pa.string()).take(pa.array(which))
    at = batch.schema.names.index("tags")
    return batch.set_column(at, "tags", _listed(batch.column(at), tags))
