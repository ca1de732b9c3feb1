"""A validator that fails in its own code on a wrong value."""

from pydantic import Field, field_validator

import ft


class Broken(ft.Plugin):
    class Config(ft.Config):
        words: list[str] | str = Field("a b", description="words to leave out")

        @field_validator("words")
        @classmethod
        def _known(cls, value):
            return [{"a": 1, "b": 2}[word] for word in value.split()]

    @ft.hookimpl
    def compute_loss(self, inner, run, model, batch):
        return inner(run, model, batch)
