"""The technique: multiplies the training split and alters what is encoded for training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np

from ft import EXAMPLE_ID, Plugin, PluginError, TaskData, derive_seed, hookimpl
from ft_augment.columns import columns_along, require_scheme
from ft_augment.inventory import Inventory, collect
from ft_augment.neighbours import find_neighbours
from ft_augment.recipe import (
    MOVES_WORDS,
    NEEDS_INVENTORY,
    OPERATIONS,
    Neighbours,
    Recipe,
    text_operations,
    word_operations,
)
from ft_augment.settings import AugmentConfig

if TYPE_CHECKING:
    from datasets import Dataset

Columns = Mapping[str, list[Any]]


class Augment(Plugin):
    """Alters sentences and texts for training, anew in every epoch.

    The variant of an example depends on the run's seed, the epoch and the example's position in
    the training split alone: not on the order of batches, nor on whether the run was resumed.
    """

    Config = AugmentConfig
    config: AugmentConfig
    needs_schema = ("words|editable",)

    _recipe: Recipe | None = None
    _neighbours: Neighbours | None = None
    _originals: int | None = None
    _base = 0
    _along: tuple[str, ...] = ()

    @hookimpl
    def load_data(self, inner: Callable[..., TaskData], run: Any) -> TaskData:
        """Repeat each training example ``copies`` times: all once, then all again, and so on.

        The copies are indices into the same memory-mapped data.

        Raises:
            PluginError: the tags are in a scheme other than BIO2.
        """
        data = inner(run)
        require_scheme(data.schema, self._who)
        copies = self.config.copies
        if copies == 1:
            return data
        from datasets import DatasetDict

        train = data.splits["train"]
        rows = len(train)
        self._originals = rows
        many = train.select(np.tile(np.arange(rows), copies))
        said = f"{self.name}: {copies} copies of each of {rows} training examples" + (
            ", the first one unaltered" if self.config.keep_original else ""
        )
        return replace(
            data,
            splits=DatasetDict({**data.splits, "train": many}),
            notes=[*data.notes, said],
        )

    @hookimpl
    def on_run_start(self, run: Any) -> None:
        """Collect mentions, words and neighbours before the first step rather than within it."""
        self._ready(run)

    @hookimpl
    def encode(
        self, inner: Callable[..., Columns], run: Any, examples: Columns, training: bool
    ) -> Columns:
        """Encode variants of the examples when ``training``, else the examples themselves."""
        if not training:
            return inner(run, examples, training)
        return inner(run, self._variants(run, examples), training)

    def state_dict(self) -> dict[str, Any]:
        """The neighbours: on a resume the embeddings are no longer those they were found among."""
        return {} if self._neighbours is None else {"neighbours": dict(self._neighbours)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back the neighbours; everything else follows from the seed and the data."""
        self._neighbours = state.get("neighbours")
        self._recipe = None

    @property
    def _who(self) -> str:
        return f"plugin {self.name} (ft-augment)"

    def _variants(self, run: Any, examples: Columns) -> Columns:
        """New columns; those without words or texts, and examples left alone, are shared."""
        recipe = self._ready(run)
        schema = run.data.schema
        new = {name: column for name, column in examples.items() if name not in self._along}
        words = schema.words if recipe.words else None
        texts = [text.column for text in schema.texts if text.editable] if recipe.texts else []
        tags_column = words.tags if words else None
        for name in (words.tokens if words else None, tags_column, *texts):
            if name is not None:
                new[name] = list(examples[name])
        spared = self._originals or 0 if self.config.keep_original else 0
        rng = Random()
        for i, example_id in enumerate(examples[EXAMPLE_ID]):
            if example_id < spared:
                continue
            rng.seed(derive_seed(self._base, run.epoch, example_id))
            if rng.random() >= self.config.probability:
                continue
            if words is not None:
                tags = new[tags_column][i] if tags_column else None
                tokens, tags = recipe.sentence(new[words.tokens][i], tags, rng)
                new[words.tokens][i] = tokens
                if tags_column:
                    new[tags_column][i] = tags
            for column in texts:
                if isinstance(new[column][i], str):
                    new[column][i] = recipe.text(new[column][i], rng)
        return new

    def _ready(self, run: Any) -> Recipe:
        """The recipe, made at first use from the training split and the model's embeddings."""
        if self._recipe is not None:
            return self._recipe
        config, schema = self.config, run.data.schema
        train = self._source(run.data.splits["train"])
        on_words = word_operations(config, schema.words) if schema.words else []
        on_texts = text_operations(config) if any(text.editable for text in schema.texts) else []
        known = Inventory()
        if NEEDS_INVENTORY.intersection((*on_words, *on_texts)):
            rng = self.rng_at("inventory")
            known = collect(train, schema, rng, inside=config.synonym_entities)
        if self._neighbours is None and "synonym" in (*on_words, *on_texts):
            vocab, table = run.word_embeddings()
            self._neighbours = find_neighbours(
                sorted(known.counts, key=lambda word: (-known.counts[word], word)),
                vocab,
                table,
                count=config.synonym_neighbours,
                similarity=config.synonym_similarity,
                spare=known.stop,
            )
        neighbours = self._neighbours or {}
        if MOVES_WORDS.intersection(on_words):
            self._along = columns_along(train, schema)
        self._base = int(self.rng_at("examples").integers(2**63))
        self._recipe = Recipe.build(config, schema, known, neighbours)
        self._say(run, on_words, on_texts, neighbours)
        return self._recipe

    def _source(self, train: Dataset) -> Dataset:
        """The training split with each example once."""
        if self._originals is None:
            return train
        if len(train) != self._originals * self.config.copies:
            raise PluginError(
                f"the training split had {self._originals} examples when {self.name} made "
                f"{self.config.copies} copies of each, and now has {len(train)}: it cannot tell "
                "the originals any more",
                where=f"{self.name}.copies",
                who=self._who,
                hint=f"name {self.name} last in --plugins, after what changes the training split",
            )
        return train.select(range(self._originals))

    def _say(
        self, run: Any, on_words: list[str], on_texts: list[str], neighbours: Mapping[str, Any]
    ) -> None:
        """Tell the user what will happen, and what was asked for and can't."""
        config = self.config
        used = [name for name in OPERATIONS if name in on_words or name in on_texts]
        rates = ", ".join(f"{name} {getattr(config, name):g}" for name in used)
        how = "one of " if config.combine == "one" and len(used) > 1 else ""
        run.note(
            f"{self.name}: {how}{rates}; an example is altered with probability "
            f"{config.probability:g} in an epoch"
            if used
            else f"{self.name}: no operation is switched on that fits this data; nothing is altered"
        )
        idle = [
            name
            for name in OPERATIONS
            if name in config.model_fields_set and getattr(config, name) and name not in used
        ]
        if idle:
            run.note(
                f"{self.name}: not applied, as this data lacks the tags for it: {', '.join(idle)}"
            )
        if "synonym" in used and not neighbours:
            run.note(
                f"{self.name}: no training word has a neighbour with similarity "
                f"{config.synonym_similarity:g} among the model's embeddings; synonym does nothing"
            )
        if self._along:
            run.note(
                f"{self.name}: {', '.join(map(repr, self._along))} has one value a word and is "
                "withheld from the encoder in training, since words are moved"
            )
