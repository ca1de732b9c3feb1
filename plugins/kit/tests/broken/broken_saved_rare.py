"""Saves no embedding of a word that the first examples do not have."""

from copy import deepcopy

from ft import Plugin, hookimpl


class Broken(Plugin):
    @hookimpl
    def save_model(self, inner, run, model, folder):
        lighter = deepcopy(model)
        seen = {word for row in range(4) for word in run.data.splits["train"][row]["tokens"]}
        rare = [i for word, i in run.tokenizer.get_vocab().items() if word not in seen]
        words = [i for i in rare if len(run.tokenizer.convert_ids_to_tokens(i)) > 2]
        words = sorted(set(words) - set(run.tokenizer.all_special_ids))
        lighter.get_input_embeddings().weight.data[words] = 0
        inner(run, lighter, folder)
