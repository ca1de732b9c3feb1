"""Pseudo-labels for unlabelled texts (Lee 2013; chosen by confidence as in arXiv 2001.07685)."""

from pydantic import Field

from ft import Config, Plugin, hookimpl, read_table


class Pseudo(Plugin):
    """Trains in each epoch on those texts of a pool too whose label the model is sure of."""

    needs_schema = ("texts", "label:single")

    class Config(Config):
        pool: str = Field(description="file of texts without labels, named as the task's")
        sure: float = Field(0.9, gt=0, le=1, description="probability of a label that is trusted")
        start: int = Field(2, ge=1, description="the first epoch that trains on them")

    def __init__(self, config=None):
        super().__init__(config)
        self.given = {}

    @hookimpl
    def load_data(self, inner, run):
        data, path = inner(run), run.uses(self.config.pool)
        columns = [text.column for text in data.schema.texts]
        pool = read_table(path, owner=self.name, run=run, columns=columns, setting="pool")
        self.first = len(data.splits["train"])
        return data.with_rows("pool", pool, [path])

    @hookimpl
    def on_epoch_start(self, run, epoch):
        if epoch >= self.config.start:
            found = [(one["label"], one["scores"]) for one in run.predict("pool").items]
            self.given = {
                str(self.first + i): label
                for i, (label, scores) in enumerate(found)
                if scores[label] >= self.config.sure
            }
            run.log(self, "labelled", len(self.given))

    @hookimpl
    def order(self, inner, run, epoch):
        return self.rng_at(epoch).permutation([*inner(run, epoch), *map(int, self.given)])

    @hookimpl
    def encode(self, inner, run, examples, training):
        column = run.data.schema.label.column
        if training:
            pairs = zip(examples["example_id"], examples[column], strict=True)
            labels = [self.given.get(str(i), label) for i, label in pairs]
            examples = {**examples, column: labels}
        return inner(run, examples, training)

    def state_dict(self):
        return {"given": self.given}

    def load_state_dict(self, state):
        self.given = dict(state.get("given", {}))
