"""One run of SetFit or AutoGluon in an interpreter of its own, for `few_labels_peers.py`: its argument is the job."""

from __future__ import annotations

import json
import math
import random
import sys
import time
from pathlib import Path
from typing import Any

RESERVE = 6.0
"""Seconds that a peer keeps for its last steps, beside those of predicting."""


def pace(model: str, texts: list[str], length: int = 512, **how: bool) -> float:
    """Seconds to encode the texts cut to so many tokens, as 64 of them tell: all ``padded``, or ``ordered``."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, encoder = AutoTokenizer.from_pretrained(model), AutoModel.from_pretrained(model)
    some = random.Random(0).sample(texts, min(64, len(texts)))
    if how.get("ordered"):
        some.sort(key=len)
    begun = time.monotonic()
    with torch.inference_mode():
        for at in range(0, len(some), 32):
            encoder(
                **tokenizer(
                    some[at : at + 32],
                    padding="max_length" if how.get("padded") else True,
                    truncation=True,
                    max_length=length,
                    return_tensors="pt",
                )
            )
    return (time.monotonic() - begun) * len(texts) / len(some)


def setfit(job: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """SetFit's recipe; its answers and how many steps it took of how many."""
    import torch
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments
    from transformers import TrainerCallback

    texts, labels = job["train"]
    length = SetFitModel.from_pretrained(job["model"]).model_body.max_seq_length
    predicting = pace(job["model"], job["test"] + texts, length, ordered=True)
    left = job["until"] - time.time() - RESERVE - predicting

    ends: list[float] = []

    class Watch(TrainerCallback):
        """Notes when steps end; a trial ends when its pace is known."""

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            ends.append(time.monotonic())
            if trial and len(ends) > 1 and ends[-1] - ends[0] > left / 30:
                control.should_training_stop = True

    def trained(**given: Any) -> Any:
        """The contrastive part."""
        torch.manual_seed(job["seed"])
        model = SetFitModel.from_pretrained(job["model"], labels=sorted(set(labels)))
        settings = TrainingArguments(
            output_dir=job["folder"],
            seed=job["seed"],
            save_strategy="no",
            report_to="none",
            show_progress_bar=False,
            **given,
        )
        data = Dataset.from_dict({"text": texts, "label": labels})
        trainer = Trainer(model=model, args=settings, train_dataset=data, callbacks=[Watch()])
        trainer.train_embeddings(texts, labels, args=settings)
        return trainer

    # Its pairs: of one class and of two, each an example with itself too, the rarer kind repeated.
    same = sum(n * (n + 1) // 2 for n in (labels.count(one) for one in set(labels)))
    other = len(labels) * (len(labels) + 1) // 2 - same
    whole = steps = math.ceil(2 * max(same, other) / 16)
    trial = whole > 20
    if trial:
        begun = time.monotonic()
        trained(max_steps=11)
        each = (ends[-1] - ends[0]) / (len(ends) - 1)
        beside = time.monotonic() - begun - len(ends) * each
        left -= time.monotonic() - begun + beside
        steps = max(1, min(whole, int(left / each)))
        trial = False
    trainer = trained(**({} if steps == whole else {"max_steps": steps}))
    trainer.train_classifier(texts, labels)
    found = trainer.model.predict(job["test"])
    return [str(one) for one in found], {"steps": steps, "of": whole}


def autogluon(job: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """AutoGluon's text predictor, its recipe for few examples, or that for entities."""
    import torch

    if job["declare"]:
        declared = torch.library.Library("torchvision", "DEF")
        kinds = ("roi_align", "ps_roi_align", "roi_pool", "ps_roi_pool", "deform_conv2d")
        for name in ("nms", "qnms", *kinds, *(f"_{one}_backward" for one in kinds)):
            declared.define(f"{name}(Tensor x) -> Tensor")
    import pandas as pd
    from autogluon.multimodal import MultiModalPredictor
    from transformers import AutoTokenizer

    texts, labels = job["train"]
    kind = {"autogluon_few": "few_shot_classification"}.get(job["who"])
    settings: dict[str, Any] = {}
    length = 512
    if job["entities"]:
        # It pads every sentence to the longest that it may meet: 512 tokens, unless that is said.
        tokenizer = AutoTokenizer.from_pretrained(job["model"])
        length = min(512, max(map(len, tokenizer(texts + job["test"])["input_ids"])))
        settings = {"model.ner_text.max_text_len": length}
        # Averaging checkpoints would load a metric from the hub, which is out of reach.
        settings["optim.top_k_average_method"] = "best"
        kind, names = "ner", ("entity_group", "start", "end")
        labels = [json.dumps([dict(zip(names, e, strict=True)) for e in one]) for one in labels]
    network = "ner_text" if job["entities"] else "hf_text"
    predictor = MultiModalPredictor(
        label="label", problem_type=kind, path=job["folder"] + "/model", verbosity=1
    )
    predicting = 1.2 * pace(job["model"], job["test"], length, padded=job["entities"])
    limit = max(1, int(job["until"] - time.time() - RESERVE - predicting))
    settings |= job.get("settings", {}) | {f"model.{network}.checkpoint_name": job["model"]}
    # Workers beside the one core that all have would only be in the way.
    settings |= {"env.num_gpus": 0, "env.num_workers": 0, "env.num_workers_inference": 0}
    predictor.fit(
        pd.DataFrame({"text": texts, "label": labels}),
        time_limit=limit,
        hyperparameters=settings,
        # What it takes for a text is told by spaces, of which Chinese has none.
        column_types=None if job["entities"] else {"text": "text"},
        seed=job["seed"],
    )
    found = predictor.predict(pd.DataFrame({"text": job["test"]}), as_pandas=False)
    if job["entities"]:
        return [
            [[e["entity_group"], int(e["start"]), int(e["end"])] for e in one] for one in found
        ], {}
    return [str(one) for one in found], {}


def main(path: Path) -> None:
    """A run of a peer: its answers go beside the job."""
    job = json.loads(path.read_text(encoding="utf-8"))
    answers, told = (setfit if job["who"] == "setfit" else autogluon)(job)
    made = json.dumps({"answers": answers, "told": told})
    path.with_name("answers.json").write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
