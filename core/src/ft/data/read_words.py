"""Words with tags: CoNLL files, tables with two lists, or texts with spans of characters."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ft.contract.errors import DataError, FtError, raise_all
from ft.contract.schema import Schema, TaskData, Words
from ft.data.config import WordsConfig
from ft.data.rows.bad import Sink, without
from ft.data.rows.columns import arrange, check_mapping, column_type, find_column, missing_column
from ft.data.rows.entry import Entry
from ft.data.sources import WORDS, Source, find_sources
from ft.data.splits import assemble, read_sources
from ft.data.tables import load, open_entry
from ft.data.tags.cutting import SAMPLE, choose_rule
from ft.data.tags.schemes import as_bio2
from ft.data.tags.spans import Tagged, tag_words

if TYPE_CHECKING:
    import pyarrow as pa

    from ft.contract.run import Run

TOKENS, TAGS, TEXT, ENTITIES = "tokens", "tags", "text", "entities"
POOR = 0.9
"""Where a rule gives a smaller share of the words, texts should not be predicted."""

_ALIASES = {
    TOKENS: ("words",),
    TAGS: ("ner_tags", "labels"),
    TEXT: ("sentence",),
    ENTITIES: ("spans", "label", "labels"),
}
_PYTHON_LIST = re.compile(r"\[\s*['\"]")
_START = ("start", "start_offset")
_END = ("end", "end_offset")
_TYPE = ("label", "type")


def read_words(
    config: WordsConfig, run: Run | None, *, owner: str, need_train: bool = True
) -> TaskData:
    """Read words with tags, converted to BIO2 from whatever scheme marks spans in them.

    A file is in CoNLL columns, or a table with ``tokens`` and ``tags`` (lists, JSON lists, or
    texts with spaces between) or with ``text`` and ``entities``: spans of characters, each
    ``{"start": 0, "end": 5, "label": "PER"}`` or ``[0, 5, "PER"]``, end exclusive. Such a text is
    cut into words by one rule (``split_words``), which the schema keeps for requests: that of the
    trained model, the one that is set, or where the training data comes as words the one that
    gives them best. Other columns are kept, ``text`` too.

    Args:
        config: where the data is.
        run: the run; its folder takes the rows that are set aside.
        owner: the plugin's name, for the names of settings in messages.
        need_train: refuse where ``train`` is not set.

    Raises:
        ConfigError: a setting names nothing that is there.
        DataError: a file, column or row does not fit, or tags follow each other impossibly.
    """
    check_mapping(config.columns, list(_ALIASES), owner)
    faults: list[FtError] = []
    sources = find_sources(config, owner, WORDS, run, faults=faults, need_train=need_train)
    rule = _given_rule(config, run)

    def read(source: Source, rule: str = rule or "words") -> Entry:
        if source.format == "conll":
            return load(source, config, owner, _as_they_are, ["words"])
        transform = partial(_transform, config=config, owner=owner, rule=rule)
        options = ["words", sorted(config.columns.items()), rule]
        return load(source, config, owner, transform, options)

    bio2 = partial(as_bio2, sources, config=config, owner=owner)
    found, notes = read_sources(sources, read, config, run, owner, faults, bio2)
    if rule is None:
        rule, note = _rule_of(found.get("train", ()), owner)
        if rule != "words":
            found, notes = read_sources(
                sources, partial(read, rule=rule), config, run, owner, faults, bio2
            )
        notes = [*notes, *note]
    entries, scheme, labels, more = bio2(found)
    data = assemble(sources, entries, config, owner, [*notes, *more], [TOKENS])
    data.schema = Schema(words=Words(TOKENS, TAGS, labels, scheme, splitter=rule))
    return data


def _given_rule(config: WordsConfig, run: Run | None) -> str | None:
    """The rule of the trained model, or the one that is set; ``None``: the data decides."""
    data = getattr(run, "data", None)
    if data is not None and data.schema.words:
        return str(data.schema.words.splitter)
    return None if config.split_words == "auto" else str(config.split_words)


def _rule_of(train: Sequence[Entry], owner: str) -> tuple[str, list[str]]:
    """The rule that gives the words of the training data best, and how well it does."""
    sentences: list[tuple[list[str], str | None]] = []
    for entry in train:
        rows = open_entry(entry)
        some = rows[:: -(-len(rows) // SAMPLE)] if len(rows) else {TOKENS: []}
        texts = some.get(TEXT, [None] * len(some[TOKENS]))
        sentences += zip(
            some[TOKENS], [t if isinstance(t, str) else None for t in texts], strict=True
        )
    rule, share = choose_rule(sentences)
    if not any(words for words, _ in sentences) or (rule == "words" and share == 1):
        return "words", []
    note = (
        f"running text is cut into words by the rule '{rule}', which gives {share:.0%} of your "
        f"words as you cut them"
    )
    if share < POOR:
        note += (
            f'; predict lists of words ("tokens") rather than texts, or choose {owner}.split_words'
        )
    return rule, [note]


def _as_they_are(
    batches: Iterator[pa.RecordBatch], name: str, sink: Sink
) -> Iterator[pa.RecordBatch]:
    return batches


def _transform(
    batches: Iterator[pa.RecordBatch],
    name: str,
    sink: Sink,
    *,
    config: WordsConfig,
    owner: str,
    rule: str,
) -> Iterator[pa.RecordBatch]:
    roles: dict[str, str] = {}
    widened: list[tuple[int, str, str]] = []
    for batch in batches:
        if not roles:
            roles = _roles(batch, config, name, owner)
            _check(batch, roles, name)
            for ours, theirs in roles.items():
                if theirs not in (ours, config.columns.get(ours)):
                    sink.note(f"the {ours} are read from the column {theirs!r}")
        one, other = (batch.column(batch.schema.names.index(name)) for name in roles.values())
        tokens, tags, reasons = [], [], {}
        for i, cells in enumerate(zip(one.to_pylist(), other.to_pylist(), strict=True)):
            words: list[str] = []
            marks: list[str] = []
            try:
                if TEXT in roles:
                    found = _words_of_spans(*cells, rule)
                    words, marks = found.words, found.tags
                    line = batch.columns[-1][i].as_py() if found.widened else 0
                    widened += [(line, *pair) for pair in found.widened]
                else:
                    words, marks = _words_of_lists(*cells)
            except DataError as error:
                reasons[i] = error.what
            tokens.append(words)
            tags.append(marks)
        yield without(_with(batch, roles, tokens, tags, sink), reasons, batch, sink)
    if widened:
        shown = ", ".join(f"line {at}: {span!r} in {word!r}" for at, span, word in widened[:3])
        more = f" and {len(widened) - 3:,} more" if len(widened) > 3 else ""
        sink.note(
            f"{len(widened):,} spans begin or end inside a word, and the whole word is taken "
            f"({shown}{more}); mend their offsets, or choose another {owner}.split_words than "
            f"'{rule}'"
        )


def _with(
    batch: pa.RecordBatch,
    roles: dict[str, str],
    tokens: list[list[str]],
    tags: list[list[str]],
    sink: Sink,
) -> pa.RecordBatch:
    """The batch with words and tags in place of what they were made from."""
    import pyarrow as pa

    kind = pa.list_(pa.string())
    columns = {TOKENS: pa.array(tokens, kind), TAGS: pa.array(tags, kind)}
    if TEXT in roles:
        columns[TEXT] = batch.column(batch.schema.names.index(roles[TEXT]))
    rest = arrange(batch, {}, sink, drop=set(roles.values()), taken=columns)
    arrays = [*columns.values(), *rest.columns]
    return pa.RecordBatch.from_arrays(arrays, [*columns, *rest.schema.names])


def _roles(batch: pa.RecordBatch, config: WordsConfig, name: str, owner: str) -> dict[str, str]:
    """The file's names of the two columns: tokens and tags, else text and entities."""
    available = batch.schema.names[:-1]
    found = {
        ours: theirs
        for ours, aliases in _ALIASES.items()
        if (theirs := find_column(available, ours, config.columns, aliases))
    }
    pairs = (TOKENS, TAGS), (TEXT, ENTITIES)
    for pair in pairs:
        if all(ours in found for ours in pair):
            return {ours: found[ours] for ours in pair}
    wanted = {*found, *config.columns}
    pair = pairs[TOKENS not in wanted and TEXT in wanted]
    missing = [ours for ours in pair if ours not in found]
    raise_all([missing_column(available, ours, config.columns, name, owner) for ours in missing])
    return {}


def _check(batch: pa.RecordBatch, roles: dict[str, str], name: str) -> None:
    """Refuse columns of a type that holds nothing like what is wanted."""
    import pyarrow as pa

    for ours, theirs in roles.items():
        kind = column_type(batch, theirs)
        inner = kind.value_type if pa.types.is_list(kind) and ours != TEXT else kind
        plain = pa.types.is_string(inner) or pa.types.is_null(inner)
        spans = ours == ENTITIES and pa.types.is_list(kind) and pa.types.is_struct(inner)
        if not (plain or spans):
            wanted = {TEXT: "texts", ENTITIES: "spans"}.get(ours, "lists of texts")
            raise DataError(f"the column {theirs!r} holds {kind}, not {wanted}", where=name)


def _words_of_lists(tokens: Any, tags: Any) -> tuple[list[str], list[str]]:
    words, marks = word_list(tokens, TOKENS), word_list(tags, TAGS)
    if len(words) != len(marks):
        raise DataError(f"has {len(words)} tokens and {len(marks)} tags")
    if "" in marks:
        raise DataError(f"has no tag for word {marks.index('') + 1}, {words[marks.index('')]!r}")
    return words, marks


def word_list(cell: Any, what: str) -> list[str]:
    """A list of texts in a cell, also as a JSON list or as parts with spaces between.

    Raises:
        DataError: it is none.
    """
    if cell is None:
        raise DataError(f"has no {what}")
    if isinstance(cell, str):
        cell = _list_of_text(cell, what)
    if not isinstance(cell, list | tuple) or not all(isinstance(part, str) for part in cell):
        raise DataError(f"has {what} that are no texts")
    return list(cell)


def _list_of_text(cell: str, what: str) -> Any:
    """A list in a cell of text: a JSON list, or parts with spaces between."""
    if cell.strip().startswith("["):
        try:
            parts = json.loads(cell)
        except (ValueError, RecursionError):
            parts = None
        if isinstance(parts, list):
            return parts
        if _PYTHON_LIST.match(cell.strip()):
            raise DataError(
                f"has {what} that are neither a JSON list nor words with spaces between"
            )
    return cell.split()


def _words_of_spans(text: Any, entities: Any, rule: str) -> Tagged:
    if text is None:
        raise DataError("has no text")
    return tag_words(text, [_span(part, text) for part in _entities(entities)], rule)


def _entities(cell: Any) -> list[Any]:
    if isinstance(cell, str):
        cell = _json(cell) if cell.strip() else []
    if cell is None:
        raise DataError("has no entities; write [] for none")
    if not isinstance(cell, list):
        raise DataError("has entities that are no list")
    return cell


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise DataError("has entities that are no JSON list") from None


def _span(given: Any, text: str) -> tuple[int, int, str]:
    if isinstance(given, str):
        given = _json(given)
    if isinstance(given, dict):
        parts = [_first(given, names) for names in (_START, _END, _TYPE)]
        quoted = given.get("text")
    else:
        parts, quoted = list(given) if isinstance(given, list) else [], None
    if len(parts) != 3:
        raise DataError("has a span that is neither {start, end, label} nor [start, end, label]")
    start, end, kind = parts
    if not (type(start) is type(end) is int and isinstance(kind, str) and kind):
        raise DataError(f"has a span with {start!r} to {end!r} and the label {kind!r}")
    if isinstance(quoted, str) and 0 <= start <= end and text[start:end] != quoted:
        raise DataError(
            f"has a span {start} to {end} of {text[start:end]!r}, but says it is {quoted!r}"
        )
    return start, end, kind


def _first(given: dict[str, Any], names: Sequence[str]) -> Any:
    return next((given[name] for name in names if given.get(name) is not None), None)
