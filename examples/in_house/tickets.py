"""Which queue should answer a customer's message? A plugin in one file, for one's own data."""

import numpy as np

from ft import DataConfig, Evaluation, Metric, Plugin, bootstrap_items, hookimpl, read_texts


class Tickets(Plugin):
    """Sends messages of customers to the queue that answers them."""

    Config = DataConfig

    @hookimpl
    def load_data(self, run):
        return read_texts(self.config, run, owner=self.name, text="message", label="queue")

    @hookimpl
    def evaluate(self, run, predictions):
        queues = predictions.examples["queue"]
        pairs = zip(predictions.items, queues, strict=True)
        right = np.array([item["label"] == queue for item, queue in pairs])
        interval = bootstrap_items(lambda rows: right[rows].mean(), len(right))
        accuracy = Metric(float(right.mean()), *interval)
        return Evaluation({"accuracy": accuracy}, main="accuracy")
