"""Words with tags: CoNLL files, tables with two lists, or texts with spans of characters."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ft.contract.errors import DataError, FtError, raise_all
from ft.contract.schema import LINE, Schema, TaskData, Words
from ft.data.config import WordsConfig
from ft.data.labels import parse_list
from ft.data.rows.bad import Sink
from ft.data.rows.columns import (
    arrange,
    check_mapping,
    column_type,
    find_column,
    missing_column,
    plain_columns,
)
from ft.data.rows.derive import derive
from ft.data.rows.entry import Entry, batches
from ft.data.sources import WORDS, Source, find_sources
from ft.data.splits import assemble, read_sources
from ft.data.tables import load, open_entry
from ft.data.tags.cutting import SAMPLE, choose_rule
from ft.data.tags.marks import must_cut
from ft.data.tags.offsets import Counting, Offsets, Positions
from ft.data.tags.schemes import as_bio2
from ft.data.tags.spans import tag_words
from ft.data.word_rows import has_word_rows, sentences

if TYPE_CHECKING:
    import pyarrow as pa

    from ft.contract.run import Run

TOKENS, TAGS, TEXT, ENTITIES = "tokens", "tags", "text", "entities"
POOR = 0.9
"""Where a rule gives a smaller share of the words, texts should not be predicted."""

NUMBER = "sentence_id"
"""Our column of the sentence's number, where a table has a word a row."""

_ALIASES = {
    TOKENS: ("words", "word", "token"),
    TAGS: ("ner_tags", "labels", "tag"),
    TEXT: ("sentence",),
    ENTITIES: ("spans", "label", "labels"),
    NUMBER: ("sentence #", "sent_id", "sentence_number", "sentence_idx", "sentence"),
}
_PYTHON_LIST = re.compile(r"\[\s*['\"]")
_START = ("start", "start_offset")
_END = ("end", "end_offset")
_TYPE = ("label", "type", "entity", "labels")


def read_words(
    config: WordsConfig, run: Run | None, *, owner: str, need_train: bool = True
) -> TaskData:
    """Read words with tags, converted to BIO2 from whatever scheme marks spans in them.

    A file is in CoNLL columns, or a table with ``tokens`` and ``tags`` (lists, also written as
    text, or texts with spaces between; or a word a row) or with ``text`` and ``entities``: spans of
    characters, each ``{"start": 0, "end": 5, "label": "PER"}`` or ``[0, 5, "PER"]``, end
    exclusive. Such a text is cut into words by one rule (``split_words``), which the schema keeps
    for requests: that of the trained model, the one that is set, or where the training data comes
    as words the one that gives them best. Other columns are kept, ``text`` too.

    Args:
        config: where the data is.
        run: the run; its folder takes the rows that are set aside.
        owner: the plugin's name, for the names of settings in messages.
        need_train: refuse where ``train`` is not set.

    Raises:
        ConfigError: a setting names nothing that is there.
        DataError: a file, column or row does not fit, or tags follow each other impossibly.
    """
    check_mapping(config.columns, list(_ALIASES), f"{owner}.columns")
    faults: list[FtError] = []
    sources = find_sources(config, owner, WORDS, run, faults=faults, need_train=need_train)
    columns = plain_columns(config, f"{owner}.columns")
    rule = _given_rule(config, run)

    def read(source: Source, rule: str = rule or "words") -> Entry:
        if source.format == "conll":
            return load(source, config, owner, _as_they_are, ["words"])
        transform = partial(_named, columns=columns, owner=owner)
        options = ["words", sorted(columns.items())]
        entry = load(source, config, owner, transform, options)
        return _words(entry, source.name, config, owner, rule)

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
    trained = _trained(run)
    cut, said = (trained.cut, []) if trained else must_cut(entries.get("train", ()), scheme)
    data = assemble(sources, entries, config, owner, [*notes, *more, *said], [TOKENS], TAGS)
    data.schema = Schema(words=Words(TOKENS, TAGS, labels, scheme, splitter=rule, cut=cut))
    return data


def _trained(run: Run | None) -> Words | None:
    """The words of a trained model."""
    data = getattr(run, "data", None)
    return None if data is None else data.schema.words


def _given_rule(config: WordsConfig, run: Run | None) -> str | None:
    """The rule of the trained model, or the one that is set; ``None``: the data decides."""
    trained = _trained(run)
    if trained:
        return trained.splitter
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


def _named(
    batches: Iterator[pa.RecordBatch],
    name: str,
    sink: Sink,
    *,
    columns: dict[str, str],
    owner: str,
) -> Iterator[pa.RecordBatch]:
    """Rows with our names for the two columns, and for that of the sentence's number."""
    roles: dict[str, str] = {}
    for batch in batches:
        if not roles:
            roles = _roles(batch, columns, name, owner)
            _check(batch, roles, name, owner)
            for ours, theirs in roles.items():
                if theirs not in (ours, columns.get(ours)) and ours != NUMBER:
                    sink.note(f"the {ours} are read from the column {theirs!r}")
            sink.columns = dict(roles)
        yield arrange(batch, roles, sink, taken=(TOKENS, TAGS))


def _words(entry: Entry, name: str, config: WordsConfig, owner: str, rule: str) -> Entry:
    """The entry of a table with a list of words and one of tags a row."""
    if TEXT in entry.columns:
        counting, notes = _counting(entry, config, owner, rule)
        step = partial(_of_spans, counting=counting, rule=rule, notes=notes)
        return derive(entry, name, ["spans", counting, rule, notes], step)
    if has_word_rows(entry, TOKENS, TAGS):
        number = NUMBER if NUMBER in entry.columns else None
        return sentences(entry, name, TOKENS, TAGS, number, owner)
    return derive(entry, name, ["lists"], _of_lists)


def _of_lists(batch: pa.RecordBatch, sink: Sink) -> tuple[pa.RecordBatch, dict[int, str]]:
    return _made(batch, (TOKENS, TAGS), _words_of_lists)


def _of_spans(
    batch: pa.RecordBatch, sink: Sink, *, counting: Counting, rule: str, notes: Sequence[str]
) -> tuple[pa.RecordBatch, dict[int, str]]:
    for note in notes:
        sink.note(note)
    return _made(batch, (TEXT, ENTITIES), partial(_words_of_spans, counting=counting, rule=rule))


def _made(
    batch: pa.RecordBatch,
    pair: tuple[str, str],
    convert: Callable[[Any, Any], tuple[list[str], list[str]]],
) -> tuple[pa.RecordBatch, dict[int, str]]:
    """The rows with words and tags in place of a pair of columns, and what is wrong with which."""
    one, other = (batch.column(batch.schema.names.index(name)) for name in pair)
    tokens, tags, reasons = [], [], {}
    for i, cells in enumerate(zip(one.to_pylist(), other.to_pylist(), strict=True)):
        try:
            words, marks = convert(*cells)
        except DataError as error:
            words, marks, reasons[i] = [], [], error.what
        tokens.append(words)
        tags.append(marks)
    return _with(batch, pair, tokens, tags), reasons


def _counting(
    entry: Entry, config: WordsConfig, owner: str, rule: str
) -> tuple[Counting, list[str]]:
    """What the offsets of a file count."""
    found = Offsets(rule)
    for batch in batches(entry):
        names = batch.schema.names
        columns = [batch.column(names.index(name)).to_pylist() for name in (TEXT, ENTITIES, LINE)]
        for text, cell, line in zip(*columns, strict=True):
            try:
                spans = [_span(part) for part in _entities(cell)] if text else []
            except DataError:
                continue  # the row is refused when it is read
            places = [(start, end) for start, end, _, _ in spans]
            found.see(text or "", places, [quoted for _, _, _, quoted in spans], line)
    return found.decide(config.offsets, entry.unit, owner)


def _with(
    batch: pa.RecordBatch, pair: tuple[str, str], tokens: list[list[str]], tags: list[list[str]]
) -> pa.RecordBatch:
    """The batch with words and tags in place of what they were made from."""
    import pyarrow as pa

    kind = pa.list_(pa.string())
    names = batch.schema.names
    columns = {TOKENS: pa.array(tokens, kind), TAGS: pa.array(tags, kind)}
    if TEXT in pair:
        columns[TEXT] = batch.column(names.index(TEXT))
    rest = [name for name in names if name not in pair]
    arrays = [*columns.values(), *(batch.column(names.index(name)) for name in rest)]
    return pa.RecordBatch.from_arrays(arrays, [*columns, *rest])


def _roles(batch: pa.RecordBatch, columns: dict[str, str], name: str, owner: str) -> dict[str, str]:
    """The file's names of the two columns: tokens and tags, else text and entities."""
    available = batch.schema.names[:-1]
    folded = {name.lower(): name for name in available}
    usual = {**{name: name for name in available}, **folded}
    found = {
        ours: usual.get(theirs, theirs)
        for ours, aliases in _ALIASES.items()
        if (theirs := find_column(list(usual), ours, columns, aliases))
    }
    pairs = (TOKENS, TAGS), (TEXT, ENTITIES)
    for pair in pairs:
        if all(ours in found for ours in pair):
            number = (NUMBER,) if NUMBER in found and pair[0] == TOKENS else ()
            return {ours: found[ours] for ours in (*pair, *number)}
    wanted = {*found, *columns}
    pair = pairs[TOKENS not in wanted and TEXT in wanted]
    missing = [ours for ours in pair if ours not in found]
    raise_all(
        [missing_column(available, ours, columns, name, f"{owner}.columns") for ours in missing]
    )
    return {}


def _check(batch: pa.RecordBatch, roles: dict[str, str], name: str, owner: str) -> None:
    """Refuse columns of a type that holds nothing like what is wanted."""
    import pyarrow as pa

    for ours, theirs in roles.items():
        if ours == NUMBER:
            continue
        kind = column_type(batch, theirs)
        inner = kind.value_type if pa.types.is_list(kind) and ours != TEXT else kind
        plain = pa.types.is_string(inner) or pa.types.is_null(inner)
        plain = plain or (ours == TAGS and pa.types.is_integer(inner))  # ids, see `usual_tags`
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
    """A list of texts in a cell, also one written as text or as parts with spaces between.

    Raises:
        DataError: it is none.
    """
    if cell is None:
        raise DataError(f"has no {what}")
    if isinstance(cell, str):
        cell = _list_of_text(cell, what)
    if what == TAGS and isinstance(cell, int):
        cell = [cell]
    if what == TAGS and isinstance(cell, list):
        cell = [str(part) if type(part) is int else part for part in cell]
    if not isinstance(cell, list | tuple) or not all(isinstance(part, str) for part in cell):
        raise DataError(f"has {what} that are no texts")
    return list(cell)


def _list_of_text(cell: str, what: str) -> Any:
    """A list in a cell of text: one of JSON or Python, or parts with spaces between."""
    if cell.strip().startswith("["):
        try:
            return parse_list(cell)
        except ValueError:
            if _PYTHON_LIST.match(cell.strip()):
                raise DataError(
                    f"has {what} that are neither a list of JSON or Python nor words with spaces "
                    "between"
                ) from None
    return cell.split()


def _words_of_spans(
    text: Any, entities: Any, *, counting: Counting, rule: str
) -> tuple[list[str], list[str]]:
    if text is None:
        raise DataError("has no text")
    positions = Positions(text, counting)
    spans = []
    for start, end, kind, quoted in map(_span, _entities(entities)):
        place = positions.span(start, end)
        if place is None:
            raise DataError(f"has a span {start} to {end} that cuts a character in {counting}")
        if quoted is not None and 0 <= place[0] <= place[1]:
            part = text[place[0] : place[1]]
            if part != quoted:
                raise DataError(
                    f"has a span {start} to {end} of {part!r}, but says it is {quoted!r}"
                )
        spans.append((*place, kind))
    found = tag_words(text, spans, rule)
    return found.words, found.tags


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


def _span(given: Any) -> tuple[int, int, str, str | None]:
    """The offsets and the type of a span, and its text where the data says it."""
    if isinstance(given, str):
        given = _json(given)
    quoted = None
    if isinstance(given, dict):
        parts = [_first(given, names) for names in (_START, _END, _TYPE)]
        quoted = given.get("text")
    else:
        parts = list(given) if isinstance(given, list) else []
        if parts and isinstance(parts[0], str):
            parts = [*parts[1:], parts[0]]  # ["PER", 0, 4]
    if len(parts) != 3:
        raise DataError("has a span that is neither {start, end, label} nor [start, end, label]")
    start, end, kind = parts
    if isinstance(kind, list) and len(kind) == 1:
        kind = kind[0]
    if not (type(start) is type(end) is int and isinstance(kind, str) and kind):
        raise DataError(f"has a span with {start!r} to {end!r} and the label {kind!r}")
    return start, end, kind, quoted if isinstance(quoted, str) else None


def _first(given: dict[str, Any], names: Sequence[str]) -> Any:
    return next((given[name] for name in names if given.get(name) is not None), None)
