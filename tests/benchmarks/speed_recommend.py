"""Training a recommender side by side: ft, and Hugging Face's Trainer over ft's own model and loss.

    python tests/benchmarks/speed_recommend.py --data movielens_small --out speed.jsonl [--repetitions 5]

The Trainer has no recommender, so it is handed the two towers, the encoded examples and the loss of
`recommend`, and trains them as it comes, or at its best flags (bf16 where the processor has it, fused
AdamW). The model is copied before ft changes anything in it. Each tool trains one epoch in a process
of its own, with one batch size and one learning rate; the catalogue is encoded and the test users are
scored (nDCG@10) outside of the time that counts. `speed.py --report` prints the table; its tokens are those of the candidates' texts.
"""

from __future__ import annotations

import argparse
import copy
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from machine import best_flags, memory
from pairs import in_turn
from speed import Watch, steps_of_ft
from torch import nn

import ft
from ft.engine.batch.batches import collate, lengths
from ft.engine.batch.features import training_features
from ft.engine.batch.inference import measure

TOOLS = ("ft", "trainer", "trainer-best")


class Handed(nn.Module):
    """The model as the Trainer wants it: called with a batch, it gives the mean loss."""

    def __init__(self, run: Any, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self._loss: Callable[[Any], Any] = lambda batch: run.loss(model, batch)

    def forward(self, **batch: Any) -> dict[str, Any]:
        """The mean loss of a batch."""
        loss = self._loss(batch)
        return {"loss": loss.total / loss.items}


class Ended(Exception):
    """The other tool has trained; ft need not."""


class Elsewhere(ft.Plugin):
    """Hands the run to the Trainer when everything is ready, and ends it."""

    arguments: ClassVar[argparse.Namespace]
    found: ClassVar[dict[str, float]]
    model: nn.Module

    @ft.hookimpl
    def build_head(self, inner: Callable[..., Any], run: Any, data: Any) -> Any:
        """As it was; a copy is kept as the model comes."""
        model = inner(run, data)
        self.model = copy.deepcopy(model)
        return model

    @ft.hookimpl
    def on_run_start(self, run: Any) -> None:
        """Train with the Trainer, then score with ft."""
        from transformers import Trainer, TrainingArguments

        arguments = self.arguments
        rows = training_features(run, run.data, {"train": "speed"}).fetch(
            range(len(run.data.splits["train"]))
        )
        features = [feature for group in rows for feature in group]
        self.model.load_state_dict(run.model.state_dict())
        trainer = Trainer(
            model=Handed(run, self.model),
            args=TrainingArguments(
                output_dir=tempfile.mkdtemp(),
                num_train_epochs=1,
                per_device_train_batch_size=arguments.batch_size,
                learning_rate=arguments.learning_rate,
                seed=arguments.seed,
                use_cpu=True,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                remove_unused_columns=False,
                **(best_flags() if arguments.tool == "trainer-best" else {}),
            ),
            train_dataset=features,
            data_collator=lambda some: collate(some, run.tokenizer.pad_token_id or 0),
        )
        with Watch() as watch:
            trainer.train()
        peak = memory()
        run.model.load_state_dict(self.model.state_dict())
        run.model.stale = True
        _, evaluation, _ = measure(run, "test")
        Elsewhere.found = {
            "tokens": sum(lengths(features)),
            "seconds": watch.seconds,
            "processor": watch.processor,
            "peak_mb": peak,
            "score": evaluation.metrics[evaluation.main].value,
        }
        raise Ended


def train(arguments: argparse.Namespace) -> dict[str, float]:
    """One training in this process."""
    Elsewhere.arguments = arguments
    watch = steps_of_ft()
    plugins = ["recommend"]
    if arguments.tool != "ft":
        sys.modules["speed_elsewhere"] = sys.modules["__main__"]
        plugins.append("speed_elsewhere:Elsewhere")
    with tempfile.TemporaryDirectory() as name:
        try:
            result = ft.run(
                plugins,
                output=Path(name) / "run",
                model=arguments.model,
                epochs=1,
                seed=arguments.seed,
                batch_size=arguments.batch_size,
                learning_rate=arguments.learning_rate,
                head_learning_rate=arguments.learning_rate,
                report=False,
                recommend={
                    "interactions": str(arguments.data / "interactions.csv"),
                    "items": str(arguments.data / "items.csv"),
                    "limit": arguments.examples,
                    "validation_users": 32,
                },
            )
        except Exception as error:
            if not isinstance(error.__cause__ or error, Ended):
                raise
            return Elsewhere.found
    return {
        "tokens": result.record["tokens"],
        "seconds": result.record["train_seconds"],
        "processor": watch.processor,
        "peak_mb": memory(),
        "score": result.metrics["test"][result.main].value,
    }


def main() -> None:
    """Run every tool in turn, as often as asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with two CSV files")
    parser.add_argument("--out", type=Path, help="a JSON line for each training")
    parser.add_argument("--model", default=None, help="default: the starter's")
    parser.add_argument("--examples", type=int, default=1500)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    parser.add_argument("--seed", type=int, default=0, help="of a single training")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--tool", choices=TOOLS, help="train once, in this process")
    arguments = parser.parse_args()
    if arguments.tool:
        print(json.dumps({"tool": arguments.tool, **train(arguments)}), flush=True)
        return

    def measure_one(tool: str, turn: int) -> dict[str, Any]:
        command = [sys.executable, *sys.argv, "--tool", tool, "--seed", str(turn)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        row = json.loads(done.stdout.splitlines()[-1])
        row = {"task": "recommend", "repetition": turn, **row}
        print(json.dumps(row), flush=True)
        return row

    turns = arguments.repetitions
    kept, slowest, repeated = in_turn(TOOLS, measure_one, turns, turns // 2)
    with arguments.out.open("a", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for rows in kept for row in rows.values())
    told = f"{repeated} turns were measured again; products took {max(slowest):.2f} times the least"
    print(f"recommend: {told}")


if __name__ == "__main__":
    main()
