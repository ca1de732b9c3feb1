"""Sentences with gold and predicted spans."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ft.builtin.report import spans
from ft.builtin.report.views.view import PER_KIND, Findings, class_name, cut, place_of
from ft.builtin.report.worst_examples import Shelf
from ft.contract.results import Table
from ft.contract.schema import Words

WORDS = 120
"""Words of a sentence that are shown; of a longer one those around its first error."""

BEFORE = 20
LONGEST_WORD = 80


class WordsView:
    """Spans that tags mark, or tags themselves where they mark none."""

    renderer = "words"
    kinds = (*spans.KINDS[1:], spans.RIGHT)
    order = "the mistakes that the model was surest of come first"

    def __init__(self, words: Words) -> None:
        self._words = words
        self._shelf = Shelf(PER_KIND)
        self._by_type: dict[str, Counter[str]] = defaultdict(Counter)
        self._confused: Counter[tuple[str, str]] = Counter()

    def see(self, example: Mapping[str, Any], item: Mapping[str, Any]) -> None:
        """See `View`."""
        assert self._words.tags is not None
        scheme = self._words.scheme
        gold, found = (
            [(first, end, class_name(kind)) for first, end, kind in spans.spans_of(tags, scheme)]
            for tags in (example[self._words.tags], item["tags"])
        )
        scores = item.get("scores") or []
        pairs = spans.pair(gold, found)
        kinds = {one.kind for one in pairs}
        for one in pairs:
            span = one.gold or one.found
            assert span is not None
            self._by_type[span[2]][one.kind] += 1
            ends = [side[2] if side else NOTHING for side in (one.gold, one.found)]
            self._confused[ends[0], ends[1]] += 1
        wrong = [one for one in pairs if one.kind != spans.RIGHT]
        sure = max((_mean(scores, one) for one in wrong), default=-1.0)
        row = self._row(example[self._words.tokens], pairs, scores)
        row |= {"n": self._shelf.seen, "at": place_of(example)}
        self._shelf.add(kinds - {spans.RIGHT} or {spans.RIGHT}, sure, row)

    def _row(
        self, tokens: Sequence[str], pairs: Sequence[spans.Pair], scores: Sequence[float]
    ) -> dict[str, Any]:
        begin = 0
        if len(tokens) > WORDS:
            wrong = [one for one in pairs if one.kind != spans.RIGHT]
            first = [side for one in wrong[:1] for side in (one.gold, one.found) if side]
            begin = max(0, min((span[0] for span in first), default=0) - BEFORE)
        end = min(begin + WORDS, len(tokens))
        shown = [one for one in pairs if _inside(one.gold, begin, end, one.found)]
        return {
            "words": [cut(word, LONGEST_WORD) for word in tokens[begin:end]],
            "pairs": [
                {
                    "kind": one.kind,
                    "gold": _shifted(one.gold, begin),
                    "found": _shifted(one.found, begin),
                    "score": round(_mean(scores, one), 3) if scores and one.found else None,
                }
                for one in shown
            ],
            "before": begin,
            "after": len(tokens) - end,
        }

    def findings(self) -> Findings:
        """See `View`."""
        names = sorted(self._by_type)
        spanning = self._words.scheme is not None
        rows = []
        for name in names:
            counts = self._by_type[name]
            gold = counts.total() - counts[spans.INVENTED]
            rows.append((name, gold, *(counts[kind] for kind in spans.KINDS)))
        table = Table(
            "Kinds of error",
            ("type" if spanning else "tag", "gold", *spans.KINDS),
            tuple(rows),
            "each gold span stands with the predicted one of equal or overlapping borders; those "
            "left over were missed or invented",
        )
        return Findings(
            tables=(table,) if rows else (),
            counts=self._confused,
            names=[name for name in names if name != NOTHING],
            note=f"rows: gold; columns: predicted; {NOTHING}: no span there",
        )

    def examples(self, room: int) -> list[dict[str, Any]]:
        """See `View`."""
        return self._shelf.taken(room)


NOTHING = "(none)"
"""Stands in the matrix where there is no span."""


def _mean(scores: Sequence[float], one: spans.Pair) -> float:
    """How sure the model was of what it says there: the mean over the words of both spans."""
    sides = [side for side in (one.found or one.gold,) if side]
    values = [score for first, end, _ in sides for score in scores[first:end]]
    return sum(values) / len(values) if values else 0.0


def _inside(gold: spans.Span | None, begin: int, end: int, found: spans.Span | None) -> bool:
    return all(begin <= side[0] and side[1] <= end for side in (gold, found) if side)


def _shifted(span: spans.Span | None, begin: int) -> list[Any] | None:
    return [span[0] - begin, span[1] - begin, span[2]] if span else None
