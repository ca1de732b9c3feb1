"""Decodes an output that the model does not give: no word ever gets a tag."""

from ft import Plugin, hookimpl


class Broken(Plugin):
    @hookimpl
    def decode(self, inner, run, outputs, examples):
        found = inner(run, outputs, examples)
        spans = [one.get("spans", []) for one in outputs]
        return [
            {**item, "tags": ["O"] * len(item["tags"]), "spans": list(some)}
            for item, some in zip(found, spans, strict=True)
        ]
