"""Named entities in PubMed sentences, from the corpus of NERO-nlp.

The corpus lists the entities of each sentence by their words, without places. Here they become
BIO2 tags, by the rules that the package's README states with the counts they lead to.

Wang et al. (2021): NERO: a biomedical named-entity (recognition) ontology with a large, annotated
corpus reveals meaningful associations through text embedding. npj Systems Biology and
Applications 7:38.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ft_starter.sources import NERO, checked

CLASSES = {
    "chemical": (
        "Chemical, Drug, SmallMolecule, NonProteinOrNucleicAcidChemical, AminoAcid, Ion, Atom, "
        "Molecule"
    ),
    "protein": "Protein, Gene, GeneOrProtein, GeneOrProteinGroup, PartOfProtein, AminoAcidPeptide",
    "disease": "Disease",
    "organism": "Organism",
    "anatomy": "BodyPart, AnatomicalPart, Tissue, Cell, CellComponent",
    "process": "Process, BiologicalProcess, MolecularProcess",
}
"""The corpus's classes that make up each type; the classes of all other kinds are left out."""

SIZES = {"test": 600, "validation": 400, "train": 2500}
"""Sentences of each split, taken in this order."""

WORDS = range(5, 61)
"""How many words a sentence may have."""

Span = tuple[int, int, str]

_TYPES = {
    name.strip().lower(): kind for kind, names in CLASSES.items() for name in names.split(",")
}
_ENTITY, _CLASS, _SENTENCE, _SET, _FIELDS = 8, 9, 29, 30, 31


def build(folder: Path) -> dict[str, int]:
    """Write the three splits as JSONL into ``folder``; returns what was kept and left out."""
    counts: Counter[str] = Counter()
    kept = []
    for words, entities in _sentences(checked(NERO)):
        tags = _tags(words, entities, counts)
        if tags is not None:
            kept.append((hashlib.sha256(" ".join(words).encode()).hexdigest(), words, tags))
    kept.sort()
    counts["usable"] = len(kept)
    start = 0
    for split, size in SIZES.items():
        with (folder / f"{split}.jsonl").open("w", encoding="utf-8", newline="\n") as file:
            for _, words, tags in kept[start : start + size]:
                row = json.dumps({"tokens": words, "tags": tags}, ensure_ascii=False)
                file.write(row + "\n")
                counts[f"{split} entities"] += sum(tag.startswith("B-") for tag in tags)
        start += size
    return dict(counts)


def _sentences(path: Path) -> Iterator[tuple[list[str], list[tuple[list[str], str]]]]:
    """Each sentence's words, and its entities of our types: their words and the type."""
    found: dict[str, list[tuple[list[str], str]]] = {}
    # Bytes, because the file has carriage returns inside lines and a few lines in latin-1.
    for line in path.read_bytes().split(b"\n"):
        fields = line.split(b"\t")
        if len(fields) != _FIELDS or fields[_SET].strip() != b"manualset3":
            continue
        entities = found.setdefault(" ".join(_text(fields[_SENTENCE]).split()), [])
        kind = _TYPES.get("".join(_text(fields[_CLASS]).split()).lower())
        words = _text(fields[_ENTITY]).split()
        if kind and words:
            entities.append((words, kind))
    for sentence, entities in found.items():
        yield sentence.split(), entities


def _text(field: bytes) -> str:
    try:
        return field.decode("utf-8")
    except UnicodeDecodeError:
        return field.decode("latin-1")


def _tags(
    words: list[str], entities: list[tuple[list[str], str]], counts: Counter[str]
) -> list[str] | None:
    """BIO2 tags of a sentence, or ``None`` where its entities cannot be placed for certain."""
    counts["sentences"] += 1
    if len(words) not in WORDS:
        counts["left out: length"] += 1
        return None
    spans: set[Span] = set()
    for entity, kind in entities:
        places = _places(words, entity)
        if not places:
            counts["left out: an entity is not in the words"] += 1
            return None
        spans.update((start, start + len(entity), kind) for start in places)
    if len({span[:2] for span in spans}) < len(spans):
        counts["left out: two types for the same words"] += 1
        return None
    tags = ["O"] * len(words)
    for start, end, kind in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        if any(tag != "O" for tag in tags[start:end]):
            counts["entities dropped inside a longer one"] += 1
            continue
        tags[start:end] = [f"B-{kind}"] + [f"I-{kind}"] * (end - start - 1)
    return tags


def _places(words: list[str], entity: list[str]) -> list[int]:
    """Every position at which the entity's words stand."""
    size = len(entity)
    return [i for i in range(len(words) - size + 1) if words[i : i + size] == entity]
